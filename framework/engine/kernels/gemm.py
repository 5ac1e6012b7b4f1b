"""Products of small float32 matrices: a register tile of fused multiply-adds, straight on the
operands.

BLAS packs its operands first, which costs more than the product below about 128^3 (measured:
32x64x64 87 GFLOP/s here,
45 there). A row of the result does not depend on how many rows there are.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 8  # floats in a vector; LLVM splits it where the CPU has shorter ones
FLOATS = types.CPointer(types.float32)
INT64 = types.int64
FAST = {"error_model": "numpy", "boundscheck": False}


def tile_of(rows: int, vectors: int):
    """tile(x, row_stride, k_stride, y, y_stride, out, out_stride, k):

    out[i, 0 : 8 vectors] = sum_k x[i row_stride + k k_stride] y[k y_stride + 0 : 8 vectors] for i
    < rows.
    """
    i64, vector = ir.IntType(64), ir.VectorType(ir.FloatType(), WIDTH)

    def load(b, pointer):
        return b.load(b.bitcast(pointer, vector.as_pointer()), align=4)

    def codegen(ctx, b, sig, args):
        x, row_stride, k_stride, y, y_stride, out, out_stride, count = args
        fma = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(vector, [vector] * 3), "llvm.fma.v8f32"
        )
        undefined, zero = ir.Constant(vector, ir.Undefined), ir.Constant(vector, [0.0] * WIDTH)
        first_lane = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        offsets = [b.mul(row_stride, i64(i)) for i in range(rows)]
        before, loop, done = (
            b.block,
            b.function.append_basic_block("k"),
            b.function.append_basic_block("store"),
        )
        b.cbranch(b.icmp_signed(">", count, i64(0)), loop, done)
        b.position_at_end(loop)
        k, px, py = b.phi(i64), b.phi(x.type), b.phi(y.type)
        sums = [b.phi(vector) for _ in range(rows * vectors)]
        right = [load(b, b.gep(py, [i64(WIDTH * v)])) for v in range(vectors)]
        news = []
        for i in range(rows):
            lane = b.insert_element(undefined, b.load(b.gep(px, [offsets[i]])), ir.IntType(32)(0))
            left = b.shuffle_vector(lane, undefined, first_lane)
            news += [b.call(fma, [left, right[v], sums[i * vectors + v]]) for v in range(vectors)]
        following = b.add(k, i64(1))
        steps = [
            (k, i64(0), following),
            (px, x, b.gep(px, [k_stride])),
            (py, y, b.gep(py, [y_stride])),
        ]
        steps += [(old, zero, new) for old, new in zip(sums, news, strict=True)]
        for phi, start, step in steps:
            phi.add_incoming(start, before)
            phi.add_incoming(step, loop)
        b.cbranch(b.icmp_signed("<", following, count), loop, done)
        b.position_at_end(done)
        for i in range(rows):
            for v in range(vectors):
                total = b.phi(vector)
                total.add_incoming(zero, before)
                total.add_incoming(news[i * vectors + v], loop)
                news[i * vectors + v] = total
        for i in range(rows):
            row = b.gep(out, [b.mul(out_stride, i64(i))])
            for v in range(vectors):
                place = b.bitcast(b.gep(row, [i64(WIDTH * v)]), vector.as_pointer())
                b.store(news[i * vectors + v], place, align=4)
        return ctx.get_dummy_value()

    @intrinsic
    def tile(context, x, row_stride, k_stride, y, y_stride, out, out_stride, count):
        return types.void(FLOATS, INT64, INT64, FLOATS, INT64, FLOATS, INT64, INT64), codegen

    return tile


@intrinsic
def floats_at(context, address):
    """int64 address -> pointer to float32."""
    return FLOATS(INT64), lambda ctx, b, sig, args: b.inttoptr(args[0], ctx.get_value_type(FLOATS))


@intrinsic
def shift(context, pointer, count):
    """pointer + count"""
    return FLOATS(FLOATS, INT64), lambda ctx, b, sig, args: b.gep(args[0], [args[1]])


STACK = 8192  # floats of scratch memory: a transposed y that fits is turned before the product


@intrinsic
def scratch(context):
    """STACK floats on the stack."""

    def codegen(ctx, b, sig, args):
        return cgutils.alloca_once(b, ir.FloatType(), size=ir.Constant(ir.IntType(64), STACK))

    return FLOATS(), codegen


@njit(**FAST)
def turn(y, out, n, k):
    """out (k, n) = y (n, k) transposed."""
    for i in range(k):
        row = shift(out, i * n)
        for j in range(n):
            row[j] = y[j * k + i]


TILE_4X16, TILE_1X16, TILE_4X8, TILE_1X8 = (
    tile_of(4, 2),
    tile_of(1, 2),
    tile_of(4, 1),
    tile_of(1, 1),
)


@njit(**FAST)
def small_gemm(x, row_stride, k_stride, y, out, m, n, k):
    """out (m, n) = x y for y (k, n) and out in C order; x[i, j] stands at x[i row_stride + j
    k_stride]."""
    column = 0
    while column + 16 <= n:
        row = 0
        while row + 4 <= m:
            left, place = shift(x, row * row_stride), shift(out, row * n + column)
            TILE_4X16(left, row_stride, k_stride, shift(y, column), n, place, n, k)
            row += 4
        while row < m:
            left, place = shift(x, row * row_stride), shift(out, row * n + column)
            TILE_1X16(left, row_stride, k_stride, shift(y, column), n, place, n, k)
            row += 1
        column += 16
    if column + 8 <= n:
        row = 0
        while row + 4 <= m:
            left, place = shift(x, row * row_stride), shift(out, row * n + column)
            TILE_4X8(left, row_stride, k_stride, shift(y, column), n, place, n, k)
            row += 4
        while row < m:
            left, place = shift(x, row * row_stride), shift(out, row * n + column)
            TILE_1X8(left, row_stride, k_stride, shift(y, column), n, place, n, k)
            row += 1
        column += 8
    for row in range(m):  # fewer than eight columns are left
        for rest in range(column, n):
            total = types.float32(0)
            for i in range(k):
                total += x[row * row_stride + i * k_stride] * y[i * n + rest]
            out[row * n + rest] = total
