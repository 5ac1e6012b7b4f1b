"""Products of gathered elements and packed panels: the inner loop of convolutions.

    out[targets[p] + j] (+)= sum_k x[places[p] + steps[k]] panel[k, j]

or, by lanes, where each column has elements of its own (depthwise): x[places[p] + steps[k] + j].
Where windows, strides, dilations and groups put an element is all in the tables `places` and
`steps`, so one register tile of fused multiply-adds serves every convolution and its gradients
(measured: 100-112 GFLOP/s of 118 on Zen 4). A result does not depend on the tile it is in.
"""

from __future__ import annotations

import functools

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from framework.engine.kernels.pointers import (
    INT64,
    after,
    clear_elements,
    copy_elements,
    is_compact,
)

# Registers: 32 of 64 bytes, else 16 of 32 bytes (AVX2) or as many bytes in shorter ones.
HAS_AVX512 = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
BYTES, ROWS = (64, 9) if HAS_AVX512 else (32, 6)
OPTIONS = {
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"contract"},
    "forceinline": False,  # said here, else it is what the caller says
}
INTS = types.CPointer(INT64)


class Tile:
    """Writes the LLVM code of ROWS x (vectors of `width`) sums that stay in registers."""

    def __init__(self, real, vectors: int, by_lanes: bool):
        self.width = width_of(real)
        self.vectors, self.i64, self.i32 = vectors, ir.IntType(64), ir.IntType(32)
        self.element = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
        self.vector = ir.VectorType(self.element, self.width)
        self.intrinsic = f"llvm.fma.v{self.width}f{real.bitwidth}"
        self.align, self.by_lanes = real.bitwidth // 8, by_lanes

    def address(self, b, pointer, v):
        """Of vector v behind a pointer."""
        return b.bitcast(b.gep(pointer, [self.i64(self.width * v)]), self.vector.as_pointer())

    def spread(self, b, pointer):
        """The element at a pointer in every lane of a vector."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        lane = b.insert_element(undefined, b.load(pointer), self.i32(0))
        first = ir.Constant(ir.VectorType(self.i32, self.width), [0] * self.width)
        return b.shuffle_vector(lane, undefined, first)

    def products(self, b, xs, step, panel, sums):
        """One step of the sum: each sum plus the product of its row's element and its vector."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        fma = cgutils.get_or_insert_function(b.module, kind, self.intrinsic)
        right = [b.load(self.address(b, panel, v), align=self.align) for v in range(self.vectors)]
        news = []
        for i, x in enumerate(xs):
            here = b.gep(x, [step])
            left = None if self.by_lanes else self.spread(b, here)
            for v, vector in enumerate(right):
                factor = left or b.load(self.address(b, here, v), align=self.align)
                news.append(b.call(fma, [factor, vector, sums[i * self.vectors + v]]))
        return news

    def emit(self, ctx, b, sig, args):
        """The code of one call."""
        x, places, steps, count, panel, out, targets, adds = args
        i64, block = self.i64, b.function.append_basic_block
        xs, outs = [
            [b.gep(base, [b.load(b.gep(table, [i64(i)]))]) for i in range(ROWS)]
            for base, table in ((x, places), (out, targets))
        ]
        spots = [self.address(b, row, v) for row in outs for v in range(self.vectors)]
        begin, loop, summed, adding, done = b.block, *map(block, "k summed add store".split())
        zero = ir.Constant(self.vector, [0.0] * self.width)
        b.cbranch(b.icmp_signed(">", count, i64(0)), loop, summed)
        b.position_at_end(loop)
        k, at, *sums = [joined(b, (v, begin)) for v in (i64(0), panel, *[zero] * len(spots))]
        news = self.products(b, xs, b.load(b.gep(steps, [k])), at, sums)
        following = b.add(k, i64(1)), b.gep(at, [i64(self.width * self.vectors)]), *news
        for old, new in zip((k, at, *sums), following, strict=True):
            old.add_incoming(new, loop)
        b.cbranch(b.icmp_signed("<", following[0], count), loop, summed)
        b.position_at_end(summed)
        totals = [joined(b, (zero, begin), (new, loop)) for new in news]
        b.cbranch(b.icmp_signed("!=", adds, i64(0)), adding, done)
        b.position_at_end(adding)  # at the end: chains of rounding errors stay short
        olds = [b.load(spot, align=self.align) for spot in spots]
        wholes = [b.fadd(old, total) for old, total in zip(olds, totals, strict=True)]
        b.branch(done)
        b.position_at_end(done)
        pairs = zip(totals, wholes, strict=True)
        results = [joined(b, (total, summed), (whole, adding)) for total, whole in pairs]
        for result, spot in zip(results, spots, strict=True):
            b.store(result, spot, align=self.align)
        return ctx.get_dummy_value()


def joined(b, *incoming):
    """A phi of (value, block) pairs."""
    phi = b.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def tile_of(real, vectors: int, by_lanes: bool):
    """tile(x, places, steps, count, panel, out, targets, adds): the sums of the module's formula
    for ROWS places and so many vectors of columns; adds: to what is in out.
    """
    made, reals = Tile(real, vectors, by_lanes), types.CPointer(real)

    @intrinsic
    def tile(context, x, places, steps, count, panel, out, targets, adds):
        signature = types.void(reals, INTS, INTS, INT64, reals, reals, INTS, INT64)
        return signature, made.emit

    return tile


@njit(**OPTIONS)
def pack(panels, width, first, count, total, x, row_stride, column_stride, columns):
    """Rows [first, first + count) of the panels of a matrix with `total` rows: its element i, j
    stands at x[(i - first) row_stride + j column_stride]. A panel has 2 `width` columns, the last
    one `width` if that is enough; columns behind the last are 0.
    """
    is_compact()
    for start in range(0, columns, 2 * width):
        rest = columns - start
        size = 2 * width if rest > width else width
        panel = after(panels, total * start + first * size)
        source = after(x, start * column_stride)
        used = min(rest, size)
        for i in range(count):
            row, here = after(panel, i * size), after(source, i * row_stride)
            if column_stride == 1:
                copy_elements(row, here, used)
            else:
                for j in range(used):
                    row[j] = here[j * column_stride]
            if used < size:
                clear_elements(after(row, used), size - used)


@njit(**OPTIONS)
def last_rows(edge, places, targets, t, rows):
    """Tables of ROWS places and targets: `rows` from t on, the last one several times (it is
    written as often, no harm). (places, targets)
    """
    is_compact()
    for i in range(ROWS):
        edge[i] = places[t + min(i, rows - 1)]
        edge[ROWS + i] = targets[t + min(i, rows - 1)]
    return edge, after(edge, ROWS)


@njit(**OPTIONS)
def hand_over(out, targets, rows, room, width, columns, adds):
    """The first columns of `rows` rows of room, `width` apart, to their places in out."""
    is_compact()
    for i in range(rows):
        row, found = after(out, targets[i]), after(room, i * width)
        for j in range(columns):
            row[j] = row[j] + found[j] if adds else found[j]


@functools.cache
def product_of(real, by_lanes: bool = False):
    """product(first, last, count, x, places, steps, length, panels, columns, out, targets, adds,
    room, edge): the module's formula for elements of a Numba dtype, all columns and the places
    [first ROWS, last ROWS) of `count`. Scratch memory: room, ROWS 2 `width` elements; edge, 3 ROWS
    integers.
    """
    width, lane = width_of(real), int(by_lanes)
    wide, narrow = tile_of(real, 2, by_lanes), tile_of(real, 1, by_lanes)

    @njit(**OPTIONS)
    def product(
        first,
        last,
        count,
        x,
        places,
        steps,
        length,
        panels,
        columns,
        out,
        targets,
        adds,
        room,
        edge,
    ):
        is_compact()
        inside = after(edge, 2 * ROWS)  # the targets of a tile in room
        for i in range(ROWS):
            inside[i] = i * 2 * width
        for start in range(0, columns, 2 * width):
            rest = columns - start
            size = 2 * width if rest > width else width
            panel, source = after(panels, length * start), after(x, start * lane)
            for t in range(first * ROWS, min(last * ROWS, count), ROWS):
                rows = min(ROWS, count - t)
                here, there, to = after(places, t), after(targets, t), after(out, start)
                if rows < ROWS:
                    here, there = last_rows(edge, places, targets, t, rows)
                goal, spots, sums = to, there, adds
                if rest < size:
                    goal, spots, sums = room, inside, 0
                if size > width:
                    wide(source, here, steps, length, panel, goal, spots, sums)
                else:
                    narrow(source, here, steps, length, panel, goal, spots, sums)
                if rest < size:
                    hand_over(to, there, rows, room, 2 * width, rest, adds)

    return product


def width_of(real) -> int:
    """Elements of a Numba dtype in a vector."""
    return BYTES * 8 // real.bitwidth
