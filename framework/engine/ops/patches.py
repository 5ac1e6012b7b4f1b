"""patches: every window of a tensor over (n, h, w, c) as a row of its own; and its adjoint.

What says where the windows are (sizes, strides ...) stands in windows.py.
"""

from __future__ import annotations

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.windows import (
    PADDED,
    PLAIN,
    SPARSE,
    counts_of,
    scalars_of,
    windows,
)
from framework.engine.tensor import Spec


def infer_patches(
    x: Spec, *, sizes: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> Spec:
    counts = counts_of(x.shape, sizes, strides, dilations, paddings)
    return Spec((x.shape[0], *counts, *sizes, x.shape[3]), x.dtype)


def as_pieces(windows: Spec, x: Spec, attrs: dict) -> tuple[tuple, tuple, dict]:
    """How the kernels see windows (n, oh, ow, kh, kw, c) and x (n, h, w, c): (n, oh ow, pieces,
    length) and (n, h, w c). A piece of a window stands in one run in x: a row of it, or with gaps
    between its columns one element.
    """
    n, oh, ow, kh, kw, c = windows.shape
    columns, length = (1, kw * c) if attrs["dilations"][1] == 1 else (kw, c)
    scalars = {"kh": kh, "kw": columns, "channels": c, **scalars_of(attrs, ow)}
    batch, h, w, _ = x.shape
    return (n, oh * ow, kh * columns, length), (batch, h, w * c), scalars


def see_patches(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
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


def whole_of(x: tuple, attrs: dict) -> dict:
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


def see_patches_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
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
