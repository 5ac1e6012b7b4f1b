"""Names of tf about shapes, places and the order of things."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.engine import door, nest, ops
from framework.engine.active import ACTIVE
from framework.engine.dtypes import as_dtype
from framework.engine.errors import InvalidArgumentError
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.create import shape
from framework.tf.types import UnconnectedGradients


def shape_n(input: Any, out_type: Any = "int32", name: str | None = None) -> list[Tensor]:
    """The shape of each tensor."""
    return [shape(x, out_type) for x in input]


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """Each tensor."""
    return [ops.identity(tensor(x)) for x in input]


def broadcast_static_shape(shape_x: TensorShape, shape_y: TensorShape) -> TensorShape:
    """The shape of two shapes that broadcast."""
    try:
        return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))
    except ValueError:
        raise ValueError(
            f"Incompatible shapes for broadcasting. Two shapes are compatible if for each "
            f"dimension pair they are either equal or one of them is 1. Received: {shape_x!s} and "
            f"{shape_y!s}."
        ) from None


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The same, as a tensor."""
    shapes = [door.static(s) for s in (shape_x, shape_y)]
    try:
        return Tensor(np.array(np.broadcast_shapes(*shapes), np.int32))
    except ValueError:
        raise InvalidArgumentError(
            f"Incompatible shapes: {list(shapes[0])} and {list(shapes[1])} do not broadcast"
        ) from None


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """(axes, n): the coordinates of flat indices in an array of shape dims."""
    x, dims = ops.value_of("unravel_index", tensor(indices)), door.static(dims)
    if x.size and (x.min() < 0 or x.max() >= np.prod(dims)):
        raise InvalidArgumentError(f"unravel_index: an index is out of bound of dims {dims}")
    return Tensor(np.array(np.unravel_index(x, dims), x.dtype))


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """y with y[x[i]] = i."""
    order = ops.value_of("invert_permutation", tensor(x))
    if order.ndim != 1 or sorted(order.tolist()) != list(range(order.size)):
        raise InvalidArgumentError(f"invert_permutation: {order.tolist()} is no permutation")
    return Tensor(np.argsort(order).astype(order.dtype))


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32", name: str | None = None
) -> Tensor:
    """The number of the bin of each value; those outside of the range go to the first or last."""
    x = tensor(values)
    low, high = [float(v) for v in np.reshape(door.static(tensor(value_range)), -1)]
    if low >= high:
        raise InvalidArgumentError(f"value_range should satisfy low < high: got {[low, high]}")
    part = (ops.value_of("histogram_fixed_width_bins", x) - low) / (high - low)
    bins = np.clip(np.floor(part * int(nbins)), 0, int(nbins) - 1)
    return Tensor(bins.astype(as_dtype(dtype).dtype))


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32", name: str | None = None
) -> Tensor:
    """How many values there are in each of nbins bins of equal width."""
    bins = histogram_fixed_width_bins(values, value_range, nbins).numpy()
    counts = np.bincount(np.reshape(bins, -1), minlength=int(nbins))
    return Tensor(counts.astype(as_dtype(dtype).dtype))


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """num_partitions tensors: the rows of data whose partition is 0, 1 ..."""
    x, places = tensor(data), ops.value_of("dynamic_partition", tensor(partitions))
    lead = places.ndim
    if tuple(x.shape[:lead]) != places.shape:
        raise ValueError(
            f"dynamic_partition: data {x.shape!s} must start with the shape of partitions "
            f"{places.shape}"
        )
    if places.size and (places.min() < 0 or places.max() >= num_partitions):
        raise InvalidArgumentError(f"partitions must be in [0, {num_partitions})")
    rows = ops.reshape(x, shape=(-1, *x.shape[lead:]))
    flat = places.reshape(-1)
    return [
        ops.gather(rows, Tensor(np.flatnonzero(flat == i)), axis=0)
        for i in range(int(num_partitions))
    ]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """One tensor with the row data[m][i] at indices[m][i]; of several for a place the last."""
    places = [ops.value_of("dynamic_stitch", tensor(i)) for i in indices]
    rows = [tensor(d) for d in data]
    inner = rows[0].shape[places[0].ndim :]
    flat = ops.concatenate([ops.reshape(r, shape=(-1, *inner)) for r in rows], axis=0)
    order = np.concatenate([p.reshape(-1) for p in places])
    count = int(order.max()) + 1 if order.size else 0
    source = np.full(count, -1)
    source[order] = np.arange(order.size)
    if (source < 0).any():
        raise InvalidArgumentError(
            f"dynamic_stitch: no data for index {int(np.argmin(source))}; wanted all of 0 to "
            f"{count - 1}"
        )
    return ops.gather(flat, Tensor(source), axis=0)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Row b (along batch_axis, 0 if not given) with its first seq_lengths[b] steps (along seq_axis)
    in reverse order."""
    if seq_axis is None:
        raise ValueError("reverse_sequence: seq_axis is missing")
    x, lengths = tensor(input), ops.value_of("reverse_sequence", tensor(seq_lengths))
    time_axis, rows = seq_axis % x.ndim, (batch_axis or 0) % x.ndim
    steps = np.arange(x.shape[time_axis])
    turned = np.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    grid = list(np.indices(tuple(x.shape), sparse=True))
    wide = [1] * x.ndim
    wide[rows], wide[time_axis] = turned.shape
    ordered = turned if rows < time_axis else turned.T
    grid[time_axis] = ordered.reshape(wide)
    places = np.ravel_multi_index(np.broadcast_arrays(*grid), tuple(x.shape))
    flat = ops.gather(ops.reshape(x, shape=(-1,)), Tensor(places.reshape(-1)), axis=0)
    return ops.reshape(flat, shape=tuple(x.shape))


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """The same bytes as another dtype; a last axis is split or joined if the sizes differ."""
    x, wanted = ops.value_of("bitcast", tensor(input)), as_dtype(type).dtype
    size, new = x.dtype.itemsize, wanted.itemsize
    if size > new:
        return Tensor(np.ascontiguousarray(x)[..., None].view(wanted).copy())
    if size < new and (not x.ndim or x.shape[-1] != new // size):
        raise InvalidArgumentError(
            f"Cannot bitcast from {x.dtype} to {wanted}: the last axis of {x.shape} must be "
            f"{new // size}"
        )
    view = np.ascontiguousarray(x).reshape(x.shape).view(wanted)
    return Tensor((view[..., 0] if size < new else view).copy())


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value as an array, None while tracing."""
    return None if tensor.is_abstract else tensor.numpy()


def no_op(name: str | None = None) -> None:
    """Nothing."""


def group(*inputs: Any, **kwargs: Any) -> None:
    """Nothing: eager ops are done when they return."""
    if set(kwargs) - {"name"}:
        raise ValueError(f"Unrecognized keyword arguments for tf.group: {sorted(kwargs)}")


def tuple_(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list:
    """The tensors as a list: eager ops are done when they return."""
    return [x if x is None else ops.identity(tensor(x)) for x in nest.flatten(list(tensors))]


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Context: ops run in the order of the program anyway. A function among control_inputs is
    called."""
    for x in control_inputs or []:
        if callable(x) and not isinstance(x, Tensor):
            x()
    yield


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Context: ops are computed at once, even while a function is traced, and no tape sees them."""
    trace, tapes = ACTIVE.trace, ACTIVE.tapes
    ACTIVE.trace, ACTIVE.tapes = None, ()
    try:
        yield
    finally:
        ACTIVE.trace, ACTIVE.tapes = trace, tapes


class name_scope:
    """Context whose name is the path of the scopes around it: `with tf.name_scope("a") as path:`.

    A name with a slash at its end is a path of its own. Tensors have no names here; a Variable
    keeps the name that it is given.
    """

    around: list[str] = []

    def __init__(self, name: str):
        if not isinstance(name, str):
            raise ValueError("name for name_scope must be a string.")
        self.name = name

    def __enter__(self) -> str:
        outer = "" if self.name.endswith("/") else "".join(name_scope.around[-1:])
        name_scope.around.append(f"{outer}{self.name.removesuffix('/')}/")
        return name_scope.around[-1]

    def __exit__(self, *_: Any) -> None:
        name_scope.around.pop()


def timestamp(name: str | None = None) -> Tensor:
    """Seconds since 1970, as float64."""
    return Tensor(np.array(time.time()))


def get_logger() -> logging.Logger:
    """The logger of this package."""
    return logging.getLogger("framework")


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> None:
    """Raises RuntimeError, as TensorFlow's in eager mode."""
    raise RuntimeError(
        "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape "
        "instead."
    )
