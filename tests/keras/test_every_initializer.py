"""The contract of every initializer, regularizer, constraint and activation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.keras.configurable import registry
from tests.keras.cases import classes, draw

INITIALIZERS = classes("initializer")
RANDOM = [n for n in INITIALIZERS if n not in ("Zeros", "Ones", "Constant", "Identity")]
DEVIATION = {  # of a (300, 200) weight
    "GlorotUniform": math.sqrt(2 / 500),
    "GlorotNormal": math.sqrt(2 / 500),
    "HeUniform": math.sqrt(2 / 300),
    "HeNormal": math.sqrt(2 / 300),
    "LecunUniform": math.sqrt(1 / 300),
    "LecunNormal": math.sqrt(1 / 300),
    "VarianceScaling": math.sqrt(1 / 300),
    "RandomUniform": 0.1 / math.sqrt(12),
    "RandomNormal": 0.05,
    "TruncatedNormal": 0.05 * 0.87962566,
    "Orthogonal": 1 / math.sqrt(300),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_config_shape_and_dtype(name):
    first = registry("initializer")[name](**({"seed": 3} if name in RANDOM else {}))
    saved = json.loads(json.dumps(keras.initializers.serialize(first)))
    again = keras.initializers.deserialize(saved)
    for dtype in ("float32", "float64"):
        value = first((4, 3), dtype=dtype)
        assert value.shape == (4, 3) and value.dtype == dtype
        np.testing.assert_array_equal(value, again((4, 3), dtype=dtype))


@pytest.mark.parametrize("name", RANDOM)
def test_deviation_and_mean(name):
    value = registry("initializer")[name](seed=1)((300, 200)).numpy()
    assert value.std() == pytest.approx(DEVIATION[name], rel=0.02)
    assert abs(value.mean()) < DEVIATION[name] / 50


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name):
    cls = registry("initializer")[name]
    keras.utils.set_random_seed(7)
    first, second = cls()((5, 4)), cls()((5, 4))
    assert not np.array_equal(first, second)
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(cls()((5, 4)), first)


def test_kernels_count_their_window():
    value = keras.initializers.GlorotUniform(seed=1)((3, 3, 40, 60)).numpy()
    assert np.abs(value).max() <= math.sqrt(6 / (9 * 40 + 9 * 60))


def test_names_and_functions():
    assert isinstance(keras.initializers.get("glorot_uniform"), keras.initializers.GlorotUniform)
    assert keras.initializers.he_normal is keras.initializers.HeNormal
    with pytest.raises(ValueError, match="did you mean 'glorot_uniform'"):
        keras.layers.Dense(1, kernel_initializer="glorot_unifrm")

    def twos(shape, dtype=None):
        return tf.fill(shape, 2.0)

    layer = keras.layers.Dense(2, kernel_initializer=twos)
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.kernel, np.full((3, 2), 2.0))


@pytest.mark.parametrize("name", classes("regularizer"))
def test_regularizer(name):
    regularizer = registry("regularizer")[name]()
    w = tf.constant(draw(1, (3, 2)))
    saved = json.loads(json.dumps(keras.regularizers.serialize(regularizer)))
    assert float(keras.regularizers.deserialize(saved)(w)) == float(regularizer(w))
    values = {"L1": 0.01 * np.abs(w).sum(), "L2": 0.01 * np.square(w).sum(), "L1L2": 0.0}
    assert float(regularizer(w)) == pytest.approx(float(values[name]), rel=1e-6)


@pytest.mark.parametrize("name", classes("constraint"))
def test_constraint(name):
    constraint = registry("constraint")[name]()
    w = constraint(5 * draw(1, (3, 2))).numpy()
    saved = json.loads(json.dumps(keras.constraints.serialize(constraint)))
    np.testing.assert_array_equal(keras.constraints.deserialize(saved)(w), constraint(w))
    norms = np.linalg.norm(w, axis=0)
    holds = {"MaxNorm": norms <= 2.001, "MinMaxNorm": norms <= 1.001, "NonNeg": w >= 0}
    assert np.all(holds.get(name, np.abs(norms - 1) < 1e-3))


@pytest.mark.parametrize("name", sorted(registry("activation")))
def test_activation(name):
    function = keras.activations.get(name)
    x = tf.constant(draw(1, (3, 4)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    assert y.shape == x.shape and y.dtype == x.dtype
    assert tape.gradient(y, x).shape == x.shape
    assert keras.activations.get(keras.activations.serialize(function)) is function
    assert function.__doc__
