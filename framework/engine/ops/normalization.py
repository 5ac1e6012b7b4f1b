"""Layer normalisation as one op, its gradient as another."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import broadcast_to, reshape, sum_
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import add, multiply, rsqrt, square, subtract
from framework.engine.ops.index import gather
from framework.engine.ops.reduce import mean
from framework.engine.tensor import Spec, Tensor

SHAPES = Sample(((3, 5), (5,), (5,))), Sample(((2, 3, 4), (4,), (4,)), {"epsilon": 0.01})


def statistics(x: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """(normalised x, 1 / standard deviation) along the last axis."""
    hat = x - x.mean(axis=-1, keepdims=True, dtype=x.dtype)
    scale = 1 / np.sqrt((hat * hat).mean(axis=-1, keepdims=True, dtype=x.dtype) + epsilon)
    hat *= scale
    return hat, scale


def infer_layer_normalization(x: Spec, gamma: Spec, beta: Spec, *, epsilon: float = 1e-3) -> Spec:
    if not x.shape or gamma.shape != x.shape[-1:] or beta.shape != gamma.shape:
        raise ValueError(
            f"layer_normalization: x {tuple(x.shape)}, gamma {tuple(gamma.shape)}, beta "
            f"{tuple(beta.shape)}: gamma and beta must have the length of the last axis of x"
        )
    return Spec(x.shape, x.dtype)


@op(*SHAPES, infer=infer_layer_normalization, same_dtype=True, floats_only=True, kernel_from=256)
def layer_normalization(x, gamma, beta, *, epsilon=1e-3):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta over the last axis  (Ba et al. 2016, eq.
    4).
    """
    if gamma.shape != x.shape[-1:] or beta.shape != gamma.shape:
        infer_layer_normalization(x, gamma, beta)
    if not x.size:
        return x
    y, _ = statistics(x, epsilon)
    y *= gamma
    y += beta
    return y


def see_rows(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """Arrays of x's shape as rows along the last axis, gamma and beta as they are."""
    shape = max([s.shape for s in inputs], key=len)
    if len(shape) == 1 or not shape[-1]:
        return None
    rows = math.prod(shape[:-1]), shape[-1]
    seen = [rows if s.ndim > 1 else s.shape for s in (*outs, *inputs)]
    return seen[: len(outs)], seen[len(outs) :], attrs


@layer_normalization.kernel(views=see_rows, rows="out x")
def _(out, x, gamma, beta, epsilon):
    n, small = x.shape[1], real(epsilon)
    for i in range(x.shape[0]):
        row, y = x[i], out[i]
        middle = real(total(row) / n)
        for j in range(n):
            y[j] = row[j] - middle
        scale = 1.0 / sqrt(real(dot(y, y) / n) + small)
        for j in range(n):
            y[j] = y[j] * scale * gamma[j] + beta[j]


@layer_normalization.vjp("x gamma")
def _(g, out, x, gamma, beta, *, epsilon=1e-3):
    dx, *sums = layer_normalization_grad(g, x, gamma, epsilon=epsilon)
    shape = gamma.array.shape
    if sums[0].array.shape[0] == 1:
        return dx, *[reshape(s, shape=shape) for s in sums]
    return dx, *[sum_(s, axis=0) for s in sums]


TALL = 64  # rows whose sums one thread makes: what is added to what depends on the shape alone


def sums_of(x: np.ndarray | Spec) -> int:
    """How many parts the sums over the rows of x have; at least one."""
    return max(1, -(-math.prod(x.shape[:-1]) // TALL))


@op(
    Sample(((3, 5), (3, 5), (5,))),
    Sample(((2, 3, 4), (2, 3, 4), (4,)), {"epsilon": 0.01}),
    Sample(((2, 35, 3), (2, 35, 3), (3,))),
    infer=lambda g, x, gamma, *, epsilon=1e-3: (
        Spec(x.shape, x.dtype),
        Spec((sums_of(x), *gamma.shape), x.dtype),
        Spec((sums_of(x), *gamma.shape), x.dtype),
    ),
    outs=3,
    same_dtype=True,
    kernel_from=256,
)
def layer_normalization_grad(g, x, gamma, *, epsilon=1e-3):
    """(dx, parts of dgamma, parts of dbeta) of layer_normalization, with h = (x - mean) r, r = 1 /
    sqrt(variance + epsilon), k = g gamma:

    dx = r (k - mean(k) - h mean(k h)) over the last axis; the parts (parts, n) are the sums of g h
    and of g over 64 rows each, and sum to dgamma and dbeta.
    """
    if not x.size:
        nothing = np.zeros((sums_of(x), *gamma.shape), x.dtype)
        return x, nothing, nothing.copy()
    hat, scale = statistics(x, epsilon)
    starts = np.arange(0, math.prod(x.shape[:-1]), TALL)
    rows = g.reshape(-1, x.shape[-1])
    dgamma = np.add.reduceat((g * hat).reshape(rows.shape), starts, axis=0)
    dbeta = np.add.reduceat(rows, starts, axis=0)
    k = g * gamma
    dx = k - k.mean(axis=-1, keepdims=True)
    k *= hat
    hat *= k.mean(axis=-1, keepdims=True)
    dx -= hat
    dx *= scale
    return dx, dgamma, dbeta


def see_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """Arrays of x's shape as rows along the last axis; those of gamma's as they are."""
    seen = see_rows(outs[:1], inputs, attrs)
    return seen and ([*seen[0], *[s.shape for s in outs[1:]]], seen[1], {**attrs, "tall": TALL})


@layer_normalization_grad.kernel(views=see_grad)
def _(dx, dgammas, dbetas, g, x, gamma, epsilon, tall, part, parts):
    n, small = x.shape[1], real(epsilon)
    first, last = share(dgammas.shape[0], 1, part, parts)
    for p in range(first, last):
        dgamma, dbeta = dgammas[p], dbetas[p]
        for j in range(n):
            dgamma[j] = 0
            dbeta[j] = 0
        for i in range(p * tall, min(p * tall + tall, x.shape[0])):
            row, c, y = x[i], g[i], dx[i]
            middle = real(total(row) / n)
            for j in range(n):
                y[j] = row[j] - middle
            scale = 1.0 / sqrt(real(dot(y, y) / n) + small)
            for j in range(n):
                y[j] *= scale
                dgamma[j] += c[j] * y[j]
                dbeta[j] += c[j]
            mean_k, mean_kh = real(dot(c, gamma) / n), real(dot3(c, gamma, y) / n)
            for j in range(n):
                y[j] = scale * (c[j] * gamma[j] - mean_k - y[j] * mean_kh)


def spread(u: Tensor, x: Tensor) -> Tensor:
    """For each row of x its row of u (parts, n)."""
    if u.array.shape[0] == 1:
        return broadcast_to(reshape(u, shape=u.array.shape[1:]), shape=x.array.shape)
    rows = np.arange(math.prod(x.array.shape[:-1])) // TALL
    return reshape(gather(u, Tensor(rows), axis=0), shape=x.array.shape)


@layer_normalization_grad.vjp("g x gamma")
def _(u, out, g, x, gamma, *, epsilon=1e-3):
    """With P(a) = a - mean(a) - h mean(a h), dx = r P(k): linear in k, and P is symmetric."""
    centred = subtract(x, mean(x, axis=-1, keepdims=True))
    deviation = mean(square(centred), axis=-1, keepdims=True)
    r = rsqrt(add(deviation, number(epsilon, deviation)))
    h, k = multiply(centred, r), multiply(g, gamma)
    others = tuple(range(x.ndim - 1))

    def mean_of(a: Tensor) -> Tensor:
        return mean(a, axis=-1, keepdims=True)

    def project(a: Tensor) -> Tensor:
        return subtract(subtract(a, mean_of(a)), multiply(h, mean_of(multiply(a, h))))

    d_g = d_gamma = d_h = d_r = None
    if u[0] is not None:
        rp = multiply(r, project(u[0]))
        d_g, d_gamma = multiply(gamma, rp), sum_(multiply(g, rp), axis=others)
        both = add(multiply(mean_of(multiply(k, h)), u[0]), multiply(mean_of(multiply(u[0], h)), k))
        d_h = multiply(-r, both)
        d_r = mean_of(multiply(u[0], project(k)))
    if u[1] is not None:
        of_gamma = spread(u[1], x)
        part = multiply(of_gamma, h)
        d_g = part if d_g is None else add(d_g, part)
        part = multiply(of_gamma, g)
        d_h = part if d_h is None else add(d_h, part)
    if u[2] is not None:
        part = spread(u[2], x)
        d_g = part if d_g is None else add(d_g, part)
    d_x = None if d_h is None else multiply(r, project(d_h))
    if d_r is not None:
        d_x = subtract(d_x, multiply(multiply(square(r), h), d_r))
    return d_g, d_x, d_gamma
