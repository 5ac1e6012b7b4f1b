"""A step that gives NaN says where it came from, and leaves the weights as they were."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras

STOP = {"callbacks": [keras.callbacks.TerminateOnNaN(error=True)], "verbose": 0, "shuffle": False}
X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)


class Root(keras.layers.Layer):
    def call(self, x):
        return tf.sqrt(x)


class Blind(keras.layers.Layer):
    """A forward without harm whose gradient is infinite at 0."""

    def call(self, x):
        return tf.sqrt(x * 0.0)


def fitted(layer, x, **options):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(3, name="first"), layer, keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(FloatingPointError) as error:
        model.fit(x, np.ones((len(x), 1)), batch_size=10, **STOP, **options)
    return model, before, str(error.value)


def test_the_layer_and_the_samples_are_named():
    model, before, said = fitted(Root(name="root"), np.abs(X))
    assert "a NaN came first from sqrt in root, samples" in said
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_gradient_is_named():
    model, before, said = fitted(Blind(name="blind"), X)
    assert "in gradient of blind" in said
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_samples_are_rows_of_the_data():
    x = X.copy()
    x[[13, 27], 2] = np.nan
    _, _, said = fitted(keras.layers.ReLU(), x)
    assert "step 2 of" in said
    assert "the data have a NaN, samples 13;" in said


def test_a_data_set_is_named_as_the_input():
    x = X.copy()
    x[13, 2] = np.inf
    data = tf.data.Dataset.from_tensor_slices((x, np.ones((40, 1), np.float32))).batch(10)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(FloatingPointError, match="input 0 of the step has an infinity"):
        model.fit(data, **STOP)
