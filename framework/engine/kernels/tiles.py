"""Register tiles of float32: blocks of a matrix product, as LLVM vectors.

A tile holds as much of a product as the CPU has registers for, so that each loaded number is used
several times: 8 x 32 numbers where vectors have 16 lanes (AVX-512), 6 x 16 where they have 8.
Measured on Zen 4, operands in the L1 cache: 115 to 117 GFLOP/s of 118.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from framework.engine.kernels.flags import INLINED

LANES = 16 if llvm.get_host_cpu_features().get("avx512f") else 8  # LLVM splits what is too wide
ROWS = 8 if LANES == 16 else 6
COLUMNS = 2 * LANES
FLOATS = types.CPointer(types.float32)
INT64 = types.int64
TILE = FLOATS, INT64, INT64, FLOATS, INT64, FLOATS, INT64, INT64, INT64, INT64
I32, I64, VECTOR = ir.IntType(32), ir.IntType(64), ir.VectorType(ir.FloatType(), LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)


@intrinsic
def floats_at(context, address):
    """int64 address -> pointer to float32."""
    return FLOATS(INT64), lambda ctx, b, sig, args: b.inttoptr(args[0], ctx.get_value_type(FLOATS))


@intrinsic
def shift(context, pointer, count):
    """pointer + count"""
    return FLOATS(FLOATS, INT64), lambda ctx, b, sig, args: b.gep(args[0], [args[1]])


def prefetch_for(writes: bool):
    """fetch(pointer): ask for the cache line at a pointer, which is needed soon."""

    @intrinsic
    def fetch(context, pointer):
        def codegen(ctx, b, sig, args):
            # To the second level what is read later, to the first what this tile writes.
            prefetch(b, args[0], writes, 3 if writes else 2)
            return ctx.get_dummy_value()

        return types.void(FLOATS), codegen

    return fetch


def stack_of(count: int):
    """stack(): pointer to `count` floats that live as long as the calling function."""

    @intrinsic
    def stack(context):
        def codegen(ctx, b, sig, args):
            return cgutils.alloca_once(b, ir.FloatType(), size=ir.Constant(I64, count))

        return FLOATS(), codegen

    return stack


def load(b, pointer):
    """The vector at a pointer to floats."""
    return b.load(b.bitcast(pointer, VECTOR.as_pointer()), align=4)


def store(b, value, pointer):
    """Write the vector to a pointer to floats."""
    b.store(value, b.bitcast(pointer, VECTOR.as_pointer()), align=4)


def spread(b, number):
    """A vector of one number."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    return b.shuffle_vector(b.insert_element(undefined, number, I32(0)), undefined, first)


def loop(b, count, starts: list, step):
    """Values after `count` rounds of step(values) -> values; emits the loop's blocks."""
    before = b.block
    body, done = b.function.append_basic_block("round"), b.function.append_basic_block("done")
    b.cbranch(b.icmp_signed(">", count, I64(0)), body, done)
    b.position_at_end(body)
    round_, olds = b.phi(I64), [b.phi(start.type) for start in starts]
    news, following = step(olds), b.add(round_, I64(1))
    end = b.block
    for phi, start, new in zip((round_, *olds), (I64(0), *starts), (following, *news), strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(new, end)
    b.cbranch(b.icmp_signed("<", following, count), body, done)
    b.position_at_end(done)
    results = []
    for start, new in zip(starts, news, strict=True):
        result = b.phi(start.type)
        result.add_incoming(start, before)
        result.add_incoming(new, end)
        results.append(result)
    return results


def tile_of(rows: int, vectors: int):
    """tile(x, row_stride, k_stride, y, y_stride, out, out_stride, k, adds, present):

    out[i, 0 : lanes vectors] = sum_k x[i row_stride + k k_stride] y[k y_stride + 0 : lanes vectors]
    for i < rows; added to what is there if adds != 0. Of x only `present` rows are read, which must
    not be 2; see place_of_row.
    """
    codegen = code_of_tile(rows, vectors)

    @intrinsic
    def tile(context, x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present):
        return types.void(*TILE), codegen

    return tile


def code_of_tile(rows: int, vectors: int, chunks=None):
    """What emits the code of a tile. chunks(b, count, values, step, further arguments) may emit
    some of its `count` rounds of step, values -> values; it returns how many are left, and the
    values."""

    def codegen(ctx, b, sig, args):
        x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present = args[:10]
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        fma = cgutils.get_or_insert_function(b.module, kind, f"llvm.fma.v{LANES}f32")
        stride, pointers = rows_of(b, x, row_stride, present, rows)

        def step(olds):
            (py, *left), sums = olds[: len(pointers) + 1], olds[len(pointers) + 1 :]
            left = [opaque(b, pointer) for pointer in left]
            right = [load(b, b.gep(py, [I64(LANES * v)])) for v in range(vectors)]
            news = []
            for i in range(rows):
                number = b.load(b.gep(left[i // 3], [b.mul(stride, I64(i % 3))]))
                products = zip(right, sums[i * vectors :], strict=False)
                news += [b.call(fma, [spread(b, number), r, s]) for r, s in products]
            return [b.gep(py, [y_stride]), *[b.gep(p, [k_stride]) for p in left], *news]

        values = [y, *pointers, *[ZERO] * (rows * vectors)]
        if chunks is not None:
            count, values = chunks(b, count, values, step, args[10:])
        sums = loop(b, count, values, step)[len(pointers) + 1 :]
        places = [
            b.gep(out, [b.add(b.mul(out_stride, I64(i)), I64(LANES * v))])
            for i in range(rows) for v in range(vectors)
        ]  # fmt: skip
        hand_over(b, adds, sums, places)
        return ctx.get_dummy_value()

    return codegen


def prefetch(b, pointer, writes: bool, level: int):
    """Emit: ask for the cache line at a pointer, to a level of the cache (3: the first)."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    call = b.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
    b.call(call, [b.bitcast(pointer, byte), I32(int(writes)), I32(level), I32(1)])


def opaque(b, pointer):
    """The pointer, whose origin LLVM does not see: else it reads all rows by way of one pointer, at
    distances of which each has a register, or none any more."""
    kind = ir.FunctionType(pointer.type, [pointer.type])
    return b.asm(kind, "", "=r,0", [pointer], False)


def rows_of(b, x, row_stride, present, rows: int):
    """(stride, pointers to every third row) of a tile, so that the address of a row is one of few
    pointers and a multiple of the stride: with eight of them the CPU's registers do not suffice.
    Of less rows than the tile has, some stand for the missing ones; see place_of_row."""
    stride = b.select(b.icmp_signed("<", present, I64(3)), I64(0), row_stride)
    pointers = [x]
    for first in range(3, rows, 3):
        least = b.sub(present, I64(min(3, rows - first)))
        number = b.select(b.icmp_signed("<", least, I64(first)), least, I64(first))
        pointers.append(b.gep(x, [b.mul(stride, number)]))
    return stride, pointers


@njit(**INLINED)
def rows_at(i, m):
    """How many rows the tile at row i of m has: two rows are two tiles, see place_of_row."""
    rows = min(ROWS, m - i)
    return 1 if rows < 3 else rows


@njit(**INLINED)
def place_of_row(r, rows):
    """Where row r of `rows` is in a tile: those of rows_of (tiles.py) from number 3, and 6, on
    begin earlier where rows are missing."""
    if r < 3:
        return r
    third, sixth = min(3, rows - 3), min(6, rows - 2)
    return r - third + 3 if r < third + 3 else r - sixth + 6


def hand_over(b, adds, sums: list, places: list):
    """Emit: each sum to its place, or added to what is there if adds != 0."""
    with b.if_else(b.icmp_signed("!=", adds, I64(0))) as (more, first):
        with more:
            for place, value in zip(places, sums, strict=True):
                store(b, b.fadd(load(b, place), value), place)
        with first:
            for place, value in zip(places, sums, strict=True):
                store(b, value, place)
