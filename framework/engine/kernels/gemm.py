"""Matrix products of float32 by register tiles, straight on the operands where that is fastest.

OpenBLAS packs both operands first; here y is packed, a panel of columns at a time, only where its
rows lie too far apart or it is transposed, and x is copied where it is used for many panels and its
rows would fall into the same sets of the cache.
Measured on Zen 4, one thread, beside numpy's OpenBLAS (GFLOP/s): 32x64x64 102 and 78, 128x784x512
110 and 93, the same with y transposed 107 and 84, 256x4096x4096 108 and 97, 10000x784x512 111 and
104, of a peak of 117. On Emerald Rapids, whose peak is 168, when the first tile of a panel packed
it: 128x784x512 154 and 135, 256x4096x4096 146 and 139, 10000x784x512 144 and 150.

Note [Panels]  A panel (64 KB) stays in the L2 cache; one of half the depth, for the L1 cache, took
1.02 times as long: the result is read and written twice as often. While one is used, the next one
is packed (Note [Packed] in panels.py).

Note [Ahead]  What comes from beyond the L2 cache (the tile of the result, the next block of x or,
where none is copied, the tile of x after the next one) is asked for some tiles before: on Emerald
Rapids 256x4096x4096 took 1.15 times as long without, on Zen 4 1.1 times.

Every element of the result is the sum over k in one order, in blocks of DEPTH: it does not depend
on how many rows and columns there are (but for a single column), nor on how they are shared between
threads.
"""

from __future__ import annotations

from numba import njit, types

from framework.engine.kernels.flags import FAST, INLINED, REORDERED
from framework.engine.kernels.panels import CHUNK, pack, packing_tile_of, units_of
from framework.engine.kernels.shares import share
from framework.engine.kernels.tiles import (
    COLUMNS,
    LANES,
    ROWS,
    floats_at,
    place_of_row,
    prefetch_for,
    rows_at,
    shift,
    stack_of,
    tile_of,
)

DEPTH = 512  # of k; see Note [Panels]
BLOCK = 8192 * LANES  # floats of x used for one panel after the other: half of the L2 cache or less
WIDE, MANY = 512, 96  # columns and rows from which on packing is worth it
COPIED = 512  # columns that make a copy of x worth it
LINE = 16  # floats in a line of the cache

FULL, HALF, LONG = packing_tile_of(ROWS), tile_of(ROWS, 1), tile_of(1, 8)
fetch_out, fetch_in = prefetch_for(writes=True), prefetch_for(writes=False)
panel_stack = stack_of((2 * DEPTH + ROWS) * COLUMNS)
block_stack = stack_of(BLOCK + BLOCK // 4)


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
        first, end = rows * part // parts, rows * (part + 1) // parts
        fetch_rows(shift(x, first * stride), stride, end - first, width)


@njit(**INLINED)
def fetch_rows(x, stride, rows, width):
    """Ask for `rows` rows of x."""
    for i in range(rows):
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
        row, found = shift(out, r * out_stride), shift(aside, place_of_row(r, rows) * COLUMNS)
        for c in range(wide):
            row[c] = found[c] + row[c] if adds else found[c]


@njit(**INLINED)
def tiles(x, row_stride, k_stride, y, y_stride, aside, out, out_stride, m, k, adds, wide):
    """out (m, wide) = x y for up to COLUMNS columns; a tile that is not full by way of `aside`."""
    tiles_ahead(
        x, row_stride, k_stride, ROWS * row_stride, y, y_stride, aside, out, out_stride, m, k,
        adds, wide, (y, 0, y, 0), (x, 0, 0, 0), 0, 1,
    )  # fmt: skip


@njit(**INLINED)
def tiles_ahead(
    x, row_stride, k_stride, between, y, y_stride, aside, out, out_stride, m, k, adds, wide,
    coming, x_ahead, share_of_x, shares_of_x,
):  # fmt: skip
    """tiles for one panel, with tiles of x that lie `between` apart. They pack units of the panel
    that comes next, coming = (source, stride, panel, units), a negative stride if it is turned, and
    ask each for one of the shares of x_ahead, from number share_of_x on."""
    source, stride, panel, units = coming
    count, chunks = (m + ROWS - 1) // ROWS, k // CHUNK
    per = (units + count * chunks - 1) // max(1, count * chunks)
    i = 0
    while i < m:
        rows, tile, place = rows_at(i, m), i // ROWS, shift(out, i * out_stride)
        left = shift(x, tile * between + (i - tile * ROWS) * row_stride)
        is_full = wide == COLUMNS and rows == ROWS
        to, to_stride = (place, out_stride) if is_full else (aside, COLUMNS)
        more = adds if is_full else 0
        fetch(x_ahead, share_of_x + tile, shares_of_x)
        if is_full:
            fetch_tile(place, out_stride)
        if wide > LANES:
            FULL(
                left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows,
                source, abs(stride), panel, per, tile * chunks * per, units, stride < 0,
            )  # fmt: skip
        else:
            HALF(left, row_stride, k_stride, y, y_stride, to, to_stride, k, more, rows)
        if not is_full:
            hand_over(aside, place, out_stride, rows, wide, adds)
        i += rows


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
def block_after(x, row_stride, k_stride, m, k):
    """What fetch asks for: x (m, k)."""
    return (x, row_stride, m, k) if k_stride == 1 else (x, k_stride, k, m)


@njit(**INLINED)
def block_of(x, row_stride, k_stride, block, m, n, k, following):
    """(whether it is a copy, x, row stride, k stride, distance of tiles, what is asked for in the
    meantime): a block of x as tiles use it."""
    is_used_often = n >= COPIED and k >= 128 and m >= 32
    if is_used_often and (k_stride != 1 or row_stride % 128 == 0):
        down, along, between = copy_block(x, row_stride, k_stride, block, m, k)
        return True, block, down, along, between, following
    x_ahead = (x, row_stride, m if is_used_often else 0, k)
    return False, x, row_stride, k_stride, ROWS * row_stride, x_ahead


@njit(**INLINED)
def coming_of(y, column_stride, y_stride, panel, k, wide, is_spread):
    """What tiles_ahead packs of the panel that comes next; packs what it does not."""
    units, done = units_of(column_stride, k, wide) if is_spread else (0, 0)
    pack(y, column_stride, y_stride, panel, done, k, wide)
    return y, -column_stride if column_stride != 1 else y_stride, panel, units


@njit(**INLINED)
def panels_of(
    x, row_stride, k_stride, y, column_stride, y_stride, panels, turn, block, out, out_stride, m, n,
    k, adds, is_packed, next_block, next_m, next_k, next_y,
):  # fmt: skip
    """out (m, n) = x y for a block of x and all columns of y; next_block: of x, (next_m, next_k),
    what is used after it, with next_y. If y is packed, whoever computes one panel packs the next
    one: the first is in number `turn` of the two `panels` already, and of next_y it will be in the
    number that is returned."""
    nothing, count = (x, 0, 0, 0), (m + ROWS - 1) // ROWS
    following = block_after(next_block, row_stride, k_stride, next_m, next_k)
    is_copied, left, down, along, between, x_ahead = block_of(
        x, row_stride, k_stride, block, m, n, k, following
    )
    first = 0
    if m < 4 and not is_packed:
        first = few_rows(left, down, along, y, y_stride, out, out_stride, m, k, n, adds)
    aside, size = shift(panels, 2 * DEPTH * COLUMNS), DEPTH * COLUMNS
    for j in range(first, n, COLUMNS):
        wide, source = min(COLUMNS, n - j), shift(y, j * column_stride)
        right, stride = source, y_stride
        if is_packed or wide < COLUMNS:
            right, stride = shift(panels, turn * size), COLUMNS
            if not is_packed:
                pack(source, column_stride, y_stride, right, 0, k, wide)
        turn = 1 - turn
        coming = (y, 0, panels, 0)
        if is_packed:
            after, depth, columns = shift(source, COLUMNS * column_stride), k, n - j - COLUMNS
            if columns <= 0:
                after, depth, columns = next_y, next_k, n
            coming = coming_of(
                after, column_stride, y_stride, shift(panels, turn * size), depth,
                min(COLUMNS, columns), k >= CHUNK and wide > LANES,
            )  # fmt: skip
        # Of a copy, all panels ask for the next block; else the first one for x itself, two tiles
        # before it is used. To ask beyond the end does no harm.
        share_of_x, shares_of_x = 2, count
        if is_copied:
            share_of_x = j // COLUMNS * count
            shares_of_x = (n + COLUMNS - 1) // COLUMNS * count
        tiles_ahead(
            left, down, along, between, right, stride, aside, shift(out, j), out_stride, m, k,
            adds, wide, coming, x_ahead, share_of_x, shares_of_x,
        )  # fmt: skip
        if not is_copied:
            x_ahead = nothing
    return turn


@njit(**INLINED)
def product(x, row_stride, k_stride, y, column_stride, y_stride, out, out_stride, m, n, k):
    """out (m, n) = x y, for x[i row_stride + l k_stride] and y[l y_stride + j column_stride]."""
    panels, block, turn = panel_stack(), block_stack(), 0
    is_packed = column_stride != 1 or (n >= WIDE and m >= MANY)
    most = even_part(k, DEPTH)
    height = even_part(m, max(4 * ROWS, BLOCK // most))
    height = (height + ROWS - 1) // ROWS * ROWS
    if is_packed:
        pack(y, column_stride, y_stride, panels, 0, min(most, k), min(COLUMNS, n))
    for i in range(0, m, height):
        rows = min(height, m - i)
        for start in range(0, k, most):
            end = min(start + most, k)
            is_last = end == k
            i_next, k_next = (i + rows, 0) if is_last else (i, end)
            rows_next = min(height, m - i_next)
            turn = panels_of(
                shift(x, i * row_stride + start * k_stride), row_stride, k_stride,
                shift(y, start * y_stride), column_stride, y_stride, panels, turn, block,
                shift(out, i * out_stride), out_stride, rows, n, end - start, start, is_packed,
                shift(x, i_next * row_stride + k_next * k_stride), rows_next,
                min(most, k - k_next) if rows_next > 0 else 0, shift(y, k_next * y_stride),
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
