"""Elements by index: gather and its inverse, one_hot, and x[...] in all of TensorFlow's forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import reshape
from framework.engine.ops.constants import number
from framework.engine.ops.create import cast
from framework.engine.ops.elementwise import add
from framework.engine.ops.keys import (
    WRONG_KEY,
    as_bound,
    from_start,
    is_mask,
    parts_of,
    plain_part,
    run_of,
)
from framework.engine.ops.logical import less, where
from framework.engine.ops.shape import strided_slice
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Spec, Tensor, as_tensor

GATHERS = (
    Sample(((4, 3), (5,)), dtypes=(None, np.int64), top=4),
    Sample(((2, 4, 3), (2, 3)), {"axis": 1}, dtypes=(None, np.int32), top=4),
    Sample(((3, 4), ()), {"axis": -1}, dtypes=(None, np.int32), top=4),
)


def gathered_shape(shape: tuple, indices: tuple, axis: int) -> tuple:
    """`indices` in the place of an axis."""
    if not -len(shape) <= axis < len(shape):
        raise ValueError(
            f"gather: axis {axis} is out of bounds for a tensor with {len(shape)} axes"
        )
    axis %= len(shape)
    return (*shape[:axis], *indices, *shape[axis + 1 :])


UNSIGNED = {np.dtype(f"i{n}").char: np.dtype(f"u{n}") for n in (4, 8)}


def check_indices(name: str, indices: np.ndarray, n: int) -> None:
    """Raise if an index lies outside [0, n)."""
    if indices.dtype.kind not in "iu":
        raise MixedDtypesError(f"{name}: indices have dtype {indices.dtype.name}, wanted integers")
    if not indices.size:
        return
    unsigned = (
        UNSIGNED.get(indices.dtype.char) if n < 2**31 else None
    )  # where what is below 0 is large: one look, not two
    top = np.maximum.reduce(indices if unsigned is None else indices.view(unsigned), axis=None)
    if top >= n or (unsigned is None and indices.min() < 0):
        wrong = indices[(indices < 0) | (indices >= n)].flat[0]
        raise InvalidArgumentError(f"{name}: index {wrong} is not in [0, {n})")


@op(
    *GATHERS,
    infer=lambda x, i, *, axis=0: Spec(gathered_shape(x.shape, i.shape, axis), x.dtype),
    is_exact=True,
)
def gather(x, indices, *, axis=0):
    """x[..., indices, ...] along `axis`; indices in [0, n) of any shape.

    An index out of range raises InvalidArgumentError, in a program too.
    """
    check_indices("gather", indices, x.shape[axis])
    return x.take(indices, axis=axis)


def see_gather(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    x, indices = inputs
    axis = attrs["axis"] % x.ndim
    a, n, c = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    return [(a, indices.size, c)], [(a, n, c), (indices.size,)], {"control": "control"}


@gather.kernel(views=see_gather)
def _(out, x, indices, control, part, parts):
    n, (begin, end) = x.shape[1], share(indices.size, 1, part, parts)
    for a in range(x.shape[0]):
        for i in range(begin, end):
            k, row = indices[i], out[a, i]
            if k >= 0 and k < n:
                copy_into(row, x[a, k])
            else:
                pointer_int64(control)[1] = 3  # NumPy's forward says which index is wrong


@gather.vjp("indices")
def _(g: Tensor, out: Tensor, x: Tensor, indices: Tensor, *, axis: Any = 0) -> tuple:
    whole = x.array.shape
    if axis == 0:
        rows = reshape(g, shape=(indices.array.size, *whole[1:]))
        return IndexedSlices(rows, reshape(indices, shape=(-1,)), whole), None
    return gather_grad(g, indices, whole=whole, axis=axis), None


def gather_grad_forward(g: np.ndarray, indices: np.ndarray, whole: tuple, axis: int) -> np.ndarray:
    check_indices("gather_grad", indices, whole[axis])
    axis %= len(whole)
    a, c = math.prod(whole[:axis]), math.prod(whole[axis + 1 :])
    rows, flat = g.reshape(a, indices.size, c), indices.reshape(-1)
    places = flat if c == 1 else (flat.astype(np.int64)[:, None] * c + np.arange(c)).reshape(-1)
    out = np.zeros((a, whole[axis] * c), g.dtype)
    for i in range(a):
        np.add.at(out[i], places, rows[i].reshape(-1))  # 5 times as fast as with whole rows
    return out.reshape(whole)


@op(
    Sample(((5, 3), (5,)), {"whole": (4, 3)}, dtypes=(None, np.int64), top=4),
    Sample(((2, 2, 3, 3), (2, 3)), {"whole": (2, 4, 3), "axis": 1}, dtypes=(None, np.int32), top=4),
    infer=lambda g, i, *, whole, axis=0: Spec(tuple(whole), g.dtype),
    kernel_from=1024,
)
def gather_grad(g, indices, *, whole, axis=0):
    """Zeros of shape `whole`, to which the parts of g are added at `indices` along `axis`:
    the gradient of gather.
    """
    return gather_grad_forward(g, indices, whole, axis)


def see_gather_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    (whole,), indices = outs, inputs[1]
    axis = attrs["axis"] % whole.ndim
    a, n, c = math.prod(whole.shape[:axis]), whole.shape[axis], math.prod(whole.shape[axis + 1 :])
    return [(a, n, c)], [(a, indices.size, c), (indices.size,)], {"control": "control"}


@gather_grad.kernel(views=see_gather_grad)
def _(out, g, indices, control):
    n = out.shape[1]
    for a in range(out.shape[0]):
        for k in range(n):
            row = out[a, k]
            for c in range(row.size):
                row[c] = 0
        for i in range(indices.size):
            k = indices[i]
            if k >= 0 and k < n:
                add_into(out[a, k], g[a, i])
            else:
                pointer_int64(control)[1] = 3


@gather_grad.vjp("indices")
def _(u: Tensor, out: Tensor, g: Tensor, indices: Tensor, *, whole: Any, axis: Any = 0) -> tuple:
    return gather(u, indices, axis=axis), None


def infer_along(x: np.ndarray | Spec, indices: np.ndarray | Spec, *, axis: int = -1) -> Spec:
    """No broadcasting: the shape of the result is the indices'."""
    ndim, fits = len(x.shape), len(x.shape) == len(indices.shape)
    if not (fits and -ndim <= axis < ndim) or any(
        [n != m and i != axis % ndim for i, (n, m) in enumerate(zip(x.shape, indices.shape))]
    ):
        raise InvalidArgumentError(
            f"take_along_axis: x {tuple(x.shape)} and indices {tuple(indices.shape)} must have "
            f"equal lengths but for axis {axis}"
        )
    return Spec(indices.shape, x.dtype)


@op(
    Sample(((4, 5), (4, 2)), dtypes=(None, np.int64), top=5),
    Sample(((4, 2, 3), (3, 2, 3)), {"axis": 0}, dtypes=(None, np.int32), top=4),
    infer=infer_along,
)
def take_along_axis(x, indices, *, axis=-1):
    """x[i, indices[i, j]] for axis 1 of a matrix: one index per element;
    all other axes have equal lengths.
    """
    infer_along(x, indices, axis=axis)
    check_indices("take_along_axis", indices, x.shape[axis])
    return x.reshape(-1).take(places_along(indices, x.shape, axis)).reshape(indices.shape)


def see_along(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    x, indices = inputs
    axis = attrs["axis"] % x.ndim
    a, c = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    picked = a, indices.shape[axis], c
    return [picked], [(a, x.shape[axis], c), picked], {"control": "control"}


@take_along_axis.kernel(views=see_along)
def _(out, x, indices, control):
    n = x.shape[1]
    for a in range(out.shape[0]):
        for i in range(out.shape[1]):
            for c in range(out.shape[2]):
                k = indices[a, i, c]
                if k >= 0 and k < n:
                    out[a, i, c] = x[a, k, c]
                else:
                    pointer_int64(control)[1] = 3


@take_along_axis.vjp("indices")
def _(g: Tensor, out: Tensor, x: Tensor, indices: Tensor, *, axis: Any = -1) -> tuple:
    return put_along_axis(g, indices, whole=x.array.shape, axis=axis), None


def put_along_axis_forward(
    g: np.ndarray, indices: np.ndarray, whole: tuple, axis: int
) -> np.ndarray:
    check_indices("put_along_axis", indices, whole[axis])
    out = np.zeros(whole, g.dtype)
    np.add.at(out.reshape(-1), places_along(indices, whole, axis), g.reshape(-1))
    return out


def places_along(indices: np.ndarray, whole: tuple, axis: int) -> np.ndarray:
    """Positions of the elements at `indices` along an axis, in a flat tensor of shape `whole`."""
    axis %= len(whole)
    a, c = math.prod(whole[:axis]), math.prod(whole[axis + 1 :])
    places = indices.reshape(a, indices.shape[axis], c) * np.int64(c) + np.arange(c)
    places += (np.arange(a) * (whole[axis] * c)).reshape(a, 1, 1)
    return places.reshape(-1)


@op(
    Sample(((4, 2), (4, 2)), {"whole": (4, 5)}, dtypes=(None, np.int64), top=5),
    infer=lambda g, i, *, whole, axis=-1: Spec(tuple(whole), g.dtype),
)
def put_along_axis(g, indices, *, whole, axis=-1):
    """Zeros of shape `whole` with g added where take_along_axis would take: its gradient."""
    return put_along_axis_forward(g, indices, whole, axis)


def see_put_along(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    (whole,), (g, _) = outs, inputs
    axis = attrs["axis"] % whole.ndim
    a, c = math.prod(whole.shape[:axis]), math.prod(whole.shape[axis + 1 :])
    picked = a, g.shape[axis], c
    return [(a, whole.shape[axis], c)], [picked, picked], {"control": "control"}


@put_along_axis.kernel(views=see_put_along)
def _(out, g, indices, control):
    n = out.shape[1]
    for a in range(out.shape[0]):
        for k in range(n):
            for c in range(out.shape[2]):
                out[a, k, c] = 0
        for i in range(g.shape[1]):
            for c in range(g.shape[2]):
                k = indices[a, i, c]
                if k >= 0 and k < n:
                    out[a, k, c] += g[a, i, c]
                else:
                    pointer_int64(control)[1] = 3


@put_along_axis.vjp("indices")
def _(u: Tensor, out: Tensor, g: Tensor, indices: Tensor, *, whole: Any, axis: Any = -1) -> tuple:
    return take_along_axis(u, indices, axis=axis), None


def one_hot_shape(indices: np.ndarray | Spec, depth: int, axis: int) -> tuple:
    shape = list(indices.shape)
    shape.insert(axis % (len(shape) + 1), depth)
    return tuple(shape)


@op(
    Sample(((4,),), {"depth": 3}, dtypes=(np.int64,), top=4),
    Sample(((2, 3),), {"depth": 4, "axis": 0, "on": 2.0, "off": -1.0}, dtypes=(np.int32,)),
    Sample(((2, 3),), {"depth": 4, "axis": 1, "dtype": "float64"}, dtypes=(np.uint8,)),
    infer=lambda indices, *, depth, on=1.0, off=0.0, axis=-1, dtype="float32": Spec(
        one_hot_shape(indices, depth, axis), np.dtype(dtype)
    ),
    is_differentiable=False,
)
def one_hot(indices, *, depth, on=1.0, off=0.0, axis=-1, dtype="float32"):
    """`on` at the position that each index names along a new axis of length `depth`, else `off`.

    An index outside [0, depth) names no position.
    """
    axis %= indices.ndim + 1
    places = np.arange(depth).reshape((depth,) + (1,) * (indices.ndim - axis))
    return np.where(
        np.expand_dims(indices, axis) == places, np.asarray(on, dtype), np.asarray(off, dtype)
    )


def see_one_hot(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    shape = inputs[0].shape
    axis = attrs["axis"] % (len(shape) + 1)
    a, c = math.prod(shape[:axis]), math.prod(shape[axis:])
    return (
        [(a, attrs["depth"], c)],
        [(a, c)],
        {"on": float(attrs["on"]), "off": float(attrs["off"])},
    )


@one_hot.kernel(views=see_one_hot)
def _(out, indices, on, off):
    for a in range(out.shape[0]):
        for k in range(out.shape[1]):
            for c in range(out.shape[2]):
                out[a, k, c] = off
        for c in range(out.shape[2]):
            if indices[a, c] >= 0 and indices[a, c] < out.shape[1]:
                out[a, indices[a, c], c] = on


def boolean_mask(x: Tensor, mask: Any) -> Tensor:
    """The elements of x where `mask`, which covers its first axes, is True;
    needs the mask's value (no trace).
    """
    x = as_tensor(x)
    array = np.asarray(mask.__array__() if isinstance(mask, Tensor) else mask)
    if not array.ndim:
        raise ValueError("mask cannot be scalar.")
    if array.shape != tuple(x.array.shape[: array.ndim]):
        raise ValueError(
            f"boolean_mask: mask {array.shape} does not fit a tensor {tuple(x.array.shape)}"
        )
    rows = reshape(x, shape=(array.size, *x.array.shape[array.ndim :]))
    return gather(rows, as_tensor(np.flatnonzero(array)))


def getitem_of(x: Tensor, key: Any) -> Tensor:
    """x[key]: integers, slices with any step, `...`, None, scalar tensors as integers or bounds;
    or a boolean mask.
    """
    if not ACTIVE.tapes and ACTIVE.trace is None:  # nobody asks how it was made
        part = plain_part(x.array, key)
        if part is not None:
            return Tensor(part)
    if is_mask(key):
        return boolean_mask(x, key)
    begin, sizes, strides, shape = [], [], [], []
    lengths = iter(x.array.shape)
    late: list = []  # (axis of the result, index) known only when the program runs: gathered
    for part in parts_of(key, len(x.array.shape)):
        if part is None:
            shape.append(1)
            continue
        n = next(lengths)
        if isinstance(part, slice):
            start, stride, count = run_of(part, n, len(begin))
            begin.append(start)
            sizes.append(count)
            strides.append(stride)
            shape.append(count)
        elif isinstance(part, Tensor) and part.is_abstract:
            if part.array.shape or part.array.dtype.kind not in "iu":
                raise TypeError(f"{WRONG_KEY}, got {part!r}")
            late.append((len(shape), part))
            begin.append(0)
            sizes.append(n)
            strides.append(1)
            shape.append(n)
        else:
            i: Any = as_bound(part)
            if not -n <= i < n:
                raise InvalidArgumentError(
                    f"slice index {i if i >= 0 else i + n} of dimension {len(begin)} out of "
                    f"bounds: got index {i}, the length is {n}"
                )
            begin.append(from_start(i, n))
            sizes.append(1)
            strides.append(1)
    y = strided_slice(
        x, begin=tuple(begin), sizes=tuple(sizes), strides=tuple(strides), shape=tuple(shape)
    )
    for axis, index in reversed(late):
        index = cast(index, dtype="int64")
        from_end = add(index, number(y.array.shape[axis], index))
        y = gather(y, where(less(index, number(0, index)), from_end, index), axis=axis)
    return y
