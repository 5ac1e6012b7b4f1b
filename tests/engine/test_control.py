"""cond, switch_case and while_loop on traced values: values and gradients are the eager ones."""

import numpy as np
import pytest

import framework as tf
from framework.engine import ops

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


def test_a_second_derivative_inside(caplog):
    v = tf.Variable(2.0)

    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = rounds(v)(x)
            g = tape.gradient(y, v)
        return outer.gradient(g, x)

    traced = tf.function(second, autograph=False)
    assert [float(traced(X)) for _ in range(4)] == [448] * 4 and float(second(X)) == 448
    assert not caplog.text


def test_branches_that_assign():
    v, n = tf.Variable(2.0), tf.Variable(0)

    def count(x):
        both = tf.cond(x > 0, lambda: v.assign_add(1.0), lambda: v.assign_sub(x) * v)
        tf.switch_case(
            n + 0, [lambda: n.assign(2), lambda: n.assign_add(0), lambda: n.assign_sub(1)]
        )
        return both, v.read_value(), n.read_value()

    check_writes(count, (v, n))


def test_loops_that_assign():
    v, n = tf.Variable(2.0), tf.Variable(0)

    def count(x):
        def body(i, a):
            n.assign_add(i)
            return i + 1, a * v.assign_add(a) + tf.cast(n, tf.float32)

        i, a = tf.while_loop(lambda i, a: i < 3, body, (tf.constant(0), x))
        return a, v * a, n.read_value(), i

    check_writes(count, (v, n))


def check_writes(function, variables):
    """Values, gradients and what is assigned are the eager ones, without plain Python."""
    v, traced = variables[0], tf.function(function, autograph=False)
    notes = []
    for call in (function, traced):
        for variable, value in zip(variables, (2.0, 0), strict=True):
            variable.assign(value)
        notes.append([])
        for x in (X, -X, -X, X, X):
            with tf.GradientTape() as tape:
                tape.watch(x)
                outs = call(x / 4)
            found = tape.gradient(outs[0], [x, v], unconnected_gradients="zero")
            notes[-1].append([float(y) for y in (*outs, *found, *variables)])
    np.testing.assert_allclose(notes[1], notes[0], rtol=1e-5)


def test_structures_shapes_and_limits():
    p = tf.constant(True)
    made = [lambda s=s: {"a": X * s, "b": (X, int(s))} for s in (1.0, 2.0)]
    pair = tf.function(lambda q: tf.cond(q, *made))
    assert float(pair(p)["a"]) == 1.5 and int(pair(tf.constant(False))["b"][1]) == 2
    with pytest.raises(TypeError, match="true_fn and false_fn"):
        tf.function(lambda q: tf.cond(q, lambda: 1.0, lambda: 2))(p)
    grow = tf.function(
        lambda x: tf.while_loop(
            lambda y: tf.size(y) < 5,
            lambda y: [tf.concat([y, y], 0)],
            [x],
            shape_invariants=[tf.TensorShape([None])],
        )
    )
    assert grow(tf.ones(1))[0].shape == (8,)
    limited = tf.function(
        lambda x: tf.while_loop(lambda a: a < LIMIT, lambda a: [a + 1.0], [x], maximum_iterations=3)
    )
    assert [float(limited(X)[0]) for _ in range(4)] == [4.5] * 4
    rows = tf.function(lambda x: tf.map_fn(
        lambda r: tf.cond(tf.reduce_sum(r) > 0, lambda: r * 2.0, lambda: r * 3.0), x))  # fmt: skip
    assert rows(tf.constant([[1.0, 2], [-3, -4]])).numpy().tolist() == [[2, 4], [-9, -12]]


def test_variables_decide_anew_at_each_call():
    n, yes = tf.Variable(0), tf.Variable(True)
    calls = [
        lambda: tf.switch_case(n + 0, [lambda: tf.constant(0), lambda: tf.constant(1)]),
        lambda: tf.cond(yes, lambda: tf.constant(0), lambda: tf.constant(1)),
        lambda: tf.while_loop(lambda i: i < 1, lambda i: i + 1, [n])[0] - (0 if bool(yes) else 0),
        lambda: tf.constant(int(n)),
    ]
    for i, call in enumerate(calls):
        traced = tf.function(call, autograph=i > 1)
        for number in (0, 1, 0):
            n.assign(number), yes.assign(not number)
            assert int(traced()) == int(call()) == (1 if i == 2 else number)
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="asked for while tracing"):
        tf.function(calls[3], autograph=False)()


@pytest.mark.parametrize("is_loop", [True, False])
def test_a_gradient_has_the_constants_that_it_shares_with_the_trace_around(is_loop):
    """The 0 of the rule of `where` stood in the outer trace already, but not in the body."""

    def chosen(x, z):
        return ops.where(ops.less(x, z * 2.0), z * z, z)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = ops.where(x > 0.0, x, ops.zeros_like(x))
            if is_loop:
                pair = tf.constant(0), z
                _, y = tf.while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, chosen(x, z)), pair)
            else:
                y = tf.cond(ops.sum(z) > 0.0, lambda: chosen(x, z), lambda: z)
            y = ops.sum(y)
        return tape.gradient(y, x)

    x = tf.constant(np.linspace(-1.0, 1.2, 7, dtype=np.float32))
    compiled = tf.function(step)
    for _ in range(4):
        np.testing.assert_allclose(compiled(x), step(x), rtol=1e-6)
