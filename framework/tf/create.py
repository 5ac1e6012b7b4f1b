"""Names that make tensors of shapes, numbers and indices."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.active import ACTIVE
from framework.engine.dimension import Dim, broadcast_shapes, has_dims, number_of
from framework.engine.dtypes import as_dtype
from framework.engine.errors import InvalidArgumentError
from framework.engine.machine import made
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.tf.call import tensor


def filled(shape: Any, value: float, dtype: Any) -> Tensor:
    """A constant of one value."""
    shape = sizes_of_shape(shape)
    if has_dims(shape):
        return ops.broadcast_to(Tensor(np.array(value, as_dtype(dtype).dtype)), shape=shape)
    kind = as_dtype(dtype).dtype
    return Tensor(made(lambda: np.full(shape, value, kind), shape, kind))


def sizes_of_shape(shape: Any) -> tuple:
    """A shape given as a list, a tensor or one number; InvalidArgumentError for negative sizes,
    MixedDtypesError for what is no integer."""
    shape = door.static(shape)
    shape = tuple([number_of(n) for n in (shape if isinstance(shape, tuple) else (shape,))])
    for n in shape:
        if type(n) is int and n < 0:
            raise InvalidArgumentError(f"Dimension {n} must be >= 0, got shape {shape}")
    return shape


def zeros(
    shape: Any, dtype: Any = "float32", name: str | None = None, layout: None = None
) -> Tensor:
    """Zeros."""
    return filled(shape, 0, dtype)


def ones(
    shape: Any, dtype: Any = "float32", name: str | None = None, layout: None = None
) -> Tensor:
    """Ones."""
    return filled(shape, 1, dtype)


def zeros_like(
    input: Any, dtype: Any = None, name: str | None = None, layout: None = None
) -> Tensor:
    """Zeros of the shape, and if no dtype is given the dtype, of `input`."""
    x = tensor(input)
    return filled(x.shape, 0, dtype or x.dtype)


def ones_like(
    input: Any, dtype: Any = None, name: str | None = None, layout: None = None
) -> Tensor:
    """Ones of the shape, and if no dtype is given the dtype, of `input`."""
    x = tensor(input)
    return filled(x.shape, 1, dtype or x.dtype)


def fill(dims: Any, value: Any, name: str | None = None, layout: None = None) -> Tensor:
    """One value, which may be a tensor, everywhere."""
    value = tensor(value)
    if value.array.shape not in ((), (1,)):
        raise InvalidArgumentError(f"fill: value must be a scalar, got shape {value.shape}")
    value = ops.reshape(value, shape=()) if value.ndim else value
    return ops.broadcast_to(value, shape=sizes_of_shape(dims))


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: str | None = None,
) -> Tensor:
    """Ones on the diagonal, else zeros."""
    sizes = [plain_size(n) for n in (num_rows, num_rows if num_columns is None else num_columns)]
    if has_dims(sizes):
        rows, columns = [ops.counted(0, n, 1, "int32") for n in sizes]
        matrix = ops.cast(ops.equal(ops.expand_dims(rows, 1), columns), dtype=as_dtype(dtype).name)
        lead = () if batch_shape is None else door.static(batch_shape)
        return ops.broadcast_to(matrix, shape=(*lead, *sizes))
    sizes_of_shape(sizes)
    kind = as_dtype(dtype).dtype
    matrix = made(lambda: np.eye(num_rows, num_columns, dtype=kind), tuple(sizes), kind)
    lead = () if batch_shape is None else door.static(batch_shape)
    return Tensor(np.array(np.broadcast_to(matrix, (*lead, *matrix.shape))))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """start, start + delta ... below limit; range(n) starts at 0."""
    start, limit = (0, start) if limit is None else (start, limit)
    known = [plain_size(x) for x in (start, limit, delta)]
    if has_dims(known) and None not in [k if type(k) is not Dim else 0 for k in known]:
        return open_range(known, (start, limit, delta), dtype)
    parts = scalars("range: start, limit and delta", (start, limit, delta))
    wanted = common_dtype(parts) if dtype is None else as_dtype(dtype).dtype
    check_order(*parts)
    first, end, step = map(float, parts)
    count = int(min(np.ceil((end - first) / step), 2.0**62))
    return Tensor(made(lambda: np.arange(*parts).astype(wanted), (count,), wanted))


def scalars(what: str, given: tuple) -> list[np.ndarray]:
    """The values of tensors of one element; InvalidArgumentError for others."""
    parts = [tensor(x).numpy() for x in given]
    if any([p.size != 1 for p in parts]):
        raise InvalidArgumentError(f"{what} must be scalars, got {parts}")
    return [p.reshape(()) for p in parts]


def common_dtype(parts: list[np.ndarray]) -> np.dtype:
    """The dtype that holds all parts; float32 for int32 and float32, which NumPy would widen."""
    wanted = np.result_type(*parts)
    is_wide = any([p.dtype.itemsize >= 8 for p in parts])
    return np.dtype(np.float32) if wanted == np.float64 and not is_wide else wanted


def plain_size(x: Any) -> Any:
    """A whole number, or what a tensor of sizes holds, as an int or Dim; None for others."""
    if type(x) in (int, Dim):
        return x
    if not isinstance(x, Tensor) or x.ndim or not x.dtype.is_integer:
        return None
    return ops.sizes_of(x) if x.is_abstract else int(x.array)


def open_range(known: list, given: tuple, dtype: Any) -> Tensor:
    """The range from a start to a limit of which one is open in a trace."""
    start, limit, delta = known
    if type(delta) is Dim:
        delta = int(delta)
    check_order(start, limit, delta)
    dtypes = [x.dtype.name for x in given if isinstance(x, Tensor)]
    count = ops.largest((limit - start + delta - (1 if delta > 0 else -1)) // delta, 0)
    wanted = as_dtype(dtype or ("int64" if "int64" in dtypes else "int32"))
    return ops.counted(start, count, delta, wanted)


def check_order(start: Any, limit: Any, delta: Any) -> None:
    """InvalidArgumentError if steps of delta are 0 or lead away from the limit."""
    if delta == 0:
        raise InvalidArgumentError("range: delta must not be 0")
    if (delta > 0) == (start > limit) and start != limit:
        order, sign = ("<=", ">") if delta > 0 else (">=", "<")
        raise InvalidArgumentError(
            f"Requires start {order} limit when delta {sign} 0: {start}/{limit}"
        )


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Tensor:
    """num numbers from start to stop, both included, at equal distances along a new axis."""
    start = tensor(start)
    stop, num = tensor(stop, start.dtype), tensor(num)
    if not num.dtype.is_integer:
        raise TypeError(f"linspace: num must be of type integer, got {num.dtype!r}")
    count = int(num)
    if count < 0:
        raise InvalidArgumentError(f"linspace: num is {count}, wanted at least 0")
    whole = broadcast_shapes(start.array.shape, stop.array.shape)
    start, stop = [ops.expand_dims(ops.broadcast_to(x, shape=whole), axis) for x in (start, stop)]
    step = (stop - start) / max(count - 1, 1)
    if step.dtype != start.dtype:
        start, stop = [ops.cast(x, dtype=step.dtype.name) for x in (start, stop)]
    axis %= start.ndim
    kind = step.array.dtype
    numbers = made(lambda: np.arange(1, max(count - 1, 1)).astype(kind), (count,), kind)
    between = Tensor(numbers.reshape([-1 if a == axis else 1 for a in builtins.range(start.ndim)]))
    points = ops.concatenate([start, start + step * between, stop], axis=axis)
    return ops.split(points, (count, points.array.shape[axis] - count), axis=axis)[0]


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The shape as a tensor of int32."""
    return ops.sized(tensor(input).array.shape, out_type or "int32")


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes as a tensor of int32."""
    return Tensor(np.array(tensor(input).array.ndim, np.int32))


def size(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The number of elements as a tensor of int32."""
    return ops.sized(tensor(input).array.size, out_type or "int32")


def is_tensor(x: Any) -> builtins.bool:
    """True for tensors and Variables."""
    return isinstance(x, (Tensor, IndexedSlices))


def executing_eagerly() -> builtins.bool:
    """False inside a trace."""
    return ACTIVE.trace is None
