"""Ops of networks: the softmax family, cross-entropies and layer normalisation,
with hand-written backward kernels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, elementwise, op
from framework.engine.ops.activation import sigmoid
from framework.engine.ops.broadcast import axis_of, reshape, sum_, unbroadcast
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import (
    add,
    maximum,
    multiply,
    negative,
    rsqrt,
    square,
    subtract,
)
from framework.engine.ops.functions import exp
from framework.engine.tensor import Spec, Tensor

ROWS = Sample(((3, 4),)), Sample(((2, 3, 4),), {"axis": -1})
COLUMNS = Sample(((2, 3, 4),), {"axis": 1})


def softmax_forward(x: np.ndarray, axis: int | tuple = -1) -> np.ndarray:
    e = x - x.max(axis=axis, keepdims=True)
    np.exp(e, out=e)
    e /= e.sum(axis=axis, keepdims=True)
    return e


def see_rows(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """Every operand as rows along the last axis; other axes are left to the NumPy forward."""
    shape = inputs[0].shape
    if attrs.get("axis", -1) not in (-1, len(shape) - 1) or not shape[-1]:
        return None
    rows = math.prod(shape[:-1]), shape[-1]
    return [rows] * len(outs), [rows] * len(inputs), attrs


def infer_same(*specs: Spec, axis: int = -1) -> Spec:
    if not specs[0].shape:
        raise ValueError("softmax: the tensor has no axis")
    return Spec(specs[0].shape, specs[0].dtype)


@op(*ROWS, COLUMNS, infer=infer_same, floats_only=True, kernel_from=1024)
def softmax(x, *, axis=-1):
    """e^x / sum(e^x) along `axis`, without overflow."""
    return softmax_forward(x, axis_of(axis, x)) if x.size else x


@softmax.kernel(views=see_rows, rows="out x")
def _(out, x):
    for i in range(x.shape[0]):
        row, y = x[i], out[i]
        top = largest(row)
        for j in range(row.size):
            y[j] = exp(row[j] - top)
        scale = 1.0 / total(y)
        for j in range(row.size):
            y[j] *= scale


@softmax.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor, *, axis: Any = -1) -> tuple:
    return (softmax_grad(g, y, axis=axis),)


@op(
    *[Sample(s.shapes * 2, s.attrs) for s in (*ROWS, COLUMNS)],
    infer=infer_same,
    same_dtype=True,
    kernel_from=4096,
)
def softmax_grad(g, y, *, axis=-1):
    """y (g - sum(g y)): the gradient of y = softmax(x)."""
    inner = g * y
    out = g - inner.sum(axis=axis, keepdims=True)
    out *= y
    return out


@softmax_grad.kernel(views=see_rows, rows="out g y")
def _(out, g, y):
    for i in range(y.shape[0]):
        a, b, row = g[i], y[i], out[i]
        inner = dot(a, b)
        for j in range(row.size):
            row[j] = b[j] * (a[j] - inner)


@softmax_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor, *, axis: Any = -1) -> tuple:
    inner_g = sum_(multiply(g, y), axis=axis, keepdims=True)
    inner_u = sum_(multiply(u, y), axis=axis, keepdims=True)
    dy = subtract(multiply(u, subtract(g, inner_g)), multiply(inner_u, g))
    return softmax_grad(u, y, axis=axis), dy


@op(*ROWS, COLUMNS, infer=infer_same, floats_only=True, kernel_from=1024)
def log_softmax(x, *, axis=-1):
    """x - log(sum(e^x)) along `axis`, without overflow."""
    if not x.size:
        return x
    y = x - x.max(axis=axis_of(axis, x), keepdims=True)
    y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
    return y


@log_softmax.kernel(views=see_rows, rows="out x")
def _(out, x):
    for i in range(x.shape[0]):
        row, y = x[i], out[i]
        top = largest(row)
        log_total = log(total_exp(row, top))
        for j in range(row.size):
            y[j] = (row[j] - top) - log_total  # top + log_total would be rounded to a large top's


@log_softmax.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor, *, axis: Any = -1) -> tuple:
    return (subtract(g, multiply(exp(y), sum_(g, axis=axis, keepdims=True))),)


def cross_entropy_forward(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    loss = (labels * (np.log(total) - shifted)).sum(axis=-1)
    e /= total
    return loss, e


def check_cross_entropy(labels: np.ndarray | Spec, logits: np.ndarray | Spec) -> None:
    """InvalidArgumentError unless the shapes fit."""
    if labels.shape != logits.shape:
        raise InvalidArgumentError(
            f"softmax_cross_entropy: labels {tuple(labels.shape)} and logits "
            f"{tuple(logits.shape)} must have one shape"
        )
    if not logits.shape or not logits.shape[-1]:
        raise InvalidArgumentError(
            f"softmax_cross_entropy: logits {tuple(logits.shape)} have no classes"
        )


def infer_cross_entropy(labels: Spec, logits: Spec) -> tuple[Spec, Spec]:
    check_cross_entropy(labels, logits)
    return Spec(logits.shape[:-1], logits.dtype), Spec(logits.shape, logits.dtype)


def see_cross_entropy(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    shape = inputs[1].shape
    rows = math.prod(shape[:-1]), shape[-1]
    return [(rows[0],), rows], [rows, rows], {}


def as_probabilities(labels: Tensor, logits: Tensor) -> tuple:
    """Labels of which each row sums to 1."""
    return softmax(labels), logits


@op(
    Sample(((3, 4), (3, 4)), low=-1.0, through=as_probabilities),
    Sample(((2, 3, 4), (2, 3, 4)), low=-1.0, through=as_probabilities),
    infer=infer_cross_entropy,
    outs=2,
    same_dtype=True,
    floats_only=True,
    kernel_from=1024,
)
def softmax_cross_entropy(labels, logits):
    """(loss, p): loss[i] = -sum_j labels[i, j] log p[i, j], p = softmax(logits), last axis."""
    check_cross_entropy(labels, logits)
    return cross_entropy_forward(labels, logits)


@softmax_cross_entropy.kernel(views=see_cross_entropy, rows="loss p labels logits")
def _(loss, p, labels, logits):
    for i in range(p.shape[0]):
        x, y, label = logits[i], p[i], labels[i]
        top = largest(x)
        for j in range(x.size):
            y[j] = exp(x[j] - top)
        sum_exp = total(y)
        scale = 1.0 / sum_exp
        for j in range(x.size):
            y[j] *= scale
        loss[i] = log(sum_exp) * total(label) - dot_above(label, x, top)


@softmax_cross_entropy.vjp("out labels logits")
def _(g: Any, out: Any, labels: Tensor, logits: Tensor, *, wants: list[bool]) -> tuple:
    (g_loss, g_p), (_, p) = g, out
    d_labels = d_logits = None
    if g_loss is not None:
        column = reshape(g_loss, shape=(*g_loss.array.shape, 1))
        if wants[0]:
            d_labels = negative(multiply(column, log_softmax(logits)))
        if wants[1]:
            d_logits = softmax_cross_entropy_grad(g_loss, p, labels)
    if g_p is not None and wants[1]:
        through_p = softmax_grad(g_p, p)
        d_logits = through_p if d_logits is None else add(d_logits, through_p)
    return d_labels, d_logits


@op(
    Sample(((3,), (3, 4), (3, 4)), low=0.0),
    infer=lambda g, p, labels: Spec(p.shape, p.dtype),
    same_dtype=True,
    kernel_from=4096,
)
def softmax_cross_entropy_grad(g, p, labels):
    """g[i] (p[i, j] - labels[i, j]): the gradient of softmax_cross_entropy in its logits, where
    the labels of each row sum to 1 (TensorFlow takes that for granted, too).
    """
    dz = p - labels
    dz *= g[..., None]
    return dz


def see_cross_entropy_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    shape = inputs[1].shape
    rows = math.prod(shape[:-1]), shape[-1]
    return [rows], [(rows[0],), rows, rows], {}


@softmax_cross_entropy_grad.kernel(views=see_cross_entropy_grad, rows="dz g p labels")
def _(dz, g, p, labels):
    for i in range(p.shape[0]):
        row, y, label, scale = dz[i], p[i], labels[i], g[i]
        for j in range(row.size):
            row[j] = scale * (y[j] - label[j])


@softmax_cross_entropy_grad.vjp("g p labels")
def _(u: Tensor, out: Tensor, g: Tensor, p: Tensor, labels: Tensor) -> tuple:
    column = reshape(g, shape=(*g.array.shape, 1))
    ug = multiply(u, column)
    return sum_(multiply(u, subtract(p, labels)), axis=-1), ug, negative(ug)


@elementwise(
    lambda labels, logits: (
        np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))
    ),
    Sample(((3, 4), (3, 4)), low=-1.0),
    Sample(((3, 4), (4,)), low=-1.0),
    floats_only=True,
)
def sigmoid_cross_entropy(labels: float, logits: float) -> float:
    """-labels log s - (1 - labels) log(1 - s), s = sigmoid(logits), as max(x,
    0) - x labels + log(1 + e^-|x|).
    """
    return (0.0 if logits <= 0.0 else logits) - logits * labels + math.log1p(math.exp(-abs(logits)))


@sigmoid_cross_entropy.vjp("labels logits")
def _(g: Tensor, out: Tensor, labels: Tensor, logits: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(negative(multiply(g, logits)), labels) if wants[0] else None,
        unbroadcast(multiply(g, subtract(sigmoid(logits), labels)), logits) if wants[1] else None,
    )


def l2_normalize(
    x: Tensor, *, axis: int | tuple | None = -1, epsilon: float | Tensor = 1e-12
) -> Tensor:
    """x / sqrt(max(sum(x^2), epsilon)) along `axis`."""
    total = sum_(square(x), axis=axis, keepdims=True)
    least = epsilon if isinstance(epsilon, Tensor) else number(epsilon, total)
    return multiply(x, rsqrt(maximum(total, least)))
