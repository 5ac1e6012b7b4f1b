"""Jacobians against central differences and TensorFlow's rules."""

import numpy as np
import pytest

import framework as tf
from framework.engine import jacobian

X = np.arange(6, dtype="f8").reshape(3, 2) / 3
W = np.arange(4, dtype="f8").reshape(2, 2)


def numeric(f, x, step=1e-6):
    """d f(x) / d x by central differences."""
    columns = []
    for i in range(x.size):
        moved = np.zeros(x.size)
        moved[i] = step
        moved = moved.reshape(x.shape)
        columns.append((f(x + moved) - f(x - moved)) / (2 * step))
    return np.stack(columns, -1).reshape(*f(x).shape, *x.shape)


def recorded(x, persistent=False):
    x = tf.constant(x)
    with tf.GradientTape(persistent=persistent) as tape:
        tape.watch(x)
        y = tf.tanh(x @ tf.constant(W)) * x
    return tape, y, x


def test_jacobian():
    tape, y, x = recorded(X)
    np.testing.assert_allclose(
        tape.jacobian(y, x), numeric(lambda x: np.tanh(x @ W) * x, X), atol=1e-8
    )


def test_batch_jacobian_is_the_diagonal():
    tape, y, x = recorded(X, persistent=True)
    whole = tape.jacobian(y, x).numpy()
    diagonal = np.stack([whole[i, :, i] for i in range(3)])
    np.testing.assert_allclose(tape.batch_jacobian(y, x), diagonal, atol=1e-12)


def test_hessian_through_two_tapes():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x**3) * x[0]
        g = tape.gradient(y, x)
    np.testing.assert_allclose(outer.jacobian(g, x), [[12.0, 12.0], [12.0, 12.0]])


def test_structures_variables_and_a_scalar_source():
    x, v = tf.constant(2.0), tf.Variable([[3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * v
    found = tape.jacobian(y, {"x": x, "v": v})
    np.testing.assert_allclose(found["x"], [[3.0, 4.0]])
    np.testing.assert_allclose(found["v"], 2.0 * np.eye(2).reshape(1, 2, 1, 2))


def test_unconnected():
    tape, y, x = recorded(X, persistent=True)
    other = tf.constant(W)
    assert tape.jacobian(y, other) is None
    zeros = tape.jacobian(y, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros.shape == (3, 2, 2, 2) and not zeros.numpy().any()
    assert not tape.batch_jacobian(y, tf.constant(X)).numpy().any()  # zeros even with "none"


def test_a_tape_is_spent():
    tape, y, x = recorded(X)
    tape.jacobian(y, x)
    with pytest.raises(RuntimeError, match=r"\(or jacobians\)"):
        tape.jacobian(y, x)


@pytest.mark.parametrize(
    ("shape", "words"), [((2, 2), "first dimension"), ((3,), "must have rank at least 2")]
)
def test_shapes_that_are_no_batch(shape, words):
    tape, y, _ = recorded(X)
    with pytest.raises(ValueError, match=words):
        tape.batch_jacobian(y, tf.ones(shape, tf.float64))


def test_a_target_without_elements():
    tape, y, x = recorded(np.zeros((0, 2)))
    assert tape.jacobian(y, x).shape == (0, 2, 0, 2)


def test_together_equals_one_by_one():
    tape, y, x = recorded(X, persistent=True)
    loop = tape.jacobian(y, x, experimental_use_pfor=False)
    for most in (None, 2, 4, 100):
        np.testing.assert_allclose(tape.jacobian(y, x, parallel_iterations=most), loop, rtol=1e-12)


def test_a_budget_bounds_how_many_units_run_at_once(monkeypatch):
    tape, y, x = recorded(X, persistent=True)
    wanted, seen = tape.jacobian(y, x), []
    part = jacobian.Units.part
    monkeypatch.setattr(jacobian, "BUDGET", 500)
    monkeypatch.setattr(
        jacobian.Units, "part", lambda self, a, b: seen.append(b - a) or part(self, a, b)
    )
    np.testing.assert_allclose(tape.jacobian(y, x), wanted, rtol=1e-12)
    assert sum(seen) == 6 and max(seen) < 6


def test_the_pullback_runs_once_and_not_for_each_element(monkeypatch):
    tape, y, x = recorded(X, persistent=True)
    calls = []
    pullback = jacobian.pullback
    monkeypatch.setattr(jacobian, "pullback", lambda *a: calls.append(1) or pullback(*a))
    tape.jacobian(y, x)
    assert len(calls) == 1
    tape.batch_jacobian(y, x, experimental_use_pfor=False)
    assert len(calls) == 3


def test_a_rule_that_looks_at_values_runs_one_by_one():
    @tf.custom_gradient
    def f(x):
        return x * x, lambda g: g * 100.0 if float(tf.reduce_sum(g)) > 0 else g

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_allclose(tape.jacobian(y, x), 100.0 * np.eye(2))


def test_second_order_through_recompute_grad():
    x, w = tf.constant(X), tf.Variable(W)
    f = tf.recompute_grad(lambda x: tf.tanh(x @ w))
    found = []
    for g in (f, lambda x: tf.tanh(x @ w)):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = g(x)
            j = tape.batch_jacobian(y, x)
        found.append(outer.gradient(j, [x, w]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_an_outer_tape_knows_what_the_inner_one_recorded():
    """Constants of the traced pullback keep their slots."""
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x**3
        j = tape.batch_jacobian(y, x)
    np.testing.assert_allclose(outer.gradient(j, x), 6 * X)


def test_variables_that_are_assigned_afterwards():
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = v * v
    v.assign([10.0, 20.0])
    np.testing.assert_allclose(tape.jacobian(y, v), np.diag([2.0, 4.0]))
