"""Batching rules of ops that take positions: where these differ from row to row, the number of the
row becomes a part of the position."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.batching.rows import Rows, batching
from framework.engine.op import Op
from framework.engine.tensor import Tensor


def positions(rows: Rows, i: int, n: int) -> Tensor:
    """Indices in [0, n), input i, as positions in all rows of n behind each other: a vector.

    One out of range raises InvalidArgumentError, as it does in its own row.
    """
    count = math.prod(rows.shape(i))
    flat = ops.reshape(ops.cast(rows.spread(i), dtype="int64"), shape=(rows.size * count, 1))
    numbers = Tensor(np.repeat(np.arange(rows.size), count).reshape(-1, 1))
    return ops.flat_index(ops.concatenate(numbers, flat, axis=1), shape=(rows.size, n))


def turned(x: Tensor, start: int, count: int, to: int) -> Tensor:
    """x with the axes start ... start + count - 1 before what is axis `to` without them."""
    axes = list(range(x.ndim))
    taken, rest = axes[start : start + count], axes[:start] + axes[start + count :]
    order = (*rest[:to], *taken, *rest[to:])
    return x if list(order) == axes else ops.transpose(x, axes=order)


@batching(ops.gather)
def _(op: Op, rows: Rows, *, axis: int = 0) -> Tensor:
    """x batched: along the next axis. indices batched: one gather of all of them."""
    x, indices = rows.tensors
    axis %= len(rows.shape(0))
    if not rows.is_batched[1]:
        return op(x, indices, axis=axis + 1)
    if rows.is_batched[0]:
        return ops.gather_of_batch(x, indices, axis=axis + 1, batch_dims=1)
    return turned(op(x, indices, axis=axis), axis, 1, 0)


@batching(ops.gather_grad)
def _(op: Op, rows: Rows, *, whole: tuple, axis: int = 0) -> Tensor:
    """indices batched: into all rows behind each other."""
    axis %= len(whole)
    if not rows.is_batched[1]:
        return op(*rows.tensors, whole=(rows.size, *whole), axis=axis + 1)
    n, ndim = whole[axis], len(rows.shape(1))
    before, after = whole[:axis], whole[axis + 1 :]
    flat = positions(rows, 1, n)
    g = turned(rows.spread(0), axis + 1, ndim, 1)  # (size, *indices, *before, *after)
    g = ops.reshape(g, shape=(flat.array.shape[0], *before, *after))
    out = rows.parted(op(g, flat, whole=(rows.size * n, *before, *after)))
    return turned(out, 1, 1, axis + 1)


@batching(ops.take_along_axis)
def _(op: Op, rows: Rows, *, axis: int = -1) -> Tensor:
    """Along the same axis of every row."""
    return op(*rows.spread_all(), axis=axis % len(rows.shape(0)) + 1)


@batching(ops.put_along_axis)
def _(op: Op, rows: Rows, *, whole: tuple, axis: int = -1) -> Tensor:
    """Along the same axis of every row."""
    return op(*rows.spread_all(), whole=(rows.size, *whole), axis=axis % len(whole) + 1)


@batching(ops.one_hot)
def _(op: Op, rows: Rows, *, axis: int = -1, **attrs: Any) -> Tensor:
    """The new axis is one further to the right."""
    return op(rows.tensors[0], axis=axis % (len(rows.shape(0)) + 1) + 1, **attrs)


@batching(ops.flat_index)
def _(op: Op, rows: Rows, *, shape: tuple) -> Tensor:
    """Positions in the same tensor: one call."""
    count = math.prod(rows.shape(0)[:-1])
    return ops.reshape(op(rows.tensors[0], shape=shape), shape=(rows.size, count))


@batching(ops.put_rows, ops.put_largest, ops.put_smallest)
def _(op: Op, rows: Rows) -> Tensor:
    """Into all rows behind each other."""
    flat = positions(rows, 1, rows.shape(0)[0])
    return rows.parted(op(rows.joined(0), flat, rows.joined(2)))


@batching(ops.segment_sum, ops.segment_prod, ops.segment_max, ops.segment_min)
def _(op: Op, rows: Rows, *, segments: int) -> Tensor:
    """ids batched: segments of their own for every row; else rows are more columns."""
    ndim = len(rows.shape(1))
    if not rows.is_batched[1]:
        x = turned(rows.tensors[0], 0, 1, ndim)
        return turned(op(x, rows.tensors[1], segments=segments), 1, 1, 0)
    ids = own_ids(rows, 1, segments)
    return rows.parted(op(rows.spread(0), ids, segments=rows.size * segments))


@batching(ops.segment_rows)
def _(op: Op, rows: Rows) -> Tensor:
    """ids batched: those of all rows behind each other; else rows are more columns."""
    x, ids = rows.tensors
    if not rows.is_batched[0]:
        return op(x, ids)
    if not rows.is_batched[1]:
        return turned(op(turned(x, 0, 1, 1), ids), ids.ndim, 1, 0)
    return op(rows.joined(0), own_ids(rows, 1, rows.shape(0)[0]))


def own_ids(rows: Rows, i: int, n: int) -> Tensor:
    """ids < n as numbers among all rows' segments; negative ones stay, too large ones do too."""
    ids = ops.cast(rows.spread(i), dtype="int64")
    zero, end = Tensor(np.int64(0)), Tensor(np.int64(n))
    first = np.expand_dims(np.arange(rows.size), tuple(range(1, ids.ndim))) * n
    moved = ops.add(ids, Tensor(first))
    far = ops.add(ids, Tensor(np.int64(rows.size * n)))
    moved = ops.where(ops.less(ids, end), moved, far)
    return ops.where(ops.less(ids, zero), Tensor(np.int64(-1)), moved)
