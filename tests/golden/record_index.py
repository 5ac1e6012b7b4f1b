"""Record what TensorFlow says of the functions that sort, gather, scatter and reduce segments.

    python tests/golden/record_index.py      (in an environment with tensorflow)

Writes tests/doors/index.json: per expression the values, first and second gradients with respect to
the inputs it names (INPUTS), or the name of the error it raises. Where only the gradients of
TensorFlow fail (as those of a scalar picked by gather_nd do), the values stand alone.
"""

import json
import os
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "doors" / "index.json"
RNG = np.random.default_rng(3)
INPUTS = {
    "S": np.array(1.5),
    "V": RNG.permutation(np.linspace(-2.0, 2.0, 6)),
    "T": np.array([2.0, 1.0, 2.0, 2.0, -1.0, 1.0]),  # ties
    "Z": np.array([2.0, 0.0, 3.0, 0.0, 0.0, 4.0]),  # zeros
    "A": RNG.permutation(np.linspace(-3.0, 3.0, 12)).reshape(3, 4),
    "B": RNG.permutation(np.linspace(-3.0, 3.0, 24)).reshape(2, 3, 4),
    "R": np.array([[0.5, -1.5, 2.5, 0.25], [1.0, 9.0, -9.0, 0.125]]),
    "U": np.array([2.0, 5.0, 5.0]),
}
EXPRESSIONS = r"""
tf.sort(V)
tf.sort(V, direction="DESCENDING")
tf.sort(T)
tf.sort(T, direction="DESCENDING")
tf.sort(A, axis=0)
tf.sort(B, axis=1, direction="DESCENDING")
tf.sort([3, 1, 2]), tf.sort([3, 1.5]), tf.sort(np.zeros((2, 0)))
tf.sort(C([-128, 127, 0, -128], tf.int8)), tf.sort(C([0, 255, 3], tf.uint8))
tf.sort(C([-2**63, 2**63 - 1, 0], tf.int64))
tf.sort(S)
tf.sort(C([True, False]))
tf.sort(V, direction="UP")
tf.sort(A, axis=5)
tf.argsort(V), tf.argsort(A, axis=0, direction="DESCENDING"), tf.argsort(np.zeros(0))
tf.argsort([1, 2, 1, 2, 1]), tf.argsort([1, 2, 1, 2, 1], direction="DESCENDING", stable=True)
tf.argsort(C([-128, 127, 0, -128], tf.int8)), tf.argsort(C([0, 255, 3], tf.uint8))
tf.argsort(S)
tf.argsort(V, axis=1)
tf.math.top_k(V, 3)
tf.nn.top_k(T, k=4)
tf.math.top_k(A)
tf.math.top_k(B, C(2), index_type=tf.int64)
tf.math.top_k(B, 2, index_type="int16")[0]
tf.math.top_k([1, 3, 2], 0), tf.math.top_k([1, 3, 2, 3], 3)
tf.math.top_k(V, 7)
tf.math.top_k(V, -1)
tf.math.top_k(S, 1)
tf.math.top_k(V, 1, index_type=tf.float32)
tf.unique([1, 1, 2, 4, 4, 7, 8, 1]), tf.unique([2.0, 1.0, 2.0], tf.int64)
tf.unique(C([np.nan, 1.0, np.nan, -0.0, 0.0])), tf.unique(C([True, False, True]))
tf.unique(np.zeros(0)), tf.unique_with_counts([5, 5, -2, 4, 4, 7, 8, 5])
tf.unique([[1, 2]])
tf.searchsorted([1, 3, 5, 7], [0, 3, 8]), tf.searchsorted([1, 3, 3, 7], [0, 3, 8], side="right")
tf.searchsorted([[1, 3], [5, 7]], [[0], [6]]), tf.searchsorted([1.0], [2.0], out_type=tf.int64)
tf.searchsorted([1.0, 3.0], [np.nan, 2.0, np.inf]), tf.searchsorted(C([], tf.float32), [1.0])
tf.searchsorted([1.0, np.nan], [np.nan, 2.0, np.inf], side="right")
tf.searchsorted([1, 3, 5, 7], 3)
tf.searchsorted([[1, 3], [5, 7]], [0, 6])
tf.searchsorted([[1, 3], [5, 7]], [[0, 6]])
tf.searchsorted([1, 3], [1], side="mid")
tf.searchsorted(C([1.0, 3.0]), C([1]))
tf.roll(V, 1, 0)
tf.roll(V, C(-8), -1)
tf.roll(A, [1, -1], [0, 1])
tf.roll(B, [1, 1, 2], [1, 1, 2])
tf.roll(B, 0, 1), tf.roll([True, False, False], 100, 0), tf.roll(np.zeros(0), 1, 0)
tf.roll(A, [1, 1], 0)
tf.roll(A, 1, [0, 1])
tf.roll(A, 1, 2)
tf.roll(S, 1, 0)
tf.roll(V, 1.5, 0)
tf.meshgrid(V, U)
tf.meshgrid(V, U, T, indexing="ij")
tf.meshgrid(V, U, T, name="grid")
tf.meshgrid(A, S)
tf.meshgrid(V), tf.meshgrid([True, False], [True]), tf.meshgrid()
tf.meshgrid([1, 2], [3.0])
tf.meshgrid(V, V, indexing="zz")
tf.meshgrid(V, sparse=True)
tf.sequence_mask([1, 3, 2]), tf.sequence_mask([1, 3, 2], 5), tf.sequence_mask([1, 3, 2], C(2))
tf.sequence_mask([[1, 3], [2, 0]], dtype=tf.float32), tf.sequence_mask(2, 3)
tf.sequence_mask([1.5, 3], 4), tf.sequence_mask([-1, 0], 2), tf.sequence_mask([-3, -1])
tf.sequence_mask(np.zeros(0, np.int32)), tf.sequence_mask(C([1, 2], tf.int64), C(3, tf.int32))
tf.sequence_mask([1, 3, 2], C([2]))
tf.sequence_mask([1, 2], -1)
tf.gather(A, [2, 0, 2])
tf.gather(A, [[1, 1], [3, 0]], axis=1)
tf.gather(A, 1, axis=-2)
tf.gather(A, [0, 1], axis=C(1))
tf.gather(A, [[0, 1], [1, 1], [3, 0]], batch_dims=1)
tf.gather(A, [0, 1, 1], batch_dims=1)
tf.gather(B, [[0, 1, 1], [1, 2, 0]], batch_dims=1, axis=1)
tf.gather(B, [[0, 1, 1], [1, 3, 0]], batch_dims=1, axis=2)
tf.gather(B, [[0, 1, 1], [1, 3, 0]], batch_dims=1, axis=-1)
tf.gather(B, [[[0, 1], [1, 1]], [[1, 3], [0, 2]]], batch_dims=1, axis=2)
tf.gather(B, [[0, 1, 1], [1, 2, 1]], batch_dims=2)
tf.gather(B, [[0, 1, 1], [1, 2, 1]], batch_dims=-1)
tf.gather(B, [[0, 1], [1, 1]], batch_dims=1, axis=0)
tf.gather(A, C([1], tf.int16)), tf.gather([True, False], [1, 1])
tf.gather(A, [-1])
tf.gather(A, [0, 3])
tf.gather(A, [1], axis=2)
tf.gather(A, [1.0])
tf.gather(S, 0)
tf.gather(B, [[0, 3], [1, 2]], batch_dims=1)
tf.gather(B, [[0, 1], [1, 2]], batch_dims=2)
tf.gather(B, [[0, 1]], batch_dims=1)
tf.gather(B, [[0, 1], [1, 2]], batch_dims=3)
tf.gather_nd(A, [[0, 1], [2, 3], [0, 1]])
tf.gather_nd(A, [0, 1])
tf.gather_nd(A, [[2], [2]])
tf.gather_nd(A, np.zeros((2, 0), np.int32))
tf.gather_nd(B, [[[0, 1, 2]], [[1, 2, 3]]])
tf.gather_nd(B, [[0], [2]], batch_dims=1)
tf.gather_nd(B, [[[0, 1], [2, 2]], [[2, 3], [2, 3]]], batch_dims=1)
tf.gather_nd(B, [[[1], [2], [3]], [[0], [0], [1]]], batch_dims=2)
tf.gather_nd(np.zeros((0, 3)), np.zeros((0, 1), np.int32)), tf.gather_nd([1, 2], [[1]])
tf.gather_nd(A, [[3, 0]])
tf.gather_nd(A, [[-1, 0]])
tf.gather_nd(A, [[0, 0, 0]])
tf.gather_nd(A, 1)
tf.gather_nd(A, [[0.0, 1.0]])
tf.gather_nd(B, [[0], [3]], batch_dims=1)
tf.gather_nd(B, [[0]], batch_dims=1)
tf.gather_nd(B, [0, 1], batch_dims=1)
tf.gather_nd(B, [[0], [2]], batch_dims=-1)
tf.gather_nd(np.zeros((0, 3)), [[0]])
tf.scatter_nd([[1], [1], [0]], U, [4])
tf.scatter_nd([[0], [2]], R, C([3, 4]))
tf.scatter_nd([[[0, 1], [0, 1]]], R[None], [2, 2, 4])
tf.scatter_nd([[[0, 1]], [[2, 2]]], tf.reshape(V[:2], [2, 1]), [3, 4])
tf.scatter_nd([[0], [1]], [[1, 2], [3, 4]], [3, 2]), tf.scatter_nd([[0], [0]], [True] * 2, [4])
tf.scatter_nd(np.zeros((0, 1), np.int32), np.zeros(0), [3])
tf.scatter_nd([[4]], [1.0], [4])
tf.scatter_nd([[-1]], [1.0], [4])
tf.scatter_nd([[0]], [1.0, 2.0], [4])
tf.scatter_nd([[0]], [[1.0, 2.0]], [4])
tf.scatter_nd([[0, 0, 0]], [1.0], [4, 2])
tf.scatter_nd([0], 1.0, [4])
tf.scatter_nd([[0.0]], [1.0], [4])
tf.scatter_nd([[0]], [1.0], [0])
tf.tensor_scatter_nd_add(T, [[0], [0], [3]], U)
tf.tensor_scatter_nd_sub(T, [[0], [0], [3]], U)
tf.tensor_scatter_nd_update(T, [[0], [0], [3]], U)
tf.tensor_scatter_nd_max(T, [[0], [0], [3]], U)
tf.tensor_scatter_nd_min(T, [[0], [1], [3]], U)
tf.tensor_scatter_nd_max(T, [[0], [1], [1]], U)
tf.tensor_scatter_nd_max(A, [[2], [0]], R)
tf.tensor_scatter_nd_min(A, [[2], [2]], R)
tf.tensor_scatter_nd_add(A, [[2], [2]], R)
tf.tensor_scatter_nd_sub(A, [[0, 1], [2, 2], [0, 1]], U)
tf.tensor_scatter_nd_update(A, [[2], [0]], R)
tf.tensor_scatter_nd_update(B, [[[0, 1]], [[1, 2]]], R[:, None])
tf.tensor_scatter_nd_update([True, False], [[1]], [True])
tf.tensor_scatter_nd_update([1.0, 2.0], [[0]], [5]), tf.tensor_scatter_nd_add([1, 2], [[1]], [3])
tf.tensor_scatter_nd_max([1.0, np.nan, 3.0, 4.0], [[0], [1], [2]], [np.nan, 2.0, 1.0])
tf.tensor_scatter_nd_min([1.0, np.nan, 3.0, 4.0], [[0], [1], [2]], [np.nan, 2.0, 1.0])
tf.tensor_scatter_nd_update([1, 2], [[0]], [5.5])
tf.tensor_scatter_nd_update(V, [[6]], [5.0])
tf.tensor_scatter_nd_update(V, [[1]], 5.0)
tf.tensor_scatter_nd_update(V, [[1, 1]], [5.0])
tf.tensor_scatter_nd_add(A, [[0]], [1.0, 2.0])
tf.tensor_scatter_nd_add(S, [0], [1.0])
tf.math.segment_sum(A, [0, 0, 2])
tf.math.segment_mean(A, [1, 1, 3])
tf.math.segment_max(A, [1, 1, 3])
tf.math.segment_min(A, [1, 1, 3])
tf.math.segment_prod(A, [1, 1, 3])
tf.math.segment_max(T, [0, 0, 0, 0, 1, 2])
tf.math.segment_min(T, [0, 0, 0, 0, 0, 0])
tf.math.segment_mean(T, [0, 0, 0, 0, 0, 4])
tf.math.segment_mean([1, 2, 4], [0, 0, 0]), tf.math.segment_mean([-1, -2, -4], [1, 1, 1])
tf.math.segment_min([1, 5, 7], [1, 1, 3]), tf.math.segment_prod([1, 5, 7], [1, 1, 3])
tf.math.segment_max([1.0, np.nan, 2.0], [0, 0, 0])
tf.math.segment_sum(np.zeros((0, 2)), np.zeros(0, np.int32))
tf.math.segment_sum(A, [0, 2, 1])
tf.math.segment_sum(A, [-1, 0, 1])
tf.math.segment_sum(A, [0, 0])
tf.math.segment_sum(A, [[0, 0, 1]])
tf.math.segment_sum(A, 0)
tf.math.segment_sum(S, [0])
tf.math.segment_sum(A, [0.0, 0.0, 1.0])
tf.math.segment_sum([True], [0])
tf.math.unsorted_segment_sum(A, [2, 0, 2], 4)
tf.math.unsorted_segment_sum(A, [-1, 0, 2], C(3))
tf.math.unsorted_segment_sum(A, [[0, 1, 1, 2]] * 3, 3)
tf.math.unsorted_segment_sum(A, 1, 3)
tf.math.unsorted_segment_sum(A, [-1, -1, -1], 0)
tf.math.unsorted_segment_mean(A, [0, 2, -1], 3)
tf.math.unsorted_segment_mean(A, [[0, 1, 1, 2]] * 3, 3)
tf.math.unsorted_segment_sqrt_n(A, [0, 0, 2], 3)
tf.math.unsorted_segment_max(A, [0, 2, -1], 4)
tf.math.unsorted_segment_min(A, [0, 2, 2], 3)
tf.math.unsorted_segment_max(T, [0, 0, 0, -1, 1, 2], 3)
tf.math.unsorted_segment_min(T, [0, 0, 0, -1, 1, 0], 3)
tf.math.unsorted_segment_prod(T, [0, 0, 1, -1, 1, 2], 4)
tf.math.unsorted_segment_prod(Z, [0, 0, 0, 1, 1, 1], 3)
tf.math.unsorted_segment_prod(A, [0, 0, -1], 3)
tf.math.unsorted_segment_mean([1, 2, 4], [0, 0, 0], 2)
tf.math.unsorted_segment_max([1, 2], [0, 0], 2), tf.math.unsorted_segment_min([1, 2], [0, 0], 2)
tf.math.unsorted_segment_min(C([1, 2], tf.uint8), [0, 0], 2)
tf.math.unsorted_segment_max(C([1, 2], tf.float16), [0, 0], 2)
tf.math.unsorted_segment_max([np.nan, 1.0, 2.0, np.nan], [0, 0, 1, 1], 2)
tf.math.unsorted_segment_min([np.nan, 1.0, 2.0, np.nan], [0, 0, 1, 1], 2)
tf.math.unsorted_segment_sum(A, [0, 0, 3], 3)
tf.math.unsorted_segment_sum(A, [[0, 1, 1]] * 3, 3)
tf.math.unsorted_segment_sum(A, [0, 1], 3)
tf.math.unsorted_segment_sum(A, [0, 0, 0], -1)
tf.math.unsorted_segment_sum(A, [0, 0, 0], C([2]))
tf.math.unsorted_segment_sum([True], [0], 1)
tf.boolean_mask(A, [True, False, True])
tf.boolean_mask(A, [True, False, True, True], axis=1)
tf.boolean_mask(B, [[True, False, True, True], [False] * 4, [True] * 4], axis=1)
tf.boolean_mask(B, [True, False], axis=-3)
tf.boolean_mask(A, [True, False, True], axis=C(0)), tf.boolean_mask(A, np.zeros(3, bool))
tf.boolean_mask([1, 2, 3], C([True, False, True])), tf.boolean_mask(A, [1, 0, 1])
tf.boolean_mask(A, [True, False])
tf.boolean_mask(A, True)
tf.boolean_mask(A, [True, False, True, True], axis=-1)
""".strip().splitlines()


def parts_of(tf, text):
    """(the expression as a function of its inputs, the inputs)"""
    code = compile(text, "<expression>", "eval")
    names = [name for name in INPUTS if name in code.co_names]

    def function(*inputs):
        scope = {"tf": tf, "np": np, "C": tf.constant, **dict(zip(names, inputs, strict=True))}
        return [y for y in tf.nest.flatten(eval(code, scope)) if y is not None]

    return function, [INPUTS[name] for name in names]


def weighted(tf, tensors):
    """The sum of all elements of the tensors of floats, each with a weight of its own."""
    total = tf.constant(0.0, "float64")
    for k, y in enumerate(tensors):
        if y is not None and y.dtype.is_floating:
            weights = np.cos(np.arange(int(np.prod(y.shape))) + 1.0 + k)
            y = tf.cast(y, "float64")
            total += tf.reduce_sum(tf.constant(weights.reshape(tuple(y.shape))) * y)
    return total


def answers(tf, function, inputs):
    """(outputs, first gradients, second gradients)"""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outs = function(*inputs)
            target = weighted(tf, [y * y for y in outs if y.dtype.is_floating])
        first = tape.gradient(target, inputs) if inputs else []
        first = [None if g is None else tf.convert_to_tensor(g) for g in first]
        slope = weighted(tf, first)
    known = any(g is not None for g in first)
    second = outer.gradient(slope, inputs) if known else []
    second = [None if g is None else tf.convert_to_tensor(g) for g in second]
    return outs, first, second


def run(tf, text):
    """The answers to one expression, as lists."""
    function, arrays = parts_of(tf, text)
    inputs = [tf.constant(a) for a in arrays]
    found = [function(*inputs)]
    try:
        found = answers(tf, function, inputs)
    except Exception as error:
        print(f"no gradients: {text}: {error}")
    return [[described(y) for y in part] for part in found]


def described(y):
    """[dtype, shape, values], or None."""
    return None if y is None else [y.dtype.name, list(y.shape), y.numpy().tolist()]


def main():
    """Record them all."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    record = {}
    for text in EXPRESSIONS:
        try:
            record[text] = run(tf, text)
        except Exception as error:  # what TensorFlow refuses: the name of its error is the answer
            record[text] = type(error).__name__
    FILE.write_text(json.dumps(record, indent=0).replace("\n", "") + "\n")


if __name__ == "__main__":
    main()
