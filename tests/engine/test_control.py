"""cond, switch_case and while_loop on traced values: values and gradients are the eager ones."""

import numpy as np
import pytest

import framework as tf

X = tf.constant(1.5)
LIMIT = 100.0


def grads(function, x, *others):
    """The value, the gradients, and the second derivatives of the first of them."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        first = tape.gradient(y, [x, *others], unconnected_gradients="zero")
    second = outer.gradient(first, [x, *others], unconnected_gradients="zero")
    return [float(v) for v in (y, *first, *second)]


def branches(v):
    return lambda x: tf.square(tf.cond(x > 0, lambda: x * v, lambda: x * 3.0))


def rounds(v):
    def function(x):
        start = (tf.constant(0), x)
        return tf.while_loop(lambda i, a: a < LIMIT, lambda i, a: (i + 1, a * v), start)[1]

    return function


def cases(v):
    return lambda x: tf.switch_case(
        tf.cast(x, tf.int32), [lambda: x * v, lambda: x * x, lambda: x**3]
    )


@pytest.mark.parametrize("make", [branches, rounds, cases])
@pytest.mark.parametrize("value", [1.5, 0.5, 5.0, -1.0])
def test_equals_eager_to_second_order(make, value, caplog):
    if make is rounds and value < 0:
        return
    v, x = tf.Variable(2.0), tf.constant(value)
    eager, traced = make(v), tf.function(make(v))
    for _ in range(4):  # NumPy first, then the kernels
        np.testing.assert_allclose(grads(traced, x, v), grads(eager, x, v), rtol=1e-6)
        assert float(traced(x)) == pytest.approx(float(eager(x)))
    assert traced.experimental_get_tracing_count() == 1 and not caplog.text


@pytest.mark.parametrize("make", [branches, rounds, cases])
def test_a_tape_inside_the_function(make):
    v = tf.Variable(2.0)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = make(v)(x)
        return tape.gradient(y, [x, v], unconnected_gradients="zero")

    traced = tf.function(gradient)
    for _ in range(4):
        np.testing.assert_allclose(traced(X), gradient(X), rtol=1e-6)
    assert traced.experimental_get_tracing_count() == 1


def test_a_second_derivative_inside_runs_as_python(caplog):
    v = tf.Variable(2.0)

    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = rounds(v)(x)
            g = tape.gradient(y, v)
        return outer.gradient(g, x)

    assert float(tf.function(second)(X)) == float(second(X)) == 448
    assert "runs as plain Python" in caplog.text


def test_branches_that_assign_run_as_python():
    v = tf.Variable(2.0)

    @tf.function
    def count(x):
        tf.cond(x > 0, lambda: v.assign_add(1.0), lambda: v.assign_add(-1.0))
        return v.read_value()

    assert [float(count(x)) for x in (X, -X, -X)] == [3, 2, 1]


def test_structures_shapes_and_limits():
    p = tf.constant(True)
    made = [lambda s=s: {"a": X * s, "b": (X, int(s))} for s in (1.0, 2.0)]
    pair = tf.function(lambda q: tf.cond(q, *made))
    assert float(pair(p)["a"]) == 1.5 and int(pair(tf.constant(False))["b"][1]) == 2
    with pytest.raises(TypeError, match="true_fn and false_fn"):
        tf.function(lambda q: tf.cond(q, lambda: 1.0, lambda: 2))(p)
    grow = tf.function(
        lambda x: tf.while_loop(lambda y: tf.size(y) < 5, lambda y: [tf.concat([y, y], 0)], [x])
    )
    assert grow(tf.ones(1))[0].shape == (8,)
    limited = tf.function(
        lambda x: tf.while_loop(lambda a: a < LIMIT, lambda a: [a + 1.0], [x], maximum_iterations=3)
    )
    assert [float(limited(X)[0]) for _ in range(4)] == [4.5] * 4
    rows = tf.function(lambda x: tf.map_fn(
        lambda r: tf.cond(tf.reduce_sum(r) > 0, lambda: r * 2.0, lambda: r * 3.0), x))  # fmt: skip
    assert rows(tf.constant([[1.0, 2], [-3, -4]])).numpy().tolist() == [[2, 4], [-9, -12]]
