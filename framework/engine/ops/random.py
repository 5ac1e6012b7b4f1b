"""Random numbers as pure functions of (seed, counter, position): Philox4x32-10 (Salmon et al.
2011).

`state` is an int64 vector [seed, counter]. The seed is the key of the cipher, the counter and the
number of the block are its input: 128 random bits per block, 4 float32 or 2 float64. Element i of
the first row has the position first_row * (elements per row) + i, so a process that holds some rows
of a batch draws what one process would for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import add, multiply
from framework.engine.ops.normal import CENTRE_P, CENTRE_Q, TAIL_P, TAIL_Q
from framework.engine.tensor import Spec, Tensor

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = 0x9E3779B9, 0xBB67AE85
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
CHUNK = 4096  # blocks at a time: what fits into the cache


def blocks_of(state: np.ndarray, first: int, count: int) -> np.ndarray:
    """The words of blocks first ... first + count - 1: uint64 (count, 4), each below 2^32."""
    out = np.empty((count, 4), np.uint64)
    for start in range(0, count, CHUNK):
        stop = min(start + CHUNK, count)
        rounds(state, np.arange(first + start, first + stop, dtype=np.uint64), out[start:stop])
    return out


def rounds(state: np.ndarray, block: np.ndarray, out: np.ndarray) -> None:
    """Ten rounds: two products of 32 by 32 bits, whose halves change places."""
    seed, counter = [int(s) & 0xFFFFFFFFFFFFFFFF for s in state]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    c0, c1 = block & LOW, block >> HALF
    c2 = np.full_like(block, counter & 0xFFFFFFFF)
    c3 = np.full_like(block, counter >> 32)
    for _ in range(10):
        p0, p1 = c0 * M0, c2 * M1
        c0 = (p1 >> HALF) ^ c1 ^ np.uint64(k0)
        c2 = (p0 >> HALF) ^ c3 ^ np.uint64(k1)
        c1, c3 = p1 & LOW, p0 & LOW
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    out[:, 0], out[:, 1], out[:, 2], out[:, 3] = c0, c1, c2, c3


def position_of(shape: tuple, first_row: int) -> int:
    """The position of the first element."""
    return first_row * math.prod(shape[1:])


def words_of(
    state: np.ndarray, shape: tuple, dtype: np.dtype, first_row: int
) -> tuple[np.ndarray, int, int]:
    """(the words of all blocks touched, elements to skip, number of elements)."""
    per_block = 2 if dtype.itemsize == 8 else 4
    n, start = math.prod(shape), position_of(shape, first_row)
    first, last = start // per_block, -(-(start + n) // per_block)
    return blocks_of(state, first, last - first), start - first * per_block, n


def fraction(words: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Words as uniform numbers in [0, 1): 11 bits for float16 and 24 for float32 (one word each),
    53 for float64 (two).
    """
    if dtype.itemsize == 8:
        pairs = words.reshape(-1, 2)
        bits = ((pairs[:, 0] >> np.uint64(5)) << np.uint64(26)) | (pairs[:, 1] >> np.uint64(6))
        return bits.astype(np.float64) * 2.0**-53
    if dtype.itemsize == 2:
        return (words.reshape(-1) >> np.uint64(21)).astype(np.float16) * np.float16(2.0**-11)
    return (words.reshape(-1) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def infer_draws(state: Spec, *, shape: Any, dtype: str = "float32", first_row: int = 0) -> Spec:
    return Spec(tuple(shape), np.dtype(dtype))


DRAWS = {"infer": infer_draws, "is_differentiable": False, "is_random": True}
STATES = (
    Sample(((2,),), {"shape": (3, 5)}, dtypes=(np.int64,), top=1000),
    Sample(
        ((2,),), {"shape": (3, 5), "dtype": "float64", "first_row": 7}, dtypes=(np.int64,), top=1000
    ),
    Sample(((2,),), {"shape": (7, 3), "first_row": 1}, dtypes=(np.int64,), top=1000),
)


@op(*STATES, **DRAWS)
def random_uniform(state, *, shape, dtype="float32", first_row=0):
    """Uniform numbers in [0, 1) of state [seed, counter]; programs give the same bits."""
    dtype = np.dtype(dtype)
    words, skip, n = words_of(state, shape, dtype, first_row)
    return fraction(words, dtype)[skip : skip + n].reshape(shape)


def see_draws(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    return [(outs[0].size,)], [(2,)], {"start": position_of(outs[0].shape, attrs["first_row"])}


@random_uniform.kernel(views=see_draws)
def _(out, state, start):
    """Whole blocks first, four or two numbers at a time; then those at the ends."""
    wide = out.itemsize == 8
    per_block = 2 if wide else 4
    skip = min(-start % per_block, out.size)
    blocks = (out.size - skip) // per_block
    first = (start + skip) // per_block
    for i in range(blocks):
        a, b, c, d = philox(first + i, state[0], state[1])
        part = out[skip + i * per_block : skip + i * per_block + per_block]
        if wide:
            bits = ((a >> uint64(5)) << uint64(26)) | (b >> uint64(6))
            part[0] = float64(int64(bits)) * 1.1102230246251565e-16
            bits = ((c >> uint64(5)) << uint64(26)) | (d >> uint64(6))
            part[1] = float64(int64(bits)) * 1.1102230246251565e-16
        else:
            part[0] = real(int32(a >> uint64(8))) * 5.9604644775390625e-08
            part[1] = real(int32(b >> uint64(8))) * 5.9604644775390625e-08
            part[2] = real(int32(c >> uint64(8))) * 5.9604644775390625e-08
            part[3] = real(int32(d >> uint64(8))) * 5.9604644775390625e-08
    for k in range(out.size - blocks * per_block):
        i = k if k < skip else blocks * per_block + k
        a, b, c, d = philox((start + i) // per_block, state[0], state[1])
        lane = (start + i) % per_block
        if wide:
            high, rest = (a, b) if lane == 0 else (c, d)
            bits = ((high >> uint64(5)) << uint64(26)) | (rest >> uint64(6))
            out[i] = float64(int64(bits)) * 1.1102230246251565e-16
        else:
            word = a if lane == 0 else b if lane == 1 else c if lane == 2 else d
            out[i] = real(int32(word >> uint64(8))) * 5.9604644775390625e-08


def normal_forward(state: np.ndarray, shape: tuple, dtype: Any, first_row: int) -> np.ndarray:
    dtype = np.dtype(dtype)
    if dtype.itemsize == 2:  # too few bits for the logarithm
        return normal_forward(state, shape, np.float32, first_row).astype(dtype)
    words, skip, n = words_of(state, shape, dtype, first_row)
    u = fraction(words, dtype).reshape(-1, 2)
    one = dtype.type(1)
    radius = np.sqrt(-2 * np.log(one - u[:, 0]))  # 1 - u is in (0, 1]
    angle = u[:, 1] * dtype.type(2 * math.pi)
    out = np.empty(u.shape, dtype)
    np.multiply(radius, np.cos(angle), out=out[:, 0])
    np.multiply(radius, np.sin(angle), out=out[:, 1])
    return out.reshape(-1)[skip : skip + n].reshape(shape)


@op(*STATES, **DRAWS)
def random_normal(state, *, shape, dtype="float32", first_row=0):
    """Normal numbers (mean 0, variance 1) of state [seed, counter]:
    Box and Muller (1958) on pairs of uniform ones.
    """
    return normal_forward(state, shape, dtype, first_row)


@random_normal.kernel(views=see_draws)
def _(out, state, start):
    per_block = 16 // out.itemsize
    first, last = start // per_block, (start + out.size + per_block - 1) // per_block
    for block in range(first, last):
        a, b, c, d = philox(block, state[0], state[1])
        at = block * per_block - start
        for pair in range(per_block // 2):
            if per_block == 4:
                high, rest = (a, b) if pair == 0 else (c, d)
                u = real(int32(high >> uint64(8))) * 5.9604644775390625e-08
                v = real(int32(rest >> uint64(8))) * 5.9604644775390625e-08
            else:
                bits = ((a >> uint64(5)) << uint64(26)) | (b >> uint64(6))
                u = real(int64(bits)) * 1.1102230246251565e-16
                bits = ((c >> uint64(5)) << uint64(26)) | (d >> uint64(6))
                v = real(int64(bits)) * 1.1102230246251565e-16
            radius, angle = sqrt(-2.0 * log(1.0 - u)), v * 6.283185307179586
            i = at + 2 * pair
            if i >= 0 and i < out.size:
                out[i] = radius * cos(angle)
            if i + 1 >= 0 and i + 1 < out.size:
                out[i + 1] = radius * sin(angle)


BELOW = 0.5 * math.erfc(math.sqrt(2.0))  # the probability below -2


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """z with Phi(z) = p, for float64 p in [1e-10, 1 - 1e-10]."""
    q = p - 0.5
    r = 0.180625 - q * q
    z = q * np.polyval(CENTRE_P, r) / np.polyval(CENTRE_Q, r)
    outer = np.abs(q) > 0.425
    if outer.any():
        tail = np.sqrt(-np.log(np.minimum(p[outer], 1 - p[outer]))) - 1.6
        z[outer] = np.copysign(np.polyval(TAIL_P, tail) / np.polyval(TAIL_Q, tail), q[outer])
    return z


@op(*STATES, **DRAWS)
def random_truncated_normal(state, *, shape, dtype="float32", first_row=0):
    """Normal numbers of state [seed, counter] within two standard deviations:
    the quantile of a uniform number.
    """
    drawn = np.promote_types(dtype, np.float32)
    words, skip, n = words_of(state, shape, drawn, first_row)
    u = fraction(words, drawn)[skip : skip + n].astype(np.float64)
    z = normal_quantile(BELOW + u * (1 - 2 * BELOW))
    return z.astype(dtype).reshape(shape)


def random_between(
    state: Tensor,
    *,
    shape: tuple,
    low: float = 0.0,
    high: float = 1.0,
    dtype: str = "float32",
    first_row: int = 0,
) -> Tensor:
    """Uniform numbers in [low, high) of state [seed, counter]."""
    u = random_uniform(state, shape=tuple(shape), dtype=dtype, first_row=first_row)
    return (
        u if (low, high) == (0.0, 1.0) else add(multiply(u, number(high - low, u)), number(low, u))
    )
