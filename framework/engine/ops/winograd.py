"""Kernels of convolutions by Winograd's algorithm, for the shapes that it is faster for.

The algorithm and its scratch memory stand in kernels/winograd.py. Which one computes a convolution
depends on one image and the filters alone, not on how many images there are: a batch, a strip of
it and a single image give the same bits. float64 and all other shapes are summed directly.

Where an element of x is infinite or NaN, or four of its elements add up to infinity, all results
of the 2 x 2 tiles that read it are NaN; a direct sum would give infinity, and to the results of
those windows alone that hold it.
"""

from __future__ import annotations

import numpy as np

from framework.engine.ops.convolution import (
    convolution,
    convolution_grad_filters,
    convolution_grad_x,
)
from framework.engine.tensor import Spec

# Channels are whole vectors. The filters are transformed to 16 c o numbers, for each thread: 4 MB
# at most. Measured on Zen 4 beside the direct sum: 1.1 times as fast with 16 channels, 1.5 with 32,
# 1.9 with 64, 2.0 with 256.
VECTOR, MOST_FILTERS, LEAST_RESULTS = 16, 1 << 16, 3
# Tiles that are transformed together: a multiple of the rows of a register tile, 8 or 6. Of few
# tiles there are BLOCKS blocks, for the threads.
TILES, FEW, BLOCKS = 48, 24, 8
POINTS, GAP = 16, 16


def is_faster(x: Spec, filters: tuple, g: tuple, attrs: dict) -> bool:
    """Whether this is the algorithm for x (n, h, w, c), filters (3, 3, c, o), results g."""
    (_, h, w, c), (n, oh, ow, o) = x.shape, g
    (top, _), (left, _) = attrs["paddings"]
    return (
        x.dtype == np.float32
        and tuple(filters) == (3, 3, c, o)
        and tuple(attrs["strides"]) == tuple(attrs["dilations"]) == (1, 1)
        and max(top, left) <= 2
        and min(h, w, oh, ow) >= LEAST_RESULTS
        and c % VECTOR == o % VECTOR == 0
        and 0 < c * o <= MOST_FILTERS
        and n > 0
    )


def scratch(tiles: tuple, c: int, o: int) -> dict:
    """How many of the tiles of images (n, h, w, channels) are transformed together, and the
    scratch memory that takes."""
    n, h, w, _ = tiles
    few = n * -(-h // 2) * -(-w // 2) <= TILES * BLOCKS
    count = FEW if few else TILES
    room = POINTS * (c * o + (count * c + GAP) + (count * o + GAP) + max(c, o)) + 9 * c * o
    return {"count": count, "floats": Spec((room,), np.dtype(np.float32))}


def see_forward(outs, inputs, attrs):
    (x, filters), (out,) = inputs, outs
    if not is_faster(x, filters.shape, out.shape, attrs):
        return None
    (top, _), (left, _) = attrs["paddings"]
    more = {"top": top, "left": left, **scratch(out.shape, *filters.shape[2:])}
    return [out.shape], [x.shape, filters.shape], more


@convolution.kernel_where(see_forward)
def _(out, x, filters, floats, count, top, left, part, parts):
    winograd(part, parts, out, x, filters, floats, count, top, left, 0)


def see_grad_x(outs, inputs, attrs):
    (g, filters), (out,) = inputs, outs
    if not is_faster(out, filters.shape, g.shape, attrs):
        return None
    (top, _), (left, _) = attrs["paddings"]
    more = {"top": 2 - top, "left": 2 - left, **scratch(out.shape, *filters.shape[2:])}
    return [out.shape], [g.shape, filters.shape], more


@convolution_grad_x.kernel_where(see_grad_x)
def _(out, g, filters, floats, count, top, left, part, parts):
    winograd(part, parts, out, g, filters, floats, count, top, left, 1)


def see_grad_filters(outs, inputs, attrs):
    (x, g), (out,) = inputs, outs
    if not is_faster(x, out.shape, g.shape, attrs):
        return None
    (top, _), (left, _) = attrs["paddings"]
    more = {"top": top, "left": left, **scratch(g.shape, *out.shape[2:])}
    return [out.shape], [x.shape, g.shape], more


@convolution_grad_filters.kernel_where(see_grad_filters)
def _(out, x, g, floats, count, top, left, part, parts):
    winograd_grad_filters(part, parts, out, x, g, floats, count, top, left)
