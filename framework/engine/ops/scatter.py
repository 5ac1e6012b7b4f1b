"""Elements by coordinates: gather_nd, scatter_nd, and writing into a copy at coordinates.

Coordinates become positions of rows in a flat tensor (flat_index); the rest is gather and its
inverse.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate
from framework.engine.ops.broadcast import broadcast_to, reshape, zeros_like
from framework.engine.ops.create import cast
from framework.engine.ops.elementwise import add, divide, multiply
from framework.engine.ops.index import check_indices, gather, gather_grad
from framework.engine.ops.logical import equal
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Spec, Tensor

COORDINATES = 4  # what the kernel of flat_index takes


@op(
    Sample(((5, 2),), {"shape": (3, 4)}, dtypes=(np.int64,)),
    Sample(((2, 3, 1),), {"shape": (3,)}, dtypes=(np.int32,)),
    Sample(((4, 0),), {"shape": ()}, dtypes=(np.int32,)),
    infer=lambda indices, *, shape: Spec((math.prod(indices.shape[:-1]),), np.dtype(np.int64)),
    is_differentiable=False,
)
def flat_index(indices, *, shape):
    """The positions in C order of the elements at coordinates `indices` (..., len(shape)) of a
    tensor of this shape, as one vector: ((i0 n1) + i1) n2 + i2 ...

    A coordinate out of range raises InvalidArgumentError, in a program too.
    """
    rows = indices.reshape(-1, len(shape)) if shape else indices.reshape(-1, 1)[:0]
    wrong = np.argwhere(((rows < 0) | (rows >= np.asarray(shape))).any(-1)) if shape else rows
    if len(wrong):
        i = int(wrong[0, 0])
        raise InvalidArgumentError(
            f"indices[{i}] = {rows[i].tolist()} does not index into shape {tuple(shape)}"
        )
    flat = np.zeros(math.prod(indices.shape[:-1]), np.int64)
    for axis, n in enumerate(shape):
        flat = flat * n + rows[:, axis]
    return flat


def see_coordinates(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    shape = attrs["shape"]
    if len(shape) > COORDINATES:
        return None
    sizes = {f"n{i}": shape[i] if i < len(shape) else 1 for i in range(COORDINATES)}
    return [(outs[0].size,)], [(outs[0].size, len(shape))], sizes | {"control": "control"}


@flat_index.kernel(views=see_coordinates)
def _(out, indices, control, n0, n1, n2, n3):
    for i in range(out.size):
        flat = 0
        for axis in range(indices.shape[1]):
            n = n0 if axis == 0 else n1 if axis == 1 else n2 if axis == 2 else n3
            k = int(indices[i, axis])
            if k < 0 or k >= n:
                pointer_int64(control)[1] = 3
            flat = flat * n + k
        out[i] = flat


def check_rows(x: np.ndarray | Spec, indices: np.ndarray | Spec, rows: np.ndarray | Spec) -> None:
    """Raise unless there is one row of x's form per index."""
    if len(indices.shape) != 1 or rows.shape != (*indices.shape, *x.shape[1:]):
        raise InvalidArgumentError(
            f"put: rows {tuple(rows.shape)} at indices {tuple(indices.shape)} do not fit "
            f"{tuple(x.shape)}"
        )
    if x.dtype != rows.dtype:
        raise InvalidArgumentError(f"put: x is {x.dtype.name}, the rows are {rows.dtype.name}")


def infer_put(x: Spec, indices: Spec, rows: Spec) -> Spec:
    check_rows(x, indices, rows)
    return Spec(x.shape, x.dtype)


def see_put(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    x, indices, rows = inputs
    size = math.prod(x.shape[1:])
    whole = x.shape[0], size
    return (
        [whole],
        [whole, (indices.size,), (indices.size, size)],
        {"control": "control"},
    )


ONE_ROW = Sample(((4, 3), (1,), (1, 3)), dtypes=(None, np.int64), top=4)  # no index twice
ROWS = Sample(((4, 2), (6,), (6, 2)), dtypes=(None, np.int32), top=4)


@op(ONE_ROW, Sample(((4,), (1,), (1,)), dtypes=(None, np.int32), top=4), infer=infer_put)
def put_rows(x, indices, rows):
    """x with x[indices[i]] = rows[i]; of several rows for one place the last stands, and each of
    them gets the gradient (as in TensorFlow).
    """
    check_rows(x, indices, rows)
    check_indices("put_rows", indices, x.shape[0])
    out = x.copy()
    out[indices] = rows
    return out


@put_rows.kernel(views=see_put)
def _(out, x, indices, rows, control):
    for k in range(x.shape[0]):
        copy_into(out[k], x[k])
    for i in range(indices.size):
        k = indices[i]
        if k >= 0 and k < x.shape[0]:
            copy_into(out[k], rows[i])
        else:
            pointer_int64(control)[1] = 3


@put_rows.vjp("indices")
def _(g: Tensor, out: Tensor, x: Tensor, indices: Tensor, rows: Tensor) -> tuple:
    return put_rows(g, indices, zeros_like(rows)), None, gather(g, indices)


def put_extreme(
    name: str, function: np.ufunc, x: np.ndarray, indices: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """function.at, where a NaN in x stays and one in the rows says nothing."""
    check_rows(x, indices, rows)
    check_indices(name, indices, x.shape[0])
    out = x.copy()
    function.at(out, indices, rows)
    return np.where(x != x, x, out)


@op(ROWS, ONE_ROW, infer=infer_put)
def put_largest(x, indices, rows):
    """x with x[indices[i]] = max(x[indices[i]], rows[i]); ties share the gradient evenly."""
    return put_extreme("put_largest", np.fmax, x, indices, rows)


@put_largest.kernel(views=see_put)
def _(out, x, indices, rows, control):
    for k in range(x.shape[0]):
        copy_into(out[k], x[k])
    for i in range(indices.size):
        k = indices[i]
        if k >= 0 and k < x.shape[0]:
            best, row = out[k], rows[i]
            for c in range(row.size):
                best[c] = row[c] if row[c] > best[c] else best[c]
        else:
            pointer_int64(control)[1] = 3


@op(ROWS, ONE_ROW, infer=infer_put)
def put_smallest(x, indices, rows):
    """x with x[indices[i]] = min(x[indices[i]], rows[i]); ties share the gradient evenly."""
    return put_extreme("put_smallest", np.fmin, x, indices, rows)


@put_smallest.kernel(views=see_put)
def _(out, x, indices, rows, control):
    for k in range(x.shape[0]):
        copy_into(out[k], x[k])
    for i in range(indices.size):
        k = indices[i]
        if k >= 0 and k < x.shape[0]:
            best, row = out[k], rows[i]
            for c in range(row.size):
                best[c] = row[c] if row[c] < best[c] else best[c]
        else:
            pointer_int64(control)[1] = 3


def put_extreme_gradient(g: Tensor, y: Tensor, x: Tensor, indices: Tensor, rows: Tensor) -> tuple:
    """g / (how many are equal to the result), to each that is."""
    dtype = g.array.dtype.name
    is_old = cast(equal(x, y), dtype=dtype)
    is_new = cast(equal(rows, gather(y, indices)), dtype=dtype)
    whole = tuple(x.array.shape)
    shared = divide(g, add(is_old, gather_grad(is_new, indices, whole=whole)))
    return multiply(shared, is_old), None, multiply(gather(shared, indices), is_new)


put_largest.vjp("y x indices rows")(put_extreme_gradient)
put_smallest.vjp("y x indices rows")(put_extreme_gradient)


def depth_of(name: str, indices: Tensor, ndim: int) -> int:
    """The number of coordinates in the last axis of `indices`, for a tensor with `ndim` axes."""
    shape = indices.array.shape
    if indices.array.dtype.kind not in "iu":
        raise MixedDtypesError(f"{name}: indices have dtype {indices.dtype.name}, wanted integers")
    if not shape:
        raise InvalidArgumentError(f"{name}: indices must be at least a vector")
    if shape[-1] > ndim:
        raise InvalidArgumentError(
            f"{name}: the innermost length of indices {tuple(shape)} must be <= the rank of the "
            f"tensor, {ndim}"
        )
    return shape[-1]


def as_rows(x: Tensor, depth: int) -> Tensor:
    """x with its first `depth` axes joined."""
    if depth == 1:  # so that the gradient stays IndexedSlices
        return x
    shape = tuple(x.array.shape)
    return reshape(x, shape=(math.prod(shape[:depth]), *shape[depth:]))


def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """x[i0, i1, ...] for each row (i0, i1, ...) of `indices` (..., depth), behind `batch_dims`
    leading axes that both have.
    """
    if batch_dims:
        return gather_nd_of_batch(x, indices, batch_dims)
    depth = depth_of("gather_nd", indices, x.ndim)
    shape = tuple(x.array.shape)
    if depth == 1:  # they are the rows
        flat = reshape(indices, shape=tuple(indices.array.shape[:-1]))
    else:
        flat = flat_index(indices, shape=shape[:depth])
    rows = gather(as_rows(x, depth), flat)
    return reshape(rows, shape=(*indices.array.shape[:-1], *shape[depth:]))


def gather_nd_of_batch(x: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    """gather_nd with the number of the batch row as one more coordinate."""
    if batch_dims < 0 or batch_dims >= min(indices.ndim, x.ndim):
        raise ValueError(
            f"gather_nd: batch_dims is {batch_dims}, wanted 0 <= batch_dims < the ranks "
            f"{x.ndim} and {indices.ndim}"
        )
    mine, theirs = tuple(x.array.shape[:batch_dims]), tuple(indices.array.shape)
    if mine != theirs[:batch_dims]:
        raise InvalidArgumentError(
            f"gather_nd: the first {batch_dims} axes of params {tuple(x.shape)} and indices "
            f"{theirs} must be equal"
        )
    count, inner = math.prod(mine), math.prod(theirs[batch_dims:-1])
    wide = cast(reshape(indices, shape=(count, inner, theirs[-1])), dtype="int64")
    number = broadcast_to(Tensor(np.arange(count).reshape(-1, 1, 1)), shape=(count, inner, 1))
    found = gather_nd(as_rows(x, batch_dims), concatenate(number, wide, axis=-1))
    rest = tuple(x.array.shape[batch_dims + theirs[-1] :])
    return reshape(found, shape=(*theirs[:-1], *rest))


def gather_of_batch(x: Tensor, indices: Tensor, *, axis: int, batch_dims: int) -> Tensor:
    """x[b, ..., indices[b, ...], ...] along `axis`, for each b of `batch_dims` leading axes."""
    shape, theirs = tuple(x.array.shape), tuple(indices.array.shape)
    if shape[:batch_dims] != theirs[:batch_dims]:
        raise InvalidArgumentError(
            f"gather: the first {batch_dims} axes of params {shape} and indices {theirs} must be "
            "equal"
        )
    axes = range(len(shape))
    order = (*axes[:batch_dims], axis, *axes[batch_dims:axis], *axes[axis + 1 :])
    x = transpose(x, axes=order)
    found = gather_nd(x, reshape(indices, shape=(*theirs, 1)), batch_dims=batch_dims)
    between = axis - batch_dims  # axes that stand behind the indices' now
    inner = len(theirs) - batch_dims
    moved = range(found.ndim)
    back = (
        *moved[:batch_dims],
        *moved[batch_dims + inner : batch_dims + inner + between],
        *moved[batch_dims : batch_dims + inner],
        *moved[batch_dims + inner + between :],
    )
    return transpose(found, axes=back)


def check_updates(name: str, indices: Tensor, updates: Tensor, shape: tuple) -> int:
    """The depth of the coordinates, if `updates` has the shape that `indices` ask for."""
    if not updates.ndim:
        raise InvalidArgumentError(f"{name}: updates must have rank at least one, got shape ()")
    depth = depth_of(name, indices, len(shape))
    wanted = (*indices.array.shape[:-1], *shape[depth:])
    if tuple(updates.array.shape) != wanted:
        raise InvalidArgumentError(
            f"{name}: indices {tuple(indices.shape)} into shape {shape} want updates of shape "
            f"{wanted}, got {tuple(updates.shape)}"
        )
    return depth


def scatter_nd(indices: Tensor, updates: Tensor, *, shape: tuple) -> Tensor:
    """Zeros of `shape`, to which updates[i] is added at the coordinates indices[i]; equal ones add
    up. (of bools: or)
    """
    if updates.array.dtype.kind == "b":
        return cast(scatter_nd(indices, cast(updates, dtype="int32"), shape=shape), dtype="bool")
    depth = check_updates("scatter_nd", indices, updates, shape)
    flat = flat_index(indices, shape=shape[:depth])
    rest, count = shape[depth:], math.prod(shape[:depth])
    rows = reshape(updates, shape=(flat.array.shape[0], *rest))
    return reshape(gather_grad(rows, flat, whole=(count, *rest)), shape=shape)


def scatter_into(put: Any, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """x with the updates at coordinates `indices`, by put_rows, put_largest or put_smallest."""
    shape = tuple(x.array.shape)
    depth = check_updates("tensor_scatter_nd", indices, updates, shape)
    flat = flat_index(indices, shape=shape[:depth])
    rows = reshape(updates, shape=(flat.array.shape[0], *shape[depth:]))
    return reshape(put(as_rows(x, depth), flat, rows), shape=shape)
