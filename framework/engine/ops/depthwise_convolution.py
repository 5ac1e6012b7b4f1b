"""depthwise: each channel convolved with windows of its own; its gradients, each by the others.

    out[n, i, j, c m + k] = sum_{a, b} x[n, i s + a d - top, j s + b d - left, c] f[a, b, c, k]

for filters f (kh, kw, c, m) and k < m. No patches are made: each place in a window is a view of x.
"""

from __future__ import annotations

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.ops.convolution_memory import (
    on_shapes,
    see_forward,
    see_grad_filters,
    see_grad_x,
)
from framework.engine.ops.windows import (
    PADDED,
    PLAIN,
    SPARSE,
    counts_of,
    padded,
    places_of,
)
from framework.engine.tensor import Spec


def without_sizes(place: dict) -> dict:
    """The attrs of a place whose sizes an input shows."""
    return {key: value for key, value in place.items() if key != "sizes"}


def check(x: tuple, filters: tuple) -> None:
    """InvalidArgumentError unless filters (kh, kw, c, m) fit x (n, h, w, c)."""
    if len(x) != 4 or len(filters) != 4 or x[3] != filters[2]:
        raise InvalidArgumentError(
            f"depthwise: filters {tuple(filters)} do not fit an input of shape {tuple(x)}"
        )


def infer(x: Spec, filters: Spec, **place: tuple) -> Spec:
    check(x.shape, filters.shape)
    counts = counts_of(x.shape, filters.shape[:2], **place)
    return Spec((x.shape[0], *counts, filters.shape[2] * filters.shape[3]), x.dtype)


def along_rows(filters: np.ndarray, across: int) -> np.ndarray:
    """filters (kh, kw, c, m), repeated `across` times, as a list of (across, c, m): the inner loop
    of a product is then a whole row of an image.
    """
    kh, kw, c, m = filters.shape
    wide = np.broadcast_to(filters.reshape(kh * kw, 1, c, m), (kh * kw, across, c, m))
    return np.ascontiguousarray(wide)


@op(
    Sample(((3, 4, 5, 2), (2, 3, 2, 2)), without_sizes(PLAIN)),
    Sample(((3, 4, 3, 2), (2, 3, 2, 1)), without_sizes(PADDED)),
    Sample(((2, 3, 4, 3), (1, 2, 3, 1)), without_sizes(SPARSE)),
    infer=infer,
    same_dtype=True,
    kernel_from=1024,
)
def depthwise(x, filters, *, strides, dilations, paddings):
    """x (n, h, w, c), each channel convolved with its filters (kh, kw, c, m): (n, oh, ow, c m)."""
    check(x.shape, filters.shape)
    kh, kw, c, m = filters.shape
    counts = counts_of(x.shape, (kh, kw), strides, dilations, paddings)
    views = places_of(padded(x, paddings, 0), counts, (kh, kw), strides, dilations)
    out = np.zeros((len(x), *counts, c, m), x.dtype)
    part = np.empty_like(out)
    for view, row in zip(views, along_rows(filters, counts[1]), strict=True):
        out += np.multiply(view[..., None], row, out=part)
    return out.reshape(len(x), *counts, c * m)


def flops_of(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    """Each element of a result or its gradient meets the elements of a window."""
    sizes = attrs["sizes"] if "sizes" in attrs else inputs[1].shape[:2]
    wide = max([s.size for s in (*outs, *inputs)])
    return 2 * wide * sizes[0] * sizes[1]


def joined(filters: tuple) -> tuple[int, int, int, int]:
    """The shape (kh, kw, c, m) as the kernels see it: c groups of one channel, (kh, kw, 1, c m)."""
    kh, kw, c, m = filters
    return kh, kw, 1, c * m


@on_shapes
def see(out, x, filters, attrs):
    return see_forward(out, x, joined(filters), attrs, filters[3] == 1)


@depthwise.kernel(views=see, flops=flops_of)
def _(out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    if out.shape[3] == x.shape[3]:
        depthwise_convolve_images(
            part, parts, out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
        )
    else:
        convolve_images(
            part, parts, out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
        )


@depthwise.vjp("x filters")
def _(g, out, x, filters, **place):
    sizes = tuple(filters.array.shape[:2])
    return (
        depthwise_grad_x(g, filters, whole=tuple(x.array.shape), **place),
        depthwise_grad_filters(x, g, sizes=sizes, **place),
    )


def whole_of(x: tuple, place: dict) -> dict:
    """The attrs of depthwise_grad_x."""
    return {"whole": x, **without_sizes(place)}


@op(
    Sample(((3, 3, 3, 4), (2, 3, 2, 2)), whole_of((3, 4, 5, 2), PLAIN)),
    Sample(((3, 2, 3, 2), (2, 3, 2, 1)), whole_of((3, 4, 3, 2), PADDED)),
    Sample(((2, 2, 2, 3), (1, 2, 3, 1)), whole_of((2, 3, 4, 3), SPARSE)),
    infer=lambda g, filters, *, whole, **place: Spec(tuple(whole), g.dtype),
    same_dtype=True,
    kernel_from=1024,
)
def depthwise_grad_x(g, filters, *, whole, strides, dilations, paddings):
    """The gradient of depthwise in x of shape `whole`, for g (n, oh, ow, c m)."""
    (n, h, w, c), ((top, bottom), (left, right)) = whole, paddings
    (_, oh, ow, _), (kh, kw, _, m) = g.shape, filters.shape
    out = np.zeros((n, top + h + bottom, left + w + right, c), g.dtype)
    parts = g.reshape(n, oh, ow, c, m)
    views = places_of(out, (oh, ow), (kh, kw), strides, dilations)
    for view, row in zip(views, along_rows(filters, ow), strict=True):
        view += (parts * row).sum(-1) if m > 1 else parts[..., 0] * row[..., 0]
    return np.ascontiguousarray(out[:, top : top + h, left : left + w])


@on_shapes
def see_x(out, g, filters, attrs):
    return see_grad_x(out, g, joined(filters), attrs, filters[3] == 1)


@depthwise_grad_x.kernel(views=see_x, flops=flops_of)
def _(out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    if out.shape[3] == g.shape[3]:
        depthwise_convolve_images_grad_x(
            part, parts, out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
        )
    else:
        convolve_images_grad_x(
            part, parts, out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
        )


@depthwise_grad_x.vjp("g filters")
def _(u, out, g, filters, *, whole, **place):
    sizes = tuple(filters.array.shape[:2])
    return depthwise(u, filters, **place), depthwise_grad_filters(u, g, sizes=sizes, **place)


@op(
    Sample(((2, 4, 5, 2), (2, 3, 3, 4)), PLAIN),
    Sample(((2, 4, 3, 2), (2, 2, 3, 2)), PADDED),
    Sample(((1, 3, 4, 3), (1, 2, 2, 3)), SPARSE),
    infer=lambda x, g, *, sizes, **place: Spec(
        (*sizes, x.shape[3], g.shape[3] // max(x.shape[3], 1)), x.dtype
    ),
    same_dtype=True,
    kernel_from=1024,
)
def depthwise_grad_filters(x, g, *, sizes, strides, dilations, paddings):
    """The gradient of depthwise in its filters of these sizes, for g (n, oh, ow, c m)."""
    n, oh, ow, width = g.shape
    c = x.shape[3]
    parts = g.reshape(n, oh, ow, c, width // max(c, 1))
    views = places_of(padded(x, paddings, 0), (oh, ow), sizes, strides, dilations)
    products = [(view[..., None] * parts).reshape(n * oh * ow, width).sum(0) for view in views]
    return np.stack(products).reshape(*sizes, c, width // max(c, 1))


@on_shapes
def see_filters(out, x, g, attrs):
    return see_grad_filters(joined(out), x, g, attrs, out[3] == 1)


@depthwise_grad_filters.kernel(views=see_filters, flops=flops_of)
def _(out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left, part, parts):
    if x.shape[3] == g.shape[3]:
        depthwise_convolve_images_grad_filters(
            part, parts, out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left
        )
    else:
        convolve_images_grad_filters(
            part, parts, out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left
        )


@depthwise_grad_filters.vjp("x g")
def _(u, out, x, g, *, sizes, **place):
    return depthwise_grad_x(g, u, whole=tuple(x.array.shape), **place), depthwise(x, u, **place)
