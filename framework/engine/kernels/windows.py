"""Windows that do not overlap: elements put back to where they were the largest of their window."""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from framework.engine.kernels.flags import FAST
from framework.engine.kernels.gather import width_of
from framework.engine.kernels.pointers import INT64, after


def put_of(real):
    """put(out, x, number, k): of a vector of elements those whose number is k, 0 for the others.

    Said as vectors, because in a loop over elements of arrays the compiler would first ask for each
    window whether they overlap.
    """
    reals, width = types.CPointer(real), width_of(real)
    element = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
    vector = ir.VectorType(element, width)

    def codegen(ctx, b, sig, args):
        out, x, number, k = args
        integer = ir.IntType(sig.args[2].dtype.bitwidth)
        numbers = ir.VectorType(integer, width)
        undefined = ir.Constant(numbers, ir.Undefined)
        one = b.insert_element(undefined, b.trunc(k, integer), ir.IntType(32)(0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        wanted = b.shuffle_vector(one, undefined, first)
        found = b.load(b.bitcast(number, numbers.as_pointer()), align=integer.width // 8)
        values = b.load(b.bitcast(x, vector.as_pointer()), align=real.bitwidth // 8)
        kept = b.select(b.icmp_unsigned("==", found, wanted), values, ir.Constant(vector, None))
        b.store(kept, b.bitcast(out, vector.as_pointer()), align=real.bitwidth // 8)
        return ctx.get_dummy_value()

    @intrinsic
    def put(context, out, x, number, k):
        return types.void(reals, reals, number, INT64), codegen

    return put


@functools.cache
def put_windows_of(real):
    """put_windows(out, x, number, kh, kw, columns, channels, pitch) for elements of a Numba dtype:
    a row of windows, kh x kw elements of an image whose rows are `pitch` elements long."""
    put, width = put_of(real), width_of(real)

    @njit(**FAST)
    def put_windows(out, x, number, kh, kw, columns, channels, pitch):
        whole = channels // width * width
        for a in range(kh):
            for b in range(kw):
                k, first = a * kw + b, after(out, a * pitch + b * channels)
                for q in range(columns):
                    row, which = after(x, q * channels), after(number, q * channels)
                    place = after(first, q * kw * channels)
                    for c in range(0, whole, width):
                        put(after(place, c), after(row, c), after(which, c), k)
                    for c in range(whole, channels):
                        place[c] = row[c] if which[c] == k else real(0)

    return put_windows
