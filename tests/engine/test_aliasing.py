"""Nobody changes a tensor by writing into an array that he was given."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework.engine import ops
from framework.engine.ops.constants import number
from framework.engine.tensor import Tensor


def test_a_gradient_may_be_written_and_constants_stay():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.sign(x)
    g = tape.gradient(y, x).numpy()
    g += 5
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [0, 0])
    assert number(0, x).numpy() == 0


def test_numpy_is_a_copy():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    taken = x.numpy()
    taken *= 10
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [2, 4])
    np.testing.assert_array_equal(x.numpy(), [1, 2])
    assert isinstance(tf.constant(1.5).numpy(), np.float32)


@pytest.mark.parametrize("kind", [tf.constant, tf.Variable])
def test_numpy_of_constants_and_variables_is_writable(kind):
    x = kind([1.0, 2.0])
    taken = x.numpy()
    taken += 1
    np.testing.assert_array_equal(x.numpy(), [1, 2])


@pytest.mark.parametrize("kind", [tf.constant, tf.Variable])
def test_asarray_shares_memory_that_is_read_only(kind):
    x = kind([1.0, 2.0])
    seen = np.asarray(x)
    assert np.shares_memory(seen, x.array) and not seen.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        seen += 1
    assert np.asarray(x, np.float64).dtype == np.float64


@pytest.mark.parametrize("kind", [tf.constant, tf.Variable])
def test_array_is_a_copy(kind):
    x = kind([1.0, 2.0])
    copied = np.array(x)
    copied += 1
    np.testing.assert_array_equal(x.numpy(), [1, 2])
    with pytest.raises(ValueError, match="without a copy"):
        np.array(x, np.float64, copy=False)


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_repeated_memory_is_read_only(shape):
    x = Tensor(np.ones(shape, np.float32))
    y = ops.broadcast_to(x, shape=(3, 2))
    assert not y.array.flags.writeable
    y.numpy()[0, 0] = 7
    np.testing.assert_array_equal(y.numpy(), np.ones((3, 2)))


def test_numbers_of_formulas_are_read_only():
    x = tf.constant([1.0])
    assert not number(0.5, x).array.flags.writeable
