"""Batching rules of ops over images (n, h, w, c): rows are more images, or more channels."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.batching.rows import Rows, batching
from framework.engine.op import Op
from framework.engine.tensor import Tensor


@batching(ops.patches, ops.window_max, ops.window_take, ops.window_mean)
def _(op: Op, rows: Rows, **attrs: Any) -> Any:
    """Rows are so many more images."""
    made = op(*[rows.joined(i) for i in range(len(rows))], **attrs)
    return tuple([rows.parted(y) for y in made]) if op.outs > 1 else rows.parted(made)


@batching(ops.patches_grad, ops.window_max_grad, ops.window_mean_grad)
def _(op: Op, rows: Rows, *, whole: tuple, **attrs: Any) -> Tensor:
    """Rows are so many more images."""
    images = [rows.joined(i) for i in range(len(rows))]
    return rows.parted(op(*images, whole=(rows.size * whole[0], *whole[1:]), **attrs))


def channels_joined(rows: Rows, i: int, axis: int) -> Tensor:
    """Input i with the rows as so many more channels, which stand at `axis` of a row."""
    x, shape = rows.spread(i), rows.shape(i)
    order = (*range(1, axis + 1), 0, *range(axis + 1, len(shape) + 1))
    joined = (*shape[:axis], rows.size * shape[axis], *shape[axis + 1 :])
    return ops.reshape(ops.transpose(x, axes=order), shape=joined)


def channels_parted(rows: Rows, y: Tensor, axis: int) -> Tensor:
    """What channels_joined joined, apart again."""
    shape = tuple(y.array.shape)
    apart = (*shape[:axis], rows.size, shape[axis] // rows.size, *shape[axis + 1 :])
    order = (axis, *[i for i in range(len(apart)) if i != axis])
    return ops.transpose(ops.reshape(y, shape=apart), axes=order)


@batching(ops.depthwise)
def _(op: Op, rows: Rows, **place: Any) -> Tensor:
    """Channels do not meet: rows are so many more channels."""
    x, filters = channels_joined(rows, 0, 3), channels_joined(rows, 1, 2)
    return channels_parted(rows, op(x, filters, **place), 3)


@batching(ops.depthwise_grad_x)
def _(op: Op, rows: Rows, *, whole: tuple, **place: Any) -> Tensor:
    """Rows are so many more channels."""
    g, filters = channels_joined(rows, 0, 3), channels_joined(rows, 1, 2)
    wide = (*whole[:3], rows.size * whole[3])
    return channels_parted(rows, op(g, filters, whole=wide, **place), 3)


@batching(ops.depthwise_grad_filters)
def _(op: Op, rows: Rows, **place: Any) -> Tensor:
    """Rows are so many more channels."""
    x, g = channels_joined(rows, 0, 3), channels_joined(rows, 1, 3)
    return channels_parted(rows, op(x, g, **place), 2)


@batching(ops.convolution)
def _(op: Op, rows: Rows, **place: Any) -> Tensor:
    """Rows are more images if they share their filters; else a group of channels each."""
    if not rows.is_batched[1]:
        return rows.parted(op(rows.joined(0), rows.tensors[1], **place))
    x, filters = channels_joined(rows, 0, 3), channels_joined(rows, 1, 3)
    return channels_parted(rows, op(x, filters, **place), 3)


@batching(ops.convolution_grad_x)
def _(op: Op, rows: Rows, *, whole: tuple, **place: Any) -> Tensor:
    """Rows are more images if they share their filters; else a group of channels each."""
    n, h, w, c = whole
    if not rows.is_batched[1]:
        many = (rows.size * n, h, w, c)
        return rows.parted(op(rows.joined(0), rows.tensors[1], whole=many, **place))
    g, filters = channels_joined(rows, 0, 3), channels_joined(rows, 1, 3)
    return channels_parted(rows, op(g, filters, whole=(n, h, w, rows.size * c), **place), 3)


@batching(ops.convolution_grad_filters)
def _(op: Op, rows: Rows, *, groups: int, **place: Any) -> Tensor:
    """Rows are a group of channels each."""
    x, g = channels_joined(rows, 0, 3), channels_joined(rows, 1, 3)
    return channels_parted(rows, op(x, g, groups=rows.size * groups, **place), 3)
