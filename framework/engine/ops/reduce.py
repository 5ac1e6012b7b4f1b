"""Reductions besides sum: mean, max, min, prod, any, all, argmax, argmin, logsumexp, moments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import (
    REDUCTIONS,
    as_runs,
    axes_of,
    axis_of,
    infer_reduction,
    reduced_shape,
    reshape,
    spread,
    sum_,
)
from framework.engine.ops.constants import number
from framework.engine.ops.create import cast
from framework.engine.ops.elementwise import (
    divide,
    multiply,
    subtract,
)
from framework.engine.ops.functions import exp
from framework.engine.ops.logical import equal
from framework.engine.ops.scan import cumprod
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Spec, Tensor


def count_of(x: Tensor | Spec, axis: int | tuple | None) -> int:
    """The number of elements that one result of the reduction is made of."""
    lengths = list(x.shape)
    return math.prod([lengths[a] for a in axes_of(len(lengths), axis)])


def mean_forward(x: np.ndarray, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind in "iu":  # TensorFlow: the mean of integers is an integer
        return np.trunc(x.mean(axis=axis, keepdims=keepdims)).astype(x.dtype)
    if not x.size:
        shape = reduced_shape(x.shape, axes_of(x.ndim, axis), keepdims)
        return np.full(shape, np.nan, x.dtype)  # the mean of nothing; NumPy would warn
    if x.dtype.itemsize == 2:  # float16: NumPy sums in float32
        return x.mean(axis=axis, keepdims=keepdims)
    total = np.add.reduce(x, axis=axis, keepdims=keepdims)
    return total / x.dtype.type(x.size // total.size)


@op(*REDUCTIONS, infer=infer_reduction, kernel_from=64)
def mean(x, *, axis=None, keepdims=False):
    """Mean over `axis` (None: all axes), in the dtype of x."""
    return mean_forward(x, axis_of(axis, x), keepdims)


def see_mean(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """As runs; means of integers are left to NumPy, whose sums do not overflow."""
    return as_runs(outs, inputs, attrs) if inputs[0].dtype.kind == "f" else None


@mean.kernel(views=see_mean)
def _(out, x, part, parts):
    width = out.shape[1]
    count = x.shape[1] // width
    (top, bottom), (left, right) = shares(out.shape, part, parts)
    for a in range(top, bottom):
        if width == 1:
            out[a, 0] = total(x[a]) / count
        else:
            sums = out[a, left:right]
            sum_runs(sums, x[a], left, width)
            for c in range(sums.size):
                sums[c] = sums[c] / count


@mean.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> tuple:
    return (spread(divide(g, number(count_of(x.array, axis), g)), x, axis),)


def see_filled(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """As runs, but the largest of nothing is left to NumPy."""
    return as_runs(outs, inputs, attrs) if inputs[0].size else None


def extreme(
    function: np.ufunc, x: np.ndarray, axis: Any, keepdims: bool, if_empty: Callable
) -> Any:
    axis = axis_of(axis, x)
    if x.size:
        return function.reduce(x, axis=axis, keepdims=keepdims)
    return function.reduce(x, axis=axis, keepdims=keepdims, initial=if_empty(x.dtype))


def lowest(dtype: np.dtype) -> float:
    """-inf, or the smallest integer."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> float:
    """inf, or the largest integer."""
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


@op(*REDUCTIONS, infer=infer_reduction, kernel_from=64)
def max_(x, *, axis=None, keepdims=False):
    """The largest over `axis` (None: all), NaN if one is; -inf of nothing;
    ties share the gradient evenly.
    """
    return extreme(np.maximum, x, axis, keepdims, lowest)


@max_.kernel(views=see_filled, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        row = x[a]
        if width == 1:
            wrong = 0
            for i in range(row.size):
                wrong += row[i] != row[i]
            out[a, 0] = nan(out) if wrong else largest(row)
        else:
            best = out[a]
            copy_into(best, row[:width])
            for b in range(1, x.shape[1] // width):
                part = row[b * width : b * width + width]
                for c in range(width):
                    best[c] = part[c] if (part[c] > best[c]) | (part[c] != part[c]) else best[c]


@op(*REDUCTIONS, infer=infer_reduction, kernel_from=64)
def min_(x, *, axis=None, keepdims=False):
    """The smallest over `axis` (None: all), NaN if one is; inf of nothing;
    ties share the gradient evenly.
    """
    return extreme(np.minimum, x, axis, keepdims, highest)


@min_.kernel(views=see_filled, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        row = x[a]
        if width == 1:
            wrong = 0
            for i in range(row.size):
                wrong += row[i] != row[i]
            out[a, 0] = nan(out) if wrong else smallest(row)
        else:
            best = out[a]
            copy_into(best, row[:width])
            for b in range(1, x.shape[1] // width):
                part = row[b * width : b * width + width]
                for c in range(width):
                    best[c] = part[c] if (part[c] < best[c]) | (part[c] != part[c]) else best[c]


def extreme_gradient(
    g: Tensor, y: Tensor, x: Tensor, *, axis: Any = None, keepdims: bool = False
) -> tuple:
    kept = reduced_shape(x.array.shape, axes_of(x.ndim, axis), True)
    y, g = reshape(y, shape=kept), reshape(g, shape=kept)
    is_best = cast(equal(x, y), dtype=g.array.dtype.name)
    count = sum_(is_best, axis=axis, keepdims=True)
    return (multiply(divide(is_best, count), g),)


max_.vjp("y x")(extreme_gradient)
min_.vjp("y x")(extreme_gradient)


@op(*REDUCTIONS, infer=infer_reduction)
def prod(x, *, axis=None, keepdims=False):
    """Product over `axis` (None: all axes), in the dtype of x;
    the gradient is right where elements are 0, too.
    """
    return x.prod(axis=axis_of(axis, x), keepdims=keepdims, dtype=x.dtype)


@prod.kernel(views=as_runs, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        row, product = x[a], zero(out) + 1
        if width == 1:
            for i in range(row.size):
                product = product * row[i]
            out[a, 0] = product
        else:
            products = out[a]
            for c in range(width):
                products[c] = 1
            for b in range(x.shape[1] // width):
                part = row[b * width : b * width + width]
                for c in range(width):
                    products[c] = products[c] * part[c]


@prod.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> tuple:
    """The product of all others: those before times those behind."""
    shape, axes = x.array.shape, axes_of(x.ndim, axis)
    order = (*[a for a in range(len(shape)) if a not in axes], *axes)
    rows = reshape(
        transpose(x, axes=order), shape=(-1 if x.array.size else 0, count_of(x.array, axis))
    )
    others = multiply(
        cumprod(rows, axis=1, exclusive=True), cumprod(rows, axis=1, exclusive=True, reverse=True)
    )
    moved = reshape(others, shape=tuple([shape[a] for a in order]))
    return (multiply(spread(g, x, axis), transpose(moved, axes=tuple(np.argsort(order).tolist()))),)


def infer_tested(x: Spec, *, axis: Any = None, keepdims: bool = False) -> Spec:
    if x.dtype.kind != "b":
        raise TypeError(f"any, all: got dtype {x.dtype.name}, wanted bool")
    return infer_reduction(x, axis=axis, keepdims=keepdims)


BOOLS = tuple([Sample(s.shapes, s.attrs, dtypes=(bool,)) for s in REDUCTIONS])


@op(*BOOLS, infer=infer_tested, is_differentiable=False)
def any_(x, *, axis=None, keepdims=False):
    """True if one element along `axis` (None: all axes) is."""
    return x.any(axis=axis_of(axis, x), keepdims=keepdims)


@any_.kernel(views=as_runs, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        for c in range(width):
            found = False
            for b in range(x.shape[1] // width):
                found = found or x[a, b * width + c]
            out[a, c] = found


@op(*BOOLS, infer=infer_tested, is_differentiable=False)
def all_(x, *, axis=None, keepdims=False):
    """True if all elements along `axis` (None: all axes) are."""
    return x.all(axis=axis_of(axis, x), keepdims=keepdims)


@all_.kernel(views=as_runs, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        for c in range(width):
            holds = True
            for b in range(x.shape[1] // width):
                holds = holds and x[a, b * width + c]
            out[a, c] = holds


ARGUMENTS = (
    Sample(((3, 4),)),
    Sample(((3, 4),), {"axis": 0}),
    Sample(((2, 3, 4),), {"axis": -1, "keepdims": True}),
    Sample(((2, 3, 4),), {"axis": 1, "dtype": "int32"}),
)


def infer_position(
    x: Spec, *, axis: Any = None, keepdims: bool = False, dtype: str = "int64"
) -> Spec:
    return Spec(reduced_shape(x.shape, axes_of(x.ndim, axis), keepdims), np.dtype(dtype))


@op(*ARGUMENTS, infer=infer_position, is_differentiable=False)
def argmax(x, *, axis=None, keepdims=False, dtype="int64"):
    """Position of the first largest element along `axis` (None: in the flat array);
    the first NaN if there is one.
    """
    return np.asarray(x.argmax(axis=axis_of(axis, x), keepdims=keepdims), dtype)


@argmax.kernel(views=see_filled, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        for c in range(width):
            best, place = x[a, c], 0
            for b in range(1, x.shape[1] // width):
                value = x[a, b * width + c]
                if value > best or (value != value and best == best):
                    best, place = value, b
            out[a, c] = place


@op(*ARGUMENTS, infer=infer_position, is_differentiable=False)
def argmin(x, *, axis=None, keepdims=False, dtype="int64"):
    """Position of the first smallest element along `axis` (None: in the flat array);
    the first NaN if there is one.
    """
    return np.asarray(x.argmin(axis=axis_of(axis, x), keepdims=keepdims), dtype)


@argmin.kernel(views=see_filled, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        for c in range(width):
            best, place = x[a, c], 0
            for b in range(1, x.shape[1] // width):
                value = x[a, b * width + c]
                if value < best or (value != value and best == best):
                    best, place = value, b
            out[a, c] = place


@op(*REDUCTIONS, infer=infer_reduction, floats_only=True)
def logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(e^x)) over `axis` (None: all axes), without overflow; -inf of nothing."""
    axis = axis_of(axis, x)
    top = extreme(np.maximum, x, axis, True, lowest)
    top = np.where(np.isfinite(top), top, top.dtype.type(0))
    total = np.exp(x - top).sum(axis=axis, keepdims=keepdims)
    with np.errstate(divide="ignore"):
        return np.log(total) + top.reshape(total.shape)


@logsumexp.kernel(views=see_filled, rows="out x")
def _(out, x):
    width = out.shape[1]
    for a in range(out.shape[0]):
        row = x[a]
        if width == 1:
            top = largest(row)
            top = top if top - top == 0.0 else 0.0
            out[a, 0] = log(total_exp(row, top)) + top
        else:
            for c in range(width):
                top, sum_exp = row[c], zero(out)
                for b in range(1, x.shape[1] // width):
                    top = max(top, row[b * width + c])
                top = top if top - top == 0.0 else 0.0
                for b in range(x.shape[1] // width):
                    sum_exp += exp(row[b * width + c] - top)
                out[a, c] = log(sum_exp) + top


@logsumexp.vjp("y x")
def _(g: Tensor, y: Tensor, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> tuple:
    return (multiply(spread(g, x, axis), exp(subtract(x, spread(y, x, axis)))),)
