"""reshape, broadcast_to, sum: the ops that undo each other's shapes;
and `unbroadcast` for gradient rules.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.dimension import number_of
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Op, Sample, elementwise, op
from framework.engine.ops.constants import number
from framework.engine.tensor import Spec, Tensor


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of x's shape and dtype, one number repeated; for gradient rules."""
    return broadcast_to(number(0, x), shape=x.array.shape)


def unbroadcast(g: Tensor, x: Tensor) -> Tensor:
    """g summed over the axes along which x was broadcast; for gradient rules."""
    shape, wanted = g.array.shape, x.array.shape
    if shape == wanted:
        return g
    lead = len(shape) - len(wanted)
    axes = (
        *range(lead),
        *[i + lead for i, n in enumerate(wanted) if n == 1 and shape[i + lead] != 1],
    )
    total = sum_(g, axis=axes)
    return total if total.array.shape == wanted else reshape(total, shape=wanted)


def axes_of(ndim: int, axis: int | tuple | None) -> tuple:
    """`axis` (None: all) as a sorted tuple of axes >= 0."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise InvalidArgumentError(f"axis {a} is out of bounds for a tensor with {ndim} axes")
    found = sorted({a % ndim for a in axes})
    if len(found) < len(axes):
        raise InvalidArgumentError(f"duplicate value in 'axis': {axes} for {ndim} axes")
    return tuple(found)


def axis_of(axis: Any, x: np.ndarray) -> Any:
    """`axis` for NumPy, which takes no list, and takes 0 as an axis of a scalar."""
    if not x.ndim and axis is not None:
        axes_of(0, axis)  # says that there is none
    return tuple(axis) if isinstance(axis, list) else axis


def reduced_shape(shape: tuple, axes: tuple, keepdims: bool) -> tuple:
    """The shape after a reduction over `axes`."""
    return tuple([1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes])


def infer_reduction(x: Spec, *, axis: Any = None, keepdims: bool = False) -> Spec:
    """The Spec of a reduction that keeps the dtype."""
    return Spec(reduced_shape(x.shape, axes_of(x.ndim, axis), keepdims), x.dtype)


def resolve_shape(shape: Any, size: int, old: tuple) -> tuple:
    """`shape`, also one number, with its -1 replaced."""
    wanted = tuple([number_of(n) for n in (shape if isinstance(shape, tuple) else (shape,))])
    open_axes = sum([n == -1 for n in wanted])
    known = math.prod([n for n in wanted if n != -1])
    missing = missing_size(wanted, known, size, old) if open_axes == 1 else None
    if open_axes > 1 or (missing is None and known != size):
        raise ValueError(
            f"reshape: cannot reshape {tuple(old)} ({size} elements) to {tuple(wanted)}"
        )
    return tuple([missing if n == -1 else n for n in wanted])


def missing_size(wanted: tuple, known: int, size: int, old: tuple) -> int | None:
    """The length of the axis that is -1, if there is one that fits; of nothing in nothing that of
    the other axes."""
    if known == 0 and size == 0:
        known = math.prod([n for n in wanted if n not in (0, -1)])
        return math.prod([n for n in old if n != 0]) // known
    return size // known if known != 0 and size % known == 0 else None


def infer_reshape(x: Spec, *, shape: Any) -> Spec:
    return Spec(resolve_shape(shape, x.size, x.shape), x.dtype)


@op(
    Sample(((3, 4),), {"shape": (2, 6)}),
    Sample(((3, 4),), {"shape": (-1,)}),
    infer=infer_reshape,
    is_view=True,
    is_exact=True,
)
def reshape(x, *, shape):
    """The same elements in another shape (one dimension may be -1): no work in a program."""
    try:
        out = x.reshape(shape)
        if out.shape == shape:
            return out
    except (ValueError, TypeError):
        pass  # said by resolve_shape
    return x.reshape(resolve_shape(shape, x.size, x.shape))  # which refuses -2, as NumPy does not


@reshape.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, shape: Any) -> tuple:
    return (reshape(g, shape=x.array.shape),)


def infer_broadcast_to(x: np.ndarray | Spec, *, shape: Any) -> Spec:
    fits = x.ndim <= len(shape) and all(
        [n in (1, m) for n, m in zip(reversed(x.shape), reversed(shape))]
    )
    if not fits or any([m < 0 for m in shape]):
        raise InvalidArgumentError(
            f"broadcast_to: a tensor of shape {tuple(x.shape)} cannot be repeated to {tuple(shape)}"
        )
    return Spec(tuple(shape), x.dtype)


def repeated(x: np.ndarray, *, shape: Any) -> np.ndarray:
    """np.broadcast_to, which takes 3 us, with a short way for single numbers; read-only, since all
    elements may be one."""
    if x.size == 1 and x.ndim <= len(shape) and min(shape, default=0) >= 0:
        out = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
        out.flags.writeable = False
        return out
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        infer_broadcast_to(x, shape=shape)  # says what does not fit
        raise


@elementwise(
    repeated,
    Sample(((1, 4),), {"shape": (3, 4)}),
    Sample(((),), {"shape": (2, 3)}),
    infer=infer_broadcast_to,
    same_dtype=False,
)
def broadcast_to(x: float, *, shape: Any) -> float:
    """x repeated to `shape` by NumPy's broadcasting rules."""
    return x


@broadcast_to.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, shape: Any) -> tuple:
    return (unbroadcast(g, x),)


def as_runs(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """See x as (a, b c) and the result as (a, c), where b is reduced: runs of c elements.

    Axes that are not neighbours, and results without elements, are left to the NumPy forward.
    """
    shape, axes = inputs[0].shape, axes_of(inputs[0].ndim, attrs.get("axis"))
    if not outs[0].size or (axes and axes != tuple(range(axes[0], axes[-1] + 1))):
        return None
    start, stop = (axes[0], axes[-1] + 1) if axes else (len(shape), len(shape))
    a, b, c = math.prod(shape[:start]), math.prod(shape[start:stop]), math.prod(shape[stop:])
    return [(a, c)], [(a, b * c)], {}


REDUCTIONS = (
    Sample(((3, 4),)),
    Sample(((3, 4),), {"axis": 0}),
    Sample(((2, 3, 4),), {"axis": (1, 2), "keepdims": True}),
    Sample(((2, 3, 4),), {"axis": (0, 2)}),
)


@op(*REDUCTIONS, infer=infer_reduction, kernel_from=64)
def sum_(x, *, axis=None, keepdims=False):
    """Sum over `axis` (None: all axes), in the dtype of x."""
    return np.add.reduce(x, axis=axis_of(axis, x), keepdims=keepdims, dtype=x.dtype)


@sum_.kernel(views=as_runs)
def _(out, x, part, parts):
    width = out.shape[1]
    (top, bottom), (left, right) = shares(out.shape, part, parts)
    for a in range(top, bottom):
        if width == 1:
            out[a, 0] = total(x[a])
        else:
            sum_runs(out[a, left:right], x[a], left, width)


def spread(g: Tensor, x: Tensor, axis: int | tuple | None) -> Tensor:
    """A reduced g back over the axes of x that were reduced."""
    shape = x.array.shape
    kept = reduced_shape(shape, axes_of(len(shape), axis), True)
    return broadcast_to(g if g.array.shape == kept else reshape(g, shape=kept), shape=shape)


@sum_.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> tuple:
    return (spread(g, x, axis),)


sum_op: Op = sum_
