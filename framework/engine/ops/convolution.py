"""Convolutions and pooling over (n, h, w, c): the op `patches`, its adjoint, and what they make.

Every window of a tensor as a row of its own turns a convolution into one matrix product:

    out[n, i, j, o] = sum_{a, b, c} x[n, i s + a d - top, j s + b d - left, c] filters[a, b, c, o]

What says where the windows are (sizes, strides ...) stands in windows.py.
"""

from __future__ import annotations

import math

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, elementwise, op
from framework.engine.ops.broadcast import reshape, sum_, zeros_like
from framework.engine.ops.depthwise_convolution import depthwise
from framework.engine.ops.elementwise import divide
from framework.engine.ops.index import take_along_axis
from framework.engine.ops.linalg import matmul
from framework.engine.ops.shape import transpose
from framework.engine.ops.windows import (
    NO_PADDING,
    PADDED,
    PLAIN,
    SPARSE,
    counts_of,
    padded,
    places_of,
    scalars_of,
    windows,
)
from framework.engine.tensor import Spec, Tensor


def infer_patches(x, *, sizes, strides, dilations, paddings):
    counts = counts_of(x.shape, sizes, strides, dilations, paddings)
    return Spec((x.shape[0], *counts, *sizes, x.shape[3]), x.dtype)


def as_pieces(windows, x, attrs):
    """How the kernels see windows (n, oh, ow, kh, kw, c) and x (n, h, w, c): (n, oh ow, pieces,
    length) and (n, h, w c). A piece of a window stands in one run in x: a row of it, or with gaps
    between its columns one element.
    """
    n, oh, ow, kh, kw, c = windows.shape
    columns, length = (1, kw * c) if attrs["dilations"][1] == 1 else (kw, c)
    scalars = {"kh": kh, "kw": columns, "channels": c, **scalars_of(attrs, ow)}
    batch, h, w, _ = x.shape
    return (n, oh * ow, kh * columns, length), (batch, h, w * c), scalars


def see_patches(outs, inputs, attrs):
    out, x, scalars = as_pieces(outs[0], inputs[0], attrs)
    return [out], [x], scalars


@op(
    Sample(((2, 4, 5, 2),), PLAIN),
    Sample(((2, 4, 3, 2),), PADDED),
    Sample(((1, 3, 4, 1),), SPARSE),
    infer=infer_patches,
)
def patches(x, *, sizes, strides, dilations, paddings):
    """The windows of x (n, h, w, c), 0 around it, one after the other: (n, oh, ow, kh, kw, c)."""
    return windows(x, 0, sizes, strides, dilations, paddings).copy()


@patches.kernel(views=see_patches)
def _(out, x, kh, kw, channels, ow, s0, s1, d0, d1, top, left):
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            for k in range(kh * kw):
                piece = out[n, i, k]
                h = i // ow * s0 + k // kw * d0 - top
                start = (i % ow * s1 + k % kw * d1 - left) * channels
                first = max(-start, 0)
                end = min(x.shape[2] - start, piece.size) * (0 <= h < x.shape[1])
                if end - first < piece.size:
                    for c in range(piece.size):
                        piece[c] = 0
                if first < end:
                    copy_into(piece[first:end], x[n, h, start + first : start + end])


@patches.vjp()
def _(g, out, x, *, sizes, strides, dilations, paddings):
    whole = tuple(x.array.shape)
    return (patches_grad(g, whole=whole, strides=strides, dilations=dilations, paddings=paddings),)


def whole_of(x, attrs):
    """The attrs of patches_grad that undo patches of x."""
    return {"whole": x} | {key: value for key, value in attrs.items() if key != "sizes"}


@op(
    Sample(((2, 3, 3, 2, 3, 2),), whole_of((2, 4, 5, 2), PLAIN)),
    Sample(((2, 2, 3, 2, 3, 2),), whole_of((2, 4, 3, 2), PADDED)),
    Sample(((1, 2, 2, 1, 2, 1),), whole_of((1, 3, 4, 1), SPARSE)),
    infer=lambda g, *, whole, strides, dilations, paddings: Spec(tuple(whole), g.dtype),
)
def patches_grad(g, *, whole, strides, dilations, paddings):
    """Zeros of shape `whole` (n, h, w, c), to which each window in g (n, oh, ow, kh, kw, c) is
    added at its place: the gradient of patches.
    """
    (top, bottom), (left, right) = paddings
    n, h, w, c = whole
    out = np.zeros((n, top + h + bottom, left + w + right, c), g.dtype)
    (_, oh, ow, kh, kw, _), (s0, s1), (d0, d1) = g.shape, strides, dilations
    for a in range(kh):
        for b in range(kw):
            down = slice(a * d0, a * d0 + oh * s0, s0)
            across = slice(b * d1, b * d1 + ow * s1, s1)
            if oh and ow:
                out[:, down, across] += g[:, :, :, a, b]
    return np.ascontiguousarray(out[:, top : top + h, left : left + w])


def see_patches_grad(outs, inputs, attrs):
    g, whole, scalars = as_pieces(inputs[0], outs[0], attrs)
    return [whole], [g], scalars


@patches_grad.kernel(views=see_patches_grad)
def _(out, g, kh, kw, channels, ow, s0, s1, d0, d1, top, left):
    for n in range(g.shape[0]):
        for h in range(out.shape[1]):
            row = out[n, h]
            for c in range(row.size):
                row[c] = 0
        for i in range(g.shape[1]):
            for k in range(kh * kw):
                piece = g[n, i, k]
                h = i // ow * s0 + k // kw * d0 - top
                start = (i % ow * s1 + k % kw * d1 - left) * channels
                first = max(-start, 0)
                end = min(out.shape[2] - start, piece.size) * (0 <= h < out.shape[1])
                if first < end:
                    add_into(out[n, h, start + first : start + end], piece[first:end])


@patches_grad.vjp()
def _(u, out, g, *, whole, strides, dilations, paddings):
    sizes = tuple(g.array.shape[3:5])
    return (patches(u, sizes=sizes, strides=strides, dilations=dilations, paddings=paddings),)


def infer_argmax(x, *, sizes, strides, dilations, paddings):
    counts = counts_of(x.shape, sizes, strides, dilations, paddings)
    return Spec((x.shape[0], *counts, x.shape[3]), np.dtype(np.int64))


@op(
    Sample(((2, 4, 5, 2),), PLAIN),
    Sample(((2, 4, 3, 2),), PADDED),
    Sample(((1, 3, 4, 1),), SPARSE),
    infer=infer_argmax,
    is_differentiable=False,
)
def window_argmax(x, *, sizes, strides, dilations, paddings):
    """Where the first maximum of each window of x (n, h, w, c) stands: its h W + w, in the shape
    (n, oh, ow, c); what is around x is never the maximum. A NaN counts as the largest.
    """
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    oh, ow = counts_of(x.shape, sizes, strides, dilations, paddings)
    best = first_largest(
        places_of(padded(x, paddings, lowest), (oh, ow), sizes, strides, dilations)
    )
    (s0, s1), (d0, d1), ((top, _), (left, _)) = strides, dilations, paddings
    h, w = np.arange(oh).reshape(-1, 1, 1) * s0 - top, np.arange(ow).reshape(-1, 1) * s1 - left
    if paddings == NO_PADDING:
        a, b = np.divmod(np.arange(math.prod(sizes)), sizes[1])
        return (a * d0 * x.shape[2] + b * d1).take(best) + (h * x.shape[2] + w)
    a, b = np.divmod(best.astype(np.int64), sizes[1])
    # where all are as low as the padding, the first place inside
    inside = [
        np.clip(at, 0, max(m - 1, 0)) for at, m in zip((a * d0 + h, b * d1 + w), x.shape[1:3])
    ]
    return inside[0] * x.shape[2] + inside[1]


def first_largest(arrays):
    """The number of the first array that is largest, for each element; a NaN is the largest."""
    best = arrays[0].copy()
    for x in arrays[1:]:
        np.maximum(best, x, out=best)
    has_nan = best.dtype.kind == "f" and np.isnan(best).any()
    number = np.zeros(best.shape, np.uint8 if len(arrays) < 256 else np.int64)
    for x in arrays[-2::-1]:  # n = 0 where it is x, else 1 + n: counts what stands before
        number += 1
        number *= (x != best) & (x == x) if has_nan else x != best
    return number


def see_argmax(outs, inputs, attrs):
    (out,), (x,), (kh, kw) = outs, inputs, attrs["sizes"]
    (n, oh, ow, c), (batch, height, width, _) = out.shape, x.shape
    scalars = {"kh": kh, "kw": kw, "height": height, "width": width}
    return [(n, oh * ow, c)], [(batch, height * width, c)], scalars | scalars_of(attrs, ow)


@window_argmax.kernel(views=see_argmax)
def _(out, x, kh, kw, height, width, ow, s0, s1, d0, d1, top, left):
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            row = out[n, i]
            for c in range(row.size):
                row[c] = -1
            for k in range(kh * kw):
                h = i // ow * s0 + k // kw * d0 - top
                w = i % ow * s1 + k % kw * d1 - left
                if (0 <= h < height) & (0 <= w < width):
                    here = h * width + w
                    for c in range(row.size):
                        at = row[c]
                        value, best = x[n, here, c], x[n, max(at, 0), c]
                        is_more = (best == best) & (not value <= best)  # a NaN is the largest
                        row[c] = here if (at < 0) | is_more else at


@elementwise(lambda y: y, Sample(((3, 4),)))
def chosen(y):
    """y, picked by comparisons: the second derivative in y is zeros, not None (as TensorFlow's)."""
    return y


@chosen.vjp("out")
def _(g, out, y):
    return (chosen_grad(g, out),)


# y is read, though it changes nothing: what a rule depends on has to be kept for programs.
@elementwise(lambda g, y: np.where(np.isnan(y), g, g), Sample(((3, 4), (3, 4))))
def chosen_grad(g, y):
    """g, seen as a function of y, too: the gradient of chosen."""
    return g


@chosen_grad.vjp("y")
def _(u, out, g, y):
    return chosen_grad(u, y), zeros_like(y)


def max_pool(x: Tensor, *, sizes: tuple, strides: tuple, paddings: tuple) -> Tensor:
    """The largest element of each window; the first of equal ones takes the gradient."""
    at = window_argmax(x, sizes=sizes, strides=strides, dilations=(1, 1), paddings=paddings)
    (n, h, w, c), (_, oh, ow, _) = x.array.shape, at.array.shape
    rows = reshape(x, shape=(n, h * w, c))
    found = chosen(take_along_axis(rows, reshape(at, shape=(n, oh * ow, c)), axis=1))
    return reshape(found, shape=(n, oh, ow, c))


def mean_pool(x: Tensor, *, sizes: tuple, strides: tuple, paddings: tuple) -> Tensor:
    """The mean of the elements of each window that lie inside x."""
    place = {"sizes": sizes, "strides": strides, "dilations": (1, 1), "paddings": paddings}
    total = sum_(patches(x, **place), axis=(3, 4))
    if paddings == NO_PADDING:
        return divide(total, Tensor(np.array(math.prod(sizes), x.array.dtype)))
    ones = np.ones((1, *x.array.shape[1:3], 1), x.array.dtype)
    return divide(total, Tensor(windows(ones, 0, **place).sum(axis=(3, 4), dtype=ones.dtype)))


def check_filters(x: Tensor, filters: Tensor) -> None:
    """InvalidArgumentError unless filters (kh, kw, c / groups, o) fit x (n, h, w, c)."""
    if x.ndim != 4 or filters.ndim != 4:
        raise InvalidArgumentError(
            f"convolution: the input {tuple(x.shape)} and the filters {tuple(filters.shape)} must "
            "have 4 axes"
        )
    kh, kw, depth, out = filters.array.shape
    if not kh * kw * depth:
        raise InvalidArgumentError(f"convolution: filters {tuple(filters.shape)} are empty")
    if x.array.shape[3] % depth or out % max(x.array.shape[3] // depth, 1):
        raise InvalidArgumentError(
            f"convolution: the input has {x.array.shape[3]} channels and the filters "
            f"{tuple(filters.shape)} take {depth}: neither equal, nor groups that divide {out}"
        )


def convolve(
    x: Tensor, filters: Tensor, *, strides: tuple, dilations: tuple, paddings: tuple
) -> Tensor:
    """x (n, h, w, c) convolved with filters (kh, kw, c / groups, o): (n, oh, ow, o); each group of
    channels makes o / groups of the results.
    """
    check_filters(x, filters)
    kh, kw, depth, out = filters.array.shape
    is_plain = (kh, kw, *strides) == (1, 1, 1, 1) and paddings == NO_PADDING
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    if depth == 1 and x.array.shape[3] > 1:
        each = reshape(filters, shape=(kh, kw, x.array.shape[3], out // x.array.shape[3]))
        return depthwise(x, each, **place)
    counts = counts_of(x.array.shape, (kh, kw), **place)
    rows = x if is_plain else patches(x, sizes=(kh, kw), **place)
    count, groups = math.prod((x.array.shape[0], *counts)), x.array.shape[3] // depth
    shape = (x.array.shape[0], *counts, out)
    if groups < 2:
        matrix = reshape(filters, shape=(kh * kw * depth, out))
        return reshape(matmul(reshape(rows, shape=(count, kh * kw * depth)), matrix), shape=shape)
    rows = transpose(reshape(rows, shape=(count, kh * kw, groups, depth)), axes=(2, 0, 1, 3))
    rows = reshape(rows, shape=(groups, count, kh * kw * depth))
    each = reshape(filters, shape=(kh * kw * depth, groups, out // groups))
    return reshape(
        transpose(matmul(rows, transpose(each, axes=(1, 0, 2))), axes=(1, 0, 2)), shape=shape
    )


def convolve_transpose(
    y: Tensor, filters: Tensor, *, whole: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> Tensor:
    """The adjoint of convolve: y (n, oh, ow, o), filters (kh, kw, c, o) -> whole = (n, h, w, c)."""
    if y.ndim != 4 or filters.ndim != 4:
        raise InvalidArgumentError("convolution: the input and the filters must have 4 axes")
    kh, kw, depth, out = filters.array.shape
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    wanted = (whole[0], *counts_of(whole, (kh, kw), **place), out)
    if wanted != tuple(y.array.shape) or whole[3] != depth:
        raise InvalidArgumentError(
            f"convolution: filters {tuple(filters.shape)} lead to {tuple(whole)} from {wanted}, "
            f"got {tuple(y.shape)}"
        )
    matrix = reshape(filters, shape=(kh * kw * depth, out))
    rows = matmul(reshape(y, shape=(math.prod(wanted[:3]), out)), matrix, transpose_y=True)
    return patches_grad(reshape(rows, shape=(*wanted[:3], kh, kw, depth)), whole=whole, **place)


def space_to_depth(x: Tensor, block: int) -> Tensor:
    """Each block x block of x (n, h, w, c) as the channels of one element."""
    n, h, w, c = x.array.shape
    apart = reshape(x, shape=(n, h // block, block, w // block, block, c))
    return reshape(
        transpose(apart, axes=(0, 1, 3, 2, 4, 5)),
        shape=(n, h // block, w // block, block * block * c),
    )


def depth_to_space(x: Tensor, block: int) -> Tensor:
    """The channels of each element of x (n, h, w, c) as a block x block of elements."""
    n, h, w, c = x.array.shape
    apart = reshape(x, shape=(n, h, w, block, block, c // (block * block)))
    return reshape(
        transpose(apart, axes=(0, 1, 3, 2, 4, 5)),
        shape=(n, h * block, w * block, c // (block * block)),
    )
