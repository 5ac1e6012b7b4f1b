"""Register tiles of float32: blocks of a matrix product, and a block transposed, as LLVM vectors.

A tile holds as much of a product as the CPU has registers for, so that each loaded number is used
several times: 8 x 32 numbers where vectors have 16 lanes (AVX-512), 6 x 16 where they have 8.
Measured on Zen 4, operands in the L1 cache: 115 to 117 GFLOP/s of 118.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

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
    """prefetch(pointer): ask for the cache line at a pointer, which is needed soon."""

    @intrinsic
    def prefetch(context, pointer):
        def codegen(ctx, b, sig, args):
            byte = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
            call = b.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
            # To the second level what is read later, to the first what this tile writes.
            hints = [I32(1), I32(3)] if writes else [I32(0), I32(2)]
            b.call(call, [b.bitcast(args[0], byte), *hints, I32(1)])
            return ctx.get_dummy_value()

        return types.void(FLOATS), codegen

    return prefetch


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
    for phi, start, new in zip((round_, *olds), (I64(0), *starts), (following, *news), strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(new, body)
    b.cbranch(b.icmp_signed("<", following, count), body, done)
    b.position_at_end(done)
    results = []
    for start, new in zip(starts, news, strict=True):
        result = b.phi(start.type)
        result.add_incoming(start, before)
        result.add_incoming(new, body)
        results.append(result)
    return results


def tile_of(rows: int, vectors: int):
    """tile(x, row_stride, k_stride, y, y_stride, out, out_stride, k, adds, present):

    out[i, 0 : lanes vectors] = sum_k x[i row_stride + k k_stride] y[k y_stride + 0 : lanes vectors]
    for i < rows; added to what is there if adds != 0. Of x only `present` rows are read: the last
    one stands for those that are missing.
    """
    codegen = code_of_tile(rows, vectors)

    @intrinsic
    def tile(context, x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present):
        return types.void(*TILE), codegen

    return tile


def packing_tile_of(rows: int, vectors: int):
    """tile(..., present, panel): tile_of's, which writes what it reads of y to panel (k, lanes
    vectors), for the tiles after it: between the products that costs next to nothing."""
    codegen = code_of_tile(rows, vectors)

    @intrinsic
    def tile(
        context, x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present, panel
    ):
        return types.void(*TILE, FLOATS), codegen

    return tile


def code_of_tile(rows: int, vectors: int):
    """What emits the code of a tile; of its arguments, panel may be missing."""

    def codegen(ctx, b, sig, args):
        x, row_stride, k_stride, y, y_stride, out, out_stride, count, adds, present = args[:10]
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        fma = cgutils.get_or_insert_function(b.module, kind, f"llvm.fma.v{LANES}f32")
        last = b.sub(present, I64(1))
        numbers = [b.select(b.icmp_signed("<", I64(i), present), I64(i), last) for i in range(rows)]
        offsets = [b.mul(row_stride, number) for number in numbers]
        pointers, strides = [x, y, *args[10:]], [k_stride, y_stride, I64(LANES * vectors)]

        def step(olds):
            (px, py, *panel), sums = olds[: len(pointers)], olds[len(pointers) :]
            right = [load(b, b.gep(py, [I64(LANES * v)])) for v in range(vectors)]
            for place in panel:
                for v, value in enumerate(right):
                    store(b, value, b.gep(place, [I64(LANES * v)]))
            news = []
            for i in range(rows):
                left = spread(b, b.load(b.gep(px, [offsets[i]])))
                products = zip(right, sums[i * vectors :], strict=False)
                news += [b.call(fma, [left, r, s]) for r, s in products]
            moved = zip((px, py, *panel), strides, strict=False)
            return [*[b.gep(pointer, [stride]) for pointer, stride in moved], *news]

        starts = [*pointers, *[ZERO] * (rows * vectors)]
        sums = loop(b, count, starts, step)[len(pointers) :]
        places = [
            b.gep(out, [b.add(b.mul(out_stride, I64(i)), I64(LANES * v))])
            for i in range(rows) for v in range(vectors)
        ]  # fmt: skip
        hand_over(b, adds, sums, places)
        return ctx.get_dummy_value()

    return codegen


def hand_over(b, adds, sums: list, places: list):
    """Emit: each sum to its place, or added to what is there if adds != 0."""
    with b.if_else(b.icmp_signed("!=", adds, I64(0))) as (more, first):
        with more:
            for place, value in zip(places, sums, strict=True):
                store(b, b.fadd(load(b, place), value), place)
        with first:
            for place, value in zip(places, sums, strict=True):
                store(b, value, place)


@intrinsic
def turn_block(context, x, x_stride, out, out_stride):
    """out (lanes, lanes) = x (lanes, lanes) transposed: halves, quarters ... change places."""

    def codegen(ctx, b, sig, args):
        x, x_stride, out, out_stride = args
        rows = [load(b, b.gep(x, [b.mul(x_stride, I64(i))])) for i in range(LANES)]
        size = 1
        while size < LANES:
            low, high = masks(size)
            for i in [i for i in range(LANES) if not i & size]:
                upper, lower = rows[i], rows[i + size]
                rows[i] = b.shuffle_vector(upper, lower, low)
                rows[i + size] = b.shuffle_vector(upper, lower, high)
            size *= 2
        for i, row in enumerate(rows):
            store(b, row, b.gep(out, [b.mul(out_stride, I64(i))]))
        return ctx.get_dummy_value()

    return types.void(FLOATS, INT64, FLOATS, INT64), codegen


def masks(size: int) -> tuple[ir.Constant, ir.Constant]:
    """Of two rows `size` apart: the lanes that stay in the upper one and come from the lower one,
    and the other way round."""
    kind = ir.VectorType(I32, LANES)
    low = [lane if not lane & size else LANES + lane - size for lane in range(LANES)]
    high = [lane + size if not lane & size else LANES + lane for lane in range(LANES)]
    return ir.Constant(kind, low), ir.Constant(kind, high)
