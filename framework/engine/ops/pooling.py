"""Pooling over (n, h, w, c): the largest element or the mean of each window, and their gradients.

What says where the windows are (sizes, strides ...) stands in windows.py.
"""

from __future__ import annotations

import math

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import zeros_like
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


def whole_of(x: tuple, place: dict) -> dict:
    """The attrs of a gradient for an input of shape x."""
    return {"whole": x, **place}


def numbers_of(sizes: tuple) -> np.dtype:
    """The dtype of the number of an element in a window of these sizes."""
    return np.dtype(np.uint8 if math.prod(sizes) <= 256 else np.int32)


def infer_max(
    x: Spec, *, sizes: tuple, strides: tuple, dilations: tuple, paddings: tuple
) -> tuple[Spec, Spec]:
    counts = counts_of(x.shape, sizes, strides, dilations, paddings)
    shape = (x.shape[0], *counts, x.shape[3])
    return Spec(shape, x.dtype), Spec(shape, numbers_of(sizes))


def see(pooled: Spec, x: Spec, attrs: dict) -> tuple[tuple, tuple, dict]:
    """The shapes of what is pooled (n, oh, ow, c) and of x (n, h, w, c), and the scalars."""
    kh, kw = attrs["sizes"]
    return pooled.shape, x.shape, {"kh": kh, "kw": kw, **scalars_of(attrs, pooled.shape[2])}


def see_max(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    row, image, scalars = see(outs[0], inputs[0], attrs)
    axes = zip(outs[0].shape[1:3], inputs[0].shape[1:3], *[attrs[name] for name in PLAIN])
    if not all([reaches_inside(*axis) for axis in axes]):
        return None
    return [row, row], [image], scalars


def reaches_inside(
    count: int, n: int, size: int, stride: int, dilation: int, padding: tuple
) -> bool:
    """Whether every window along an axis of length n has an element inside."""
    start = np.arange(count) * stride - padding[0]
    first, _ = inside(count, n, size, stride, dilation, padding)
    place = start + first * dilation
    return bool(((place >= 0) & (place < n)).all())


@op(
    Sample(((2, 4, 5, 2),), PLAIN),
    Sample(((2, 4, 3, 2),), PADDED),
    Sample(((1, 3, 4, 1),), SPARSE),
    infer=infer_max,
    outs=2,
    kernel_from=1024,
)
def window_max(x, *, sizes, strides, dilations, paddings):
    """(the largest element of each window of x (n, h, w, c), its number in the window), both
    (n, oh, ow, c). The first of equal ones counts, what is around x never, a NaN as the largest.
    """
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    oh, ow = counts_of(x.shape, sizes, strides, dilations, paddings)
    best, number = first_largest(
        places_of(padded(x, paddings, lowest), (oh, ow), sizes, strides, dilations)
    )
    if paddings != NO_PADDING:  # where all are as low as the padding: the first place inside
        ends = [
            inside(*of_axis)
            for of_axis in zip((oh, ow), x.shape[1:3], sizes, strides, dilations, paddings)
        ]
        a, b = np.divmod(number.astype(np.int32), sizes[1])
        a = np.clip(a, *[e.reshape(-1, 1, 1) for e in ends[0]])
        number = a * sizes[1] + np.clip(b, *[e.reshape(-1, 1) for e in ends[1]])
    return best, number.astype(numbers_of(sizes))


def inside(
    count: int, n: int, size: int, stride: int, dilation: int, padding: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """The first and last number along a window's side that lies inside an axis of length n, for
    each window; both the same where none does.
    """
    start = np.arange(count) * stride - padding[0]
    first = np.clip(-(start // dilation), 0, size - 1)
    return first, np.maximum(np.minimum((n - 1 - start) // dilation, size - 1), first)


def first_largest(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(the largest of the arrays, the number of the first one that is it), for each element; a NaN
    is the largest.
    """
    best = arrays[0].copy()
    for x in arrays[1:]:
        np.maximum(best, x, out=best)
    has_nan = best.dtype.kind == "f" and np.isnan(best).any()
    number = np.zeros(best.shape, np.uint8 if len(arrays) <= 256 else np.int32)
    for x in arrays[-2::-1]:  # n = 0 where it is x, else 1 + n: counts what stands before
        number += 1
        number *= (x != best) & (x == x) if has_nan else x != best
    return best, number


@window_max.kernel(views=see_max, rows="out number x")
def _(out, number, x, kh, kw, s0, s1, d0, d1, top, left):
    _, height, width, _ = x.shape
    for place in range(out.shape[0] * out.shape[1]):
        n, p = place // out.shape[1], place % out.shape[1]
        for q in range(out.shape[2]):
            row, which, h, w = out[n, p, q], number[n, p, q], p * s0 - top, q * s1 - left
            is_inside = (h >= 0) & (w >= 0) & (h + d0 < height) & (w + d1 < width)
            if (kh == 2) & (kw == 2) & is_inside:
                above, below = x[n, h], x[n, h + d0]
                largest_of_four(row, which, above[w], above[w + d1], below[w], below[w + d1])
                continue
            is_first = True
            for k in range(kh * kw):
                i, j = h + k // kw * d0, w + k % kw * d1
                if (0 <= i < height) & (0 <= j < width):
                    largest_into(row, which, x[n, i, j], k, is_first)
                    is_first = False


@window_max.vjp("out")
def _(g, out, x, **place):
    return (window_max_grad(g[0], out[1], out[0], whole=tuple(x.array.shape), **place),)


def see_max_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    if outs[0].dtype not in (np.float32, np.float64):
        return None
    row, image, scalars = see(inputs[0], outs[0], attrs)
    return [image], [row, row, row], scalars


SIX, TWO = [{"dtypes": (None, np.uint8), "top": top} for top in (6, 2)]


# y is read, though it changes nothing: TensorFlow's second derivative in x is zeros, not None.
@op(
    Sample(((2, 3, 3, 2),) * 3, whole_of((2, 4, 5, 2), PLAIN), **SIX),
    Sample(((2, 2, 3, 2),) * 3, whole_of((2, 4, 3, 2), PADDED), **SIX),
    Sample(((1, 2, 2, 1),) * 3, whole_of((1, 3, 4, 1), SPARSE), **TWO),
    infer=lambda g, number, y, *, whole, **place: Spec(tuple(whole), g.dtype),
    kernel_from=1024,
)
def window_max_grad(g, number, y, *, whole, sizes, strides, dilations, paddings):
    """Zeros of shape `whole` (n, h, w, c), to which g (n, oh, ow, c) is added where `number` says
    that the maximum of each window is: the gradient of window_max, whose values are y.
    """
    (n, h, w, c), ((top, bottom), (left, right)) = whole, paddings
    out = np.zeros((n, top + h + bottom, left + w + right, c), y[:].dtype)
    for k, view in enumerate(places_of(out, g.shape[1:3], sizes, strides, dilations)):
        view += np.where(number[:] == k, g, np.zeros((), g.dtype))
    return np.ascontiguousarray(out[:, top : top + h, left : left + w])


@window_max_grad.kernel(views=see_max_grad, rows="out g number y")
def _(out, g, number, y, kh, kw, s0, s1, d0, d1, top, left):
    _, height, width, _ = out.shape
    (_, oh, ow, c), is_plain = g.shape, (d0 == 1) & (d1 == 1) & (top == 0) & (left == 0)
    is_tiled = (s0 == kh) & (s1 == kw) & is_plain & (oh * kh <= height) & (ow * kw <= width)
    for n in range(out.shape[0]):
        for i in range(height):
            for j in range(ow * kw if is_tiled & (i < oh * kh) else 0, width):
                clear(out[n, i, j])
        for p in range(oh):
            if is_tiled:
                place, row = start_of(out[n, p * kh]), start_of(g[n, p])
                put_windows(place, row, start_of(number[n, p]), kh, kw, ow, c, width * c)
                continue
            for q in range(ow):
                row, which = g[n, p, q], number[n, p, q]
                for a in range(kh):
                    i = p * s0 - top + a * d0
                    for b in range(kw):
                        j = q * s1 - left + b * d1
                        if is_within(i, j, height, width):
                            add_where(out[n, i, j], row, which, a * kw + b)


@window_max_grad.vjp("number y")
def _(u, out, g, number, y, *, whole, **place):
    return window_take(u, number, y, **place), None, zeros_like(y)


def infer_take(
    u: Spec,
    number: Spec,
    y: Spec,
    *,
    sizes: tuple,
    strides: tuple,
    dilations: tuple,
    paddings: tuple,
) -> Spec:
    counts = counts_of(u.shape, sizes, strides, dilations, paddings)
    return Spec((u.shape[0], *counts, u.shape[3]), u.dtype)


def see_take(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    row, image, scalars = see(outs[0], inputs[0], attrs)
    return [row], [image, row, row], scalars


@op(
    Sample(((2, 4, 5, 2), (2, 3, 3, 2), (2, 3, 3, 2)), PLAIN, **SIX),
    Sample(((2, 4, 3, 2), (2, 2, 3, 2), (2, 2, 3, 2)), PADDED, **SIX),
    Sample(((1, 3, 4, 1), (1, 2, 2, 1), (1, 2, 2, 1)), SPARSE, **TWO),
    infer=infer_take,
)
def window_take(u, number, y, *, sizes, strides, dilations, paddings):
    """The element of each window of u (n, h, w, c) that has this number (n, oh, ow, c), 0 outside
    of u: the adjoint of window_max_grad, y as there.
    """
    out = np.zeros(number.shape, y[:].dtype)
    for k, view in enumerate(
        places_of(padded(u, paddings, 0), number.shape[1:3], sizes, strides, dilations)
    ):
        np.copyto(out, view, where=number[:] == k)
    return out


@window_take.kernel(views=see_take, rows="out u number y")
def _(out, u, number, y, kw, s0, s1, d0, d1, top, left):
    _, height, width, size = u.shape
    for n in range(out.shape[0]):
        for p in range(out.shape[1]):
            for q in range(out.shape[2]):
                row, which = out[n, p, q], number[n, p, q]
                for c in range(size):
                    i = p * s0 - top + which[c] // kw * d0
                    j = q * s1 - left + which[c] % kw * d1
                    is_inside = (0 <= i < height) & (0 <= j < width)
                    row[c] = u[n, i, j, c] if is_inside else zero(u)


@window_take.vjp("number y")
def _(v, out, u, number, y, **place):
    whole = tuple(u.array.shape)
    return window_max_grad(v, number, y, whole=whole, **place), None, zeros_like(y)


def infer_mean(x: Spec, *, sizes: tuple, strides: tuple, dilations: tuple, paddings: tuple) -> Spec:
    counts = counts_of(x.shape, sizes, strides, dilations, paddings)
    return Spec((x.shape[0], *counts, x.shape[3]), x.dtype)


def see_mean(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    row, image, scalars = see(outs[0], inputs[0], attrs)
    return [row], [image], scalars


@op(
    Sample(((2, 4, 5, 2),), PLAIN),
    Sample(((2, 4, 3, 2),), PADDED),
    Sample(((1, 3, 4, 1),), SPARSE),
    infer=infer_mean,
    floats_only=True,
    kernel_from=1024,
)
def window_mean(x, *, sizes, strides, dilations, paddings):
    """The mean of the elements of each window that lie inside x (n, h, w, c): (n, oh, ow, c)."""
    place = sizes, strides, dilations, paddings
    counts = counts_of(x.shape, *place)
    total = np.zeros((x.shape[0], *counts, x.shape[3]), x.dtype)
    for view in places_of(padded(x, paddings, 0), counts, sizes, strides, dilations):
        total += view
    return total / sizes_inside(x, place)


def sizes_inside(x: np.ndarray | Spec, place: tuple) -> np.ndarray:
    """How many elements of each window lie inside x."""
    if place[-1] == NO_PADDING:
        return np.asarray(math.prod(place[0]), x.dtype)
    ones = np.ones((1, *x.shape[1:3], 1), np.int32)
    return windows(ones, 0, *place).sum(axis=(3, 4)).astype(x.dtype)


@window_mean.kernel(views=see_mean, rows="out x")
def _(out, x, kh, kw, s0, s1, d0, d1, top, left):
    _, height, width, _ = x.shape
    for n in range(out.shape[0]):
        for p in range(out.shape[1]):
            for q in range(out.shape[2]):
                row = out[n, p, q]
                count = 0
                clear(row)
                for a in range(kh):
                    i = p * s0 - top + a * d0
                    for b in range(kw):
                        j = q * s1 - left + b * d1
                        if is_within(i, j, height, width):
                            count += 1
                            add_into(row, x[n, i, j])
                divide_into(row, row, count, False)


@window_mean.vjp()
def _(g, out, x, **place):
    return (window_mean_grad(g, whole=tuple(x.array.shape), **place),)


def see_mean_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    row, image, scalars = see(inputs[0], outs[0], attrs)
    return [image], [row], scalars


@op(
    Sample(((2, 3, 3, 2),), whole_of((2, 4, 5, 2), PLAIN)),
    Sample(((2, 2, 3, 2),), whole_of((2, 4, 3, 2), PADDED)),
    Sample(((1, 2, 2, 1),), whole_of((1, 3, 4, 1), SPARSE)),
    infer=lambda g, *, whole, **place: Spec(tuple(whole), g.dtype),
    floats_only=True,
    kernel_from=1024,
)
def window_mean_grad(g, *, whole, sizes, strides, dilations, paddings):
    """Each g (n, oh, ow, c) spread evenly over the elements of its window inside the shape `whole`
    (n, h, w, c): the gradient of window_mean.
    """
    (n, h, w, c), ((top, bottom), (left, right)) = whole, paddings
    part = g / sizes_inside(Spec(whole, g.dtype), (sizes, strides, dilations, paddings))
    out = np.zeros((n, top + h + bottom, left + w + right, c), g.dtype)
    for view in places_of(out, g.shape[1:3], sizes, strides, dilations):
        view += part
    return np.ascontiguousarray(out[:, top : top + h, left : left + w])


@window_mean_grad.kernel(views=see_mean_grad, rows="out g")
def _(out, g, kh, kw, s0, s1, d0, d1, top, left):
    _, height, width, _ = out.shape
    for n in range(out.shape[0]):
        for i in range(height):
            for j in range(width):
                clear(out[n, i, j])
        for p in range(g.shape[1]):
            for q in range(g.shape[2]):
                row, h, w = g[n, p, q], p * s0 - top, q * s1 - left
                count = 0
                for k in range(kh * kw):
                    i, j = h + k // kw * d0, w + k % kw * d1
                    count += is_within(i, j, height, width)
                for k in range(kh * kw):
                    i, j = h + k // kw * d0, w + k % kw * d1
                    if is_within(i, j, height, width):
                        divide_into(out[n, i, j], row, count, True)


@window_mean_grad.vjp()
def _(u, out, g, *, whole, **place):
    return (window_mean(u, **place),)


def max_pool(x: Tensor, *, sizes: tuple, strides: tuple, paddings: tuple) -> Tensor:
    """The largest element of each window; the first of equal ones takes the gradient."""
    return window_max(x, sizes=sizes, strides=strides, dilations=(1, 1), paddings=paddings)[0]


def mean_pool(x: Tensor, *, sizes: tuple, strides: tuple, paddings: tuple) -> Tensor:
    """The mean of the elements of each window that lie inside x."""
    return window_mean(x, sizes=sizes, strides=strides, dilations=(1, 1), paddings=paddings)
