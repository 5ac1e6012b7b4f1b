"""Names that arrange, pick and limit elements."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dimension import Dim
from framework.engine.dtypes import DType, as_dtype
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import OPS
from framework.engine.shapes import TensorShape
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.tf.call import bools, call, convert_to_tensor, matching, renamed, tensor
from framework.tf.call import tensor as as_tensor

CONCATENATE = OPS["concatenate"]


def call_of_values(op: Callable, inputs: tuple, attrs: dict) -> Any:
    """`call`; of IndexedSlices for their values."""
    if isinstance(inputs[0], IndexedSlices):
        return inputs[0].with_values(call(op, (inputs[0].values,), attrs))
    return call(op, inputs, attrs)


of_values = door.Door(call_of_values, takes_tensors=True).renamed
cast = of_values(ops.cast, "x, dtype, name=None")
identity = of_values(ops.identity, "input, name=None")
stop_gradient = renamed(ops.stop_gradient, "input, name=None")
reshape = renamed(ops.reshape, "tensor, shape, name=None")
transpose = renamed(
    ops.transpose, "a, perm=None, conjugate=False, name='transpose'",
    axes="perm", unused=("conjugate",),
)  # fmt: skip


def vector(name: str, value: Any) -> tuple:
    """An argument that is a list of whole numbers; InvalidArgumentError for a single one."""
    found = door.static(value)
    if not isinstance(found, tuple):
        raise InvalidArgumentError(f"{name} must be a vector of integers, got {found!r}")
    return found


def single(name: str, value: Any) -> int:
    """An argument that is one whole number, also in a list; MixedDtypesError for others."""
    if type(value) is int:
        return value
    found = door.static(value)
    if isinstance(found, tuple) and len(found) == 1:
        found = found[0]
    if isinstance(found, bool) or not hasattr(found, "__index__"):
        raise MixedDtypesError(f"{name} must be one integer, got {found!r}")
    return found


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The input repeated to `shape` by NumPy's broadcasting rules."""
    return ops.broadcast_to(tensor(input), shape=vector("broadcast_to: shape", shape))


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors behind each other along `axis`; what is no list counts as the only one."""
    if not isinstance(values, (list, tuple)):
        return ops.identity(tensor(values))
    if not values:
        raise InvalidArgumentError("concat: got an empty list of tensors")
    place = axis if type(axis) is int else single("concat: axis", axis)
    for x in values:
        if not isinstance(x, Tensor):
            values = matching(CONCATENATE, tuple(values))
            break
    return CONCATENATE.apply(tuple(values), {"axis": place})


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Tensor:
    """The input with an axis of length 1 put in at `axis`."""
    return ops.expand_dims(tensor(input), single("expand_dims: axis", axis))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """The input without its axes of length 1 (None or []: all of them, else those named)."""
    axis = door.static(axis)
    return ops.squeeze(tensor(input), None if axis == () else axis)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The tensor with the order along the axes in a list reversed."""
    x, axes = as_tensor(tensor), vector("reverse: axis", axis)
    if not x.ndim:  # whatever the axes are
        return ops.identity(x)
    if len({a % x.ndim for a in axes}) < len(axes):
        raise InvalidArgumentError(f"reverse: an axis of {axes} is specified more than once")
    return ops.flip(x, axes)


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
    kind, x = mode.upper(), as_tensor(tensor)
    if kind == "CONSTANT":
        if type(constant_values) is not int or constant_values:
            constant_values = as_tensor(constant_values, x.dtype)
        return call(ops.pad, (x,), {"paddings": paddings, "value": constant_values})
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(
            'Value of argument `mode` expected to be one of "CONSTANT", "REFLECT", or '
            f'"SYMMETRIC". Received `mode` = {mode}'
        )
    return ops.mirrored(x, door.static(paddings), skips_edge=kind == "REFLECT")


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
    if not tensors and not axis:
        return tensor(values)
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
    x, parts, axis = tensor(value), door.static(num_or_size_splits), door.static(axis)
    if not isinstance(parts, tuple):
        if isinstance(num_or_size_splits, (Tensor, float)):
            raise ValueError(
                "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
                f"Argument provided: {num_or_size_splits}"
            )
        if parts < 1:
            raise InvalidArgumentError(f"split: wanted at least 1 part, got {parts}")
    if not -x.ndim <= axis < x.ndim:
        raise InvalidArgumentError(f"split: axis {axis} is not in [{-x.ndim}, {x.ndim})")
    return ops.split(x, parts, axis=axis)


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element along `axis` (None: of the flat input) so many times behind itself."""
    x, repeats = tensor(input), door.static(repeats)
    if axis is not None and not -max(x.ndim, 1) <= axis < max(x.ndim, 1):
        raise ValueError(f"repeat: axis={axis} out of bounds: expected {-x.ndim}<=axis<{x.ndim}")
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
    begin, size = vector("slice: begin", begin), vector("slice: size", size)
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
    places, axis = tensor(indices), -1 if axis is None else axis
    if isinstance(indices, list) and not places.array.size:
        places = ops.cast(places, dtype="int32")
    if places.dtype.is_floating:
        raise MixedDtypesError(f"one_hot: indices are {places.dtype.name}, wanted integers")
    depth = checked_depth(depth, axis, places.ndim)
    kind = dtype_of_both(on_value, off_value, dtype)
    return ops.one_hot(
        places,
        depth=depth,
        on=1 if on_value is None else door.static(on_value),
        off=0 if off_value is None else door.static(off_value),
        axis=axis,
        dtype=kind.name,
    )


def checked_depth(depth: Any, axis: int, ndim: int) -> int:
    """one_hot's depth; InvalidArgumentError if it is negative or no number, or the axis is none."""
    depth = single("one_hot: depth", depth) if not isinstance(depth, (list, tuple)) else -1
    if depth < 0 or not -1 <= axis <= ndim:
        raise InvalidArgumentError(
            f"one_hot: wanted a depth of at least 0 and an axis between -1 and {ndim}, got "
            f"{depth} and {axis}"
        )
    return depth


def dtype_of_both(on_value: Any, off_value: Any, dtype: Any) -> DType:
    """The dtype of one_hot's values, which must be one; float32 if none is given."""
    hint = None if dtype is None else as_dtype(dtype)
    given = [convert_to_tensor(v, dtype_hint=hint) for v in (on_value, off_value) if v is not None]
    kind = hint or (given[0].dtype if given else as_dtype("float32"))
    if any([v.dtype != kind for v in given]):
        raise TypeError(
            f"one_hot: dtype {kind!r} and those of on_value and off_value, "
            f"{[v.dtype for v in given]}, must be one"
        )
    return kind


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds, else y; without x and y the indices of the true elements."""
    if x is None and y is None:
        return places_of(tensor(condition))
    if x is None or y is None:
        raise ValueError("where: x and y must both be given, or neither")
    if not type(condition) is type(x) is type(y) is Tensor or condition.array.dtype != bool:
        condition, x, y = choices(condition, x, y)
    if x.array.dtype != y.array.dtype:
        raise InvalidArgumentError(
            f"where: x is {x.dtype.name} and y is {y.dtype.name}; cast one of them"
        )
    return ops.where.apply((condition, x, y), {})


def choices(condition: Any, x: Any, y: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments of `where` as tensors: numbers take the dtype of the other choice."""
    condition = bools("where", condition)
    first = x if isinstance(x, Tensor) else y if isinstance(y, Tensor) else None
    x = x if isinstance(x, Tensor) else tensor(x, None if first is None else first.dtype)
    y = y if isinstance(y, Tensor) else tensor(y, x.dtype)
    return condition, x, y


def places_of(condition: Tensor) -> Tensor:
    """(n, axes): the indices of the elements that are not 0."""
    if not condition.ndim:
        raise InvalidArgumentError("where: the condition has no axis along which to count")
    return Tensor(np.argwhere(condition.__array__()))


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
