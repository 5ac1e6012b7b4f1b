"""What part of a kernel's work one of several threads does: Note [Shares] in compile/entry.py."""

from __future__ import annotations

from numba import njit

from framework.engine.kernels.flags import FAST


@njit(**FAST)
def share(count, unit, part, parts):
    """[first, last) of `count` things for thread `part` of `parts`, cut at multiples of `unit`."""
    if parts == 1:
        return 0, count
    units = (count + unit - 1) // unit
    first, last = units * part // parts * unit, units * (part + 1) // parts * unit
    return min(first, count), min(last, count)


@njit(**FAST)
def shares(shape, part, parts):
    """(rows, columns) of a matrix for one thread: some rows, or of few rows some columns."""
    if shape[0] < parts:
        return (0, shape[0]), share(shape[1], 16, part, parts)
    return share(shape[0], 1, part, parts), (0, shape[1])
