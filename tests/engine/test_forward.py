"""Forward mode: every op against its own reverse mode; the nesting is that of TensorFlow 2.21."""

import gc
import weakref

import numpy as np
import pytest

import framework as tf
from framework.engine import ops
from framework.engine.forward import ForwardAccumulator
from framework.engine.op import OPS
from framework.engine.tensor import Tensor
from tests.engine.test_every_op import SMOOTH, each

X, ONE = tf.constant([1.0, 2.0]), tf.constant([1.0, 0.0])


@each(SMOOTH)
def test_the_jvp_is_the_transpose_of_the_vjp(name, i):
    """<u, jvp(t)> = <vjp(u), t>"""
    op, sample = OPS[name], OPS[name].samples[i]
    inputs = [Tensor(a) for a in sample.arrays(4, np.float64)]
    floats = [x for x in inputs if x.dtype.is_floating]
    rng = np.random.default_rng(0)
    tangents = [Tensor(rng.standard_normal(x.shape)) for x in floats]
    with ForwardAccumulator(floats, tangents) as acc, tf.GradientTape() as tape:
        tape.watch(floats)
        outs = op(*inputs, **sample.attrs)
    outs = [y for y in (outs if isinstance(outs, tuple) else (outs,)) if y.dtype.is_floating]
    u = [Tensor(rng.standard_normal(y.shape)) for y in outs]
    back = tape.gradient(outs, floats, output_gradients=u, unconnected_gradients="zero")
    forth = acc.jvp(outs, unconnected_gradients="zero")
    sums = [sum(float(np.vdot(np.asarray(a), np.asarray(b))) for a, b in zip(*pair, strict=True))
            for pair in ((u, forth), (back, tangents))]  # fmt: skip
    np.testing.assert_allclose(*sums, rtol=1e-8, atol=1e-10)


def test_several_primals_and_structures():
    v = tf.Variable([3.0, 4.0])
    with ForwardAccumulator([X, v], [ONE, ONE]) as acc:
        y, z = X * v, X + 1.0
    found = acc.jvp({"y": y, "z": [z, X]})
    assert found["y"].numpy().tolist() == [4, 0]
    assert [t.numpy().tolist() for t in found["z"]] == [[1, 0], [1, 0]]


def test_unconnected():
    v = tf.Variable([3.0, 4.0])
    with ForwardAccumulator(X, ONE) as acc:
        y = v * 2.0
        cut = [tf.stop_gradient(X) * 2.0, tf.floor(X), tf.cast(X, tf.int32)]
    assert acc.jvp([y, *cut]) == [None] * 4
    zero = acc.jvp(y, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zero.numpy().tolist() == [0, 0]
    with pytest.raises(ValueError, match="unconnected_gradients"):
        acc.jvp(y, unconnected_gradients="nothing")


def test_is_entered_again_but_not_twice_at_once():
    acc = ForwardAccumulator(X, ONE)
    with acc:
        y = X * 2.0
    outside = y * 3.0
    with acc:
        z = y * 3.0
        with pytest.raises(ValueError, match="already recording"):
            acc.__enter__()
    assert acc.jvp(outside) is None and acc.jvp(z).numpy().tolist() == [6, 0]


def test_hessian_vector_product():
    w = tf.Variable([2.0, 3.0])
    with ForwardAccumulator(w, ONE) as acc:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(w**3) * w[0]
        g = tape.gradient(y, w)
    assert acc.jvp(g).numpy().tolist() == [48, 27] and acc.jvp(y).numpy() == 59


def test_reverse_over_forward():
    with tf.GradientTape() as tape:
        tape.watch(X)
        with ForwardAccumulator(X, ONE) as acc:
            y = tf.reduce_sum(X**3)
        j = acc.jvp(y)
    assert tape.gradient(j, X).numpy().tolist() == [6, 0]


def test_a_tape_inside_does_not_see_the_tangents():
    with ForwardAccumulator(X, ONE) as acc, tf.GradientTape() as tape:
        tape.watch(X)
        y = tf.reduce_sum(X**3)
        j = acc.jvp(y)
    assert tape.gradient(j, X) is None


def test_nesting_to_third_order_without_confusion():
    with ForwardAccumulator(X, ONE) as a:
        with ForwardAccumulator(X, ONE) as b:
            with ForwardAccumulator(X, ONE) as c:
                y = X**4
            first = c.jvp(y)
        second = b.jvp(first)
    assert a.jvp(second).numpy().tolist() == [24, 0]
    assert c.jvp(a.jvp(y)) is None


def test_a_custom_gradient_is_followed_through_its_body():
    @tf.custom_gradient
    def square(x):
        return x * x, lambda g: g * 100.0

    with ForwardAccumulator(X, ONE) as acc:
        y = square(X)
    assert acc.jvp(y).numpy().tolist() == [2, 0]


def test_through_and_inside_a_function():
    cube = tf.function(lambda x: x**3)
    with ForwardAccumulator(X, ONE) as acc:
        y = cube(X)
    assert acc.jvp(y).numpy().tolist() == [3, 0]

    @tf.function
    def product(x, t):
        with ForwardAccumulator(x, t) as inner:
            z = x**3
        return inner.jvp(z)

    for _ in range(4):
        assert product(X, ONE).numpy().tolist() == [3, 0]


def test_rows_of_a_table():
    w = tf.Variable([[1.0, 2], [3, 4]])
    with ForwardAccumulator(w, tf.constant([[1.0, 0], [0, 2]])) as acc:
        y = tf.gather(w, [1, 0, 1])
    assert acc.jvp(y).numpy().tolist() == [[0, 2], [1, 0], [0, 2]]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="dtype float32"):
        ForwardAccumulator(X, tf.constant([1.0, 0.0], tf.float64))
    with pytest.raises(ValueError, match="nested structure"):
        ForwardAccumulator([X], ONE)
    with pytest.raises(ValueError, match="multiple times"):
        ForwardAccumulator([X, X], [ONE, ONE])
    with pytest.raises(TypeError, match="primal"):
        ForwardAccumulator(np.ones(2, np.float32), ONE)
    with pytest.raises(TypeError, match="jvp"):
        ForwardAccumulator(X, ONE).jvp(np.ones(2))


def test_an_integer_primal_is_told(caplog):
    i = tf.constant([1, 2])
    with ForwardAccumulator(i, i) as acc:
        y = i + 1
    assert acc.jvp(y) is None and "must be floating" in caplog.text


def test_an_error_in_the_block_ends_it():
    acc = ForwardAccumulator(X, ONE)
    with pytest.raises(ZeroDivisionError), acc:
        raise ZeroDivisionError
    with acc:
        y = X * 2.0
    assert acc.jvp(y).numpy().tolist() == [2, 0]


def test_dies_with_its_tangents():
    with ForwardAccumulator(X, ONE) as acc:
        y = ops.square(X)
    t = weakref.ref(acc.jvp(y))
    del acc
    gc.collect()
    assert t() is None
