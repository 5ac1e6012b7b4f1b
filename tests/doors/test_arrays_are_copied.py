"""A caller may write to the arrays that he gave: no tensor changes by that, as in TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable

CALLS = {
    "identity": tf.identity,
    "constant": tf.constant,
    "convert_to_tensor": tf.convert_to_tensor,
    "reshape": lambda a: tf.reshape(a, (3, 1)),
    "squeeze": lambda a: tf.squeeze(a[None]),
    "transpose": lambda a: tf.transpose(a[None]),
    "slice": lambda a: tf.slice(a, [0], [3]),
    "stop_gradient": tf.stop_gradient,
    "cast": lambda a: tf.cast(a, "float32"),
    "ensure_shape": lambda a: tf.ensure_shape(a, (3,)),
    "a memoryview": lambda a: tf.identity(memoryview(a)),
    "a list": lambda a: tf.stack([a, a]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_tensor_does_not_change_with_the_array(name):
    a = np.ones(3, np.float32)
    y = CALLS[name](a)
    a[:] = 7
    np.testing.assert_array_equal(y.numpy(), np.ones(y.shape))


def test_gradients_remember_the_array_as_it_was():
    a = np.full(3, 2.0, np.float32)
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.multiply(x, a)
    a[:] = 7
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), np.full(3, 2.0))


def test_a_program_keeps_the_array_as_it_was():
    for size in (3, 100_000):
        a = np.ones(size, np.float32)
        run = Executable(trace(lambda a=a: tf.multiply(a, 2.0)))
        a[:] = 7
        np.testing.assert_array_equal(run()[0], np.full(size, 2.0))
