"""gru: a whole layer of gated recurrent units (Cho et al. 2014) over time, and its gradient, each
one op; the reset gate acts after the product with the recurrent kernel.

How gradients of gradients come about is said in lstm.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate, split, stack, unstack
from framework.engine.ops.broadcast import reshape, sum_
from framework.engine.ops.linalg import matmul
from framework.engine.ops.recurrence import (
    filled,
    replayed,
    rows_before,
    sigmoid_of,
    zeros,
)
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Spec, Tensor


def check(
    x: np.ndarray | Spec,
    h: np.ndarray | Spec,
    recurrent: np.ndarray | Spec,
    bias: np.ndarray | Spec,
) -> None:
    """ValueError unless the shapes fit."""
    units = h.shape[-1]
    found = tuple(h.shape), tuple(recurrent.shape), tuple(bias.shape)
    wanted = (*x.shape[1:2], units), (units, 3 * units), (2, 3 * units)
    if x.ndim != 3 or x.shape[2] != 3 * units or found != wanted:
        raise ValueError(
            f"gru: x {tuple(x.shape)}, state {found[0]}, recurrent {found[1]} and bias {found[2]} "
            "do not fit: wanted (t, n, 3 u), (n, u), (u, 3 u) and (2, 3 u)"
        )


def infer_gru(x: Spec, h: Spec, recurrent: Spec, bias: Spec) -> tuple[Spec, Spec, Spec, Spec]:
    check(x, h, recurrent, bias)
    steps, (rows, units), dtype = x.shape[0], h.shape, x.dtype
    whole, inner = Spec((steps + 1, rows, units), dtype), Spec((steps, rows, units), dtype)
    return whole, Spec((rows, units), dtype), Spec(x.shape, dtype), inner


def flops_of_gru(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    """One product of (n, u) and (u, 3 u) for each step."""
    gates, units = max([*outs, *inputs], key=lambda s: s.size), inputs[1].shape[-1]
    return 2 * gates.size * units


@op(
    Sample(((3, 2, 9), (2, 3), (3, 9), (2, 9))),
    Sample(((1, 9, 6), (9, 2), (2, 6), (2, 6)), low=-1.0, high=1.0),
    infer=infer_gru,
    outs=4,
    same_dtype=True,
    kernel_from=1024,
)
def gru(x, h, recurrent, bias):
    """(hs, h, gates, inner) of the projected inputs x (t, n, 3 u) and the state h (n, u).

    For each step, with recurrent (u, 3 u), bias (2, 3 u), x + bias[0] = (x_z, x_r, x_k) and
    h recurrent + bias[1] = (h_z, h_r, h_k):

        z = sigmoid(x_z + h_z),   r = sigmoid(x_r + h_r),   k = tanh(x_k + r h_k)
        h = z h + (1 - z) k

    hs (t + 1, n, u) holds the states from the given one on, h (n, u) the last one; gates
    (t, n, 3 u), which are z, r and k, and inner (t, n, u), which is h_k, are what the gradient
    needs.
    """
    check(x, h, recurrent, bias)
    hs, gates, inner = [h], np.empty(x.shape, x.dtype), np.empty((x.shape[0], *h.shape), x.dtype)
    for t, row in enumerate(x):
        a, b = np.split(row + bias[0], 3, axis=-1), hs[-1] @ recurrent + bias[1]
        b_z, b_r, inner[t] = np.split(b, 3, axis=-1)
        z, r = sigmoid_of(a[0] + b_z), sigmoid_of(a[1] + b_r)
        k = np.tanh(a[2] + r * inner[t])
        gates[t] = np.concatenate((z, r, k), axis=-1)
        hs.append(z * hs[-1] + (1 - z) * k)
    return np.stack(hs), hs[-1].copy(), gates, inner


@gru.kernel(flops=flops_of_gru)
def _(hs, h, gates, inner, x, h0, recurrent, bias, part, parts):
    steps, rows, units = x.shape[0], x.shape[1], h.shape[1]
    # Of float64, where BLAS computes, a result may depend on how many rows there are.
    first, last = share(rows, 8 if x.itemsize == 4 else 64, part, parts)
    outer_k, inner_k = bias[0, 2 * units :], bias[1, 2 * units :]
    for n in range(first, last):
        copy_into(hs[0, n], h0[n])
    for t in range(steps):
        # Into the last step's gates, which stay in the cache: as in lstm.
        gemm(False, False, gates[steps - 1, first:last], hs[t, first:last], recurrent, 0, 1)
        for n in range(first, last):
            y, a, both = gates[steps - 1, n], gates[t, n], gates[t, n, : 2 * units]
            z, r, k, b = a[:units], a[units : 2 * units], a[2 * units :], inner[t, n]
            before, state, new = hs[t, n], hs[t + 1, n], x[t, n, 2 * units :]
            seen_k, seen = y[2 * units :], y[: 2 * units]
            for j in range(units):
                b[j] = seen_k[j] + inner_k[j]
            projected = x[t, n, : 2 * units]
            for j in range(both.size):
                both[j] = seen[j] + projected[j]
            add_into(both, bias[0, : 2 * units])
            add_into(both, bias[1, : 2 * units])
            for j in range(both.size):
                both[j] = 0.5 * tanh(0.5 * both[j]) + 0.5
            for j in range(units):
                k[j] = new[j] + outer_k[j]
            for j in range(units):
                k[j] = tanh(k[j] + r[j] * b[j])
            for j in range(units):
                state[j] = z[j] * before[j] + (1.0 - z[j]) * k[j]
    for n in range(first, last):
        copy_into(h[n], hs[steps, n])


@gru.vjp("out recurrent")
def _(g, out, x, h, recurrent, bias, *, wants):
    (hs, _, gates, inner), units = out, recurrent.array.shape[0]
    turned = transpose(recurrent)
    if g[2] is None and g[3] is None:
        whole = hs.array.shape
        every = g[0] if g[0] is not None else zeros((0, *whole[1:]), x)
        last = g[1] if g[1] is not None else zeros(whole[1:], x)
        dx, d_inner, d_hs = gru_grad(every, last, hs, gates, inner, turned)
    else:
        given: Any = filled(g, out)
        dx, d_inner, d_hs = backward(*[*given, hs, gates, inner, turned])
    outer, inside = [reshape(d, shape=(-1, 3 * units)) for d in (dx, d_inner)]
    return (
        dx,
        d_hs[0],
        matmul(rows_before(hs), inside, transpose_x=True) if wants[2] else None,
        stack((sum_(outer, axis=0), sum_(inside, axis=0))) if wants[3] else None,
    )


def backward(
    g_hs: Tensor,
    g_h: Tensor,
    g_gates: Tensor,
    g_inner: Tensor,
    hs: Tensor,
    gates: Tensor,
    inner: Tensor,
    turned: Tensor,
) -> tuple:
    """The gradient of gru as gru_grad gives it, for cotangents of all its results, with elementary
    ops."""
    if not gates.array.shape[0]:
        return gates, gates, g_hs + g_h
    every, states, insides, every_inner = [unstack(a) for a in (g_hs, hs, inner, g_inner)]
    every_gate = unstack(g_gates)
    dx, d_inner, d_hs = [], [], [g_h + every[-1]]
    for t, a in reversed(list(enumerate(unstack(gates)))):
        (z, r, k), dh = split(a, 3, axis=1), d_hs[-1]
        gz, gr, gk = split(every_gate[t], 3, axis=1)
        dk = (dh * (1.0 - z) + gk) * (1.0 - k * k)
        dr = (dk * insides[t] + gr) * r * (1.0 - r)
        dz = (dh * (states[t] - k) + gz) * z * (1.0 - z)
        dx.append(concatenate((dz, dr, dk), axis=1))
        d_inner.append(concatenate((dz, dr, dk * r + every_inner[t]), axis=1))
        d_hs.append(matmul(d_inner[-1], turned) + dh * z + every[t])
    return stack(dx[::-1]), stack(d_inner[::-1]), stack(d_hs[::-1])


def infer_grad(
    g_hs: Spec, g_h: Spec, hs: Spec, gates: Spec, inner: Spec, turned: Spec
) -> tuple[Spec, Spec, Spec]:
    whole = Spec(gates.shape, gates.dtype)
    return whole, whole, Spec(hs.shape, hs.dtype)


@op(
    Sample(((4, 2, 3), (2, 3), (4, 2, 3), (3, 2, 9), (3, 2, 3), (9, 3)), low=0.1, high=0.9),
    Sample(((0, 9, 2), (9, 2), (2, 9, 2), (1, 9, 6), (1, 9, 2), (6, 2)), low=0.1, high=0.9),
    infer=infer_grad,
    outs=3,
    same_dtype=True,
    kernel_from=1024,
)
def gru_grad(g_hs, g_h, hs, gates, inner, turned):
    """(dx, d_inner, d_hs): the gradient of gru in x, in h recurrent + bias[1] and in all states.

    g_hs (t + 1, n, u), or (0, n, u) for zeros, and g_h (n, u) are the cotangents of hs and h; hs,
    gates and inner are gru's, turned (3 u, u) is its recurrent kernel transposed.
    """
    dx, d_inner, d_hs = np.empty_like(gates), np.empty_like(gates), np.empty_like(hs)
    d_hs[:-1], d_hs[-1] = 0, g_h
    if g_hs.shape[0]:
        d_hs += g_hs
    for t in reversed(range(gates.shape[0])):
        (z, r, k), dh = np.split(gates[t], 3, axis=-1), d_hs[t + 1]
        dk = dh * (1 - z) * (1 - k * k)
        dr = dk * inner[t] * r * (1 - r)
        dz = dh * (hs[t] - k) * z * (1 - z)
        dx[t] = np.concatenate((dz, dr, dk), axis=-1)
        d_inner[t] = np.concatenate((dz, dr, dk * r), axis=-1)
        d_hs[t] += d_inner[t] @ turned + dh * z
    return dx, d_inner, d_hs


@gru_grad.kernel(flops=flops_of_gru)
def _(dx, d_inner, d_hs, g_hs, g_h, hs, gates, inner, turned, part, parts):
    steps, rows, units = gates.shape[0], gates.shape[1], g_h.shape[1]
    first, last = share(rows, 8 if gates.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(d_hs[steps, n], g_h[n])
        if g_hs.shape[0] > 0:
            add_into(d_hs[steps, n], g_hs[steps, n])
    for s in range(steps):
        t = steps - 1 - s
        for n in range(first, last):
            a, out, b, d, before = gates[t, n], dx[t, n], inner[t, n], d_hs[t + 1, n], hs[t, n]
            z, r, k = a[:units], a[units : 2 * units], a[2 * units :]
            dz, dr, dk = out[:units], out[units : 2 * units], out[2 * units :]
            copied, last_part = d_inner[t, n, : 2 * units], d_inner[t, n, 2 * units :]
            for j in range(units):
                dk[j] = d[j] * (1.0 - z[j]) * (1.0 - k[j] * k[j])
            for j in range(units):
                dr[j] = dk[j] * b[j] * r[j] * (1.0 - r[j])
            for j in range(units):
                dz[j] = d[j] * (before[j] - k[j]) * z[j] * (1.0 - z[j])
            copy_into(copied, out[: 2 * units])
            for j in range(units):
                last_part[j] = dk[j] * r[j]
        gemm(False, False, d_hs[t, first:last], d_inner[t, first:last], turned, 0, 1)
        for n in range(first, last):
            d, z, to = d_hs[t + 1, n], gates[t, n, :units], d_hs[t, n]
            for j in range(units):
                to[j] += d[j] * z[j]
            if g_hs.shape[0] > 0:
                add_into(to, g_hs[t, n])


@gru_grad.vjp("g_hs g_h hs gates inner turned")
def _(u, out, g_hs, g_h, hs, gates, inner, turned):
    def again(
        g_hs: Tensor, g_h: Tensor, hs: Tensor, gates: Tensor, inner: Tensor, turned: Tensor
    ) -> tuple:
        given = g_hs if g_hs.array.shape[0] else zeros(hs.array.shape, hs)
        none = zeros(gates.array.shape, gates), zeros(inner.array.shape, inner)
        return backward(given, g_h, *none, hs, gates, inner, turned)

    return replayed(again, (g_hs, g_h, hs, gates, inner, turned), u)
