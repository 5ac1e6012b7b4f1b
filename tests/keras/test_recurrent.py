"""Recurrent layers: what real Keras gave for recurrent_cases.py, and what they may not do."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine import ops
from framework.engine.op import OPS
from framework.engine.tensor import Tensor
from framework.testing import check_gradients
from tests.keras import recurrent_cases
from tests.keras.recurrent_cases import CASES, REFUSED, X, configs, refusal

GOLDEN = Path(__file__).parents[1] / "golden"
LAYERS = ["LSTM", "GRU", "SimpleRNN"]


@functools.cache
def golden():
    """case -> {key: array}"""
    found = {}
    with np.load(GOLDEN / "recurrent.npz") as file:
        for key in file.files:
            case, _, rest = key.partition("/")
            found.setdefault(case, {})[rest] = file[key]
    return found


@pytest.mark.parametrize("case", CASES)
def test_value(case):
    check_case(case)


@pytest.mark.parametrize("case", CASES)
def test_value_in_a_program(case, monkeypatch):
    """Steps that are no op are a loop there: at 5 steps already."""
    monkeypatch.setattr(recurrent_cases, "COMPILED", [lambda tf, function: tf.function(function)])
    check_case(case)


def check_case(case):
    """A case gives what Keras gave."""
    keras.utils.clear_session()
    found, wanted = CASES[case](keras, tf), golden()[case]
    assert sorted(found) == sorted(wanted)
    for key, value in wanted.items():
        assert found[key].shape == value.shape, key
        if value.dtype.kind == "U":
            assert found[key].tolist() == value.tolist()
            continue
        assert found[key].dtype == value.dtype, key
        size = np.abs(value).max()
        atol = (1e-5 if case.startswith("trained") else 3e-6) * size
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=atol, err_msg=key)


def test_configs():
    keras.utils.clear_session()
    wanted = json.loads((GOLDEN / "recurrent.json").read_text())
    for name, config in json.loads(json.dumps(configs(keras))).items():
        assert config == wanted[name], name
        again = keras.saving.deserialize_keras_object(wanted[name])
        assert json.loads(json.dumps(keras.saving.serialize_keras_object(again))) == config


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refusals_are_those_of_keras(number):
    wanted = json.loads((GOLDEN / "recurrent.json").read_text())[f"refused/{number}"]
    assert refusal(keras, number) == wanted


def test_cudnn_is_refused():
    with pytest.raises(ValueError, match="use_cudnn=True was specified, but cuDNN is not"):
        keras.layers.GRU(2, use_cudnn=True)(X)


def test_masks_that_would_go_on_are_refused_by_name():
    inner = keras.layers.GRU(2, return_sequences=True)
    for layer in (keras.layers.LSTM(2, return_sequences=True), keras.layers.Bidirectional(inner)):
        with pytest.raises(NotImplementedError, match="mask with return_sequences"):
            layer(X, mask=np.ones((3, 5), bool))
    with pytest.raises(NotImplementedError, match="weights"):
        keras.layers.Bidirectional(keras.layers.GRU(2), weights=[1])


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_has_the_same_choices_at_all_steps(name):
    keras.utils.set_random_seed(0)
    ones = np.ones((200, 3, 8), np.float32)
    layer = getattr(keras.layers, name)(8, dropout=0.5, return_sequences=True, use_bias=False)
    np.testing.assert_array_equal(layer(ones), layer(ones, training=False))
    layer.cell.recurrent_kernel.assign(np.zeros_like(layer.cell.recurrent_kernel))
    kernel = np.tile(np.eye(8, dtype=np.float32), layer.cell.gates)
    layer.cell.kernel.assign(kernel)
    y = layer(ones, training=True).numpy()
    dropped = y == 0
    assert 0.45 < dropped.mean() < 0.55
    for step in (1, 2):
        np.testing.assert_array_equal(dropped[:, step], dropped[:, 0])
    assert not np.array_equal(layer(ones, training=True).numpy() == 0, dropped)


@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_dropout(name):
    keras.utils.set_random_seed(0)
    layer = getattr(keras.layers, name)(8, recurrent_dropout=0.5, seed=3)
    plain = layer(X)
    np.testing.assert_array_equal(plain, layer(X, training=False))
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    assert not np.allclose(first, plain) and not np.allclose(first, second)
    again = getattr(keras.layers, name)(8, recurrent_dropout=0.5, seed=3)
    again.build(X.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X, training=True), first)


def test_initial_values():
    layer = keras.layers.LSTM(4)
    layer.build((None, 5, 3))
    kernel, recurrent, bias = layer.get_weights()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-5)
    np.testing.assert_array_equal(bias, [0.0] * 4 + [1.0] * 4 + [0.0] * 8)
    assert np.abs(kernel).max() <= np.sqrt(6 / (3 + 16))


@pytest.mark.parametrize("name", LAYERS)
def test_one_op_gives_what_single_steps_give(name):
    """A subclass of a cell may have a `call` of its own, so its steps are taken one by one."""
    kind = getattr(keras.layers, f"{name}Cell")
    own = type("Own", (kind,), {"__module__": __name__})
    x = np.random.default_rng(0).normal(size=(20, 7, 3)).astype(np.float32)
    fused = keras.layers.RNN(kind(9), return_sequences=True, return_state=True)
    steps = keras.layers.RNN(own(9), return_sequences=True, return_state=True)
    fused(x), steps(x)
    steps.set_weights(fused.get_weights())
    assert fused.cell.is_fused(True) and not steps.cell.is_fused(True)
    for a, b in zip(fused(x), steps(x)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_gradients_without_cotangents_of_all_states(name):
    """The last state alone, as a layer uses it: g_hs is None."""
    op = OPS[name]
    arrays = op.samples[0].arrays(0, np.float64)
    check_gradients(lambda *xs: op(*xs)[1], *arrays, name=name)


def test_unknown_lengths_in_a_functional_model():
    x = keras.Input((None, 3))
    y, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(x)
    both = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))(y)
    last = keras.layers.SimpleRNN(5)(both, initial_state=keras.layers.Dense(5)(h))
    model = keras.Model(x, [both, last, c])
    assert [tuple(t.shape) for t in model.outputs] == [(None, None, 4), (None, 5), (None, 4)]
    for steps in (1, 4):
        shapes = [t.shape for t in model(np.ones((2, steps, 3), np.float32))]
        assert shapes == [(2, steps, 4), (2, 5), (2, 4)]


def test_saved_model_gives_the_same(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((5, 2)),
            keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True)),
            keras.layers.TimeDistributed(keras.layers.Dense(4)),
            keras.layers.RNN([keras.layers.GRUCell(3), keras.layers.SimpleRNNCell(2)]),
        ]
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), model(X))


def test_stateful_layers_want_a_fixed_batch():
    with pytest.raises(ValueError, match="batch size must be static"):
        keras.layers.GRU(2, stateful=True)(keras.Input((3, 2)))
    layer = keras.layers.GRU(2, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match="Expected batch size: 3"):
        layer(X[:2])
    assert len(layer.weights) == 3 and len(layer.states) == 1


def test_stateful_training_goes_on_from_batch_to_batch():
    def make(is_stateful):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input(batch_shape=(1, 5, 2)), keras.layers.LSTM(3, stateful=is_stateful)]
        )
        model.compile("sgd", "mse")
        return model

    losses, options = [], {"batch_size": 1, "shuffle": False, "verbose": 0}
    for is_stateful in (True, False):
        model = make(is_stateful)
        history = model.fit(X, X[:, 0, :1] * np.ones(3), epochs=2, **options)
        losses.append(history.history["loss"])
    assert not np.allclose(*losses)
    assert np.abs(model.layers[-1].get_weights()[0]).max() < 10


def test_time_steps_of_a_batch_norm_are_apart():
    layer = keras.layers.TimeDistributed(keras.layers.BatchNormalization())
    layer(X)
    y = layer(X, training=True).numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)


def test_shapes_that_do_not_fit_are_named():
    zeros = [Tensor(np.zeros(s)) for s in ((5, 2, 8), (2, 3), (2, 3), (3, 12), (12,))]
    with pytest.raises(ValueError, match=r"lstm: x \(5, 2, 8\).*do not fit"):
        ops.lstm(*zeros)
