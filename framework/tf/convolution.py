"""tf.nn: convolutions, pooling, and blocks of space as channels; all with channels last."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor

CONVOLVED = ("float16", "float32", "float64", "int32")


def checked(name: str, x: Any, data_format: str | None, wanted: str = "NHWC") -> Tensor:
    """x as a Tensor, if data_format is what this library knows."""
    if data_format not in (None, wanted):
        known = {"NHWC": ("NCHW", "NCHW_VECT_C"), "NWC": ("NCW",)}[wanted]
        error = NotImplementedError if data_format in known else InvalidArgumentError
        raise error(f"{name}: data_format is {data_format!r}, wanted {wanted!r}")
    return tensor(x)


def checked_dtype(name: str, x: Tensor, dtypes: tuple) -> Tensor:
    """x, if it has one of the dtypes."""
    if x.dtype.name not in dtypes:
        raise InvalidArgumentError(f"{name}: dtype {x.dtype.name} is none of {', '.join(dtypes)}")
    return x


def like(x: Tensor, value: Any) -> Tensor:
    """`value` as a Tensor, of x's dtype where it has none of its own."""
    return tensor(value, None if isinstance(value, Tensor) else x.dtype)


def steps(name: str, value: Any, axes: int = 2) -> tuple:
    """One number per axis in the middle, of a number, one, one each, or (1, ..., 1) around them."""
    if value is None:
        return (1,) * axes
    value = door.static(value)
    parts = tuple([int(v) for v in (value if isinstance(value, tuple) else (value,))])
    if len(parts) not in (1, axes, axes + 2):
        raise ValueError(f"{name} should be of length 1, {axes} or {axes + 2}, got {value}")
    if len(parts) == axes + 2 and (parts[0], parts[-1]) != (1, 1):
        raise NotImplementedError(f"{name}: {value} is not 1 along the batch and the channels")
    parts = {1: parts * axes, axes: parts}.get(len(parts), parts[1:-1])
    if min(parts) < 1:
        raise InvalidArgumentError(f"{name}: {value} must be positive")
    return parts


def paddings_for(padding: Any, shape: tuple, sizes: tuple, strides: tuple, dilations: tuple):
    """((top, bottom), (left, right)) of "SAME", "VALID" or pairs for all four axes."""
    if not isinstance(padding, str):
        return explicit_paddings(door.static(padding))
    if padding == "SAME":
        return ops.same_paddings(shape, sizes, strides, dilations)
    if padding == "VALID":
        return (0, 0), (0, 0)
    raise InvalidArgumentError(f"padding is {padding!r}, wanted 'SAME', 'VALID' or a list")


def explicit_paddings(padding: Any) -> tuple:
    """((top, bottom), (left, right)) of pairs for all four axes."""
    if not isinstance(padding, tuple):
        raise TypeError(f"Expected string for argument 'padding' not {padding}.")
    if len(padding) != 4:
        raise ValueError(f"padding must be of length 4, got {padding}")
    if any(padding[0]) or any(padding[3]) or min([n for pair in padding for n in pair]) < 0:
        raise InvalidArgumentError(f"padding: {padding} is negative, or not 0 at both ends")
    return padding[1:3]


def only_named(padding: Any) -> Any:
    """The padding, if it is a name."""
    if not isinstance(padding, str):
        raise TypeError(f"Expected string for argument 'padding' not {padding}.")
    return padding


def convolved(x: Tensor, filters: Tensor, strides: tuple, padding: Any, dilations: tuple) -> Tensor:
    """ops.convolve with TensorFlow's padding, over the last four axes of x."""
    checked_dtype("convolution", x, CONVOLVED)
    shape = tuple(x.array.shape)
    if len(shape) < 4 or filters.ndim != 4:
        raise InvalidArgumentError(
            f"convolution: the input {shape} and the filters {tuple(filters.shape)} must have 4 "
            "axes"
        )
    outer = shape[:-3]
    if len(outer) > 1:
        x = ops.reshape(x, shape=(math.prod(outer), *shape[-3:]))
    sizes = tuple(filters.array.shape[:2])
    pads = paddings_for(padding, tuple(x.array.shape), sizes, strides, dilations)
    y = ops.convolve(x, filters, strides=strides, dilations=dilations, paddings=pads)
    return y if len(outer) == 1 else ops.reshape(y, shape=(*outer, *y.array.shape[1:]))


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """out[n, i, j, o] = sum_{a, b, c} input[n, i s + a d, j s + b d, c] filters[a, b, c, o]"""
    x = checked("conv2d", input, data_format)
    strides, dilations = steps("strides", strides), steps("dilations", dilations)
    return convolved(x, like(x, filters), strides, padding, dilations)


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """out[n, i, o] = sum_{a, c} input[n, i s + a d, c] filters[a, c, o]"""
    x = checked("conv1d", input, data_format, "NWC")
    strides, dilations = steps("stride", stride, 1), steps("dilations", dilations, 1)
    filters = like(x, filters)
    if x.ndim < 3 or filters.ndim != 3:
        raise InvalidArgumentError(
            f"conv1d: the input {tuple(x.shape)} and the filters {tuple(filters.shape)} must have "
            "3 axes"
        )
    flat, rows = ops.expand_dims(x, -3), ops.expand_dims(filters, 0)
    y = convolved(flat, rows, (1, *strides), only_named(padding), (1, *dilations))
    return ops.squeeze(y, -3)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """out[n, i, j, c m + k] = sum_{a, b} input[n, i s + a d, j s + b d, c] filter[a, b, c, k],
    k from 0 to m - 1.
    """
    x = checked("depthwise_conv2d", input, data_format)
    strides, dilations = depthwise_strides(strides), depthwise_rates(dilations)
    if max(dilations) > 1 and max(strides) > 1:
        raise NotImplementedError(
            "depthwise_conv2d: one of strides and dilations must be 1, got "
            f"{strides} and {dilations}"
        )
    filters = like(x, filter)
    if x.ndim != 4 or filters.ndim != 4 or x.array.shape[3] != filters.array.shape[2]:
        raise InvalidArgumentError(
            f"depthwise_conv2d: the input {tuple(x.shape)} and the filter {tuple(filters.shape)} "
            "must have 4 axes and the same depth"
        )
    kh, kw, c, m = filters.array.shape
    each = ops.reshape(filters, shape=(kh, kw, 1, c * m))
    return convolved(x, each, strides, padding, dilations)


def depthwise_strides(strides: Any) -> tuple:
    """The strides (down, across) of depthwise_conv2d, which takes all four of them only."""
    strides = door.static(strides)
    if not isinstance(strides, tuple):
        raise TypeError(f"Expected list for 'strides' of depthwise_conv2d, not {strides}.")
    if len(strides) != 4 or strides[0] != 1 or strides[3] != 1 or strides[1] != strides[2]:
        raise InvalidArgumentError(f"strides are {strides}, wanted [1, stride, stride, 1]")
    return steps("strides", strides)


def depthwise_rates(dilations: Any) -> tuple:
    """The dilations (down, across) of depthwise_conv2d, which takes two of them only."""
    rates = (1, 1) if dilations is None else door.static(dilations)
    if not isinstance(rates, tuple):
        raise TypeError(f"dilations: {dilations!r} is not a list")
    if len(rates) != 2:
        raise ValueError(f"dilations: wanted 2 numbers, got {rates}")
    return steps("dilations", rates)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """depthwise_conv2d, then conv2d with a pointwise_filter (1, 1, c m, o)."""
    x = checked("separable_conv2d", input, data_format)
    point = like(x, pointwise_filter)
    if tuple(point.shape[:2]) != (1, 1) or point.ndim != 4:
        raise ValueError(f"pointwise_filter: wanted (1, 1, c, o), got {tuple(point.shape)}")
    each = depthwise_conv2d(x, depthwise_filter, strides, padding, dilations=dilations)
    return convolved(each, point, (1, 1), "VALID", (1, 1))


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The gradient of conv2d in its input: input (n, i, j, o), filters (kh, kw, c, o) ->
    output_shape = (n, h, w, c), or its (h, w).
    """
    y = checked_dtype(
        "conv2d_transpose", checked("conv2d_transpose", input, data_format), CONVOLVED
    )
    filters, whole = like(y, filters), door.static(output_shape)
    strides, dilations = steps("strides", strides), steps("dilations", dilations)
    if y.ndim != 4 or filters.ndim != 4 or len(whole) not in (2, 4):
        raise InvalidArgumentError(
            f"conv2d_transpose: wanted 4 axes, got {tuple(y.shape)}, filters "
            f"{tuple(filters.shape)} and output_shape {whole}"
        )
    sizes, depth = tuple(filters.array.shape[:2]), filters.array.shape[2]
    whole = (y.array.shape[0], *whole, depth) if len(whole) == 2 else whole
    pads = paddings_for(padding, whole, sizes, strides, dilations)
    place = {"strides": strides, "dilations": dilations, "paddings": pads}
    return ops.convolve_transpose(y, filters, whole=whole, **place)


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window; the first of equal ones takes the gradient."""
    x = checked("max_pool2d", input, data_format)
    if x.array.dtype.kind not in "fiu":
        raise InvalidArgumentError(f"max_pool2d: dtype {x.dtype.name} is not a number")
    return pooled(ops.max_pool, x, steps("ksize", ksize), steps("strides", strides), padding)


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window, of the elements that lie inside the input."""
    x = checked_dtype("avg_pool2d", checked("avg_pool2d", input, data_format), CONVOLVED[:3])
    sizes = steps("ksize", ksize), steps("strides", strides)
    return pooled(ops.mean_pool, x, *sizes, only_named(padding))


def pooled(pool: Callable, x: Tensor, sizes: tuple, strides: tuple, padding: Any) -> Tensor:
    """A pooling op with TensorFlow's padding."""
    if x.ndim != 4:
        raise InvalidArgumentError(f"pooling: wanted 4 axes (n, h, w, c), got {tuple(x.shape)}")
    pads = paddings_for(padding, tuple(x.array.shape), sizes, strides, (1, 1))
    if any([max(pair) >= size for pair, size in zip(pads, sizes, strict=True)]):
        raise InvalidArgumentError(f"pooling: the padding {pads} reaches the windows {sizes}")
    return pool(x, sizes=sizes, strides=strides, paddings=pads)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window; the first of equal ones takes the gradient."""
    x = checked("max_pool1d", input, data_format, "NWC")
    if not isinstance(padding, str):
        padding = ((0, 0), *padding)
    return pooled_row(max_pool2d, x, ksize, strides, padding)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window, of the elements that lie inside the input."""
    x = checked("avg_pool1d", input, data_format, "NWC")
    return pooled_row(avg_pool2d, x, ksize, strides, padding)


def pooled_row(pool: Callable, x: Tensor, ksize: Any, strides: Any, padding: Any) -> Tensor:
    """Pooling of (n, w, c), as of one row."""
    if x.ndim != 3:
        raise InvalidArgumentError(f"pooling: wanted 3 axes (n, w, c), got {tuple(x.shape)}")
    sizes, strides = (1, *steps("ksize", ksize, 1)), (1, *steps("strides", strides, 1))
    return ops.squeeze(pool(ops.expand_dims(x, 1), sizes, strides, padding), 1)


def max_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """max_pool1d or max_pool2d, by the number of axes."""
    x = tensor(input)
    pool = by_axes("max_pool", x, max_pool1d, max_pool2d)
    return pool(x, ksize, strides, padding, data_format)


def avg_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """avg_pool1d or avg_pool2d, by the number of axes."""
    x = tensor(input)
    pool = by_axes("avg_pool", x, avg_pool1d, avg_pool2d)
    return pool(x, ksize, strides, padding, data_format)


def by_axes(name: str, x: Tensor, of_rows: Callable, of_images: Callable) -> Callable:
    """The function for inputs with as many axes as x."""
    if x.ndim == 5:
        raise NotImplementedError(f"{name}: pooling of volumes is not supported")
    if x.ndim not in (3, 4):
        raise ValueError(f"{name}: the input must have 3 or 4 axes, got {tuple(x.shape)}")
    return of_rows if x.ndim == 3 else of_images


def blocks_of(name: str, x: Tensor, block_size: Any) -> int:
    """The length of a block's side, if x has 4 axes."""
    block = int(door.static(block_size))
    if block < 2 or x.ndim != 4:
        raise InvalidArgumentError(
            f"{name}: wanted 4 axes and a block_size >= 2, got {tuple(x.shape)} and {block}"
        )
    return block


def space_to_depth(
    input: Any, block_size: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """Each block_size x block_size block of elements as the channels of one element."""
    x = checked("space_to_depth", input, data_format)
    block = blocks_of("space_to_depth", x, block_size)
    if x.array.shape[1] % block or x.array.shape[2] % block:
        raise InvalidArgumentError(
            f"space_to_depth: {tuple(x.shape)} does not divide into blocks of {block}"
        )
    return ops.space_to_depth(x, block)


def depth_to_space(
    input: Any, block_size: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """The channels of each element as a block_size x block_size block of elements."""
    x = checked("depth_to_space", input, data_format)
    block = blocks_of("depth_to_space", x, block_size)
    if x.array.shape[3] % (block * block):
        raise InvalidArgumentError(
            f"depth_to_space: {x.array.shape[3]} channels do not divide by {block * block}"
        )
    return ops.depth_to_space(x, block)


door.named(globals(), __name__)
