"""Places of windows over (n, h, w, c): how many there are, what is around, what stands in them.

A place of windows is given by sizes (of the window), strides and dilations, each (down, across),
and paddings ((top, bottom), (left, right)).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError

NO_PADDING = ((0, 0), (0, 0))
PLAIN = {"sizes": (2, 3), "strides": (1, 1), "dilations": (1, 1), "paddings": NO_PADDING}
PADDED = {"sizes": (2, 3), "strides": (2, 1), "dilations": (1, 2), "paddings": ((1, 0), (2, 2))}
SPARSE = {"sizes": (1, 2), "strides": (2, 3), "dilations": (1, 1), "paddings": ((0, 0), (1, 0))}


def count_along(n: int, size: int, stride: int, dilation: int, padding: tuple) -> int:
    """The number of windows along an axis of length n: the places where a whole one fits."""
    reach = (size - 1) * dilation + 1
    room = n + sum(padding) - reach + stride
    if room <= -stride:
        raise InvalidArgumentError(
            f"convolution: a window that spans {reach} does not fit into a length of "
            f"{n + sum(padding)}, with stride {stride}"
        )
    return max(room // stride, 0)


def counts_of(
    shape: tuple, sizes: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> tuple[int, ...]:
    """The numbers of windows (down, across) in a tensor of shape (n, h, w, c)."""
    if len(shape) != 4:
        raise InvalidArgumentError(f"convolution: wanted 4 axes (n, h, w, c), got {tuple(shape)}")
    places = zip(shape[1:3], sizes, strides, dilations, paddings, strict=True)
    return tuple([count_along(*place) for place in places])


def same_paddings(shape: tuple, sizes: tuple, strides: tuple, dilations: tuple) -> tuple:
    """The paddings that give ceil(n / stride) windows; the odd element is put behind."""
    found = []
    for n, size, stride, dilation in zip(shape[1:3], sizes, strides, dilations, strict=True):
        reach = (size - 1) * dilation + 1
        missing = max((-(-n // stride) - 1) * stride + reach - n, 0)
        found.append((missing // 2, missing - missing // 2))
    return tuple(found)


def padded(x: np.ndarray, paddings: tuple, value: Any) -> np.ndarray:
    """x with `value` around its two middle axes."""
    if paddings == NO_PADDING:
        return x
    (top, bottom), (left, right) = paddings
    n, h, w, c = x.shape
    out = np.full((n, top + h + bottom, left + w + right, c), value, x.dtype)
    out[:, top : top + h, left : left + w] = x
    return out


def windows(
    x: np.ndarray, value: Any, sizes: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> np.ndarray:
    """The view (n, oh, ow, kh, kw, c) of the windows of x, with `value` around it."""
    oh, ow = counts_of(x.shape, sizes, strides, dilations, paddings)
    x = padded(x, paddings, value)
    batch, down, across, channel = x.strides
    steps = (down * strides[0], across * strides[1], down * dilations[0], across * dilations[1])
    return np.lib.stride_tricks.as_strided(
        x, (x.shape[0], oh, ow, *sizes, x.shape[3]), (batch, *steps, channel), writeable=False
    )


def places_of(
    x: np.ndarray, counts: tuple, sizes: tuple, strides: tuple, dilations: tuple
) -> list[np.ndarray]:
    """For each place in a window, row by row, the view (n, oh, ow, c) of what stands there."""
    (oh, ow), (s0, s1), (d0, d1) = counts, strides, dilations
    return [
        x[:, a * d0 : a * d0 + oh * s0 : s0, b * d1 : b * d1 + ow * s1 : s1][:, :oh, :ow]
        for a in range(sizes[0])
        for b in range(sizes[1])
    ]


def scalars_of(attrs: dict, across: int) -> dict[str, int]:
    """The numbers that the kernels want to know: `across` windows stand beside each other."""
    (s0, s1), (d0, d1) = attrs["strides"], attrs["dilations"]
    (top, _), (left, _) = attrs["paddings"]
    steps = {"s0": s0, "s1": s1, "d0": d0, "d1": d1, "top": top, "left": left}
    return {"ow": across, **steps}
