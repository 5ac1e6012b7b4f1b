"""Names that arrange, pick and limit elements."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dimension import Dim
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import OPS
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor
from framework.tf.call import bools, call, renamed, tensor
from framework.tf.call import tensor as as_tensor

cast = renamed(ops.cast, "x, dtype, name=None")
identity = renamed(ops.identity, "input, name=None")
stop_gradient = renamed(ops.stop_gradient, "input, name=None")
reshape = renamed(ops.reshape, "tensor, shape, name=None")
broadcast_to = renamed(ops.broadcast_to, "input, shape, name=None")
transpose = renamed(ops.transpose, "a, perm=None, conjugate=False, name='transpose'", axes="perm")
concat = renamed(OPS["concatenate"], "values, axis, name='concat'")
expand_dims = renamed(ops.expand_dims, "input, axis, name=None")
squeeze = renamed(ops.squeeze, "input, axis=None, name=None")
reverse = renamed(ops.flip, "tensor, axis, name=None")


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Tensor:
    """(before, after) elements around each axis: "CONSTANT" values, or the tensor mirrored at its
    ends without ("REFLECT") or with ("SYMMETRIC") the element at the end.
    """
    kind = mode.upper()
    if kind == "CONSTANT":
        attrs = {"paddings": paddings, "value": constant_values}
        return call(ops.pad, (tensor,), attrs)
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(
            'Value of argument `mode` expected to be one of "CONSTANT", "REFLECT", or '
            f'"SYMMETRIC". Received `mode` = {mode}'
        )
    x, counts = as_tensor(tensor), door.static(paddings)
    return ops.mirrored(x, counts, skips_edge=kind == "REFLECT")


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The input repeated multiples[i] times along axis i; InvalidArgumentError unless there is one
    number per axis.
    """
    x, repeats = tensor(input), door.static(multiples)
    if np.shape(repeats) != (x.ndim,):
        raise InvalidArgumentError(
            f"tile: Expected multiples argument to be a vector of length {x.ndim} but got {repeats}"
        )
    return ops.tile(x, repeats)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape behind each other along a new axis."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    if not tensors:  # Python numbers: of one dtype that holds them all
        return ops.stack(ops.unstack(tensor(values), axis=0), axis=axis)
    like = tensors[0].dtype
    for i, v in enumerate(tensors):
        if v.dtype != like:
            raise MixedDtypesError(
                f"cannot compute Pack as input #{i}(zero-based) was expected to be a {like.name} "
                f"tensor but is a {v.dtype.name} tensor"
            )
    return ops.stack([tensor(v, like) for v in values], axis=axis)


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """The slices along `axis`, without that axis; num: how many there are, where that is known."""
    value = tensor(value)
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(f"Argument `axis` = {axis} not in range [{-value.ndim}, {value.ndim})")
    found = ops.unstack(value, axis=axis)
    if num is not None and len(found) != num:
        raise InvalidArgumentError(
            f"unstack: input shape axis {axis} must equal {num}, got shape {tuple(value.shape)}"
        )
    return found


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: str = "split"
) -> list[Tensor]:
    """Pieces along `axis`: so many equal ones, or of the sizes in a list."""
    return ops.split(tensor(value), door.static(num_or_size_splits), axis=door.static(axis))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element along `axis` (None: of the flat input) so many times behind itself."""
    x, repeats = tensor(input), door.static(repeats)
    if not isinstance(repeats, tuple):
        return ops.repeat(x, repeats, axis=axis)
    if axis is None:
        x, axis = ops.reshape(x, shape=(-1,)), 0
    axis %= x.ndim
    order = np.repeat(np.arange(x.shape[axis]), repeats)
    # along a further axis, for along the first one a gather's gradient is of indexed slices
    rows = ops.gather(ops.expand_dims(x, 0), Tensor(order), axis=axis + 1)
    return ops.squeeze(rows, 0)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """size[i] elements from begin[i] along axis i; size -1 means all the rest."""
    begin, size = door.static(begin), door.static(size)
    x = tensor(input_)
    if not len(begin) == len(size) == x.ndim:
        raise InvalidArgumentError(
            "slice: Expected begin and size arguments to be 1-D tensors of size "
            f"{x.ndim}, but got {len(begin)} and {len(size)}"
        )
    check_inside(begin, size, x.array.shape)
    return x[tuple([builtins.slice(b, None if n == -1 else b + n) for b, n in zip(begin, size)])]


def check_inside(begin: Any, size: Any, shape: Any) -> None:
    """InvalidArgumentError for a slice that reaches out of a tensor of this shape."""
    for i, (b, n, whole) in enumerate(zip(begin, size, shape, strict=True)):
        if b < 0 or b > whole:
            raise InvalidArgumentError(f"slice: Expected begin[{i}] in [0, {whole}], but got {b}")
        if n != -1 and (n < 0 or b + n > whole):
            raise InvalidArgumentError(
                f"slice: Expected size[{i}] in [0, {whole - b}], but got {n}"
            )


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: None = None,
    name: str | None = None,
) -> Tensor:
    """x[begin:end:strides] along each axis; bit i of a mask says what axis i of the text means.

    begin_mask, end_mask: no bound; ellipsis_mask: `...`; new_axis_mask: None; shrink_axis_mask: the
    integer begin.
    """
    begin, end = door.static(begin), door.static(end)
    key: list = []
    for i, b in enumerate(begin):
        bit = 1 << i
        low = None if begin_mask & bit else b
        high = None if end_mask & bit else end[i]
        step = None if strides is None else door.static(strides)[i]
        part = b if shrink_axis_mask & bit else builtins.slice(low, high, step)
        key.append(... if ellipsis_mask & bit else None if new_axis_mask & bit else part)
    return tensor(input_)[tuple(key)]


def boolean_mask(
    tensor: Any, mask: Any, axis: int | None = None, name: str = "boolean_mask"
) -> Tensor:
    """The elements (or rows) where the mask holds, which covers axes from `axis` on; needs the
    mask's value (no trace).
    """
    x, lead = as_tensor(tensor), door.static(axis) or 0
    mask = ops.value_of("boolean_mask", as_tensor(mask))
    order, rank = np.flatnonzero(mask), np.ndim(mask)
    if not rank:
        raise ValueError("boolean_mask: mask cannot be scalar.")
    if tuple(x.shape[lead : lead + rank]) != np.shape(mask):
        raise ValueError(
            f"boolean_mask: mask {np.shape(mask)} does not fit {tuple(x.shape)} at axis {lead}"
        )
    flat = ops.reshape(x, shape=(*x.shape[:lead], -1, *x.shape[lead + rank :]))
    return ops.gather(flat, Tensor(order), axis=lead)


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """on_value at each index, else off_value, along a new axis of length depth."""
    if dtype is None:
        given = on_value if on_value is not None else off_value
        dtype = "float32" if given is None else tensor(given).dtype.name
    places = tensor(indices)
    if places.dtype.is_floating:
        raise MixedDtypesError(f"one_hot: indices are {places.dtype.name}, wanted integers")
    return ops.one_hot(
        places,
        depth=door.static(depth),
        on=1 if on_value is None else door.static(on_value),
        off=0 if off_value is None else door.static(off_value),
        axis=-1 if axis is None else axis,
        dtype=door.static(dtype),
    )


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds, else y; without x and y the indices of the true elements."""
    condition = tensor(condition)
    if condition.array.dtype.kind != "b" and (x is not None or y is not None):
        condition = bools("where", condition)
    if x is None and y is None:
        return Tensor(np.argwhere(condition.__array__()))
    if x is None or y is None:
        raise ValueError("where: x and y must both be given, or neither")
    first = x if isinstance(x, Tensor) else y if isinstance(y, Tensor) else None
    x = x if isinstance(x, Tensor) else tensor(x, None if first is None else first.dtype)
    y = y if isinstance(y, Tensor) else tensor(y, x.dtype)
    if x.array.dtype != y.array.dtype:
        raise InvalidArgumentError(
            f"where: x is {x.dtype.name} and y is {y.dtype.name}; cast one of them"
        )
    return ops.where(condition, x, y)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """x, if its shape is compatible with `shape` (None: any dimension)."""
    x, wanted = tensor(x), TensorShape(shape)
    if wanted.rank is None:
        return ops.identity(x)
    # A size that a trace leaves open is compared as such: what fits today need not tomorrow.
    pairs = zip(x.array.shape, wanted)
    if x.ndim != wanted.rank or not all([m is None or type(m) is Dim or n == m for n, m in pairs]):
        raise InvalidArgumentError(
            f"ensure_shape: got shape {tuple(x.shape)}, wanted {tuple(shape)}"
        )
    return ops.identity(x)


door.named(globals(), __name__)
