"""Rearrangements that need no kernel of their own:
they are made of reshape, broadcast_to, slices and concatenate.
"""

from __future__ import annotations

import operator

from framework.engine.dimension import largest, number_of
from framework.engine.errors import InvalidArgumentError
from framework.engine.ops.broadcast import axes_of, broadcast_to, reshape, zeros_like
from framework.engine.ops.shape import concatenate as concatenate_op
from framework.engine.ops.shape import padded_shape, strided_slice, transpose
from framework.engine.tensor import Tensor, as_tensor


def expand_dims(x: Tensor, axis: int | tuple) -> Tensor:
    """x with an axis of length 1 put in at `axis` (several: positions in the result)."""
    x = as_tensor(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    axes = axes_of(x.ndim + len(axes), axes)
    rest = iter(x.array.shape)
    return reshape(
        x, shape=tuple([1 if i in axes else next(rest) for i in range(x.ndim + len(axes))])
    )


def squeeze(x: Tensor, axis: int | tuple | None = None) -> Tensor:
    """x without its axes of length 1 (None: all of them, else those named)."""
    x = as_tensor(x)
    shape = x.array.shape
    axes = [i for i, n in enumerate(shape) if n == 1] if axis is None else axes_of(x.ndim, axis)
    for a in axes:
        if shape[a] != 1:
            raise InvalidArgumentError(
                f"squeeze: axis {a} of shape {tuple(shape)} has length {shape[a]}, not 1"
            )
    return reshape(x, shape=tuple([n for i, n in enumerate(shape) if i not in axes]))


def flip(x: Tensor, axis: int | tuple | None = None) -> Tensor:
    """x with the order along `axis` (None: all axes) reversed."""
    x = as_tensor(x)
    shape, axes = x.array.shape, axes_of(x.ndim, axis)
    begin = tuple([largest(n - 1, 0) if i in axes else 0 for i, n in enumerate(shape)])
    strides = tuple([-1 if i in axes else 1 for i in range(len(shape))])
    return strided_slice(x, begin=begin, sizes=tuple(shape), strides=strides, shape=tuple(shape))


def tile(x: Tensor, repeats: tuple | int) -> Tensor:
    """x repeated repeats[i] times along axis i."""
    x = as_tensor(x)
    repeats = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    shape = (1,) * (len(repeats) - x.ndim) + tuple(x.array.shape)
    repeats = (1,) * (len(shape) - len(repeats)) + repeats
    between = [n for r, m in zip(repeats, shape, strict=True) for n in (r, m)]
    apart = reshape(x, shape=tuple([n for m in shape for n in (1, m)]))
    whole = tuple([r * m for r, m in zip(repeats, shape, strict=True)])
    return reshape(broadcast_to(apart, shape=tuple(between)), shape=whole)


def repeat(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    """Every element of x along `axis` (None: of the flat x) `repeats` times behind itself."""
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, shape=(-1,)), 0
    shape = list(x.array.shape)
    axis %= len(shape)
    apart = reshape(x, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :]))
    apart = broadcast_to(apart, shape=(*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    shape[axis] *= repeats
    return reshape(apart, shape=tuple(shape))


def concatenate(xs: list | tuple | Tensor, *more: Tensor, axis: int = 0) -> Tensor:
    """Tensors (a list, or one by one) behind each other along `axis`;
    they may differ along that axis only.
    """
    return concatenate_op(*(xs if isinstance(xs, (list, tuple)) else (xs,)), *more, axis=axis)


def stack(xs: list | tuple, axis: int = 0) -> Tensor:
    """Tensors of one shape put behind each other along a new axis."""
    xs = [as_tensor(x) for x in xs]
    return concatenate_op(*[expand_dims(x, axis) for x in xs], axis=axis % (xs[0].ndim + 1))


def split(x: Tensor, parts: int | list | tuple, axis: int = 0) -> list[Tensor]:
    """x cut along `axis` into `parts` equal pieces, or pieces of given sizes (one may be -1)."""
    x = as_tensor(x)
    shape = x.array.shape
    axis %= len(shape)
    if isinstance(parts, int):
        if shape[axis] % parts:
            raise InvalidArgumentError(
                f"split: axis {axis} (length {shape[axis]}) does not divide into {parts} parts"
            )
        sizes = [shape[axis] // parts] * parts
    else:
        sizes = [
            shape[axis] - sum([n for n in parts if n != -1]) if n == -1 else number_of(n)
            for n in parts
        ]
    if sum(sizes) != shape[axis]:
        raise InvalidArgumentError(
            f"split: sizes {sizes} do not sum to {shape[axis]}, the length of axis {axis}"
        )
    pieces, start = [], 0
    for n in sizes:
        begin = tuple([start if a == axis else 0 for a in range(len(shape))])
        piece = tuple([n if a == axis else m for a, m in enumerate(shape)])
        pieces.append(
            strided_slice(x, begin=begin, sizes=piece, strides=(1,) * len(shape), shape=piece)
        )
        start += n
    return pieces


def unstack(x: Tensor, axis: int = 0) -> list[Tensor]:
    """The slices of x along `axis`, without that axis."""
    count = operator.index(x.array.shape[axis])
    return [squeeze(piece, axis) for piece in split(x, count, axis)] if count else []


def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, axes=tuple(order))


def ones_like(x: Tensor) -> Tensor:
    """Ones of x's shape and dtype."""
    return zeros_like(x) + 1


def mirrored(x: Tensor, paddings: tuple, *, skips_edge: bool) -> Tensor:
    """x with (before, after) elements around each axis, mirrored at its ends; the element at the
    end itself is repeated unless skips_edge. InvalidArgumentError if there are not so many.
    """
    padded_shape(x.array.shape, paddings)
    for axis, (before, after) in enumerate(paddings):
        if before or after:
            x = mirrored_along(x, axis, before, after, int(skips_edge))
    return x


def mirrored_along(x: Tensor, axis: int, before: int, after: int, skipped: int) -> Tensor:
    """x with elements before and after it along one axis, mirrored at its ends."""
    n = x.array.shape[axis]
    if max(before, after) > n - skipped:
        raise InvalidArgumentError(
            f"pad: paddings must be no greater than {n - skipped} along axis {axis} of length "
            f"{n}, got {(before, after)}"
        )
    head = flip(part(x, axis, skipped, before), axis)
    tail = flip(part(x, axis, n - skipped - after, after), axis)
    return concatenate([head, x, tail], axis=axis)


def part(x: Tensor, axis: int, first: int, count: int) -> Tensor:
    """count elements of x from `first` on, along one axis."""
    shape = tuple(x.array.shape)
    begin = tuple([first if a == axis else 0 for a in range(len(shape))])
    sizes = tuple([count if a == axis else n for a, n in enumerate(shape)])
    return strided_slice(x, begin=begin, sizes=sizes, strides=(1,) * len(shape), shape=sizes)
