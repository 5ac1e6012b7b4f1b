"""Sorting, gathering, scattering and segments: values, gradients of both orders and errors, as
TensorFlow's; eagerly and as a program.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import TraceError
from framework.engine.tensor import Tensor
from tests.doors.families import run_as_program, same
from tests.golden import record_index

RECORD = json.loads((Path(__file__).parent / "index.json").read_text())
ERRORS = {
    "InvalidArgumentError": tf.errors.InvalidArgumentError,
    "ValueError": ValueError,
    "TypeError": TypeError,
}
REFUSED = sorted([text for text, answer in RECORD.items() if isinstance(answer, str)])
GIVEN = sorted(set(RECORD) - set(REFUSED))
# Where an element is 0 TensorFlow divides by it: its second gradient is NaN, ours is a number.
FIRST_ORDER = {"tf.math.unsorted_segment_prod(Z, [0, 0, 0, 1, 1, 1], 3)"}
# What has inputs of floats; the shapes of these results depend on ids or masks, but those are
# constants of the program.
TRACED = [text for text in GIVEN if len(record_index.parts_of(tf, text)[1])]


def answer_to(text):
    """[values, first gradients, second gradients], as far as they are to be compared."""
    return RECORD[text][: 2 if text in FIRST_ORDER else 3]


def test_all_is_recorded():
    assert set(RECORD) == set(record_index.EXPRESSIONS) and len(GIVEN) > 100


@pytest.mark.parametrize("text", GIVEN)
def test_gives_the_values_and_gradients(text):
    ours, theirs = record_index.run(tf, text), answer_to(text)
    for a, b, what in zip(ours, theirs, ("value", "gradient", "second gradient")):
        same(a, b, what)


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text):
    with pytest.raises(ERRORS[RECORD[text]]):
        record_index.run(tf, text)


@pytest.mark.slow
def test_a_program_gives_the_same():
    """All of them as one program, gradients included."""
    for text, found in run_as_program(TRACED, record_index.parts_of).items():
        for part, wanted in zip(found, answer_to(text)):
            same(part, wanted, text)


WRONG = {
    "gather_nd": lambda i: tf.gather_nd(tf.ones([3, 2]), tf.reshape(i, [3, 1])),
    "scatter_nd": lambda i: tf.scatter_nd(tf.reshape(i, [3, 1]), tf.ones(3), [3]),
    "gather": lambda i: tf.gather(tf.ones([3, 3]), i, batch_dims=1),
    "update": lambda i: tf.tensor_scatter_nd_update(tf.ones(3), i[:, None], tf.ones(3)),
    "segment": lambda i: tf.math.unsorted_segment_sum(tf.ones(3), i, 3),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_index_out_of_range_is_an_error_of_the_program_too(name):
    run = Executable(trace(lambda i: [WRONG[name](i)], np.array([0, 1, 2])))
    run(np.array([2, 1, 0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="3"):
        run(np.array([2, 3, 0]))


def test_ids_below_zero_are_left_out_by_a_program():
    x, ids = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, -1, 2, 0])
    reductions = [getattr(tf.math, f"unsorted_segment_{n}") for n in ("sum", "max", "min", "prod")]
    run = Executable(trace(lambda x, ids: [f(x, ids, 3) for f in reductions], x, ids))
    for found, f in zip(run(x, ids), reductions, strict=True):
        np.testing.assert_array_equal(found, f(x, ids, 3).numpy())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 257, 1000])
@pytest.mark.parametrize("descending", [False, True])
def test_the_kernel_sorts_as_numpy_does(n, descending):
    """Ties, NaN and both zeros, in both directions."""
    rng = np.random.default_rng(n)
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0, *rng.normal(size=n)])
    x = rng.choice(values, (2, n))
    direction = "DESCENDING" if descending else "ASCENDING"
    run = Executable(trace(lambda x: [tf.argsort(x, direction=direction)], x))
    np.testing.assert_array_equal(run(x)[0], tf.argsort(x, direction=direction).numpy())


@pytest.mark.parametrize("k", [0, 1, 2, 7, 99, 100])
def test_the_kernel_picks_the_largest_as_numpy_does(k):
    rng = np.random.default_rng(k)
    x = rng.choice([np.nan, np.inf, 0.0, -0.0, 1.0, 2.0, *rng.normal(size=50)], (5, 100))
    run = Executable(trace(lambda x: list(tf.math.top_k(x, k)), x))
    for found, wanted in zip(run(x), tf.math.top_k(x, k), strict=True):
        np.testing.assert_array_equal(found, wanted.numpy())


UNKNOWN = {
    "unique": lambda i: tf.unique(i).y,
    "unique_with_counts": lambda i: tf.unique_with_counts(i).count,
    "boolean_mask": lambda i: tf.boolean_mask(i, i > 1),
    "sequence_mask": tf.sequence_mask,
    "segment_sum": lambda i: tf.math.segment_sum(tf.ones(3), i),
    "segment_mean": lambda i: tf.math.segment_mean(tf.ones(3), i),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_shapes_that_depend_on_values_are_no_shapes_of_a_program(name):
    UNKNOWN[name](tf.constant([0, 1, 2]))
    with pytest.raises(TraceError, match="the shape of the result depends on the values"):
        trace(lambda i: [UNKNOWN[name](i)], np.array([0, 1, 2]))


def test_the_value_of_a_variable_is_not_frozen_into_a_program():
    v = tf.Variable([0, 1, 1])
    with pytest.raises(TraceError, match="the shape of the result depends on the values"):
        trace(lambda x: [tf.math.segment_sum(x, v)], np.ones(3))


def test_results_have_the_names_of_their_parts():
    assert tf.math.top_k([1.0, 2.0])._fields == ("values", "indices")
    assert tf.unique([1])._fields == ("y", "idx")
    assert tf.unique_with_counts([1])._fields == ("y", "idx", "count")


def test_no_gradient_leads_through_unique():
    x = tf.constant([2.0, 1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.unique(x).y
    assert tape.gradient(y, x) is None


def test_inputs_are_not_written_to():
    x = tf.constant([1.0, 2.0, 3.0])
    y = tf.tensor_scatter_nd_update(x, [[0]], [9.0])
    assert isinstance(y, Tensor) and x.numpy().tolist() == [1.0, 2.0, 3.0]
    assert y.numpy().tolist() == [9.0, 2.0, 3.0]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_gather_sees_every_index_outside(dtype):
    x = tf.constant([1.0, 2.0, 3.0])
    assert tf.gather(x, np.array([2, 0], dtype)).numpy().tolist() == [3.0, 1.0]
    assert tf.gather(x, np.array([], dtype)).numpy().tolist() == []
    for wrong in [3] if dtype == "uint8" else [3, -1]:
        for indices in (np.array([0, wrong], dtype), np.array(wrong, dtype)):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match=rf"{wrong} is not in \[0, 3\)"
            ):
                tf.gather(x, indices)


def test_reshape_refuses_what_numpy_would_take():
    x = tf.ones([2, 3])
    assert tf.reshape(x, (3, -1)).shape == (3, 2) and tf.reshape(x[:1, :1], ()).shape == ()
    for shape in ((-2,), (-2, -3), (4,), (-1, -1), (0, -1)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.reshape(x, shape)


def test_slices_with_bounds_of_every_kind():
    x = np.arange(20.0, dtype=np.float32).reshape(4, 5)
    keys = [np.s_[1:, ::2], np.s_[:], np.s_[::-1, 4:1:-2], np.s_[3:1], np.s_[np.int64(1) : 3, 2]]
    for key in keys:
        assert np.array_equal(tf.constant(x)[key].numpy(), x[key])
    with pytest.raises(TypeError):
        tf.constant(x)[1.5:]
