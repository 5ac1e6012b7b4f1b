"""Ops of networks: the cross-entropies of integer labels, with hand-written backward kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import Sample, op
from framework.engine.operands import check_floats
from framework.engine.ops.broadcast import broadcast_to, reshape, sum_
from framework.engine.ops.elementwise import multiply
from framework.engine.tensor import Spec, Tensor

LOGITS = (
    Sample(((4,), (4, 5)), low=-1.0, dtypes=(np.int64,)),
    Sample(((2, 3), (2, 3, 4)), low=-1.0, dtypes=(np.int32,)),
)


def rows_of(spec: Spec) -> tuple[int, int]:
    """(rows, classes) of an array whose last axis is the classes."""
    return math.prod(spec.shape[:-1]), spec.shape[-1]


def probabilities(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    return e


def at_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """values[..., labels[...]]"""
    return np.take_along_axis(values, labels[..., None].astype(np.int64), -1)[..., 0]


def see_sparse(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    rows, classes = rows_of(inputs[1])
    return [(rows,), (rows, classes)], [(rows,), (rows, classes)], {"control": "control"}


def check_sparse(labels: np.ndarray | Spec, logits: np.ndarray | Spec) -> None:
    """InvalidArgumentError unless dtypes and shapes fit."""
    check_floats("sparse_softmax_cross_entropy", logits)
    if labels.dtype.kind not in "iu":
        raise MixedDtypesError(
            f"sparse_softmax_cross_entropy: labels have dtype {labels.dtype.name}, wanted integers"
        )
    if not logits.shape or labels.shape != logits.shape[:-1] or not logits.shape[-1]:
        raise InvalidArgumentError(
            f"sparse_softmax_cross_entropy: labels {tuple(labels.shape)} and logits "
            f"{tuple(logits.shape)} do not fit: wanted one label for each row of classes"
        )


def infer_sparse(labels: Spec, logits: Spec) -> tuple[Spec, Spec]:
    check_sparse(labels, logits)
    return Spec(labels.shape, logits.dtype), Spec(logits.shape, logits.dtype)


def check_labels(labels: np.ndarray, logits: np.ndarray) -> None:
    """InvalidArgumentError in TensorFlow's words unless all labels lie in [0, classes)."""
    classes = logits.shape[-1]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        bad = labels.min() if labels.min() < 0 else labels.max()
        raise InvalidArgumentError(
            f"Received a label value of {bad} which is outside the valid range of [0, {classes})."
            f"  Label values: {' '.join(map(str, labels.ravel()[:20]))}"
        )


@op(*LOGITS, infer=infer_sparse, outs=2, kernel_from=128)
def sparse_softmax_cross_entropy(labels, logits):
    """(loss, p): loss[i] = -log p[i, labels[i]], p = softmax(logits) over the last axis; labels are
    integers.

    A label outside [0, classes) raises InvalidArgumentError; in a compiled step, which cannot
    raise, it gives a NaN loss for its row (as TensorFlow does on devices that cannot).
    """
    check_sparse(labels, logits)
    check_labels(labels, logits)
    p = probabilities(logits)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normal = np.log(np.exp(shifted).sum(axis=-1))
    return (normal - at_labels(shifted, labels)).astype(logits.dtype), p


@sparse_softmax_cross_entropy.kernel(views=see_sparse, rows="loss p labels logits")
def _(loss, p, labels, logits, control):
    for i in range(p.shape[0]):
        x, y = logits[i], p[i]
        highest = largest(x)
        for j in range(x.size):
            y[j] = exp(x[j] - highest)
        sum_exp = total(y)
        scale = 1.0 / sum_exp
        for j in range(x.size):
            y[j] *= scale
        if labels[i] >= 0 and labels[i] < x.size:
            loss[i] = log(sum_exp) - (x[labels[i]] - highest)
        else:
            loss[i] = nan(y)
            pointer_int64(control)[4] = 3  # eager calls raise: the forward says what is wrong


@sparse_softmax_cross_entropy.vjp("out labels")
def _(g: Any, out: Any, labels: Tensor, logits: Tensor) -> tuple:
    (g_loss, g_p), (_, p) = g, out
    dz = None if g_loss is None else sparse_softmax_cross_entropy_grad(g_loss, p, labels)
    if g_p is not None:
        inner = sum_(multiply(g_p, p), axis=-1, keepdims=True)
        through_p = p * (g_p - inner)
        dz = through_p if dz is None else dz + through_p
    return None, dz


@op(
    Sample(((4,), (4, 5), (4,)), dtypes=(None, None, np.int64), low=0.0),
    infer=lambda g, p, labels: p,
    kernel_from=128,
)
def sparse_softmax_cross_entropy_grad(g, p, labels):
    """g[i] (p[i] - onehot(labels[i])): gradient of sparse_softmax_cross_entropy in its logits."""
    dz = p * g[..., None]
    index = labels[..., None].astype(np.int64)
    valid = (index >= 0) & (index < p.shape[-1])
    index = np.where(valid, index, 0)
    picked = np.take_along_axis(dz, index, -1) - g[..., None]
    np.put_along_axis(dz, index, np.where(valid, picked, np.asarray(np.nan, p.dtype)), -1)
    return dz


def see_sparse_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    rows, classes = rows_of(inputs[1])
    return [(rows, classes)], [(rows,), (rows, classes), (rows,)], {}


@sparse_softmax_cross_entropy_grad.kernel(views=see_sparse_grad, rows="dz g p labels")
def _(dz, g, p, labels):
    for i in range(p.shape[0]):
        x, y, scale = p[i], dz[i], g[i]
        for j in range(x.size):
            y[j] = x[j] * scale
        if labels[i] >= 0 and labels[i] < x.size:
            y[labels[i]] -= scale
        else:
            y[0] = nan(y)


@sparse_softmax_cross_entropy_grad.vjp("g p labels")
def _(u: Tensor, out: Tensor, g: Tensor, p: Tensor, labels: Tensor) -> tuple:
    ones = broadcast_to(np.ones((), p.array.dtype), shape=g.array.shape)
    difference = sparse_softmax_cross_entropy_grad(ones, p, labels)
    rows = reshape(g, shape=(*g.array.shape, 1))
    return sum_(multiply(u, difference), axis=-1), multiply(u, rows), None
