"""Panels of a matrix product: columns of y side by side, row after row, as tiles read them.

Note [Packed]  Tiles pack the panel that comes next while they compute this one, some rows or blocks
of four columns after each CHUNK of k: what is read from afar arrives while products go on. Packed
before, or by the first tile alone, products took 1.03 to 1.05 times as long; without asking for
what is packed AHEAD, 128x2048x512 with a transposed x 1.03 times.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from framework.engine.kernels.flags import INLINED
from framework.engine.kernels.tiles import (
    COLUMNS,
    FLOATS,
    I32,
    I64,
    INT64,
    LANES,
    TILE,
    VECTOR,
    code_of_tile,
    load,
    loop,
    prefetch,
    shift,
    store,
)

CHUNK = 32  # of k, after which a tile packs a little
AHEAD = 2  # chunks, or blocks of a transposed y
GROUPS = COLUMNS // 4  # of four columns in a panel


@intrinsic
def turn_block(context, x, x_stride, out, out_stride):
    """out (lanes, lanes) = x (lanes, lanes) transposed."""

    def codegen(ctx, b, sig, args):
        x, x_stride, out, out_stride = args
        rows = [load(b, b.gep(x, [b.mul(x_stride, I64(i))])) for i in range(LANES)]
        for i, row in enumerate(turned(b, rows)):
            store(b, row, b.gep(out, [b.mul(out_stride, I64(i))]))
        return ctx.get_dummy_value()

    return types.void(FLOATS, INT64, FLOATS, INT64), codegen


@njit(**INLINED)
def pack(y, column_stride, k_stride, panel, start, k, wide):
    """panel (k, COLUMNS) = y[column column_stride + i k_stride] from number `start` of k on, 0
    right of column `wide`."""
    zero = types.float32(0)
    if column_stride != 1:
        pack_turned(y, column_stride, panel, start, k, wide)
        return
    for i in range(start, k):
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
def pack_turned(y, column_stride, panel, start, k, wide):
    """pack for a transposed y, whose columns lie `column_stride` apart."""
    if wide < COLUMNS:
        for i in range(start * COLUMNS, k * COLUMNS):
            panel[i] = types.float32(0)
    column = 0
    while column + LANES <= wide:
        i, left = start, shift(y, column * column_stride)
        while i + LANES <= k:
            place = shift(panel, i * COLUMNS + column)
            turn_block(shift(left, i), column_stride, place, COLUMNS)
            i += LANES
        turn_each(y, column_stride, panel, column, column + LANES, i, k)
        column += LANES
    turn_each(y, column_stride, panel, column, wide, start, k)


@njit(**INLINED)
def turn_each(y, column_stride, panel, column, end, start, k):
    """pack_turned's columns up to `end` from number `start` of k on, one by one."""
    for c in range(column, end):
        row = shift(y, c * column_stride)
        for i in range(start, k):
            panel[i * COLUMNS + c] = row[i]


@njit(**INLINED)
def units_of(column_stride, k, wide):
    """How many units of a panel tiles may pack, and how many of k these are; see Note [Packed]."""
    if wide < COLUMNS:
        return 0, 0
    if column_stride == 1:
        return k, k
    return k // LANES * (COLUMNS // 4), k // LANES * LANES


def packing_tile_of(rows: int):
    """tile(..., present, source, stride, panel, per, unit, units, is_turned): tile_of's of 2
    vectors. After each CHUNK of its products it packs `per` more units of a panel (k, COLUMNS),
    from number `unit` on as long as there are, out of source[k stride + column] or, if it is
    turned, out of source[column stride + k]; see units_of."""
    codegen = code_of_tile(rows, 2, packing_chunks)

    @intrinsic
    def tile(
        context, x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present,
        source, stride, panel, per, unit, units, is_turned,
    ):  # fmt: skip
        return types.void(*TILE, FLOATS, INT64, FLOATS, INT64, INT64, INT64, INT64), codegen

    return tile


def packing_chunks(b, count, values: list, step, packing):
    """Emit as many chunks of `count` rounds of step as are whole, each after some packing, if there
    is any; see code_of_tile."""
    source, stride, panel, per, unit, units, is_turned = packing
    is_done = b.icmp_signed(">=", unit, units)
    chunks = b.select(is_done, I64(0), b.udiv(count, I64(CHUNK)))

    def pack_unit(numbers):
        (number,) = numbers
        with b.if_else(b.icmp_signed("!=", is_turned, I64(0))) as (turned, straight):
            with turned:
                turn_unit(b, source, stride, panel, number)
            with straight:
                copy_unit(b, source, stride, panel, number, b.mul(per, I64(AHEAD)))
        return [b.add(number, I64(1))]

    def chunk(olds):
        number, *values = olds
        left = b.sub(units, number)
        now = b.select(b.icmp_signed("<", left, per), left, per)
        (number,) = loop(b, now, [number], pack_unit)
        return [number, *loop(b, I64(CHUNK), values, step)]

    _, *values = loop(b, chunks, [unit, *values], chunk)
    return b.sub(count, b.mul(chunks, I64(CHUNK))), values


def copy_unit(b, source, stride, panel, number, ahead):
    """Emit: a row of y to its place; asks for the one `ahead`."""
    row, to = b.mul(number, stride), b.mul(number, I64(COLUMNS))
    later = b.mul(b.add(number, ahead), stride)
    for column in range(0, COLUMNS, LANES):
        value = load(b, b.gep(source, [b.add(row, I64(column))]))
        store(b, value, b.gep(panel, [b.add(to, I64(column))]))
        prefetch(b, b.gep(source, [b.add(later, I64(column))]), writes=False, level=3)


def turn_unit(b, source, stride, panel, number):
    """Emit panel[k, 0:4] = y[0:4, k] for as many k as a vector has lanes: each four lanes of the
    columns by themselves, which takes fewer registers than turn_block."""
    block, group = b.udiv(number, I64(GROUPS)), b.urem(number, I64(GROUPS))
    first = b.add(b.mul(block, I64(LANES)), b.mul(group, b.mul(stride, I64(4))))
    to = b.add(b.mul(block, I64(LANES * COLUMNS)), b.mul(group, I64(4)))
    places = [b.gep(source, [b.add(first, b.mul(stride, I64(i)))]) for i in range(4)]
    rows = turned(b, [load(b, place) for place in places])
    four = ir.VectorType(ir.FloatType(), 4)
    for lane in range(LANES):
        part = ir.Constant(ir.VectorType(I32, 4), [lane // 4 * 4 + i for i in range(4)])
        value = b.shuffle_vector(rows[lane % 4], ir.Constant(VECTOR, ir.Undefined), part)
        place = b.gep(panel, [b.add(to, I64(lane * COLUMNS))])
        b.store(value, b.bitcast(place, four.as_pointer()), align=4)
    for place in places:
        prefetch(b, b.gep(place, [I64(LANES * AHEAD)]), writes=False, level=3)


def turned(b, rows: list) -> list:
    """Rows of vectors after blocks of as many lanes are transposed: halves, quarters ... change
    places."""
    size = 1
    while size < len(rows):
        low, high = masks(size)
        for i in [i for i in range(len(rows)) if not i & size]:
            upper, lower = rows[i], rows[i + size]
            rows[i] = b.shuffle_vector(upper, lower, low)
            rows[i + size] = b.shuffle_vector(upper, lower, high)
        size *= 2
    return rows


def masks(size: int) -> tuple[ir.Constant, ir.Constant]:
    """Of two rows `size` apart: the lanes that stay in the upper one and come from the lower one,
    and the other way round."""
    kind = ir.VectorType(I32, LANES)
    low = [lane if not lane & size else LANES + lane - size for lane in range(LANES)]
    high = [lane + size if not lane & size else LANES + lane for lane in range(LANES)]
    return ir.Constant(kind, low), ir.Constant(kind, high)
