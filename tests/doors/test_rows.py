"""vectorized_map and jacobians: what TensorFlow gives; and what ours say besides."""

import json
import logging

import numpy as np
import pytest

import framework as tf
from framework.engine.errors import TraceError
from tests.doors.families import same
from tests.golden import record_rows

RECORD = json.loads(record_rows.FILE.read_text())
X = tf.constant(record_rows.X)


@pytest.mark.parametrize("case", record_rows.CASES)
def test_gives_what_tensorflow_gives(case):
    ours, theirs = record_rows.answer(tf, case), RECORD[case]
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert not isinstance(ours, str), ours
        same(ours, theirs, case, rtol=2e-5, atol=1e-5)


def branching(x):
    return x * 2 if float(tf.reduce_sum(x)) > 0 else -x


def test_a_function_that_looks_at_values_runs_row_by_row_and_says_so_once(caplog):
    with caplog.at_level(logging.WARNING):
        y = tf.vectorized_map(branching, X)
    np.testing.assert_allclose(y, [branching(x) for x in X])
    assert [r.message.split(":")[1] for r in caplog.records] == [" branching is called row by row"]
    caplog.clear()
    tf.vectorized_map(branching, X, warn=False)
    assert not caplog.records
    with pytest.raises(ValueError, match="fallback_to_while_loop is False"):
        tf.vectorized_map(branching, X, fallback_to_while_loop=False)
    with pytest.raises(TraceError):  # no row to call it for
        tf.vectorized_map(branching, X[:0])


def test_an_op_without_a_rule_runs_row_by_row_and_says_so(caplog):
    m = tf.constant(np.random.default_rng(0).normal(size=(3, 2, 2)))
    with caplog.at_level(logging.WARNING):
        y = tf.vectorized_map(lambda x: tf.linalg.expm(x) + 1.0, m)
    np.testing.assert_allclose(y, tf.linalg.expm(m) + 1.0)
    assert "expm has no batching rule" in caplog.text
    with pytest.raises(ValueError, match="expm has no batching rule"):
        tf.vectorized_map(tf.linalg.expm, m, fallback_to_while_loop=False)


def test_random_numbers_differ_from_part_to_part_and_from_call_to_call():
    tf.random.set_seed(0)
    draws = [tf.vectorized_map(lambda x: tf.random.normal((4,)) + 0 * x[0], X) for _ in range(2)]
    assert len({float(z) for y in draws for row in y for z in row}) == 24


def test_a_value_of_each_part_cannot_be_assigned():
    v = tf.Variable(0.0, name="total")

    def add_up(x):
        v.assign(1.0)
        v.assign_add(x[0])
        return x

    with pytest.raises(ValueError, match="value of its own into total:0"):
        tf.vectorized_map(add_up, X)
    assert v.numpy() == 0.0  # nothing has run


def test_a_layer_may_be_built_inside():
    layer = tf.keras.layers.Dense(1)

    def gradients(sample):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(sample[None]) ** 2)
        return tape.gradient(loss, [layer.kernel, layer.bias])

    kernel, bias = tf.vectorized_map(gradients, X)
    assert kernel.shape == (3, 2, 1) and bias.shape == (3, 1)
    np.testing.assert_allclose(kernel[1], gradients(X[1])[0], rtol=1e-6)
    with pytest.raises(ValueError, match="makes Variables whenever it is called"):
        tf.vectorized_map(lambda x: x * tf.Variable(2.0), X)


def test_a_custom_gradient_is_kept(caplog):
    """TensorFlow's loses it and gives 2 x."""

    @tf.custom_gradient
    def f(x):
        return x * x, lambda g: g * 100.0

    assert np.array_equal(tf.vectorized_map(f, X), X * X) and not caplog.records
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = tf.vectorized_map(f, X)
    np.testing.assert_allclose(tape.gradient(y, X), np.full((3, 2), 100.0))
