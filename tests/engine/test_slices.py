"""IndexedSlices: what gathers give, what they become where a tensor is wanted."""

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import InvalidArgumentError

TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)


def gradient(function, value=TABLE):
    w = tf.Variable(value)
    with tf.GradientTape() as tape:
        y = function(w)
    return tape.gradient(y, w)


def test_gather_gives_its_rows_in_the_order_of_the_calls():
    g = gradient(lambda w: tf.reduce_sum(tf.gather(w, [0, 2, 0]) ** 2)
                 + tf.reduce_sum(tf.nn.embedding_lookup(w, [1])))  # fmt: skip
    assert isinstance(g, tf.IndexedSlices) and g.indices.numpy().tolist() == [0, 2, 0, 1]
    np.testing.assert_array_equal(g.values, [[0, 2, 4], [12, 14, 16], [0, 2, 4], [1, 1, 1]])
    assert g.shape == (4, 3) and g.dense_shape.numpy().tolist() == [4, 3]
    assert g.dtype == tf.float32


@pytest.mark.parametrize(
    ("function", "rows"),
    [(lambda w: tf.gather(w, 1), [1]), (lambda w: tf.gather(w, [[0, 2], [1, 0]]), [0, 2, 1, 0]),
     (lambda w: tf.gather_nd(w, [[1], [1]]), [1, 1]),
     (lambda w: tf.gather(tf.identity(w), [3]), [3]),
     (lambda w: w.sparse_read([2, 2]), [2, 2])],
)  # fmt: skip
def test_indices_are_flat(function, rows):
    g = gradient(function)
    assert g.indices.numpy().tolist() == rows and g.values.shape == (len(rows), 3)


@pytest.mark.parametrize(
    "function",
    [lambda w: tf.gather(w, [0, 2], axis=1), lambda w: tf.gather(w, [0], axis=-2),
     lambda w: tf.gather(w * 2.0, [0, 2]), lambda w: w[1], lambda w: tf.gather_nd(w, [[1, 0]]),
     lambda w: tf.boolean_mask(w, [True, False, True, False])],
)  # fmt: skip
def test_what_is_no_row_of_the_table_is_dense(function):
    assert isinstance(gradient(function), tf.Tensor)


def test_a_sum_with_a_dense_gradient_is_dense():
    g = gradient(lambda w: tf.reduce_sum(tf.gather(w, [0, 2, 0])) + tf.reduce_sum(w))
    np.testing.assert_array_equal(g, np.array([[3.0], [1], [2], [1]]) * np.ones(3))


def test_it_becomes_a_tensor_where_one_is_wanted():
    s = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4]]), tf.constant([1, 1]), [3, 2])
    whole = [[0, 0], [4, 6], [0, 0]]
    np.testing.assert_array_equal(tf.convert_to_tensor(s), whole)
    np.testing.assert_array_equal(tf.add(s, 1.0), np.array(whole) + 1)
    np.testing.assert_array_equal(np.asarray(s), whole)
    np.testing.assert_array_equal(np.asarray(-s), -np.array(whole))
    assert tf.is_tensor(s)
    with pytest.raises(ValueError, match="without dense_shape"):
        tf.convert_to_tensor(tf.IndexedSlices([[1.0]], [0]))
    with pytest.raises(TypeError, match="wanted integers"):
        tf.IndexedSlices([[1.0]], [0.0])


def test_nested_tapes_go_through_it():
    w = tf.Variable(TABLE)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.gather(w, [0, 2, 0]) ** 3)
        g = tape.gradient(y, w)
        total = tf.reduce_sum(tf.convert_to_tensor(g))
    second = outer.gradient(total, w)
    assert isinstance(second, tf.IndexedSlices)
    np.testing.assert_array_equal(np.asarray(second)[[0, 2]], TABLE[[0, 2]] * [[12], [6]])


def test_jacobian_and_given_cotangents():
    w = tf.Variable(TABLE)
    with tf.GradientTape(persistent=True) as tape:
        y = tf.gather(w, [0, 2])
    j = tape.jacobian(y, w)
    np.testing.assert_array_equal(np.asarray(j)[1, 2, 2, 2], 1.0)
    assert j.shape == (2, 3, 4, 3)
    seeds = tf.IndexedSlices(tf.constant([[1.0, 2, 3]]), tf.constant([1]), [2, 3])
    g = tape.gradient(y, w, output_gradients=seeds)
    np.testing.assert_array_equal(np.asarray(g)[2], [1, 2, 3])


SCATTERS = [
    ("add", [[5.0, 7], [0, 0]]), ("sub", [[-3.0, -5], [0, 0]]), ("update", [[3.0, 4], [0, 0]]),
    ("mul", [[3.0, 8], [0, 0]]), ("div", [[1 / 3, 1 / 8], [0, 0]]), ("max", [[3.0, 4], [0, 0]]),
    ("min", [[1.0, 1], [0, 0]]),
]  # fmt: skip


@pytest.mark.parametrize(("how", "change"), SCATTERS)
def test_scatters_into_a_variable(how, change):
    v = tf.Variable([[9.0, 9], [1, 1]])
    rows = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4]]), tf.constant([1, 1]))
    assert getattr(v, f"scatter_{how}")(rows) is v
    np.testing.assert_allclose(v.numpy()[1], change[0], rtol=1e-6)
    np.testing.assert_array_equal(v.numpy()[0], [9, 9])


def test_wrong_scatters():
    v = tf.Variable(np.zeros((3, 2), np.float32))
    values = tf.constant([[1.0, 2.0]])
    with pytest.raises(TypeError, match="must be a `tf.IndexedSlices`"):
        v.scatter_add(tf.ones((3, 2)))
    with pytest.raises(InvalidArgumentError, match=r"index 7 is not in \[0, 3\)"):
        v.scatter_add(tf.IndexedSlices(values, [7]))
    with pytest.raises(InvalidArgumentError, match=r"shape \(1, 3\), wanted \(1, 2\)"):
        v.scatter_add(tf.IndexedSlices([[1.0, 2, 3]], [0]))
    with pytest.raises(ValueError, match="dtype float32"):
        v.scatter_add(tf.IndexedSlices(tf.cast(values, tf.float64), [0]))
    assert not v.numpy().any()


def test_a_scatter_leaves_older_values_alone():
    v = tf.Variable(np.zeros((2, 2), np.float32))
    before = v.read_value()
    v.scatter_add(tf.IndexedSlices([[1.0, 1.0]], [0]))
    assert not before.numpy().any() and v.numpy()[0].tolist() == [1, 1]


OPTIMIZERS = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"clipnorm": 1.0}), ("SGD", {"global_clipnorm": 1.0}), ("SGD", {"clipvalue": 1.0}),
    ("Adam", {}), ("RMSprop", {}), ("Adagrad", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_optimizers_take_the_step_of_the_dense_gradient(name, options):
    rows = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4]]), tf.constant([1, 1]), [3, 2])
    found = []
    for g in (rows, tf.convert_to_tensor(rows)):
        v = tf.Variable(np.ones((3, 2), np.float32))
        optimizer = getattr(keras.optimizers, name)(0.1, **options)
        for _ in range(3):
            optimizer.apply_gradients([(g, v)])
        found.append(v.numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_clips_keep_the_rows():
    rows = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4]]), tf.constant([1, 1]), [3, 2])
    norm = np.sqrt(30)
    np.testing.assert_allclose(tf.linalg.global_norm([rows, None]), norm, rtol=1e-6)
    (clipped,), length = tf.clip_by_global_norm([rows], 1.0)
    np.testing.assert_allclose(clipped.values, rows.values / norm, rtol=1e-6)
    np.testing.assert_allclose(length, norm, rtol=1e-6)
    np.testing.assert_allclose(tf.clip_by_norm(rows, 1.0).values, rows.values / norm, rtol=1e-6)
    assert tf.clip_by_value(rows, 0.0, 2.0).values.numpy().tolist() == [[1, 2], [2, 2]]


def test_a_compiled_step_writes_only_the_rows():
    w, rate = tf.Variable(TABLE), 0.5
    optimizer = keras.optimizers.SGD(rate)
    optimizer.build([w])

    def step(ids):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.gather(w, ids) ** 2)
        g = tape.gradient(y, w)
        assert isinstance(g, tf.IndexedSlices)
        optimizer.apply([g], [w])
        return y

    program = trace(step, tf.constant([0, 1]))
    assert "gather_grad" not in str(program)
    Executable(program)(np.array([2, 2], np.int32))
    wanted = TABLE.copy()
    wanted[2] -= rate * 2 * 2 * TABLE[2]
    np.testing.assert_allclose(w.numpy(), wanted)
    with pytest.raises(InvalidArgumentError, match="index 9"):
        Executable(program)(np.array([2, 9], np.int32))
