"""Batching rules of ops that move elements: their axes move one place to the right."""

from __future__ import annotations

import math
from typing import Any

from framework.engine import ops
from framework.engine.batching.rows import Rows, batching
from framework.engine.op import Op
from framework.engine.ops.broadcast import resolve_shape
from framework.engine.ops.shape import concatenate, pack_places, packed_size, permutation
from framework.engine.tensor import Spec, Tensor


@batching(ops.reshape)
def _(op: Op, rows: Rows, *, shape: tuple) -> Tensor:
    """The row's shape behind the leading axis."""
    old = rows.shape(0)
    wanted = resolve_shape(shape, math.prod(old), old)
    return op(rows.tensors[0], shape=(rows.size, *wanted))


@batching(ops.broadcast_to)
def _(op: Op, rows: Rows, *, shape: tuple) -> Tensor:
    """New axes are put between the leading one and the row's."""
    return op(rows.aligned(len(shape))[0], shape=(rows.size, *shape))


@batching(ops.transpose)
def _(op: Op, rows: Rows, *, axes: tuple | None = None) -> Tensor:
    """The leading axis stays in front."""
    order = permutation(axes, len(rows.shape(0)))
    return op(rows.tensors[0], axes=(0, *[a + 1 for a in order]))


@batching(ops.strided_slice)
def _(op: Op, rows: Rows, **attrs: Any) -> Tensor:
    """All of the leading axis."""
    return op(rows.tensors[0], **behind(rows, attrs))


@batching(ops.strided_slice_grad)
def _(op: Op, rows: Rows, **attrs: Any) -> Tensor:
    """All of the leading axis."""
    return op(rows.tensors[0], **behind(rows, attrs))


def behind(rows: Rows, attrs: dict) -> dict:
    """The attrs of a strided slice with the leading axis in front."""
    front = {"begin": 0, "sizes": rows.size, "strides": 1, "shape": rows.size, "whole": rows.size}
    return {name: (front[name], *value) for name, value in attrs.items()}


@batching(ops.pad)
def _(op: Op, rows: Rows, *, paddings: tuple, value: float = 0) -> Tensor:
    """Nothing around the leading axis."""
    return op(rows.tensors[0], paddings=((0, 0), *paddings), value=value)


@batching(concatenate)
def _(op: Op, rows: Rows, *, axis: int = 0) -> Tensor:
    """What is the same in all rows is repeated first."""
    return op(*rows.spread_all(), axis=axis % len(rows.shape(0)) + 1)


@batching(ops.pack)
def _(op: Op, rows: Rows) -> Tensor:
    """Every row is a vector of all inputs, zeros between them."""
    shapes = [rows.shape(i) for i in range(len(rows))]
    specs = [Spec(shape, rows.tensors[0].array.dtype) for shape in shapes]
    starts = [*pack_places(specs), packed_size(specs)]
    parts = []
    for i, shape in enumerate(shapes):
        n, room = math.prod(shape), starts[i + 1] - starts[i]
        flat = ops.reshape(rows.spread(i), shape=(rows.size, n))
        parts.append(ops.pad(flat, paddings=((0, 0), (0, room - n))))
    return concatenate(*parts, axis=1)


@batching(ops.part)
def _(op: Op, rows: Rows, *, start: int, shape: tuple) -> Tensor:
    """A slice of every row."""
    count = math.prod(shape)
    return ops.strided_slice(
        rows.tensors[0],
        begin=(0, start),
        sizes=(rows.size, count),
        strides=(1, 1),
        shape=(rows.size, *shape),
    )
