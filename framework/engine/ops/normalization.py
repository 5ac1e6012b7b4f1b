"""Layer normalisation as one op, its gradient as another."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import broadcast_to, sum_
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import add, multiply, rsqrt, square, subtract
from framework.engine.ops.reduce import mean
from framework.engine.tensor import Spec

SHAPES = Sample(((3, 5), (5,), (5,))), Sample(((2, 3, 4), (4,), (4,)), {"epsilon": 0.01})


def statistics(x, epsilon):
    """(normalised x, 1 / standard deviation) along the last axis."""
    hat = x - x.mean(axis=-1, keepdims=True, dtype=x.dtype)
    scale = 1 / np.sqrt((hat * hat).mean(axis=-1, keepdims=True, dtype=x.dtype) + epsilon)
    hat *= scale
    return hat, scale


def infer_layer_normalization(x, gamma, beta, *, epsilon=1e-3):
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


def see_rows(outs, inputs, attrs):
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
    return layer_normalization_grad(g, x, gamma, epsilon=epsilon)


@op(
    Sample(((3, 5), (3, 5), (5,))),
    Sample(((2, 3, 4), (2, 3, 4), (4,)), {"epsilon": 0.01}),
    infer=lambda g, x, gamma, *, epsilon=1e-3: (
        Spec(x.shape, x.dtype),
        Spec(gamma.shape, x.dtype),
        Spec(gamma.shape, x.dtype),
    ),
    outs=3,
    same_dtype=True,
    kernel_from=256,
)
def layer_normalization_grad(g, x, gamma, *, epsilon=1e-3):
    """(dx, dgamma, dbeta) of layer_normalization, with h = (x - mean) r, r = 1 / sqrt(variance +
    epsilon), k = g gamma:

    dx = r (k - mean(k) - h mean(k h)) over the last axis, dgamma = sum(g h), dbeta = sum(g) over
    all others.
    """
    if not x.size:
        return x, np.zeros_like(gamma), np.zeros_like(gamma)
    hat, scale = statistics(x, epsilon)
    others = tuple(range(x.ndim - 1))
    dgamma, dbeta = (g * hat).sum(axis=others), g.sum(axis=others)
    k = g * gamma
    dx = k - k.mean(axis=-1, keepdims=True)
    k *= hat
    hat *= k.mean(axis=-1, keepdims=True)
    dx -= hat
    dx *= scale
    return dx, dgamma, dbeta


@layer_normalization_grad.kernel(views=see_rows)
def _(dx, dgamma, dbeta, g, x, gamma, epsilon):
    n, small = x.shape[1], real(epsilon)
    for j in range(n):
        dgamma[j] = 0
        dbeta[j] = 0
    for i in range(x.shape[0]):
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


@layer_normalization_grad.vjp("g x gamma")
def _(u, out, g, x, gamma, *, epsilon=1e-3):
    """With P(a) = a - mean(a) - h mean(a h), dx = r P(k): linear in k, and P is symmetric."""
    centred = subtract(x, mean(x, axis=-1, keepdims=True))
    deviation = mean(square(centred), axis=-1, keepdims=True)
    r = rsqrt(add(deviation, number(epsilon, deviation)))
    h, k = multiply(centred, r), multiply(g, gamma)
    others = tuple(range(x.ndim - 1))

    def mean_of(a):
        return mean(a, axis=-1, keepdims=True)

    def project(a):
        return subtract(subtract(a, mean_of(a)), multiply(h, mean_of(multiply(a, h))))

    d_g = d_gamma = d_h = d_r = None
    if u[0] is not None:
        rp = multiply(r, project(u[0]))
        d_g, d_gamma = multiply(gamma, rp), sum_(multiply(g, rp), axis=others)
        both = add(multiply(mean_of(multiply(k, h)), u[0]), multiply(mean_of(multiply(u[0], h)), k))
        d_h = multiply(-r, both)
        d_r = mean_of(multiply(u[0], project(k)))
    if u[1] is not None:
        part = multiply(u[1], h)
        d_g = part if d_g is None else add(d_g, part)
        part = multiply(u[1], g)
        d_h = part if d_h is None else add(d_h, part)
    if u[2] is not None:
        part = broadcast_to(u[2], shape=g.array.shape)
        d_g = part if d_g is None else add(d_g, part)
    d_x = None if d_h is None else multiply(r, project(d_h))
    if d_r is not None:
        d_x = subtract(d_x, multiply(multiply(square(r), h), d_r))
    return d_g, d_x, d_gamma
