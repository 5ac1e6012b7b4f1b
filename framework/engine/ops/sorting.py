"""Order: argsort, sort, top_k, searchsorted, unique; and roll, which turns an axis."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.dimension import Dim, largest
from framework.engine.errors import InvalidArgumentError, TraceError
from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate, split
from framework.engine.ops.create import identity
from framework.engine.ops.index import take_along_axis
from framework.engine.tensor import Spec, Tensor


def check_sortable(x: np.ndarray | Spec, axis: int) -> None:
    """Raise unless x is of numbers and has this axis."""
    if x.dtype.kind == "b":
        raise InvalidArgumentError("argsort: got dtype bool, wanted numbers; cast the tensor")
    if not -len(x.shape) <= axis < len(x.shape):
        raise InvalidArgumentError(
            f"argsort: axis {axis} is out of bounds for a tensor with {len(x.shape)} axes"
        )


def infer_argsort(
    x: Spec,
    *,
    axis: int = -1,
    count: int | None = None,
    descending: bool = False,
    dtype: str = "int32",
) -> Spec:
    check_sortable(x, axis)
    axis %= len(x.shape)
    n = x.shape[axis] if count is None else count
    return Spec((*x.shape[:axis], n, *x.shape[axis + 1 :]), np.dtype(dtype))


@op(
    Sample(((7,),)),
    Sample(((3, 5),), {"axis": 0, "descending": True}),
    Sample(((2, 9, 3),), {"axis": 1, "dtype": "int64"}, dtypes=(np.int32,)),
    Sample(((2, 9),), {"descending": True}, dtypes=(np.uint8,)),
    Sample(((3, 9),), {"count": 4, "descending": True}),
    infer=infer_argsort,
    is_differentiable=False,
)
def argsort(x, *, axis=-1, count=None, descending=False, dtype="int32"):
    """The indices that put x in order along `axis` (the first `count` of them, None: all); equal
    elements keep theirs.

    NaN counts as larger than all numbers: last, or first if descending.
    """
    check_sortable(x, axis)
    if descending:
        backward = np.argsort(np.flip(x, axis), axis, kind="stable")
        order = x.shape[axis] - 1 - np.flip(backward, axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    if count is not None:
        order = np.moveaxis(np.moveaxis(order, axis, 0)[:count], 0, axis)
    return order.astype(dtype)


def see_argsort(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    shape, axis = inputs[0].shape, attrs["axis"] % len(inputs[0].shape)
    before, behind = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    seen = {"descending": attrs["descending"]}
    return [(before, outs[0].shape[axis], behind)], [(before, shape[axis], behind)], seen


@argsort.kernel(views=see_argsort)
def _(out, x, descending):
    """Heap sort in place, by value and then by index, of the k that come first.

    In the heap nothing comes later in the order than what is above it. k / 2 steps build it of the
    first k, n - k steps put each other element that comes earlier in the place of the top, k - 1
    steps empty the heap from its end.
    """
    n, k = x.shape[1], out.shape[1]
    for a in range(x.shape[0]):
        for c in range(x.shape[2]):
            for i in range(k):
                out[a, i, c] = i
            for step in range(min(k, 1) * (k // 2 + n - 1)):
                root, end = 0, k
                if step < k // 2:
                    root = k // 2 - 1 - step
                elif step < k // 2 + n - k:
                    i, j = out[a, 0, c], step - k // 2 + k
                    low = x[a, i, c] if descending else x[a, j, c]
                    high = x[a, j, c] if descending else x[a, i, c]
                    if (low < high) | ((high != high) & (low == low)):
                        out[a, 0, c] = j
                    else:
                        continue
                else:
                    end = k // 2 + n - 1 - step
                    out[a, 0, c], out[a, end, c] = out[a, end, c], out[a, 0, c]
                last = -1
                while last != root:
                    last = root
                    for child in range(2 * root + 1, min(2 * root + 3, end)):
                        i, j = out[a, last, c], out[a, child, c]
                        low = x[a, j, c] if descending else x[a, i, c]
                        high = x[a, i, c] if descending else x[a, j, c]
                        is_later = (low < high) | ((high != high) & (low == low))
                        is_earlier = (high < low) | ((low != low) & (high == high))
                        if is_later | ((j > i) & (not is_earlier)):
                            last = child
                    out[a, root, c], out[a, last, c] = out[a, last, c], out[a, root, c]
                    root, last = last, root


def sort(x: Tensor, *, axis: int = -1, descending: bool = False) -> Tensor:
    """x in order along `axis`; the gradient goes back to where each element stood."""
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


def top_k(x: Tensor, *, k: int = 1, dtype: str = "int32") -> tuple[Tensor, Tensor]:
    """(values, indices) of the k largest along the last axis, the largest first; of equal ones
    the first.
    """
    if not x.ndim:
        raise InvalidArgumentError("top_k: input must be >= 1-D, got shape ()")
    n = x.array.shape[-1]
    if not 0 <= k <= n:
        raise InvalidArgumentError(f"top_k: k is {k}, wanted 0 <= k <= {n}, the last axis' length")
    indices = argsort(x, count=k, descending=True, dtype=dtype)
    return take_along_axis(x, indices), indices


def check_searched(x: np.ndarray | Spec, values: np.ndarray | Spec) -> None:
    """Raise unless both have an axis to search along and agree in all others."""
    if not x.shape or not values.shape or x.shape[:-1] != values.shape[:-1]:
        raise InvalidArgumentError(
            f"searchsorted: the sequence {tuple(x.shape)} and the values {tuple(values.shape)} "
            "must have the same shape but for the last axis"
        )


def infer_searchsorted(x: Spec, values: Spec, *, side: str = "left", dtype: str = "int32") -> Spec:
    check_searched(x, values)
    return Spec(values.shape, np.dtype(dtype))


@op(
    Sample(((5,), (7,))),
    Sample(((2, 9), (2, 4)), {"side": "right", "dtype": "int64"}, dtypes=(np.int32, np.int32)),
    infer=infer_searchsorted,
    is_differentiable=False,
    same_dtype=True,
)
def searchsorted(x, values, *, side="left", dtype="int32"):
    """Where each value would be put into the sorted rows of x: left, before its equals (the number
    of elements < value); right, behind them (the number <= value).
    """
    check_searched(x, values)
    first = np.zeros(values.shape, np.int64)
    count = np.full(values.shape, x.shape[-1])
    while count.size and count.max() > 0:
        middle = first + count // 2
        found = np.take_along_axis(x, np.minimum(middle, x.shape[-1] - 1), -1)
        is_behind = (found < values) if side == "left" else ~(values < found)
        is_behind &= count > 0
        first = np.where(is_behind, middle + 1, first)
        count = np.where(is_behind, count - count // 2 - 1, count // 2)
    return first.astype(dtype)


def see_searchsorted(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    rows = math.prod(inputs[0].shape[:-1])
    n, m = inputs[0].shape[-1], inputs[1].shape[-1]
    return [(rows, m)], [(rows, n), (rows, m)], {"is_left": attrs["side"] == "left"}


@searchsorted.kernel(views=see_searchsorted)
def _(out, x, values, is_left):
    for a in range(out.shape[0]):
        for i in range(out.shape[1]):
            value, first, count = values[a, i], 0, x.shape[1]
            while count > 0:
                step = count // 2
                found = x[a, first + step]
                if (found < value) if is_left else not (value < found):
                    first, count = first + step + 1, count - step - 1
                else:
                    count = step
            out[a, i] = first


def value_of(name: str, x: Tensor) -> np.ndarray:
    """The value of x, on which the shape of a result depends; TraceError while tracing."""
    if x.is_abstract or (x.is_variable and ACTIVE.trace is not None):
        raise TraceError(
            f"{name}: the shape of the result depends on the values of an input, which are not "
            "known while tracing; run it eagerly (run_eagerly=True), outside of the traced function"
        )
    return x.__array__()


def unique(x: Tensor, *, dtype: str = "int32") -> tuple[Tensor, Tensor, Tensor]:
    """(y, indices, counts): the different elements in the order of their first appearance, with
    x = y[indices]; needs the values (no trace), and no gradient leads to x.
    """
    array = value_of("unique", x)
    if array.ndim != 1:
        raise InvalidArgumentError(f"unique: expects a 1D vector, got shape {array.shape}")
    _, first, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    order = np.argsort(first)
    rank = np.argsort(order)
    found = array[first[order]], rank[inverse].astype(dtype), counts[order].astype(dtype)
    return Tensor(found[0]), Tensor(found[1]), Tensor(found[2])


def roll(x: Tensor, *, shift: int | tuple, axis: int | tuple) -> Tensor:
    """y[(i + shift) mod n] = x[i] along `axis`; several axes: one shift each, those of an axis that
    is named twice add up.
    """
    shifts = shift if isinstance(shift, tuple) else (shift,)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not x.ndim:
        raise InvalidArgumentError("roll: input must be 1-D or higher")
    if len(shifts) != len(axes):
        raise InvalidArgumentError(f"roll: shift {shift} and axis {axis} must have the same size")
    for n, a in zip(shifts, axes, strict=True):
        if not isinstance(n, int) or not -x.ndim <= a < x.ndim:
            raise InvalidArgumentError(
                f"roll: shift {n} along axis {a} of a tensor with {x.ndim} axes; wanted an integer "
                "and an axis in range"
            )
    y = identity(x)
    for a in sorted({a % x.ndim for a in axes}):
        n = x.array.shape[a]
        total = sum([s for s, b in zip(shifts, axes, strict=True) if b % x.ndim == a])
        if type(n) is Dim or (n and total % n):
            behind = total % largest(n, 1)
            head, tail = split(y, [n - behind, behind], axis=a)
            y = concatenate(tail, head, axis=a)
    return y
