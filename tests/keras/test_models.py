"""Sequential, functional and subclassed models, their summary, and lookup by name."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.keras import configurable

L = keras.layers
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session()


def test_sequential_with_input_is_built_at_once():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)], name="net")
    assert model.built and model.output_shape == (None, 2) and model.input_shape == (None, 4)
    assert [v.path for v in model.weights][:2] == ["net/dense/kernel", "net/dense/bias"]
    assert [layer.output_shape for layer in model.layers] == [(None, 3), (None, 2)]
    assert model(X).shape == (3, 2)


@pytest.mark.parametrize("words", [{"input_shape": (4,)}, {"input_dim": 4}])
def test_input_shape_in_the_first_layer(words):
    model = keras.Sequential([L.Dense(3, **words)])
    assert model.built and model.count_params() == 15


def test_sequential_without_input_is_built_by_its_first_call():
    model = keras.Sequential([L.Flatten(), L.Dense(2)])
    assert not model.built and model.variables == []
    with pytest.raises(AttributeError, match="before it is built"):
        _ = model.output
    assert model(np.ones((5, 2, 3))).shape == (5, 2)
    assert model.output_shape == (None, 2)
    assert model(np.ones((7, 2, 3), np.uint8)).dtype == "float32"
    model = keras.Sequential([L.Dense(2)])
    model.build((None, 3))
    assert [w.shape for w in model.weights] == [(3, 2), (2,)]


def test_add_and_pop():
    model = keras.Sequential()
    model.add(keras.Input((4,)))
    model.add(L.Dense(3, name="a"))
    model.add(L.Dense(2, name="b"))
    assert model.output_shape == (None, 2)
    assert model.pop().name == "b" and model.output_shape == (None, 3)
    with pytest.raises(ValueError, match="two layers are called 'a'"):
        model.add(L.Dense(1, name="a"))
    with pytest.raises(ValueError, match="wanted layers"):
        model.add(3)


def test_functional_graph_with_a_shared_layer():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(3, name="shared")
    model = keras.Model([a, b], L.Dense(1)(L.Subtract()([shared(a), shared(b)])))
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "subtract", "dense"]
    assert len(model.weights) == 4
    np.testing.assert_allclose(model([X, X]), np.zeros((3, 1)), atol=1e-6)
    by_name = model({"b": X, "a": 2 * X})
    np.testing.assert_array_equal(by_name, model([2 * X, X]))
    with pytest.raises(ValueError, match="got 1 inputs, wanted 2"):
        model(X)


def test_functional_dicts_and_parts():
    x = keras.Input((4,), name="x")
    h = L.Dense(3, name="h")(x)
    model = keras.Model({"x": x}, {"p": L.Dense(1, name="p")(h), "q": L.Dense(2, name="q")(h)})
    out = model({"x": X})
    assert sorted(out) == ["p", "q"] and out["q"].shape == (3, 2)
    part = keras.Model(model.inputs, model.get_layer("h").output)
    assert part(X).shape == (3, 3)
    with pytest.raises(ValueError, match="did you mean 'h'"):
        model.get_layer("hh")


def test_operators_on_keras_tensors():
    x = keras.Input((4,), name="x")
    h = L.Dense(4, name="h")(x)
    model = keras.Model(x, (2.0 * (h + x) - 1.0) / 2.0 + (-x)[:, :1] ** 2)
    wanted = (2.0 * (model.get_layer("h")(X) + X) - 1.0) / 2.0 + X[:, :1] ** 2
    np.testing.assert_allclose(model(X), wanted, rtol=1e-6)
    assert model.output_shape == (None, 4)
    plain = keras.Model(x, h * 3.0 + x)
    again = keras.models.model_from_json(plain.to_json())
    again.set_weights(plain.get_weights())
    np.testing.assert_array_equal(again(X), plain(X))


def test_functional_errors():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    with pytest.raises(ValueError, match="need input 'y'"):
        keras.Model(x, L.Add()([x, y]))
    with pytest.raises(ValueError, match="two layers are called 'd'"):
        keras.Model(x, L.Dense(2, name="d")(L.Dense(2, name="d")(x)))
    with pytest.raises(ValueError, match="has no value"):
        np.asarray(x)


def test_kind_of_inputs_is_matched():
    model = keras.Sequential([keras.Input((1,)), L.Dense(1)])
    assert model(np.ones(5)).shape == (5, 1)  # a vector is a column
    assert model(np.ones((5, 1), int)).dtype == "float32"


def test_subclass_with_lazy_layers():
    class Net(keras.Model):
        def __init__(self, units=5, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden, self.top = L.Dense(units), L.Dense(1)

        def call(self, x, training=False):
            return self.top(tf.nn.relu(self.hidden(x)))

    model = Net(6, name="net")
    assert model.variables == []
    assert model(X).shape == (3, 1)
    assert [v.path for v in model.weights][0] == "net/dense/kernel"
    assert model.get_config()["units"] == 6
    other = Net(6)
    other.build((None, 4))
    assert [w.shape for w in other.weights] == [w.shape for w in model.weights]


def test_subclass_given_inputs_and_outputs_is_functional():
    class Custom(keras.Model):
        def greet(self):
            return self.name

    x = keras.Input((4,))
    model = Custom(x, L.Dense(2)(x), name="hello")
    assert model.greet() == "hello" and model(X).shape == (3, 2) and isinstance(model, Custom)
    assert model.layers[1].units == 2


def test_freezing_a_layer():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2
    model.trainable = False
    assert model.trainable_weights == []


def test_gradients_through_a_model_in_a_tape():
    model = keras.Sequential([L.Dense(3, activation="tanh"), L.Dense(1)])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(X))
    grads = tape.gradient(loss, model.trainable_variables)
    assert [g.shape for g in grads] == [v.shape for v in model.trainable_variables]


def test_summary():
    model = keras.Sequential([keras.Input((4,)), L.Dense(6), L.BatchNormalization()], name="net")
    lines = []
    model.summary(line_length=60, print_fn=lambda text, **_: lines.extend(text.splitlines()))
    assert lines[0] == 'Model: "net"'
    assert all(len(line) == 60 for line in lines[1:-3])
    assert "dense (Dense)" in lines[4] and "(None, 6)" in lines[4] and "30" in lines[4]
    assert lines[-3:] == [
        " Total params: 54 (216.00 B)",
        " Trainable params: 42 (168.00 B)",
        " Non-trainable params: 12 (48.00 B)",
    ]


def test_to_categorical():
    np.testing.assert_array_equal(keras.utils.to_categorical([0, 2]), np.eye(3)[[0, 2]])
    with pytest.raises(ValueError, match="num_classes is 2"):
        keras.utils.to_categorical([2], 2)


def test_lookup_suggests():
    with pytest.raises(ValueError, match="did you mean 'Dense'"):
        configurable.lookup("layer", "Dens")
    with pytest.raises(ValueError, match="known: "):
        configurable.lookup("schedule", "zzz")
    with pytest.raises(ValueError, match="no kind 'layr'"):
        configurable.registry("layr")
    assert "Sequential" in configurable.registry("model")
    assert "Layer" not in configurable.registry("layer")


def test_repr_shows_what_was_given():
    assert repr(L.Dense(3, activation="relu")) == "Dense(3, activation='relu')"
    text = repr(keras.Variable(np.ones(2, np.float32), name="v"))
    assert text == "<Variable path=v, shape=(2,), dtype=float32, value=[1. 1.]>"
