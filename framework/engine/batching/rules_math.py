"""Batching rules of products, reductions, networks and linear algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.batching.rows import Rows, batching, elementwise
from framework.engine.op import OPS, Op
from framework.engine.ops.broadcast import axes_of
from framework.engine.ops.normalization import TALL
from framework.engine.tensor import Tensor

batching(ops.read, ops.polygamma)(elementwise)  # so they are, though without a scalar function


@batching(ops.matmul)
def _(op: Op, rows: Rows, *, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """One product where all rows meet the same matrix, else a stack of products."""
    ndims = len(rows.shape(0)), len(rows.shape(1))
    if rows.is_batched == [True, False] and ndims[1] == 2 and not transpose_x:
        x, y = rows.tensors
        return by_one_matrix(op, x, y, transpose_y)
    is_column = rows.tensors[1].array.shape[-1] == 1 and not transpose_y
    if rows.is_batched == [False, True] and ndims == (2, 2) and is_column:
        x, y = rows.tensors
        made = by_one_matrix(op, ops.reshape(y, shape=y.array.shape[:-1]), x, not transpose_x)
        return ops.reshape(made, shape=(*made.array.shape, 1))
    return op(*rows.aligned(), transpose_x=transpose_x, transpose_y=transpose_y)


def by_one_matrix(op: Op, x: Tensor, y: Tensor, transpose_y: bool) -> Tensor:
    """x @ y for a matrix y, as one product of two matrices."""
    *lead, n = x.array.shape
    made = op(ops.reshape(x, shape=(math.prod(lead), n)), y, transpose_y=transpose_y)
    return ops.reshape(made, shape=(*lead, made.array.shape[-1]))


@batching(ops.dropout)
def _(op: Op, rows: Rows, *, rate: float) -> Tensor:
    """x decides the shape, u broadcasts."""
    u = rows.aligned(len(rows.shape(0)))[1]
    return op(rows.spread(0), u, rate=rate)


def moved(rows: Rows, axis: Any) -> Any:
    """An axis, or axes, of a row as those of the whole."""
    if isinstance(axis, (int, np.integer)):
        return int(axis) % len(rows.shape(0)) + 1
    return tuple([a + 1 for a in axes_of(len(rows.shape(0)), axis)])


@batching(ops.sum, ops.mean, ops.max, ops.min, ops.prod, ops.any, ops.all, ops.logsumexp)
def _(op: Op, rows: Rows, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Over the same axes of every row."""
    return op(rows.tensors[0], axis=moved(rows, axis), keepdims=keepdims)


@batching(ops.mean_variance)
def _(op: Op, rows: Rows, *, axis: Any = None) -> tuple:
    """Over the same axes of every row."""
    return op(rows.tensors[0], axis=moved(rows, axis))


@batching(ops.argmax, ops.argmin)
def _(op: Op, rows: Rows, *, axis: int | None = None, keepdims: bool = False, **attrs: Any) -> Any:
    """Without an axis: of the row as a vector."""
    if axis is not None:
        return op(rows.tensors[0], axis=moved(rows, axis), keepdims=keepdims, **attrs)
    shape = rows.shape(0)
    flat = ops.reshape(rows.tensors[0], shape=(rows.size, math.prod(shape)))
    kept = [1] * len(shape) if keepdims else []
    return ops.reshape(op(flat, axis=1, **attrs), shape=(rows.size, *kept))


@batching(ops.cumsum, ops.cumprod)
def _(op: Op, rows: Rows, *, axis: int = 0, **attrs: Any) -> Tensor:
    """Along the same axis of every row."""
    return op(rows.tensors[0], axis=moved(rows, axis), **attrs)


@batching(ops.softmax, ops.log_softmax, ops.softmax_grad, ops.argsort)
def _(op: Op, rows: Rows, *, axis: int = -1, **attrs: Any) -> Tensor:
    """Along the same axis of every row."""
    return op(*rows.spread_all(), axis=moved(rows, axis), **attrs)


@batching(
    ops.softmax_cross_entropy,
    ops.softmax_cross_entropy_grad,
    ops.sparse_softmax_cross_entropy,
    ops.sparse_softmax_cross_entropy_grad,
    ops.searchsorted,
    OPS["solve"],  # ops.solve is the module
)
def _(op: Op, rows: Rows, **attrs: Any) -> Any:
    """The op has leading axes itself, which must be equal."""
    return op(*rows.spread_all(), **attrs)


@batching(
    *(ops.cholesky, ops.qr, ops.svd, ops.singular_values, ops.eigh, ops.eigvalsh, ops.inv),
    *(ops.det, ops.slogdet, ops.triangular_solve, ops.all_reduce),
    *(ops.check_finite, ops.check_numerics),
)
def _(op: Op, rows: Rows, **attrs: Any) -> Any:
    """The op has leading axes itself, which broadcast."""
    return op(*rows.aligned(), **attrs)


@batching(ops.layer_normalization)
def _(op: Op, rows: Rows, **attrs: Any) -> Tensor:
    """gamma and beta that differ from row to row are applied behind the op."""
    x, gamma, beta = rows.tensors
    if not (rows.is_batched[1] or rows.is_batched[2]):
        return op(x, gamma, beta, **attrs)
    ones, zeros = scale_of(rows, 1)
    hat = Rows([op(x, ones, zeros, **attrs), gamma, beta], rows.is_batched, rows.size)
    hat, gamma, beta = hat.aligned()
    return ops.add(ops.multiply(hat, gamma), beta)


@batching(ops.layer_normalization_grad)
def _(op: Op, rows: Rows, **attrs: Any) -> tuple:
    """dx by the op itself; the parts of the sums over samples, dgamma and dbeta, row by row."""
    has_g, has_x, has_gamma = rows.is_batched
    x = rows.tensors[1]
    ones, zeros = scale_of(rows, 2)
    hat = ops.layer_normalization(x, ones, zeros, **attrs)
    whole = Rows([rows.tensors[0], hat, rows.tensors[2]], rows.is_batched, rows.size)
    g, hat, gamma = whole.aligned()
    scaled, products = ops.multiply(g, gamma), ops.multiply(g, hat)
    both = Rows([scaled, x, products], [has_g or has_gamma, has_x, has_g or has_x], rows.size)
    dx = op(both.spread(0), both.spread(1), ones, **attrs)[0]
    return dx, sums_of_parts(both.spread(2)), sums_of_parts(rows.spread(0))


def sums_of_parts(x: Tensor) -> Tensor:
    """x (size, ..., n) as (size, parts, n): each the sum of as many rows as the op adds up."""
    size, n = x.array.shape[0], x.array.shape[-1]
    count = math.prod(x.array.shape[1:-1])
    parts = max(1, -(-count // TALL))
    x = ops.reshape(x, shape=(size, count, n))
    x = ops.pad(x, paddings=((0, 0), (0, parts * TALL - count), (0, 0)))
    return ops.sum(ops.reshape(x, shape=(size, parts, TALL, n)), axis=2)


@batching(ops.scaled_dot_product_attention, ops.scaled_dot_product_attention_grad)
def _(op: Op, rows: Rows, **attrs: Any) -> tuple:
    """The op has a batch itself: that of every row comes behind that of the row before."""
    tensors = rows.spread_all()
    batch = tensors[0].array.shape[1]
    mask = 3 if op.outs == 2 else 4
    _, _, heads, queries, keys = tensors[mask].array.shape
    shape = rows.size, batch, heads, queries, keys
    tensors[mask] = ops.broadcast_to(tensors[mask], shape=shape)
    whole = rows.size * batch
    tensors = [ops.reshape(x, shape=(whole, *x.array.shape[2:])) for x in tensors]
    outs = op(*tensors, **attrs)
    return tuple([ops.reshape(x, shape=(rows.size, batch, *x.array.shape[1:])) for x in outs])


def scale_of(rows: Rows, i: int) -> tuple[Tensor, Tensor]:
    """The gamma and beta that change nothing, in the form of input i."""
    like, shape = rows.tensors[i].array, rows.shape(i)
    return Tensor(np.ones(shape, like.dtype)), Tensor(np.zeros(shape, like.dtype))
