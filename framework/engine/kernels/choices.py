"""Dropout inside of a kernel: which elements stay is computed where they are, and never stored.

The choices are those of random_uniform and dropout (ops/random.py, ops/activation.py) for an array
of which the kernel computes a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, njit

from framework.engine.kernels.flags import FAST
from framework.engine.kernels.pointers import pointer_to

PADDING = 8  # numbers more than are chosen: those of the blocks at both ends


@njit(**FAST)
def philox(block, seed, counter):
    """Philox4x32-10: the four random words (uint64 below 2^32) of a block; see ops/random.py."""
    u, low, half = np.uint64, np.uint64(0xFFFFFFFF), np.uint64(32)
    k0, k1 = u(seed) & low, u(seed) >> half
    c0, c1, c2, c3 = u(block) & low, u(block) >> half, u(counter) & low, u(counter) >> half
    for _ in range(10):
        p0, p1 = c0 * u(0xD2511F53), c2 * u(0xCD9E8D57)
        c0, c2 = (p1 >> half) ^ c1 ^ k0, (p0 >> half) ^ c3 ^ k1
        c1, c3 = p1 & low, p0 & low
        k0, k1 = (k0 + u(0x9E3779B9)) & low, (k1 + u(0xBB67AE85)) & low
    return c0, c1, c2, c3


def keep_all() -> tuple[Callable, Callable]:
    """(choose, thin) without dropout: they do nothing."""

    @njit(**FAST)
    def choose(space, state, start, count):
        return space

    @njit(**FAST)
    def thin(row, choices):
        pass

    return choose, thin


def drop_some(real: Any) -> tuple[Callable, Callable]:
    """(choose, thin) for numbers of a Numba type.

    choose(space, (seed, counter, limit, factor, ...), start, count): `factor` for each of the
    elements start, start + 1 ... that stays, 0 for others, in the memory at the address `space`,
    of count + PADDING numbers; an element stays if the bits of its uniform number are no less than
    `limit`. thin(row, choices): the row times the choices, as far as they go.
    """
    per_block, pointer = 128 // max(real.bitwidth, 32), pointer_to(real)
    first_bits, second_bits = np.uint64(5), np.uint64(6)
    zero, eight, shift = real(0), np.uint64(8), np.uint64(26)

    @njit(**FAST)
    def joined(high, low):
        return ((high >> first_bits) << shift) | (low >> second_bits)

    @njit(**FAST)
    def choose(space, state, start, count):
        seed, counter, limit, factor = state[0], state[1], np.uint64(state[2]), real(state[3])
        first, place = start // per_block, pointer(space)
        for i in range((start + count + per_block - 1) // per_block - first):
            a, b, c, d = philox(first + i, seed, counter)
            if per_block == 4:
                place[4 * i] = factor if a >> eight >= limit else zero
                place[4 * i + 1] = factor if b >> eight >= limit else zero
                place[4 * i + 2] = factor if c >> eight >= limit else zero
                place[4 * i + 3] = factor if d >> eight >= limit else zero
            else:
                place[2 * i] = factor if joined(a, b) >= limit else zero
                place[2 * i + 1] = factor if joined(c, d) >= limit else zero
        skip = start - first * per_block
        return carray(place, (skip + count,))[skip:]

    @njit(**FAST)
    def thin(row, choices):
        for c in range(choices.size):
            row[c] *= choices[c]

    return choose, thin
