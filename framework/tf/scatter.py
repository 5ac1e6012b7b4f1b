"""Names that read and write at coordinates."""

from __future__ import annotations

from typing import Any

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor


def check_policy(name: str, policy: str) -> None:
    """Indices out of range are an error: there is no other policy here."""
    if policy not in ("", "DEFAULT", "ERROR"):
        raise NotImplementedError(f"{name}: bad_indices_policy={policy!r} is not supported")


def gather_nd(
    params: Any,
    indices: Any,
    batch_dims: Any = 0,
    name: str | None = None,
    bad_indices_policy: str = "",
) -> Tensor:
    """params[i0, i1, ...] for each row (i0, i1, ...) of `indices`, behind batch_dims axes."""
    check_policy("gather_nd", bad_indices_policy)
    return ops.gather_nd(tensor(params), tensor(indices), batch_dims=door.static(batch_dims))


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: Any = 0,
    name: str | None = None,
) -> Tensor:
    """params[..., indices, ...] along `axis` (None: batch_dims), behind batch_dims common axes."""
    x, indices = tensor(params), tensor(indices)
    is_of_numbers = indices.array.dtype.kind in "iu"
    if axis is None and type(batch_dims) is int and not batch_dims:
        if is_of_numbers and x.array.shape:  # rows: nothing below would have a word to say
            return ops.gather.apply((x, indices), {"axis": 0})
    batch_dims, axis = door.static(batch_dims), door.static(axis)
    if not is_of_numbers:
        raise MixedDtypesError(f"gather: indices have dtype {indices.dtype.name}, wanted integers")
    if not -indices.ndim <= batch_dims <= indices.ndim:
        raise InvalidArgumentError(
            f"gather: batch_dims is {batch_dims}, the indices have {indices.ndim} axes"
        )
    axis = batch_dims if axis is None else axis
    batch_dims += indices.ndim if batch_dims < 0 else 0
    batch_dims = batch_dims if axis else 0  # there, axis=0 takes no notice of batch_dims
    if not -x.ndim <= axis < x.ndim or axis % x.ndim < batch_dims:
        raise InvalidArgumentError(
            f"gather: axis is {axis}, wanted batch_dims = {batch_dims} <= axis < {x.ndim}"
        )
    if not batch_dims:
        return ops.gather(x, indices, axis=axis)
    return ops.gather_of_batch(x, indices, axis=axis % x.ndim, batch_dims=batch_dims)


def scatter_nd(
    indices: Any,
    updates: Any,
    shape: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """Zeros of `shape`, to which updates[i] is added at the coordinates indices[i]."""
    check_policy("scatter_nd", bad_indices_policy)
    return ops.scatter_nd(tensor(indices), tensor(updates), shape=door.static(shape))


def tensor_scatter_nd_add(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """A copy of `tensor`, to which updates[i] is added at the coordinates indices[i]."""
    x, added = added_up(tensor, indices, updates, bad_indices_policy)
    return ops.add(x, added)


def tensor_scatter_nd_sub(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """A copy of `tensor`, from which updates[i] is subtracted at the coordinates indices[i]."""
    x, added = added_up(tensor, indices, updates, bad_indices_policy)
    return ops.subtract(x, added)


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """A copy of `tensor` with updates[i] at the coordinates indices[i]; of several for one place
    the last stands.
    """
    return written(ops.put_rows, tensor, indices, updates)


def tensor_scatter_nd_max(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """A copy of `tensor`, with the larger of updates[i] and what stands at indices[i]."""
    return written(ops.put_largest, tensor, indices, updates, bad_indices_policy)


def tensor_scatter_nd_min(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """A copy of `tensor`, with the smaller of updates[i] and what stands at indices[i]."""
    return written(ops.put_smallest, tensor, indices, updates, bad_indices_policy)


def added_up(x: Any, indices: Any, updates: Any, policy: str) -> tuple[Tensor, Tensor]:
    """x, and the updates added up at their places in zeros of x's shape."""
    check_policy("tensor_scatter_nd", policy)
    x = tensor(x)
    shape = tuple(x.array.shape)
    return x, ops.scatter_nd(tensor(indices), tensor(updates, x.dtype), shape=shape)


def written(put: Any, x: Any, indices: Any, updates: Any, policy: str = "") -> Tensor:
    """x with the updates written into it by the op `put`."""
    check_policy("tensor_scatter_nd", policy)
    x = tensor(x)
    return ops.scatter_into(put, x, tensor(indices), tensor(updates, x.dtype))


door.named(globals(), __name__)
