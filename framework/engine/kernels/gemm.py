"""Matrix products of float32 by register tiles, straight on the operands where that is fastest.

Measured on Zen 4, one thread, beside numpy's OpenBLAS (GFLOP/s): 32x64x64 102 and 78, 128x512x784
104 and 93, the same with y transposed 104 and 84, 12544x64x288 as fast. OpenBLAS packs both
operands first; here y is packed, a panel of columns at a time, only where its rows lie too far
apart or it is transposed, and x is copied where it is used for many panels.

Every element of the result is the sum over k in one order, in blocks of DEPTH: it does not depend
on how many rows and columns there are (but for a single column), nor on how they are shared between
threads.
"""

from __future__ import annotations

from numba import njit, types

from framework.engine.kernels.flags import FAST, REORDERED
from framework.engine.kernels.shares import share
from framework.engine.kernels.tiles import (
    COLUMNS,
    LANES,
    ROWS,
    floats_at,
    shift,
    stack_of,
    tile_of,
    turn_block,
)

DEPTH = 512  # of k: a panel of y (64 KB with 16 lanes) stays in the L2 cache
BLOCK = 8192 * LANES  # floats of x used for one panel after the other: half of the L2 cache
WIDE = 1024  # columns from which on the rows of y lie too far apart for the TLB
COPIED = 512  # columns that make a copy of x worth it
MANY = 64  # rows that make packing worth it

# Numba optimises what a function calls once more with each caller: inlined before that, once.
INLINED = {key: value for key, value in FAST.items() if key != "forceinline"} | {"inline": "always"}
FULL, HALF, LONG = tile_of(ROWS, 2), tile_of(ROWS, 1), tile_of(1, 8)
panel_stack = stack_of((DEPTH + ROWS) * COLUMNS)
block_stack = stack_of(BLOCK + BLOCK // 4)


@njit(**INLINED)
def pack(y, column_stride, k_stride, panel, k, wide):
    """panel (k, COLUMNS) = y[column column_stride + i k_stride], 0 right of column `wide`."""
    zero = types.float32(0)
    if column_stride != 1:
        pack_turned(y, column_stride, panel, k, wide)
        return
    for i in range(k):
        row, place = shift(y, i * k_stride), shift(panel, i * COLUMNS)
        if wide == COLUMNS:
            for c in range(COLUMNS):
                place[c] = row[c]
        else:
            for c in range(wide):
                place[c] = row[c]
            for c in range(wide, COLUMNS):
                place[c] = zero


@njit(**INLINED)
def pack_turned(y, column_stride, panel, k, wide):
    """pack for a transposed y, whose columns lie `column_stride` apart."""
    if wide < COLUMNS:
        for i in range(k * COLUMNS):
            panel[i] = types.float32(0)
    column = 0
    while column + LANES <= wide:
        i, left = 0, shift(y, column * column_stride)
        while i + LANES <= k:
            place = shift(panel, i * COLUMNS + column)
            turn_block(shift(left, i), column_stride, place, COLUMNS)
            i += LANES
        while i < k:
            for c in range(LANES):
                panel[i * COLUMNS + column + c] = left[c * column_stride + i]
            i += 1
        column += LANES
    for c in range(column, wide):
        row = shift(y, c * column_stride)
        for i in range(k):
            panel[i * COLUMNS + c] = row[i]


@njit(**INLINED)
def copy_block(x, row_stride, k_stride, block, m, k):
    """A copy of x (m, k) or, if that is how x lies, (k, m); returns its strides. A power of two
    between its rows would let them all fall into the same few sets of the cache."""
    rows, width, stride = (m, k, row_stride) if k_stride == 1 else (k, m, k_stride)
    space = width + 16
    for i in range(rows):
        row, place = shift(x, i * stride), shift(block, i * space)
        for j in range(width):
            place[j] = row[j]
    return (space, 1) if k_stride == 1 else (1, space)


@njit(**INLINED)
def tiles(x, row_stride, k_stride, y, y_stride, aside, out, out_stride, m, k, adds, wide):
    """out (m, wide) = x y for up to COLUMNS columns; a tile that is not full by way of `aside`."""
    zero = types.float32(0)
    for i in range(0, m, ROWS):
        rows, left, place = min(ROWS, m - i), shift(x, i * row_stride), shift(out, i * out_stride)
        is_full = wide == COLUMNS and rows == ROWS
        to, to_stride = (place, out_stride) if is_full else (aside, COLUMNS)
        more = adds if is_full else 0
        if wide > LANES:
            FULL(left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows)
        else:
            HALF(left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows)
        if not is_full:
            for r in range(rows):
                row, found = shift(place, r * out_stride), shift(aside, r * COLUMNS)
                for c in range(wide):
                    row[c] = found[c] + (row[c] if adds else zero)


@njit(**INLINED)
def few_rows(x, row_stride, k_stride, y, y_stride, out, out_stride, m, k, n, adds):
    """out (m, n) = x y in strips of 8 vectors; returns how many columns that were."""
    strip, column = 8 * LANES, 0
    while column + strip <= n:
        for i in range(m):
            left, place = shift(x, i * row_stride), shift(out, i * out_stride + column)
            right = shift(y, column)
            LONG(left, row_stride, k_stride, right, y_stride, place, out_stride, k, adds, 1)
        column += strip
    return column


@njit(**INLINED)
def product(x, row_stride, k_stride, y, column_stride, y_stride, out, out_stride, m, n, k):
    """out (m, n) = x y, for x[i row_stride + l k_stride] and y[l y_stride + j column_stride]."""
    panel, block = panel_stack(), block_stack()
    aside = shift(panel, DEPTH * COLUMNS)
    is_turned = column_stride != 1
    is_packed = is_turned or (n >= WIDE and m >= MANY)
    for start in range(0, k, DEPTH):
        depth, adds = min(DEPTH, k - start), start
        height = max(4 * ROWS, BLOCK // depth // ROWS * ROWS)
        for i in range(0, m, height):
            rows = min(height, m - i)
            left = shift(x, i * row_stride + start * k_stride)
            right, place = shift(y, start * y_stride), shift(out, i * out_stride)
            down, along = row_stride, k_stride
            if n >= COPIED and depth >= 128 and rows >= 32:
                down, along = copy_block(left, row_stride, k_stride, block, rows, depth)
                left = block
            column = 0
            if rows < 4 and not is_turned:
                column = few_rows(
                    left, down, along, right, y_stride, place, out_stride, rows, depth, n, adds
                )
            for j in range(column, n, COLUMNS):
                wide = min(COLUMNS, n - j)
                part, stride = shift(right, j * column_stride), y_stride
                if is_packed or wide < COLUMNS:
                    pack(part, column_stride, y_stride, panel, depth, wide)
                    part, stride = panel, COLUMNS
                tiles(
                    left, down, along, part, stride, aside, shift(place, j), out_stride, rows,
                    depth, adds, wide,
                )  # fmt: skip


@njit(**REORDERED)
def one_dot(x, y, k):
    """sum over i of x[i] y[i], in parallel chains."""
    result = types.float32(0)
    for i in range(k):
        result += x[i] * y[i]
    return result


@njit(**FAST)
def one_column(x, row_stride, k_stride, y, out, m, k):
    """out (m) = x y for a y of one column: a tile would compute 15 columns for nobody."""
    if k_stride == 1:
        for i in range(m):
            out[i] = one_dot(shift(x, i * row_stride), y, k)
        return
    for start in range(0, m, BLOCK // 16):
        rows, left, place = min(BLOCK // 16, m - start), shift(x, start), shift(out, start)
        for i in range(rows):
            place[i] = types.float32(0)
        for j in range(k):
            row, factor = shift(left, j * k_stride), y[j]
            for i in range(rows):
                place[i] += row[i] * factor


@njit(**FAST)
def gemm_float32(transpose_x, transpose_y, out, x, y, part, parts):
    """out (m, n) = x y, either read transposed: the share of thread `part` of its rows, or of its
    columns if there are more of them."""
    m, n = out.shape
    k = x.shape[0] if transpose_x else x.shape[1]
    left, right, place = (
        floats_at(x.ctypes.data),
        floats_at(y.ctypes.data),
        floats_at(out.ctypes.data),
    )
    row_stride, k_stride = (1, m) if transpose_x else (k, 1)
    column_stride, y_stride = (k, 1) if transpose_y else (1, n)
    if n < m:
        rows, columns = share(m, ROWS, part, parts), (0, n)
    else:
        rows, columns = (0, m), share(n, COLUMNS, part, parts)
    if rows[0] < rows[1] and columns[0] < columns[1]:
        left = shift(left, rows[0] * row_stride)
        right = shift(right, columns[0] * column_stride)
        place = shift(place, rows[0] * n + columns[0])
        if n == 1:  # of an x of one column and row, both strides are 1
            one_column(left, row_stride, k_stride, right, place, rows[1] - rows[0], k)
        else:
            product(
                left, row_stride, k_stride, right, column_stride, y_stride, place, n,
                rows[1] - rows[0], columns[1] - columns[0], k,
            )  # fmt: skip
    if k == 0 and part == 0:
        for i in range(m * n):
            place[i] = types.float32(0)
