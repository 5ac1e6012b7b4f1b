"""Gradients written by hand: the values are those of TensorFlow 2.21."""

import gc
import weakref

import numpy as np
import pytest

import framework as tf
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable


@tf.custom_gradient
def log1pexp(x):
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


def test_first_and_second_order():
    x = tf.constant(1.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = log1pexp(x)
        first = tape.gradient(y, x)
    second = outer.gradient(first, x)  # through e, which the function computed
    np.testing.assert_allclose([first, second], [0.7310586, 0.1966119], rtol=1e-6)


def test_the_rule_is_used_where_the_formula_overflows():
    x = tf.constant(100.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = log1pexp(x)
    assert tape.gradient(y, x).numpy() == 1.0


def test_variables_get_the_gradients_of_the_rule():
    v, x = tf.Variable(2.0), tf.constant(3.0)

    @tf.custom_gradient
    def times(x):
        return x * v, lambda upstream, variables: (upstream * 10.0, [upstream * 100.0])

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = times(x)
    assert [float(g) for g in tape.gradient(y, [x, v])] == [10.0, 100.0] and float(y) == 6.0


def test_a_rule_must_take_the_variables_that_the_function_reads():
    v = tf.Variable(2.0, name="w")

    @tf.custom_gradient
    def times(x):
        return x * v, lambda upstream: upstream

    with pytest.raises(TypeError, match="must accept a 'variables' keyword argument.* w:0"):
        times(tf.constant(1.0))


def test_several_results_and_arguments():
    @tf.custom_gradient
    def both(x, y):
        return (x + y, x * y), lambda a, b: (a * 2.0, b * 3.0)

    x, y = tf.constant(2.0), tf.constant(5.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        p, q = both(x, y)
    assert [float(g) for g in tape.gradient(p, [x, y])] == [2.0, 0.0]
    assert [float(g) for g in tape.gradient([p, q], [x, y])] == [2.0, 3.0]


def test_structures_of_arguments():
    @tf.custom_gradient
    def product(parts):
        return parts["a"] * parts["b"], lambda u: {"a": u * 2.0, "b": u * 3.0}

    a, b = tf.constant(2.0), tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        y = product({"a": a, "b": b})
    assert [float(g) for g in tape.gradient(y, [a, b])] == [2.0, 3.0]


def test_the_number_of_gradients_is_checked():
    @tf.custom_gradient
    def wrong(x, y):
        return x + y, lambda upstream: upstream

    x, y = tf.constant(2.0), tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = wrong(x, y)
    with pytest.raises(ValueError, match="expected to return 2 gradients, but returned 1"):
        tape.gradient(z, [x, y])


def test_a_function_that_returns_its_argument():
    @tf.custom_gradient
    def same(x):
        return x, lambda upstream: upstream * 3.0

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = same(x) + x
    assert float(tape.gradient(y, x)) == 4.0


def test_grad_pass_through():
    x, z = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = tf.grad_pass_through(tf.floor)(x * 1.7) * z
    np.testing.assert_allclose([y, *tape.gradient(y, [x, z])], [9.0, 5.1, 3.0], rtol=1e-6)


def test_in_a_program():
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.grad_pass_through(tf.round)(x) * x
        return y, tape.gradient(y, x)

    x = np.array([0.4, 1.6], np.float32)
    for got, want in zip(Executable(trace(step, x))(x), step(tf.constant(x))):
        np.testing.assert_allclose(got, want)


class TestRecomputeGrad:
    def run(self, f, order):
        w, x = tf.Variable([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[0.1, 0.2]])
        function = f(lambda x: tf.reduce_sum(tf.tanh(x @ w)))
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            first = tape.gradient(y, [x, w])
            total = tf.reduce_sum(first[0] * first[0])
        return [y, *first] if order == 1 else outer.gradient(total, [x, w])

    @pytest.mark.parametrize("order", [1, 2])
    def test_equals_the_plain_function(self, order):
        plain, again = self.run(lambda f: f, order), self.run(tf.recompute_grad, order)
        for a, b in zip(plain, again):
            np.testing.assert_allclose(a, b, rtol=1e-6)

    def test_intermediate_values_die(self):
        kept = []

        def deep(x):
            hidden = tf.exp(x * 2.0)
            kept.append(weakref.ref(hidden))
            return tf.reduce_sum(hidden * hidden)

        x = tf.constant(np.ones(1000, np.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.recompute_grad(deep)(x)
        gc.collect()
        assert kept[0]() is None and len(kept) == 1
        assert tape.gradient(y, x) is not None and len(kept) == 2
