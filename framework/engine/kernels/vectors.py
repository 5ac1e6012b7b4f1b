"""Loops over vectors: copies, sums, the largest element; see Note [Rounding] in flags.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from framework.engine.kernels.flags import FAST, PIECE, REORDERED, TALL
from framework.engine.kernels.pointers import after, start_of

BLOCK = 1024  # elements that are summed in the dtype itself


@intrinsic
def wide(context, x):
    """x as the dtype of long sums: float64 for float32, else its own."""
    result = types.float64 if x == types.float32 else x
    return result(x), lambda ctx, b, sig, args: ctx.cast(b, args[0], x, result)


@intrinsic
def alike(context, x, like):
    """x as the type of `like`."""
    return like(x, like), lambda ctx, b, sig, args: ctx.cast(b, args[0], x, like)


@njit(**FAST)
def zero(x):
    """0 of the dtype of the array x."""
    return x.dtype.type(0)


@njit(**FAST)
def nan(x):
    """NaN of the dtype of the array x."""
    return x.dtype.type(np.nan)


def summed(term: Callable) -> Callable:
    """The word for sum over i of term(i, x, ...), x a vector.

    Blocks are summed in parallel chains and then joined in float64, so that the error does not grow
    with the length; the chains (see Note [Rounding]) are what a sum in one order cannot have.
    """
    term = njit(**FAST)(term)

    @njit(**REORDERED)
    def block(start, count, x, *others):
        part = zero(x)
        for i in range(count):
            # unsigned: an index that may be negative keeps the loop from being vectorised
            part += term(np.uint64(start + i), x, *others)
        return part

    @njit(**FAST)
    def word(x, *others):
        if x.size <= BLOCK:
            return block(0, x.size, x, *others)
        whole = wide(zero(x))
        for start in range(0, x.size, BLOCK):
            whole += block(start, min(BLOCK, x.size - start), x, *others)
        return x.dtype.type(whole)

    return word


total = summed(lambda i, x: x[i])
dot = summed(lambda i, x, y: x[i] * y[i])
dot3 = summed(lambda i, x, y, z: x[i] * y[i] * z[i])
dot_above = summed(lambda i, x, y, base: x[i] * (y[i] - base))
total_square = summed(lambda i, x, base: (x[i] - base) * (x[i] - base))


@njit(**FAST)
def copy_into(out, x):
    """out = x, for vectors."""
    for i in range(out.size):
        out[i] = x[i]


@njit(**FAST)
def add_into(out, x):
    """out += x, for vectors."""
    for i in range(out.size):
        out[i] += x[i]


@intrinsic
def piece_of(context, like):
    """Pointer to PIECE elements of the dtype of `like`, which live as long as the calling function.
    No array lies there: the compiler need not ask whether what is stored is read again."""

    def codegen(ctx, b, sig, args):
        kind = ctx.get_value_type(sig.args[0].dtype)
        return cgutils.alloca_once(b, kind, size=ir.Constant(ir.IntType(64), PIECE))

    return types.CPointer(like.dtype)(like), codegen


def summed_runs(term: Callable) -> Callable:
    """The word for out[c] = sum over runs of `width` elements of x of term(element left + c, c's of
    `about`), for vectors. Four runs are added to each other before the sums are touched: those wait
    for one another."""
    term = njit(**FAST)(term)

    @njit(**FAST)
    def word(out, x, left, width, about):
        sums, count, elements, others = piece_of(out), x.size // width, start_of(x), start_of(about)
        for start in range(0, out.size, PIECE):
            wide, other = min(PIECE, out.size - start), after(others, start)
            for top in range(0, max(count, 1), TALL):
                for c in range(wide):
                    sums[c] = zero(out)
                end = min(top + TALL, count)
                for b in range(top, end - 3, 4):
                    first = after(elements, b * width + left + start)
                    second, third = after(first, width), after(first, 2 * width)
                    fourth = after(first, 3 * width)
                    for c in range(wide):
                        some = term(first[c], other[c]) + term(second[c], other[c])
                        sums[c] += some + (term(third[c], other[c]) + term(fourth[c], other[c]))
                for b in range(end // 4 * 4, end):
                    first = after(elements, b * width + left + start)
                    for c in range(wide):
                        sums[c] += term(first[c], other[c])
                for c in range(wide):
                    out[start + c] = sums[c] if top == 0 else out[start + c] + sums[c]

    return word


square_runs = summed_runs(lambda value, middle: (value - middle) * (value - middle))
plain_runs = summed_runs(lambda value, middle: value)


@njit(**FAST)
def sum_runs(out, x, left, width):
    """out[c] = sum over runs of `width` elements of x of their element left + c, for vectors."""
    plain_runs(out, x, left, width, out)


@njit(**FAST)
def largest(row):
    """The largest element of a vector, NaN passed over, in eight chains that do not wait."""
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = row[0]
    for i in range(row.size // 8):
        part = row[8 * i : 8 * i + 8]
        m0 = max(m0, part[0])
        m1 = max(m1, part[1])
        m2 = max(m2, part[2])
        m3 = max(m3, part[3])
        m4 = max(m4, part[4])
        m5 = max(m5, part[5])
        m6 = max(m6, part[6])
        m7 = max(m7, part[7])
    for i in range(row.size // 8 * 8, row.size):
        m0 = max(m0, row[i])
    return max(max(max(m0, m1), max(m2, m3)), max(max(m4, m5), max(m6, m7)))


@njit(**FAST)
def smallest(row):
    """The smallest element of a vector, NaN passed over, in eight chains that do not wait."""
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = row[0]
    for i in range(row.size // 8):
        part = row[8 * i : 8 * i + 8]
        m0 = min(m0, part[0])
        m1 = min(m1, part[1])
        m2 = min(m2, part[2])
        m3 = min(m3, part[3])
        m4 = min(m4, part[4])
        m5 = min(m5, part[5])
        m6 = min(m6, part[6])
        m7 = min(m7, part[7])
    for i in range(row.size // 8 * 8, row.size):
        m0 = min(m0, row[i])
    return min(min(min(m0, m1), min(m2, m3)), min(min(m4, m5), min(m6, m7)))


@njit(**FAST)
def is_larger(x, y):
    """x > y, where a NaN is larger than what is none."""
    return (y == y) & (not x <= y)


@njit(**FAST)
def largest_into(out, number, x, k, is_first):
    """Where x is larger than out, or is_first: out = x, number = k."""
    for i in range(out.size):
        best, value = out[i], x[i]
        is_more = is_first | is_larger(value, best)
        out[i] = value if is_more else best
        number[i] = k if is_more else number[i]


@njit(**FAST)
def largest_of_four(out, number, a, b, c, d):
    """out = the first largest of four vectors' elements, number = which."""
    for i in range(out.size):
        best, value = a[i], b[i]
        k = 1 if is_larger(value, best) else 0
        best, value = value if is_larger(value, best) else best, c[i]
        k = 2 if is_larger(value, best) else k
        best, value = value if is_larger(value, best) else best, d[i]
        number[i] = 3 if is_larger(value, best) else k
        out[i] = value if is_larger(value, best) else best


@njit(**FAST)
def clear(out):
    """out = 0, for vectors."""
    for i in range(out.size):
        out[i] = zero(out)


@njit(**FAST)
def add_where(out, x, number, k):
    """out += x where number is k, for vectors."""
    for i in range(out.size):
        out[i] += x[i] if number[i] == k else zero(x)


@njit(**FAST)
def divide_into(out, x, count, adds):
    """out = x / count, or that much more, for vectors."""
    for i in range(out.size):
        out[i] = x[i] / x.dtype.type(count) + (out[i] if adds else zero(out))


@njit(**FAST)
def is_within(i, j, height, width):
    """Whether there is an element i, j."""
    return (i >= 0) & (i < height) & (j >= 0) & (j < width)
