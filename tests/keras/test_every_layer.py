"""The contract of every layer, on its own samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.active import ACTIVE
from framework.engine.program import Program
from framework.engine.tensor import Spec, Tensor
from framework.keras.configurable import registry
from tests.keras.cases import layer_cases

CASES = list(layer_cases())
every_layer = pytest.mark.parametrize(("name", "number"), CASES)


def made(name, number, dtype=np.float32):
    """(layer, inputs) of a sample."""
    sample = registry("layer")[name].samples[number]
    inputs = sample.arrays(number, dtype)
    return registry("layer")[name](**sample.attrs), inputs if len(inputs) > 1 else inputs[0]


def shapes(x):
    return [a.shape for a in x] if isinstance(x, list) else x.shape


@every_layer
def test_has_samples_doc_and_few_lines(name, number):
    cls = registry("layer")[name]
    assert cls.samples and cls.__doc__


@every_layer
def test_float64_inputs_are_cast(name, number):
    layer, x = made(name, number, np.float64)
    assert layer(x).dtype == "float32"
    assert all(v.dtype == "float32" for v in layer.weights)


@every_layer
def test_float64_layer(name, number):
    sample = registry("layer")[name].samples[number]
    layer = registry("layer")[name](**sample.attrs, dtype="float64")
    _, x = made(name, number)
    assert layer(x).dtype == "float64"


@every_layer
def test_config_gives_the_same_layer(name, number):
    layer, x = made(name, number)
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    y = layer(x)
    again.build_from_config(layer.get_build_config() or {})
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)


@every_layer
def test_output_shape_with_unknown_batch(name, number):
    layer, x = made(name, number)
    y = layer(x)
    free = [(None, *s[1:]) for s in shapes(x)] if isinstance(x, list) else (None, *x.shape[1:])
    assert tuple(layer.compute_output_shape(free)) == (None, *y.shape[1:])
    assert tuple(layer.compute_output_shape(shapes(x))) == tuple(y.shape)


@every_layer
def test_gradient_reaches_inputs_and_weights(name, number):
    layer, x = made(name, number)
    x = tf.nest.map_structure(tf.constant, x) if isinstance(x, list) else tf.constant(x)
    layer(x)
    inputs = [t for t in (x if isinstance(x, list) else [x]) if t.dtype == "float32"]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = layer(x, training=True)
    sources = inputs + layer.trainable_weights
    for source, g in zip(sources, tape.gradient(y, sources)):
        assert g is not None and g.shape == source.shape and g.dtype == source.dtype


@every_layer
def test_traced_call_equals_eager(name, number):
    """The call runs on shapes alone, and the recorded program gives what eager mode gave."""
    layer, x = made(name, number)
    wanted = layer(x)
    inputs = x if isinstance(x, list) else [x]
    traced = [Tensor(Spec(a.shape, a.dtype)) for a in inputs]
    program = Program(inputs=[t.id for t in traced], specs={t.id: t.array for t in traced})
    ACTIVE.trace = program
    try:
        y = layer(traced if isinstance(x, list) else traced[0])
    finally:
        ACTIVE.trace = None
    program.outputs = (y.id,)
    if y.id in program.inputs:  # the layer gave its input back
        return
    np.testing.assert_array_equal(program.run(*inputs)[0], wanted)


@every_layer
def test_frozen_layer_has_no_trainable_weights(name, number):
    layer, x = made(name, number)
    layer.trainable = False
    layer(x)
    assert list(layer.trainable_weights) == []
    before = len(layer.weights)
    layer.trainable = True
    assert len(layer.weights) == before
    assert len(layer.trainable_weights) == sum(v.made_trainable for v in layer.weights)


@every_layer
def test_empty_batch(name, number):
    layer, x = made(name, number)
    y = layer(x)
    none = [a[:0] for a in x] if isinstance(x, list) else x[:0]
    assert tuple(layer(none).shape) == (0, *y.shape[1:])


@every_layer
def test_unknown_argument_is_refused(name, number):
    with pytest.raises(ValueError, match="Unrecognized keyword arguments .*no_such_argument"):
        registry("layer")[name](**registry("layer")[name].samples[number].attrs, no_such_argument=1)


def test_unbuilt_variables_know_their_layer():
    layer = keras.layers.Dense(2)
    for variables in (layer.variables, layer.weights, layer.trainable_variables):
        assert variables == [] and variables.layer is layer
    layer(np.ones((1, 3)))
    assert len(layer.variables) == 2 and not hasattr(layer.variables, "layer")


def test_names_count_up():
    keras.utils.clear_session()
    names = [
        layer.name for layer in (keras.layers.Dense(1), keras.layers.ReLU(), keras.layers.Dense(1))
    ]
    assert names == ["dense", "re_lu", "dense_1"]


def test_wrong_width_names_layer_shapes_and_axis():
    model = keras.Sequential([keras.layers.Dense(2, name="head")], name="net")
    model(np.ones((1, 3)))
    with pytest.raises(
        ValueError, match=r"'net'.*\(1, 4\).*\(any, 3\).*axis 1 has 4 elements, wanted 3"
    ):
        model(np.ones((1, 4)))
    with pytest.raises(ValueError, match=r"'net/head'.*\(1, 4\).*\(\.\.\., 3\).*axis -1 has 4"):
        model.layers[0](np.ones((1, 4)))


def test_dropout_drops_while_training_only():
    keras.utils.set_random_seed(3)
    layer = keras.layers.Dropout(0.5)
    x = np.ones((100, 50), np.float32)
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {0.0, 2.0} and 0.4 < (first == 0).mean() < 0.6
    assert not np.array_equal(first, second)
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(keras.layers.Dropout(0.5)(x, training=True), first)


def test_batch_normalization_moves_its_statistics():
    layer = keras.layers.BatchNormalization(momentum=0.5)
    x = np.array([[1.0], [3.0]], np.float32)
    np.testing.assert_allclose(layer(x, training=True), [[-0.9995], [0.9995]], atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, [1.0])
    np.testing.assert_allclose(layer.moving_variance, [1.0])
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, [1.0])


def test_layers_of_a_layer_are_found_in_lists_and_dicts():
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.many = [keras.layers.Dense(2), {"last": keras.layers.Dense(1)}]
            self.scale = self.add_weight((), "ones", name="scale")

        def call(self, x):
            self.add_loss(self.scale * 2.0)
            return self.many[1]["last"](self.many[0](x)) * self.scale

    block = Block()
    block(np.ones((3, 4)))
    block(np.ones((3, 4)))
    assert [v.shape for v in block.weights] == [(), (4, 2), (2,), (2, 1), (1,)]
    assert [float(loss) for loss in block.losses] == [2.0]
    assert block.weights[1].path == f"{block.name}/{block.many[0].name}/kernel"


def test_training_reaches_inner_layers():
    seen = []

    class Spy(keras.layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    model = keras.Sequential([Spy(), keras.Sequential([Spy()])])
    x = np.ones((2, 2))
    model(x)
    seen.clear()
    model(x, training=True)
    model(x, training=False)
    model(x)
    assert seen == [True, True, False, False, None, None]
