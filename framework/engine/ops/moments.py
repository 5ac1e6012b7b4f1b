"""Mean and variance, and what normalisation over a batch makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.op import Sample, elementwise, op
from framework.engine.operands import check_floats
from framework.engine.ops.broadcast import (
    as_runs,
    axis_of,
    infer_reduction,
    reshape,
    spread,
    unbroadcast,
)
from framework.engine.ops.constants import number
from framework.engine.ops.create import stop_gradient
from framework.engine.ops.elementwise import (
    add,
    divide,
    multiply,
    negative,
    sqrt,
    square,
    squared_difference,
    subtract,
)
from framework.engine.ops.reduce import count_of, mean, mean_forward
from framework.engine.tensor import Spec, Tensor


def infer_mean_variance(x: Spec, *, axis: Any = None) -> tuple[Spec, Spec]:
    kept = infer_reduction(x, axis=axis, keepdims=True)
    return kept, kept


@op(
    Sample(((3, 4),)),
    Sample(((13, 4),), {"axis": 0}),
    Sample(((2, 3, 4),), {"axis": (0, 1)}),
    Sample(((2, 3, 4),), {"axis": (0, 2)}),
    infer=infer_mean_variance,
    outs=2,
    floats_only=True,
)
def mean_variance(x, *, axis=None):
    """(mean, mean((x - mean)^2)) over `axis` (None: all axes), which are kept as axes of 1."""
    axis = axis_of(axis, x)
    middle = mean_forward(x, axis, True)
    return middle, mean_forward(np.square(x - middle), axis, True)


def see_runs(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """As the op `mean` sees them."""
    seen = as_runs(outs[:1], inputs, attrs)
    return seen and (seen[0] * 2, *seen[1:])


@mean_variance.kernel(views=see_runs)
def _(means, variances, x, part, parts):
    width = means.shape[1]
    count = x.shape[1] // width
    (top, bottom), (left, right) = shares(means.shape, part, parts)
    for a in range(top, bottom):
        if width == 1:
            middle = real(total(x[a]) / count)
            means[a, 0] = middle
            variances[a, 0] = total_square(x[a], middle) / count
        else:
            middles, squares = means[a, left:right], variances[a, left:right]
            sum_runs(middles, x[a], left, width)
            for c in range(middles.size):
                middles[c] = middles[c] / count
            square_runs(squares, x[a], left, width, middles)
            for c in range(squares.size):
                squares[c] = squares[c] / count


@mean_variance.vjp("x out")
def _(g: tuple, out: tuple, x: Tensor, *, axis: Any = None) -> tuple:
    """d mean / d x = 1 / n, d variance / d x = 2 (x - mean) / n."""
    of_mean, of_variance = g
    n, found = number(count_of(x.array, axis), x), None
    if of_variance is not None:
        found = scaled_difference(x, out[0], divide(multiply(of_variance, number(2, x)), n))
    if of_mean is not None:
        part = divide(of_mean, n)
        found = spread(part, x, axis) if found is None else add(found, part)
    return (found,)


@elementwise(
    lambda x, y, factor: (x - y) * factor,
    Sample(((3, 4), (4,), (4,))),
    Sample(((3, 4), (3, 4), (3, 4))),
    Sample(((3, 4), (1, 4), ())),
    Sample(((3, 1), (2, 1, 4), (4,))),
)
def scaled_difference(x: float, y: float, factor: float) -> float:
    """(x - y) factor"""
    return (x - y) * factor


@scaled_difference.vjp("x y factor")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, factor: Tensor, *, wants: list[bool]) -> tuple:
    """Of y and factor alike, of normalisation, neither sum is of a product with factor."""
    dx = multiply(g, factor)
    dy = d_factor = None
    if wants[1] and y.array.shape == factor.array.shape:
        dy = negative(multiply(unbroadcast(g, y), factor))
    elif wants[1]:
        dy = negative(unbroadcast(dx, y))
    if wants[2]:
        d_factor = unbroadcast(scaled_difference(x, y, g), factor)
    return unbroadcast(dx, x) if wants[0] else None, dy, d_factor


def variance(x: Tensor, *, axis: int | tuple | None = None, keepdims: bool = False) -> Tensor:
    """mean((x - mean(x))^2) over `axis` (None: all axes)."""
    check_floats("variance", x.array)
    away = subtract(x, mean(x, axis=axis, keepdims=True))
    return mean(square(away), axis=axis, keepdims=keepdims)


def std(x: Tensor, *, axis: int | tuple | None = None, keepdims: bool = False) -> Tensor:
    """sqrt(variance(x))"""
    return sqrt(variance(x, axis=axis, keepdims=keepdims))


def moments(
    x: Tensor, *, axis: int | tuple | None = None, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """(mean, variance) over `axis` (None: all axes).

    As in TensorFlow, the variance's gradient takes the mean for a constant: right in first order.
    """
    middle = mean(x, axis=axis, keepdims=True)
    away = squared_difference(x, stop_gradient(middle))
    spread_out = mean(away, axis=axis, keepdims=keepdims)
    return (middle if keepdims else reshape(middle, shape=spread_out.array.shape)), spread_out
