"""Convolutions over (n, h, w, c) and their gradients as gathered products; see gather.py.

Each word does share `part` of `parts`: shares are rows of images, or of the filters' gradient, and
write to disjoint places. Part of an image, with 0 around it, is copied to scratch memory when
windows reach beyond it, so that the tables say where every element is.

`ints` and `floats` are scratch memory: HEAD integers, the tables; ROOM elements, the panels, a part
of an image. ops/convolution.py knows how much that is.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace

from numba import njit

from framework.engine.kernels.gather import OPTIONS, ROWS, pack, product_of, width_of
from framework.engine.kernels.pointers import (
    INT64,
    after,
    clear_elements,
    copy_elements,
    is_compact,
    start_of,
)
from framework.engine.kernels.shares import share

HEAD, ROOM, ALL = 64, 512, 1 << 48
LANES = 16  # columns of panels are a multiple of it


@njit(**OPTIONS)
def list_places(table, start, rows, columns, pitch, row_step, column_step):
    """table[i columns + j] = start + i row_step pitch + j column_step; what comes behind it."""
    is_compact()
    for i in range(rows):
        for j in range(columns):
            table[i * columns + j] = start + i * row_step * pitch + j * column_step
    return after(table, rows * columns)


@njit(**OPTIONS)
def list_window(table, kh, kw, depth, c, pitch, d0, d1):
    """The places of a window's elements; what comes behind the table."""
    is_compact()
    for a in range(kh):
        for b in range(kw):
            start = a * d0 * pitch + b * d1 * c
            for e in range(depth):
                table[e] = start + e
            table = after(table, depth)
    return table


@njit(**OPTIONS)
def list_taps(steps, kh, kw, down, across, s0, s1, d0, d1, above, low, pitch, o, each):
    """Where windows stand that reach an element at `down`, `across` modulo the strides, the first
    ones at above, low; how many places that are.
    """
    is_compact()
    k = 0
    for a in range(kh):
        i = (down - a * d0) // s0
        for b in range(kw):
            j = (across - b * d1) // s1
            if i * s0 == down - a * d0 and j * s1 == across - b * d1:
                for e in range(each):
                    steps[k + e] = (i - above) * pitch + (j - low) * o + e
                k += each
    return k


@njit(**OPTIONS)
def pack_taps(
    panels, width, filters, kh, kw, depth, o, groups, each, columns, column_stride, count,
    down, across, s0, s1, d0, d1,
):  # fmt: skip
    """The panels of the filters' elements that list_taps finds, `count` steps, for each group."""
    is_compact()
    k, size = 0, count * ((columns + LANES - 1) // LANES * LANES)
    for a in range(kh):
        for b in range(kw):
            if (down - a * d0) % s0 == 0 and (across - b * d1) % s1 == 0:
                source = after(filters, (a * kw + b) * depth * o)
                for g in range(groups):
                    pack(
                        after(panels, g * size), width, k, each, count,
                        after(source, g * each), INT64(1), column_stride, columns,
                    )  # fmt: skip
                k += each


@njit(**OPTIONS)
def copy_between(row, before, x, count, behind):
    """A row: zeros, `count` elements of x, zeros."""
    if before > 0:
        clear_elements(row, before)
    copy_elements(after(row, before), x, count)
    if behind > 0:
        clear_elements(after(row, before + count), behind)


@njit(**OPTIONS)
def region(room, x, is_copied, image, images, h, w, c, first, last, low, high):
    """Rows [first, last) and columns [low, high) of some images of x (n, h, w, c), 0 outside of
    them: in x itself where that is possible, else copied to `room`.
    """
    is_compact()
    is_inside = low == 0 and high == w and first >= 0 and last <= h
    if is_inside and images == 1 and not is_copied:
        return after(x, (image * h + first) * w * c)
    pitch, before, behind = (high - low) * c, -low * c, (high - w) * c
    row = room
    for q in range(image, image + images):
        for i in range(first, last):
            if 0 <= i < h:
                copy_between(row, before, after(x, (q * h + i) * w * c), w * c, behind)
            else:
                clear_elements(row, pitch)
            row = after(row, pitch)
    return room


def forward_of(product, width: int, is_depthwise: bool):
    """The word convolve_images."""

    @njit(**OPTIONS)
    def convolve_images(
        part, parts, out, x, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
    ):
        """out (n, oh, ow, o) of x (n, h, w, c) and filters (kh, kw, c / groups, o), `block` rows
        of windows of one image, or `images` whole ones, at a time.
        """
        is_compact()
        zero, one, every = INT64(0), INT64(1), INT64(ALL)  # no version of their own for each number
        (n, oh, ow, o), (_, h, w, c), (kh, kw, depth, _) = out.shape, x.shape, filters.shape
        groups = 1 if is_depthwise else c // depth
        each, length = o // groups, kh * kw * depth
        high = max(w, (ow - 1) * s1 - left + (kw - 1) * d1 + 1)
        pitch = (left + high) * c
        edge, room = start_of(ints), start_of(floats)
        steps = after(edge, HEAD)
        places = list_window(steps, kh, kw, depth, c, pitch, d0, d1)
        targets, tall = places, ((block - 1) * s0 + (kh - 1) * d0 + 1) * pitch
        for q in range(images):
            targets = list_places(targets, q * tall, block, ow, pitch, s0, s1 * c)
        list_places(targets, zero, images * block, ow, ow * o, one, o)
        panels, size = after(room, ROOM), length * ((each + LANES - 1) // LANES * LANES)
        copied = after(panels, groups * size)
        for g in range(groups):
            weights = after(start_of(filters), g * each)
            pack(after(panels, g * size), width, zero, length, length, weights, o, one, each)
        blocks = (oh + block - 1) // block
        units = (n + images - 1) // images * blocks
        first, last = share(units, one, part, parts)
        for u in range(first, last):
            image, i = u // blocks * images, u % blocks * block
            many, rows = min(images, n - image), min(block, oh - i)
            begin = i * s0 - top
            end = begin + (rows - 1) * s0 + (kh - 1) * d0 + 1
            source = region(
                copied, start_of(x), is_depthwise, image, many, h, w, c, begin, end, -left, high
            )
            goal = after(start_of(out), (image * oh + i) * ow * o)
            for g in range(groups):
                product(
                    zero, every, many * rows * ow, after(source, g * depth), places, steps, length,
                    after(panels, g * size), each, after(goal, g * each), targets, zero, room, edge,
                )  # fmt: skip

    return convolve_images


def grad_x_of(product, vector: int, is_depthwise: bool):
    """The word convolve_images_grad_x."""

    @njit(**OPTIONS)
    def convolve_images_grad_x(
        part, parts, out, g, filters, ints, floats, block, images, s0, s1, d0, d1, top, left
    ):
        """out (n, h, w, c) for the gradient g (n, oh, ow, o), `block` rows at a time, a multiple of
        s0, or `images` whole ones. Elements at the same place modulo the strides meet the same
        elements of filters.
        """
        is_compact()
        zero, one, every = INT64(0), INT64(1), INT64(ALL)  # no version of their own for each number
        (n, h, w, c), (_, oh, ow, o), (kh, kw, depth, _) = out.shape, g.shape, filters.shape
        groups = 1 if is_depthwise else c // depth
        each, width, stride = (one, c, one) if is_depthwise else (o // groups, depth, o)
        lanes = (width + LANES - 1) // LANES * LANES
        above, low = (top - (kh - 1) * d0) // s0, min(0, (left - (kw - 1) * d1) // s1)
        high = max(ow, (w - 1 + left) // s1 + 1)
        pitch = (high - low) * o
        edge, room = start_of(ints), start_of(floats)
        counts = after(edge, HEAD)
        steps = after(counts, s0 * s1)
        places = after(steps, kh * kw * each)
        targets = after(places, images * block * w)
        tall = ((min(block, h) - 1 + top) // s0 + 1 - above) * pitch
        panels = after(room, ROOM)
        copied = after(panels, groups * kh * kw * each * lanes)
        step = strip = 0
        for down in range(s0):  # tables and panels of all phases, one after the other
            strips = max(0, (min(block, h) - down + s0 - 1) // s0)
            for across in range(s1):
                k = list_taps(
                    after(steps, step), kh, kw, top + down, left + across, s0, s1, d0, d1,
                    above, low, pitch, o, each,
                )  # fmt: skip
                pack_taps(
                    after(panels, step * groups * lanes), vector, start_of(filters), kh, kw, depth,
                    o, groups, each, width, stride, k, top + down, left + across, s0, s1, d0, d1,
                )  # fmt: skip
                counts[down * s1 + across] = k
                columns = (w - across + s1 - 1) // s1
                for q in range(images):
                    list_places(after(places, strip), q * tall, strips, columns, pitch, one, o)
                    list_places(
                        after(targets, strip), q * h * w * c, strips, columns, w * c, s0, s1 * c
                    )
                    strip += strips * columns
                step += k
        blocks = (h + block - 1) // block
        units = (n + images - 1) // images * blocks
        first, last = share(units, one, part, parts)
        for u in range(first, last):
            image, y = u // blocks * images, u % blocks * block
            many, rows = min(images, n - image), min(block, h - y)
            begin, end = y // s0 + above, (y + rows - 1 + top) // s0 + 1
            source = region(
                copied, start_of(g), is_depthwise, image, many, oh, ow, o, begin, end, low, high
            )
            step = strip = 0
            for down in range(s0):
                for across in range(s1):
                    k, columns = counts[down * s1 + across], (w - across + s1 - 1) // s1
                    goal = after(start_of(out), ((image * h + y + down) * w + across) * c)
                    strips = max(0, (min(block, h) - down + s0 - 1) // s0)
                    count = many * max(0, (rows - down + s0 - 1) // s0) * columns
                    for group in range(groups):
                        product(
                            zero, every, count,
                            after(source, group * each), after(places, strip), after(steps, step),
                            k, after(panels, (step * groups + group * k) * lanes), width,
                            after(goal, group * depth), after(targets, strip), zero, room, edge,
                        )  # fmt: skip
                    step, strip = step + k, strip + images * strips * columns

    return convolve_images_grad_x


def grad_filters_of(product, width: int, is_depthwise: bool):
    """The word convolve_images_grad_filters."""

    @njit(**OPTIONS)
    def convolve_images_grad_filters(
        part, parts, out, x, g, ints, floats, block, images, s0, s1, d0, d1, top, left
    ):
        """out (kh, kw, c / groups, o) for the gradient g (n, oh, ow, o), `block` rows of windows at
        a time; shares are elements of windows.
        """
        is_compact()
        zero, one = INT64(0), INT64(1)
        (n, oh, ow, o), (_, h, w, c), (kh, kw, depth, _) = g.shape, x.shape, out.shape
        groups = 1 if is_depthwise else c // depth
        each, length = o // groups, kh * kw * depth
        high = max(w, (ow - 1) * s1 - left + (kw - 1) * d1 + 1)
        pitch = (left + high) * c
        edge, room = start_of(ints), start_of(floats)
        steps = after(edge, HEAD)
        places = list_window(steps, kh, kw, depth, c, pitch, d0, d1)
        targets, tall = places, ((block - 1) * s0 + (kh - 1) * d0 + 1) * pitch
        for q in range(images):
            targets = list_places(targets, q * tall, block, ow, pitch, s0, s1 * c)
        list_places(targets, zero, length, one, o, one, zero)
        panels = after(room, ROOM)
        copied = after(panels, images * block * ow * ((each + LANES - 1) // LANES * LANES))
        blocks, tiles = (oh + block - 1) // block, (length + ROWS - 1) // ROWS
        first, last = share(groups * tiles, one, part, parts)
        units = (n + images - 1) // images * blocks
        if units == 0 and (part == 0 or parts == 1):
            clear_elements(start_of(out), out.size)
        for u in range(units):
            image, i = u // blocks * images, u % blocks * block
            many, rows = min(images, n - image), min(block, oh - i)
            begin, count = i * s0 - top, many * rows * ow
            end = begin + (rows - 1) * s0 + (kh - 1) * d0 + 1
            source = region(
                copied, start_of(x), is_depthwise, image, many, h, w, c, begin, end, -left, high
            )
            cotangent = after(start_of(g), (image * oh + i) * ow * o)
            for group in range(first // tiles, (last + tiles - 1) // tiles):
                columns = panels
                if each == o == 2 * width:  # it is a panel as it stands
                    columns = cotangent
                else:
                    part_of_g = after(cotangent, group * each)
                    pack(panels, width, zero, count, count, part_of_g, o, one, each)
                product(
                    max(first - group * tiles, 0), min(last - group * tiles, tiles), length,
                    after(source, group * depth), steps, places, count, columns, each,
                    after(start_of(out), group * each), targets, min(u, 1), room, edge,
                )  # fmt: skip

    return convolve_images_grad_filters


@functools.cache
def convolutions_of(real, is_depthwise: bool = False) -> SimpleNamespace:
    """The words for elements of a Numba dtype. is_depthwise: each channel has filters of its own,
    (kh, kw, 1, c), and all are computed beside each other, as the columns of one group.
    """
    product, width = product_of(real, is_depthwise), width_of(real)
    return SimpleNamespace(
        convolve_images=forward_of(product, width, is_depthwise),
        convolve_images_grad_x=grad_x_of(product, width, is_depthwise),
        convolve_images_grad_filters=grad_filters_of(product, width, is_depthwise),
    )
