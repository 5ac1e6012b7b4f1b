"""Merging inputs of different rank, as Keras 3.15: what lacks axes gets them after the batch."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from framework import keras

L = keras.layers
RULES = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}


def drawn(*shapes):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 4)), ((2, 4), (2, 3, 4)), ((4, 4, 4), (4, 4))])
def test_two_ranks(name, shapes):
    x, y = drawn(*shapes)
    a, b = (v if v.ndim == 3 else v[:, None] for v in (x, y))
    wanted = RULES[name](a, b)
    np.testing.assert_array_equal(getattr(L, name)()([x, y]), wanted)
    inputs = [keras.Input(v.shape[1:]) for v in (x, y)]
    model = keras.Model(inputs, getattr(L, name)()(inputs))
    assert model.output_shape == (None, *wanted.shape[1:])
    np.testing.assert_array_equal(model.predict([x, y], verbose=0), wanted)


def test_three_ranks():
    x, y, z = drawn((2, 3, 4), (2, 4), (2, 5, 3, 4))
    wanted = functools.reduce(np.add, [x[:, None], y[:, None, None], z])
    np.testing.assert_allclose(L.Add()([x, y, z]), wanted, rtol=1e-6)
    np.testing.assert_allclose(L.Average()([x, y, z]), wanted / 3, rtol=1e-6)


def test_unknown_axes_are_not_taken_for_the_batch():
    x, y = keras.Input((None, 4)), keras.Input((4,))
    model = keras.Model([x, y], L.Multiply()([x, y]))
    assert model.output_shape == (None, None, 4)
    a, b = drawn((3, 3, 4), (3, 4))
    np.testing.assert_array_equal(model([a, b]), a * b[:, None])


@pytest.mark.parametrize("count", [1, 3])
def test_subtract_wants_two(count):
    with pytest.raises(ValueError, match=rf"\(Subtract\): wanted 2 inputs, got {count}"):
        L.Subtract()(drawn(*[(2, 3)] * count))
    with pytest.raises(ValueError, match="wanted 2 inputs"):
        L.Subtract()([keras.Input((3,)) for _ in range(count)])


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        (((2, 3, 4), (2, 3)), "do not broadcast: axis 2 has 4 and 3"),
        (((2, 3), (2, 4)), "do not broadcast: axis 1 has 3 and 4"),
        (((2, 3), (1, 3)), "differ in their batch size"),
    ],
)
def test_what_does_not_fit_is_said(shapes, why):
    with pytest.raises(ValueError, match=rf"layer 'add\S*' \(Add\): the inputs .* {why}"):
        L.Add()(drawn(*shapes))


def test_a_mean_of_integers_is_no_integer():
    mean = L.Average()([np.ones((2, 3), np.int32), np.zeros((2, 3), np.int32)])
    np.testing.assert_array_equal(mean, np.full((2, 3), 0.5))
