"""Matrix products of float32 by register tiles, straight on the operands where that is fastest.

OpenBLAS packs both operands first; here y is packed, a panel of columns at a time, only where its
rows lie too far apart or it is transposed, and x is copied where it is used for many panels and its
rows would fall into the same sets of the cache.
Measured on Zen 4, one thread, beside numpy's OpenBLAS (GFLOP/s): 32x64x64 102 and 78, 128x512x784
104 and 93, the same with y transposed 104 and 84, 256x4096x4096 105 and 97, 10000x512x784 109 and
104, of a peak of 117. On Emerald Rapids, whose peak is 168: 128x512x784 154 and 135, 256x4096x4096
146 and 139, 10000x512x784 144 and 150.

Note [Packed]  A y that is not transposed is packed by the first tile of each panel as it computes:
packed before, 256x4096x4096 took 1.03 times as long. The panel (64 KB) stays in the L2 cache; one
of half the depth, for the L1 cache, took 1.02 times as long: the result is read and written twice
as often.

Note [Ahead]  What comes from beyond the L2 cache (the tile of the result, the panel of y after the
next one, the next block of x or, where none is copied, the tile of x after the next one) is asked
for some tiles before: on Emerald Rapids 256x4096x4096 took 1.15 times as long without, on Zen 4 1.1
times. The next panel itself would be too late: 3 % slower.

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
    packing_tile_of,
    prefetch_for,
    shift,
    stack_of,
    tile_of,
    turn_block,
)

DEPTH = 512  # of k; see Note [Packed]
BLOCK = 8192 * LANES  # floats of x used for one panel after the other: half of the L2 cache or less
WIDE, MANY = 512, 192  # columns and rows from which on packing is worth it
COPIED = 512  # columns that make a copy of x worth it
LINE = 16  # floats in a line of the cache

# Numba optimises what a function calls once more with each caller: inlined before that, once.
INLINED = {key: value for key, value in FAST.items() if key != "forceinline"} | {"inline": "always"}
FULL, HALF, LONG = tile_of(ROWS, 2), tile_of(ROWS, 1), tile_of(1, 8)
PACKING = packing_tile_of(ROWS, 2)
fetch_out, fetch_in = prefetch_for(writes=True), prefetch_for(writes=False)
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
        turn_each(y, column_stride, panel, column, column + LANES, i, k)
        column += LANES
    turn_each(y, column_stride, panel, column, wide, 0, k)


@njit(**INLINED)
def turn_each(y, column_stride, panel, column, end, start, k):
    """pack_turned's columns up to `end` from number `start` of k on, one by one."""
    for c in range(column, end):
        row = shift(y, c * column_stride)
        for i in range(start, k):
            panel[i * COLUMNS + c] = row[i]


@njit(**INLINED)
def copy_block(x, row_stride, k_stride, block, m, k):
    """A copy of x (m, k); returns its strides and the distance of its tiles. Rows lie apart by no
    power of two, which would let them all fall into the same few sets of the cache; where x is
    transposed, each tile stands by itself."""
    if k_stride == 1:
        space = k + 16
        for i in range(m):
            copy_row(shift(x, i * row_stride), shift(block, i * space), k)
        return space, 1, ROWS * space
    full = m // ROWS * ROWS
    for j in range(k):
        row, place = shift(x, j * k_stride), shift(block, j * ROWS)
        for i in range(0, full, ROWS):
            copy_row(shift(row, i), shift(place, i * k), ROWS)
        copy_row(shift(row, full), shift(place, full * k), m - full)
    return 1, ROWS, ROWS * k


@njit(**INLINED)
def copy_row(x, out, count):
    """out = `count` floats of x"""
    for i in range(count):
        out[i] = x[i]


@njit(**INLINED)
def fetch(ahead, part, parts):
    """Ask for share `part` of the rows of `ahead` = (pointer, row stride, rows, width); see Note
    [Ahead]."""
    x, stride, rows, width = ahead
    if rows > 0:
        for i in range(rows * part // parts, rows * (part + 1) // parts):
            row = shift(x, i * stride)
            for j in range(0, width, LINE):
                fetch_in(shift(row, j))


@njit(**INLINED)
def fetch_tile(out, out_stride):
    """Ask for the place of a tile."""
    for r in range(ROWS):
        fetch_out(shift(out, r * out_stride))
        fetch_out(shift(out, r * out_stride + COLUMNS - 1))


@njit(**INLINED)
def hand_over(aside, out, out_stride, rows, wide, adds):
    """Part of a tile to its place, or added to what is there."""
    for r in range(rows):
        row, found = shift(out, r * out_stride), shift(aside, r * COLUMNS)
        for c in range(wide):
            row[c] = found[c] + row[c] if adds else found[c]


@njit(**INLINED)
def tiles(x, row_stride, k_stride, y, y_stride, aside, out, out_stride, m, k, adds, wide):
    """out (m, wide) = x y for up to COLUMNS columns; a tile that is not full by way of `aside`."""
    nothing = (x, 0, 0, 0)
    tiles_ahead(
        x, row_stride, k_stride, ROWS * row_stride, y, y_stride, aside, out, out_stride, m, k,
        adds, wide, (y, 0), nothing, nothing, 0, 1,
    )  # fmt: skip


@njit(**INLINED)
def tiles_ahead(
    x, row_stride, k_stride, between, y, y_stride, aside, out, out_stride, m, k, adds, wide,
    unpacked, panel_ahead, x_ahead, share_of_x, shares_of_x,
):  # fmt: skip
    """tiles for one panel, with tiles of x that lie `between` apart; y is packed already, or by the
    first tile from unpacked = (pointer, row stride other than 0). Each tile asks for one of the
    shares of x_ahead, from number share_of_x on."""
    count = (m + ROWS - 1) // ROWS
    for tile in range(count):
        i = tile * ROWS
        rows, left, place = min(ROWS, m - i), shift(x, tile * between), shift(out, i * out_stride)
        is_full = wide == COLUMNS and rows == ROWS
        to, to_stride = (place, out_stride) if is_full else (aside, COLUMNS)
        more = adds if is_full else 0
        fetch(panel_ahead, tile, count)
        fetch(x_ahead, share_of_x + tile, shares_of_x)
        if is_full:
            fetch_tile(place, out_stride)
        if tile == 0 and unpacked[1] != 0:
            PACKING(
                left, row_stride, k_stride, unpacked[0], unpacked[1], to, to_stride, k, more, rows,
                y,
            )  # fmt: skip
        elif wide > LANES:
            FULL(left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows)
        else:
            HALF(left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows)
        if not is_full:
            hand_over(aside, place, out_stride, rows, wide, adds)


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
def panel_of(y, column_stride, y_stride, panel, k, wide, is_packed):
    """(y, row stride, unpacked) for the tiles of a panel, which is packed unless they do that."""
    if is_packed and column_stride == 1 and wide == COLUMNS:
        return panel, COLUMNS, (y, y_stride)
    if is_packed or wide < COLUMNS:
        pack(y, column_stride, y_stride, panel, k, wide)
        return panel, COLUMNS, (y, 0)
    return y, y_stride, (y, 0)


@njit(**INLINED)
def block_after(x, row_stride, k_stride, m, k):
    """What fetch asks for: x (m, k)."""
    return (x, row_stride, m, k) if k_stride == 1 else (x, k_stride, k, m)


@njit(**INLINED)
def panels_of(
    x, row_stride, k_stride, y, column_stride, y_stride, panel, block, out, out_stride, m, n, k,
    adds, is_packed, next_block, next_m, next_k,
):  # fmt: skip
    """out (m, n) = x y for a block of x and all columns of y; next_block: of x, (next_m, next_k),
    what is used after it."""
    left, down, along, between = x, row_stride, k_stride, ROWS * row_stride
    is_used_often, is_copied = n >= COPIED and k >= 128 and m >= 32, False
    if is_used_often:
        is_copied = k_stride != 1 or row_stride % 128 == 0
    nothing, count, panels = (x, 0, 0, 0), (m + ROWS - 1) // ROWS, (n + COLUMNS - 1) // COLUMNS
    x_ahead = (x, row_stride, m if is_used_often else 0, k)
    if is_copied:
        x_ahead = block_after(next_block, row_stride, k_stride, next_m, next_k)
        down, along, between = copy_block(x, row_stride, k_stride, block, m, k)
        left = block
    first = 0
    if m < 4 and column_stride == 1:
        first = few_rows(left, down, along, y, y_stride, out, out_stride, m, k, n, adds)
    aside = shift(panel, DEPTH * COLUMNS)
    for j in range(first, n, COLUMNS):
        wide, source = min(COLUMNS, n - j), shift(y, j * column_stride)
        is_ahead = is_packed and column_stride == 1 and j + 3 * COLUMNS <= n
        panel_ahead = (shift(source, 2 * COLUMNS), y_stride, k if is_ahead else 0, COLUMNS)
        right, stride, unpacked = panel_of(
            source, column_stride, y_stride, panel, k, wide, is_packed
        )
        # Of a copy, all panels ask for the next block; else the first one for x itself, two tiles
        # before it is used. To ask beyond the end does no harm.
        share_of_x, shares_of_x = 2, count
        if is_copied:
            share_of_x, shares_of_x = j // COLUMNS * count, panels * count
        tiles_ahead(
            left, down, along, between, right, stride, aside, shift(out, j), out_stride, m, k,
            adds, wide, unpacked, panel_ahead, x_ahead, share_of_x, shares_of_x,
        )  # fmt: skip
        if not is_copied:
            x_ahead = nothing


@njit(**INLINED)
def product(x, row_stride, k_stride, y, column_stride, y_stride, out, out_stride, m, n, k):
    """out (m, n) = x y, for x[i row_stride + l k_stride] and y[l y_stride + j column_stride]."""
    panel, block = panel_stack(), block_stack()
    is_packed = column_stride != 1 or (n >= WIDE and m >= MANY)
    most = even_part(k, DEPTH)
    height = even_part(m, max(4 * ROWS, BLOCK // most))
    height = (height + ROWS - 1) // ROWS * ROWS
    for i in range(0, m, height):
        rows = min(height, m - i)
        for start in range(0, k, most):
            end = min(start + most, k)
            is_last = end == k
            i_next, k_next = (i + rows, 0) if is_last else (i, end)
            panels_of(
                shift(x, i * row_stride + start * k_stride), row_stride, k_stride,
                shift(y, start * y_stride), column_stride, y_stride, panel, block,
                shift(out, i * out_stride), out_stride, rows, n, end - start, start, is_packed,
                shift(x, i_next * row_stride + k_next * k_stride), min(height, m - i_next),
                min(most, k - k_next),
            )  # fmt: skip


@njit(**INLINED)
def even_part(count, most):
    """The length of the parts of `count`, no more than `most`, as even as possible."""
    parts = max(1, (count + most - 1) // most)
    return max(1, (count + parts - 1) // parts)


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
    if k == 0 and (part == 0 or parts == 1):
        for i in range(m * n):
            place[i] = types.float32(0)
