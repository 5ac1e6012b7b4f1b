"""Reductions over segments: all rows of x with one number in `ids` become one row.

ids has the shape of the first axes of x; what has a negative id is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import broadcast_to, reshape
from framework.engine.ops.constants import number
from framework.engine.ops.create import cast
from framework.engine.ops.elementwise import divide, maximum, multiply, sqrt
from framework.engine.ops.logical import equal, greater, where
from framework.engine.tensor import Spec, Tensor

SEGMENTS = (
    Sample(((6, 2), (6,)), {"segments": 4}, dtypes=(None, np.int64)),
    Sample(((2, 3), (2, 3)), {"segments": 3}, dtypes=(None, np.int32)),
    Sample(((5,), (5,)), {"segments": 3}, low=0.5, dtypes=(None, np.int32)),
)


def infer_segments(x: np.ndarray | Spec, ids: np.ndarray | Spec, *, segments: int) -> Spec:
    """`segments` rows in the place of the axes of ids; raises if the shapes or dtypes do not
    fit.
    """
    ndim = len(ids.shape)
    if ids.dtype.kind not in "iu":
        raise MixedDtypesError(f"segments: ids have dtype {ids.dtype.name}, wanted integers")
    if x.dtype.kind == "b":
        raise InvalidArgumentError("segments: data has dtype bool, wanted numbers")
    if tuple(x.shape[:ndim]) != tuple(ids.shape):
        raise InvalidArgumentError(
            f"segments: data.shape = {tuple(x.shape)} does not start with segment_ids.shape = "
            f"{tuple(ids.shape)}"
        )
    if not isinstance(segments, (int, np.integer)) or segments < 0:
        raise InvalidArgumentError(
            f"segments: the number of segments is {segments}, wanted an integer >= 0"
        )
    return Spec((int(segments), *x.shape[ndim:]), x.dtype)


def reduced(
    x: np.ndarray, ids: np.ndarray, segments: int, start: Any, reduce: Callable
) -> np.ndarray:
    """reduce(out, ids, rows) on an `out` full of `start`, without the rows of negative ids."""
    spec = infer_segments(x, ids, segments=segments)
    if ids.size and ids.max() >= segments:
        i = tuple(np.argwhere(ids >= segments)[0].tolist())
        raise InvalidArgumentError(
            f"segment_ids{list(i)} = {ids[i]} is out of range [0, {segments})"
        )
    out = np.full(spec.shape, start, x.dtype)
    rows, flat = x.reshape(ids.size, *spec.shape[1:]), ids.reshape(-1)
    kept = flat >= 0
    if not kept.all():
        rows, flat = rows[kept], flat[kept]
    reduce(out, flat, rows)
    return out


def see_segments(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    x, ids = inputs
    size = math.prod(x.shape[len(ids.shape) :])
    seen = [(ids.size, size), (ids.size,)]
    return [(outs[0].shape[0], size)], seen, {"control": "control"}


@op(*SEGMENTS, infer=infer_segments)
def segment_sum(x, ids, *, segments):
    """y[k] = sum of x[i] where ids[i] = k, for k < segments; 0 of nothing.

    An id >= segments raises InvalidArgumentError, in a program too.
    """
    return reduced(x, ids, segments, 0, np.add.at)


@segment_sum.kernel(views=see_segments)
def _(out, x, ids, control):
    for k in range(out.shape[0]):
        row = out[k]
        for c in range(row.size):
            row[c] = 0
    for i in range(ids.size):
        k = int(ids[i])
        if k >= out.shape[0]:
            pointer_int64(control)[1] = 3
        elif k >= 0:
            add_into(out[k], x[i])


@segment_sum.vjp("ids")
def _(g: Tensor, out: Tensor, x: Tensor, ids: Tensor, *, segments: Any) -> tuple:
    return segment_rows(g, ids), None


def see_rows(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    x, ids = inputs
    size = math.prod(x.shape[1:])
    return [(ids.size, size)], [(x.shape[0], size), (ids.size,)], {"control": "control"}


@op(
    Sample(((4, 2), (6,)), dtypes=(None, np.int64), top=4),
    Sample(((3,), (2, 3)), dtypes=(None, np.int32)),
    infer=lambda x, ids: Spec((*ids.shape, *x.shape[1:]), x.dtype),
)
def segment_rows(x, ids):
    """y[i] = x[ids[i]], and 0 where ids[i] < 0: the gradient of segment_sum."""
    if ids.size and ids.max() >= x.shape[0]:
        raise InvalidArgumentError(f"segment_rows: id {ids.max()} is not in [0, {x.shape[0]})")
    out = np.zeros((*ids.shape, *x.shape[1:]), x.dtype)
    kept = ids >= 0
    out[kept] = x[ids[kept]]
    return out


@segment_rows.kernel(views=see_rows)
def _(out, x, ids, control):
    for i in range(ids.size):
        k, row = int(ids[i]), out[i]
        if k >= x.shape[0]:
            pointer_int64(control)[1] = 3
        elif k >= 0:
            copy_into(row, x[k])
        else:
            for c in range(row.size):
                row[c] = 0


@segment_rows.vjp("ids")
def _(g: Tensor, out: Tensor, x: Tensor, ids: Tensor) -> tuple:
    return segment_sum(g, ids, segments=x.array.shape[0]), None


def limits(dtype: np.dtype) -> tuple:
    """The (smallest, largest) number of a dtype."""
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.min, info.max


def extreme(function: np.ufunc, is_better: Callable) -> Callable:
    """The reduction by function.at; in the order of the rows if there is a NaN, which stands until
    the next number comes (as in TensorFlow).
    """

    def reduce(out: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
        if rows.dtype.kind != "f" or not np.isnan(rows).any():
            return function.at(out, ids, rows)
        for k, row in zip(ids.tolist(), rows, strict=True):
            out[k] = np.where(is_better(out[k], row), out[k], row)

    return reduce


def see_extreme(place: int) -> Callable:
    """see_segments, with what stands in an empty segment; 2^64 - 1 is no word of a program."""

    def see(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
        if inputs[0].dtype == np.uint64:
            return None
        shapes = see_segments(outs, inputs, attrs)
        fill = limits(inputs[0].dtype)[place].item()
        return *shapes[:2], {"control": "control", "fill": fill}

    return see


@op(*SEGMENTS, infer=infer_segments)
def segment_max(x, ids, *, segments):
    """y[k] = the largest of x[i] where ids[i] = k, for k < segments; of nothing the lowest number
    of the dtype; ties share the gradient evenly.
    """
    return reduced(x, ids, segments, limits(x.dtype)[0], extreme(np.maximum, np.greater))


@segment_max.kernel(views=see_extreme(0))
def _(out, x, ids, control, fill):
    for k in range(out.shape[0]):
        row = out[k]
        for c in range(row.size):
            row[c] = fill
    for i in range(ids.size):
        k = int(ids[i])
        if k >= out.shape[0]:
            pointer_int64(control)[1] = 3
        elif k >= 0:
            best, row = out[k], x[i]
            for c in range(row.size):
                best[c] = best[c] if best[c] > row[c] else row[c]


@op(*SEGMENTS, infer=infer_segments)
def segment_min(x, ids, *, segments):
    """y[k] = the smallest of x[i] where ids[i] = k, for k < segments; of nothing the largest number
    of the dtype; ties share the gradient evenly.
    """
    return reduced(x, ids, segments, limits(x.dtype)[1], extreme(np.minimum, np.less))


@segment_min.kernel(views=see_extreme(1))
def _(out, x, ids, control, fill):
    for k in range(out.shape[0]):
        row = out[k]
        for c in range(row.size):
            row[c] = fill
    for i in range(ids.size):
        k = int(ids[i])
        if k >= out.shape[0]:
            pointer_int64(control)[1] = 3
        elif k >= 0:
            best, row = out[k], x[i]
            for c in range(row.size):
                best[c] = best[c] if best[c] < row[c] else row[c]


def extreme_gradient(g: Tensor, y: Tensor, x: Tensor, ids: Tensor, *, segments: int) -> tuple:
    """g / (how many are equal to the result), to each that is."""
    is_best = equal(x, segment_rows(y, ids))
    count = segment_sum(cast(is_best, dtype=g.array.dtype.name), ids, segments=segments)
    shared = segment_rows(divide(g, maximum(count, number(1, g))), ids)
    return where(is_best, shared, number(0, g)), None


segment_max.vjp("y x ids")(extreme_gradient)
segment_min.vjp("y x ids")(extreme_gradient)


@op(*SEGMENTS, infer=infer_segments)
def segment_prod(x, ids, *, segments):
    """y[k] = product of x[i] where ids[i] = k, for k < segments; 1 of nothing.

    The gradient is right where one element of a segment is 0, too.
    """
    return reduced(x, ids, segments, 1, np.multiply.at)


@segment_prod.kernel(views=see_segments)
def _(out, x, ids, control):
    for k in range(out.shape[0]):
        row = out[k]
        for c in range(row.size):
            row[c] = 1
    for i in range(ids.size):
        k = int(ids[i])
        if k >= out.shape[0]:
            pointer_int64(control)[1] = 3
        elif k >= 0:
            product, row = out[k], x[i]
            for c in range(row.size):
                product[c] = product[c] * row[c]


@segment_prod.vjp("y x ids")
def _(g: Tensor, y: Tensor, x: Tensor, ids: Tensor, *, segments: Any) -> tuple:
    """The product of all others: y / x, or if x is 0 that of the rest; 0 if there are two zeros."""
    zero, one = number(0, g), number(1, g)
    is_zero = equal(x, zero)
    zeros = segment_sum(cast(is_zero, dtype=g.array.dtype.name), ids, segments=segments)
    g = where(greater(zeros, one), zero, g)
    filled = where(is_zero, one, x)
    rest = segment_rows(segment_prod(filled, ids, segments=segments), ids)
    others = where(is_zero, rest, divide(segment_rows(y, ids), filled))
    return multiply(segment_rows(g, ids), others), None


def segment_counts(x: Tensor, ids: Tensor, segments: int) -> Tensor:
    """How many elements each segment has, at least 1; in x's dtype, and of a shape to divide by."""
    ones = broadcast_to(number(1, x), shape=tuple(ids.array.shape))
    counts = maximum(segment_sum(ones, ids, segments=segments), number(1, x))
    return reshape(counts, shape=(segments, *[1] * (x.ndim - ids.ndim)))


def segment_mean(x: Tensor, ids: Tensor, *, segments: int) -> Tensor:
    """segment_sum / (number of elements), 0 of nothing; integers are divided as floats."""
    return segment_sum(x, ids, segments=segments) / segment_counts(x, ids, segments)


def segment_sqrt_n(x: Tensor, ids: Tensor, *, segments: int) -> Tensor:
    """segment_sum / sqrt(number of elements), 0 of nothing."""
    total = segment_sum(x, ids, segments=segments)
    return divide(total, sqrt(segment_counts(x, ids, segments)))
