"""Kernels of convolutions by Winograd's algorithm, for the shapes that it is faster for.

The algorithm and its scratch memory stand in kernels/winograd.py. Which one computes a convolution
depends on one image and the filters alone, not on how many images there are: a batch, a strip of
it and a single image give the same bits. float64 and all other shapes are summed directly.

Where an element of x is infinite or NaN, or four of its elements add up to infinity, all results
of the 2 x 2 tiles that read it are NaN; a direct sum would give infinity, and to the results of
those windows alone that hold it.
"""

from __future__ import annotations

from collections.abc import Callable

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
# Places of a transformed tile, and floats between the tiles of one place and those of the next: all
# would fall into the same few sets of the cache (measured: 1.1 to 1.3 times as long).
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


def scratch(shape: tuple, c: int, o: int) -> dict:
    """How many of the tiles of images of a shape (n, h, w, channels) are transformed together, and
    the scratch memory that takes, for c channels that are read and o that are made."""
    n, h, w, _ = shape
    few = n * -(-h // 2) * -(-w // 2) <= TILES * BLOCKS
    count = FEW if few else TILES
    sizes = {
        "weights": POINTS * c * o, "inputs": POINTS * (count * c + GAP),
        "sums": POINTS * (count * o + GAP), "patch": POINTS * max(c, o), "turned": 9 * c * o,
    }  # fmt: skip
    specs = {name: Spec((size,), np.dtype(np.float32)) for name, size in sizes.items()}
    return {"count": count, **specs}


def seen(x: int, filters: int, g: int, is_turned: bool = False) -> Callable:
    """The views of a kernel, of whose operands (out, inputs) these are the numbers; is_turned: its
    tiles are of x, and windows begin where those of the turned filters do."""

    def views(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
        specs = [*outs, *inputs]
        if not is_faster(specs[x], specs[filters].shape, specs[g].shape, attrs):
            return None
        top, left = [2 - before if is_turned else before for before, _ in attrs["paddings"]]
        _, _, c, o = specs[filters].shape
        tiles = (specs[x].shape, o, c) if is_turned else (specs[g].shape, c, o)
        scalars = {"top": top, "left": left, **scratch(*tiles)}
        return [s.shape for s in outs], [s.shape for s in inputs], scalars

    return views


@convolution.kernel_where(seen(x=1, filters=2, g=0))
def _(out, x, filters, weights, inputs, sums, patch, count, top, left, part, parts):
    winograd(part, parts, out, x, filters, weights, inputs, sums, patch, patch, count, top, left, 0)


@convolution_grad_x.kernel_where(seen(x=0, filters=2, g=1, is_turned=True))
def _(out, g, filters, weights, inputs, sums, patch, turned, count, top, left, part, parts):
    winograd(
        part, parts, out, g, filters, weights, inputs, sums, patch, turned, count, top, left, 1
    )


@convolution_grad_filters.kernel_where(seen(x=1, filters=0, g=2))
def _(out, x, g, weights, inputs, sums, patch, count, top, left, part, parts):
    winograd_grad_filters(part, parts, out, x, g, weights, inputs, sums, patch, count, top, left)
