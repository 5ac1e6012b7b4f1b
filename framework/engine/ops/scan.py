"""Cumulative sums and products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import axes_of
from framework.engine.ops.elementwise import multiply
from framework.engine.ops.special import divide_no_nan
from framework.engine.tensor import Spec, Tensor

SCANS = tuple(
    Sample(((2, 3, 4),), {"axis": axis, "exclusive": exclusive, "reverse": reverse}, low=0.5)
    for axis, exclusive, reverse in (
        (0, False, False),
        (1, True, False),
        (-1, False, True),
        (1, True, True),
    )
)


def scan(
    function: np.ufunc, x: np.ndarray, axis: int, exclusive: bool, reverse: bool, start: int
) -> np.ndarray:
    """function.accumulate along an axis, from the end if reverse,
    without the element itself if exclusive.
    """
    if not x.ndim:
        axes_of(0, axis)  # says that there is none
    if reverse:
        x = np.flip(x, axis)
    y = function.accumulate(x, axis=axis, dtype=x.dtype)
    if exclusive:
        y = np.roll(y, 1, axis)
        first = [slice(None)] * x.ndim
        first[axis] = slice(0, 1)
        y[tuple(first)] = start
    return np.flip(y, axis) if reverse else y


def see_scan(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    shape, axis = inputs[0].shape, attrs["axis"] % inputs[0].ndim
    seen = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    return [seen], [seen], {"exclusive": attrs["exclusive"], "reverse": attrs["reverse"]}


@op(*SCANS, infer=lambda x, **attrs: Spec(x.shape, x.dtype))
def cumsum(x, *, axis=0, exclusive=False, reverse=False):
    """y[i] = x[0] + ... + x[i] along `axis`; exclusive: without x[i]; reverse: from the end."""
    return scan(np.add, x, axis, exclusive, reverse, 0)


@cumsum.kernel(views=see_scan)
def _(out, x, exclusive, reverse):
    n = x.shape[1]
    for a in range(x.shape[0]):
        for c in range(x.shape[2]):
            total = zero(out)
            for i in range(n):
                b = n - 1 - i if reverse else i
                before = total
                total = total + x[a, b, c]
                out[a, b, c] = before if exclusive else total


@cumsum.vjp()
def _(
    g: Tensor,
    out: Tensor,
    x: Tensor,
    *,
    axis: Any = 0,
    exclusive: bool = False,
    reverse: bool = False,
) -> tuple:
    return (cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse),)


@op(*SCANS, infer=lambda x, **attrs: Spec(x.shape, x.dtype))
def cumprod(x, *, axis=0, exclusive=False, reverse=False):
    """y[i] = x[0] ... x[i] along `axis`; exclusive: without x[i]; reverse: from the end.

    The gradient divides by x, and is 0 where an element is 0, as TensorFlow's (and as wrong).
    """
    return scan(np.multiply, x, axis, exclusive, reverse, 1)


@cumprod.kernel(views=see_scan)
def _(out, x, exclusive, reverse):
    n = x.shape[1]
    for a in range(x.shape[0]):
        for c in range(x.shape[2]):
            total = zero(out) + 1
            for i in range(n):
                b = n - 1 - i if reverse else i
                before = total
                total = total * x[a, b, c]
                out[a, b, c] = before if exclusive else total


@cumprod.vjp("y x")
def _(
    g: Tensor,
    y: Tensor,
    x: Tensor,
    *,
    axis: Any = 0,
    exclusive: bool = False,
    reverse: bool = False,
) -> tuple:
    back = cumsum(multiply(g, y), axis=axis, exclusive=exclusive, reverse=not reverse)
    return (divide_no_nan(back, x),)
