"""convolution over (n, h, w, c), its gradients, each by the others, and what they make.

    out[n, i, j, o] = sum_{a, b, c} x[n, i s + a d - top, j s + b d - left, c] filters[a, b, c, o]

Filters that take fewer channels than x has divide x into groups, each with results of its own. The
forwards are one matrix product over all windows; the kernels stand in kernels/convolution.py. What
says where the windows are (strides, dilations, paddings) stands in windows.py.
"""

from __future__ import annotations

import math

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import reshape
from framework.engine.ops.convolution_memory import (
    on_shapes,
    see_forward,
    see_grad_filters,
    see_grad_x,
)
from framework.engine.ops.depthwise_convolution import depthwise, whole_of, without_sizes
from framework.engine.ops.patches import patches_grad
from framework.engine.ops.shape import transpose
from framework.engine.ops.windows import (
    PADDED,
    PLAIN,
    SPARSE,
    counts_of,
    windows,
)
from framework.engine.tensor import Spec, Tensor


def check_filters(x: tuple, filters: tuple) -> None:
    """InvalidArgumentError unless filters (kh, kw, c / groups, o) fit x (n, h, w, c)."""
    if len(x) != 4 or len(filters) != 4:
        raise InvalidArgumentError(
            f"convolution: the input {tuple(x)} and the filters {tuple(filters)} must have 4 axes"
        )
    kh, kw, depth, out = filters
    if not kh * kw * depth:
        raise InvalidArgumentError(f"convolution: filters {tuple(filters)} are empty")
    if x[3] % depth or out % max(x[3] // depth, 1):
        raise InvalidArgumentError(
            f"convolution: the input has {x[3]} channels and the filters {tuple(filters)} take "
            f"{depth}: neither equal, nor groups that divide {out}"
        )


def rows_of(x: np.ndarray, groups: int, sizes: tuple, place: dict) -> np.ndarray:
    """The windows of x (n, h, w, c) as rows of a matrix for each group: (groups, n oh ow, k)."""
    rows = windows(x, 0, sizes, **place)
    (n, oh, ow, kh, kw, _), depth = rows.shape, x.shape[3] // groups
    rows = rows.reshape(n * oh * ow, kh * kw, groups, depth).transpose(2, 0, 1, 3)
    return rows.reshape(groups, n * oh * ow, kh * kw * depth)


def parted(y: np.ndarray, groups: int) -> np.ndarray:
    """The last axis of y in groups, which come first: (groups, all others, o / groups)."""
    each = y.shape[-1] // groups
    return y.reshape(math.prod(y.shape[:-1]), groups, each).transpose(1, 0, 2)


def joined(y: np.ndarray, shape: tuple) -> np.ndarray:
    """y (groups, m, each) with the groups beside each other, in this shape."""
    return np.ascontiguousarray(y.transpose(1, 0, 2)).reshape(shape)


def flops_of(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    return 2 * outs[0].size * math.prod(inputs[1].shape[:3])


def flops_of_grad_x(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    return 2 * inputs[0].size * math.prod(inputs[1].shape[:3])


def flops_of_grad_filters(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    return 2 * inputs[1].size * math.prod(outs[0].shape[:3])


def infer(x: Spec, filters: Spec, **place: tuple) -> Spec:
    check_filters(x.shape, filters.shape)
    counts = counts_of(x.shape, filters.shape[:2], **place)
    return Spec((x.shape[0], *counts, filters.shape[3]), x.dtype)


@op(
    Sample(((3, 4, 5, 2), (2, 3, 2, 3)), without_sizes(PLAIN)),
    Sample(((3, 4, 3, 4), (2, 3, 2, 4)), without_sizes(PADDED)),
    Sample(((2, 3, 4, 1), (1, 2, 1, 2)), without_sizes(SPARSE)),
    infer=infer,
    same_dtype=True,
    kernel_from=1024,
)
def convolution(x, filters, *, strides, dilations, paddings):
    """x (n, h, w, c) convolved with filters (kh, kw, c / groups, o): (n, oh, ow, o)."""
    check_filters(x.shape, filters.shape)
    groups = x.shape[3] // filters.shape[2]
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    counts = counts_of(x.shape, filters.shape[:2], **place)
    rows = rows_of(x, groups, filters.shape[:2], place)
    return joined(rows @ parted(filters, groups), (len(x), *counts, filters.shape[3]))


@convolution.kernel(views=on_shapes(see_forward), flops=flops_of)
def _(out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    convolve_images(
        part, parts, out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
    )


@convolution.vjp("x filters")
def _(g, out, x, filters, *, wants, **place):
    dx = df = None
    if wants[0]:
        dx = convolution_grad_x(g, filters, whole=tuple(x.array.shape), **place)
    if wants[1]:
        (kh, kw, depth, _), c = filters.array.shape, x.array.shape[3]
        place |= {"sizes": (kh, kw), "groups": c // depth}
        df = convolution_grad_filters(x, g, **place)
    return dx, df


def check_grad(g: tuple, whole: tuple, filters: tuple, place: dict) -> None:
    """InvalidArgumentError unless g is what filters lead to from `whole`."""
    check_filters(whole, filters)
    wanted = (whole[0], *counts_of(whole, filters[:2], **place), filters[3])
    if wanted != tuple(g):
        raise InvalidArgumentError(
            f"convolution: filters {tuple(filters)} lead to {tuple(whole)} from {wanted}, "
            f"got {tuple(g)}"
        )


def infer_grad_x(g: Spec, filters: Spec, *, whole: tuple, **place: tuple) -> Spec:
    check_grad(g.shape, whole, filters.shape, place)
    return Spec(tuple(whole), g.dtype)


@op(
    Sample(((3, 3, 3, 3), (2, 3, 2, 3)), whole_of((3, 4, 5, 2), PLAIN)),
    Sample(((3, 2, 3, 4), (2, 3, 2, 4)), whole_of((3, 4, 3, 4), PADDED)),
    Sample(((2, 2, 2, 2), (1, 2, 1, 2)), whole_of((2, 3, 4, 1), SPARSE)),
    infer=infer_grad_x,
    same_dtype=True,
    kernel_from=1024,
)
def convolution_grad_x(g, filters, *, whole, strides, dilations, paddings):
    """The gradient of convolution in x of shape `whole`, for g (n, oh, ow, o)."""
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    check_grad(g.shape, whole, filters.shape, place)
    (kh, kw, depth, _), groups = filters.shape, whole[3] // filters.shape[2]
    rows = parted(g, groups) @ parted(filters, groups).transpose(0, 2, 1)
    rows = rows.reshape(groups, -1, kh * kw, depth).transpose(1, 2, 0, 3)
    rows = rows.reshape(*g.shape[:3], kh, kw, whole[3])
    return patches_grad.forward(rows, whole=whole, **place)


@convolution_grad_x.kernel(views=on_shapes(see_grad_x), flops=flops_of_grad_x)
def _(out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    convolve_images_grad_x(
        part, parts, out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
    )


@convolution_grad_x.vjp("g filters")
def _(u, out, g, filters, *, wants, whole, **place):
    dg = df = None
    if wants[0]:
        dg = convolution(u, filters, **place)
    if wants[1]:
        kh, kw, depth, _ = filters.array.shape
        place |= {"sizes": (kh, kw), "groups": whole[3] // depth}
        df = convolution_grad_filters(u, g, **place)
    return dg, df


def infer_grad_filters(x: Spec, g: Spec, *, sizes: tuple, groups: int, **place: tuple) -> Spec:
    shape = (*sizes, x.shape[3] // groups, g.shape[3])
    check_grad(g.shape, x.shape, shape, place)
    return Spec(shape, x.dtype)


@op(
    Sample(((2, 4, 5, 2), (2, 3, 3, 3)), PLAIN | {"groups": 1}),
    Sample(((2, 4, 3, 4), (2, 2, 3, 4)), PADDED | {"groups": 2}),
    Sample(((1, 3, 4, 1), (1, 2, 2, 2)), SPARSE | {"groups": 1}),
    infer=infer_grad_filters,
    same_dtype=True,
    kernel_from=1024,
)
def convolution_grad_filters(x, g, *, sizes, groups, strides, dilations, paddings):
    """The gradient of convolution in its filters (*sizes, c / groups, o), for g (n, oh, ow, o)."""
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    shape = (*sizes, x.shape[3] // groups, g.shape[3])
    check_grad(g.shape, x.shape, shape, place)
    rows = rows_of(x, groups, sizes, place)
    return joined(rows.transpose(0, 2, 1) @ parted(g, groups), shape)


@convolution_grad_filters.kernel(views=on_shapes(see_grad_filters), flops=flops_of_grad_filters)
def _(out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    convolve_images_grad_filters(
        part, parts, out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left
    )


@convolution_grad_filters.vjp("x g")
def _(u, out, x, g, *, wants, sizes, groups, **place):
    return (
        convolution_grad_x(g, u, whole=tuple(x.array.shape), **place) if wants[0] else None,
        convolution(x, u, **place) if wants[1] else None,
    )


def convolve(
    x: Tensor, filters: Tensor, *, strides: tuple, dilations: tuple, paddings: tuple
) -> Tensor:
    """x (n, h, w, c) convolved with filters (kh, kw, c / groups, o): (n, oh, ow, o); each group of
    channels makes o / groups of the results.
    """
    check_filters(x.array.shape, filters.array.shape)
    kh, kw, depth, out = filters.array.shape
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    if depth == 1 and x.array.shape[3] > 1:
        each = reshape(filters, shape=(kh, kw, x.array.shape[3], out // x.array.shape[3]))
        return depthwise(x, each, **place)
    return convolution(x, filters, **place)


def convolve_transpose(
    y: Tensor, filters: Tensor, *, whole: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> Tensor:
    """The adjoint of convolve: y (n, oh, ow, o), filters (kh, kw, c, o) -> whole = (n, h, w, c)."""
    if y.ndim != 4 or filters.ndim != 4:
        raise InvalidArgumentError("convolution: the input and the filters must have 4 axes")
    place = {"strides": strides, "dilations": dilations, "paddings": paddings}
    if whole[3] != filters.array.shape[2]:
        raise InvalidArgumentError(
            f"convolution: filters {tuple(filters.shape)} do not lead to {whole[3]} channels"
        )
    return convolution_grad_x(y, filters, whole=tuple(whole), **place)


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
