"""How the kernels of convolutions see their operands: shapes, scalars, and scratch memory.

What for stands in kernels/convolution.py. Shapes are those of x (n, h, w, c), filters
(kh, kw, c / groups, o) and results (n, oh, ow, o); by_lanes: filters are (kh, kw, 1, c), and the
channels are the columns of one group.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from framework.engine.ops.windows import scalars_of
from framework.engine.tensor import Spec

HEAD, ROOM, LANES = 64, 512, 32
# Elements of a part of an image, if one row of windows is not more: a cache's size. Small images
# are computed together, until there are PLACES windows: the last tile is seldom full.
PART, PLACES = 1 << 16, 256


def on_shapes(see: Callable) -> Callable:
    """The `views` of an op whose kernel knows float32 and float64: see(out, *inputs, attrs), of
    shapes, gives (out, inputs, scalars, integers and elements of scratch memory).
    """

    def views(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
        if inputs[0].dtype not in (np.float32, np.float64):
            return None
        out, shapes = tuple(outs[0].shape), [tuple(x.shape) for x in inputs]
        out, shapes, scalars, ints, floats = see(out, *shapes, attrs)
        memory = {
            "ints": Spec((HEAD + ints,), np.dtype(np.int64)),
            "floats": Spec((ROOM + floats + LANES,), np.dtype(inputs[0].dtype)),
        }
        return [out], shapes, scalars | memory

    return views


def see_forward(out: tuple, x: tuple, filters: tuple, attrs: dict, by_lanes: bool = False) -> tuple:
    """How a convolution is seen."""
    scalars, ints, part = on_windows(out, x, filters, attrs)
    groups = 1 if by_lanes else x[3] // filters[2]
    panels = math.prod(filters[:3]) * groups * padded_to(filters[3] // groups)
    return out, [x, filters], scalars, ints, panels + part


def see_grad_x(out: tuple, g: tuple, filters: tuple, attrs: dict, by_lanes: bool = False) -> tuple:
    """How the gradient in x is seen."""
    (_, h, w, c), (_, _, ow, o), (kh, kw, depth, _) = out, g, filters
    (s0, s1), (d0, d1), left = attrs["strides"], attrs["dilations"], attrs["paddings"][1][0]
    n = out[0]
    width = (max(ow, (w - 1 + left) // s1 + 1) - min(0, (left - (kw - 1) * d1) // s1)) * o
    reach = (kh - 1) * d0 // s0 + 3  # at most: the first and last row are cut by the stride
    strips = part_of(-(-h // s0), 1, reach, width)
    groups = 1 if by_lanes else c // depth
    each, columns = (1, c) if by_lanes else (o // groups, depth)
    part = (strips + reach) * width
    images = together(n, strips * s0 >= h, h * w // (s0 * s1), part)
    ints = s0 * s1 + kh * kw * each + 2 * images * strips * s0 * w
    floats = kh * kw * each * groups * padded_to(columns) + images * part
    scalars = {"block": strips * s0, "images": images, **scalars_of(attrs, ow)}
    return out, [g, filters], scalars, ints, floats


def see_grad_filters(out: tuple, x: tuple, g: tuple, attrs: dict, by_lanes: bool = False) -> tuple:
    """How the gradient in filters is seen."""
    scalars, ints, part = on_windows(g, x, out, attrs)
    groups = 1 if by_lanes else x[3] // out[2]
    panels = scalars["images"] * scalars["block"] * g[2] * padded_to(out[3] // groups)
    return out, [x, g], scalars, ints, panels + part


def on_windows(out: tuple, x: tuple, filters: tuple, attrs: dict) -> tuple[dict, int, int]:
    """(scalars, integers, elements of a part of x) of kernels that go through windows in order."""
    (n, oh, ow, _), (_, _, w, c), (kh, kw, depth, _) = out, x, filters
    (s0, s1), (d0, d1), left = attrs["strides"], attrs["dilations"], attrs["paddings"][1][0]
    width = (left + max(w, (ow - 1) * s1 - left + (kw - 1) * d1 + 1)) * c
    reach = (kh - 1) * d0 + 1
    block = part_of(oh, s0, reach, width)
    part = ((block - 1) * s0 + reach) * width
    images = together(n, block >= oh, oh * ow, part)
    scalars = {"block": block, "images": images, **scalars_of(attrs, ow)}
    return scalars, 2 * kh * kw * depth + 2 * images * block * ow, images * part


def together(n: int, are_whole: bool, places: int, part: int) -> int:
    """How many of n images to compute together: 1 where one is computed in parts."""
    if not are_whole:
        return 1
    return max(1, min(n, PLACES // max(places, 1), 2 * PART // max(part, 1)))


def part_of(count: int, step: int, reach: int, width: int) -> int:
    """How many of `count` rows to compute at a time, which read `reach` rows and `step` more for
    each but the first; a row has `width` elements.
    """
    most = max((PART // max(width, 1) - reach) // step + 1, 1)
    return -(-count // max(-(-count // most), 1)) or 1


def padded_to(count: int) -> int:
    """Columns of panels, in whole vectors."""
    return -(-count // LANES) * LANES
