"""lstm: a whole layer of long short-term memory (Hochreiter and Schmidhuber 1997) over time, and its
gradient, each one op.

For the cotangents that training has, the gradient is the op lstm_grad, which has a kernel; for those
that only gradients of gradients have (of gates and cells) it is written with elementary ops.
"""

from __future__ import annotations

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate, split, stack, unstack
from framework.engine.ops.broadcast import reshape, sum_
from framework.engine.ops.functions import tanh
from framework.engine.ops.linalg import matmul
from framework.engine.ops.recurrence import (
    filled,
    replayed,
    rows_before,
    sigmoid_of,
    zeros,
)
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Spec


def check(x, h, c, recurrent, bias):
    """ValueError unless the shapes fit."""
    units = h.shape[-1]
    batch = tuple(x.shape[1:2])
    wanted = (*batch, units), (*batch, units), (units, 4 * units), (4 * units,)
    found = tuple([tuple(a.shape) for a in (h, c, recurrent, bias)])
    if x.ndim != 3 or x.shape[2] != 4 * units or found != wanted:
        raise ValueError(
            f"lstm: x {tuple(x.shape)}, states {found[0]} and {found[1]}, recurrent {found[2]} and "
            f"bias {found[3]} do not fit: wanted (t, n, 4 u), (n, u), (n, u), (u, 4 u) and (4 u,)"
        )


def infer_lstm(x, h, c, recurrent, bias):
    check(x, h, c, recurrent, bias)
    steps, rows, units = x.shape[0], *h.shape
    whole, last = Spec((steps + 1, rows, units), x.dtype), Spec((rows, units), x.dtype)
    return whole, last, last, whole, Spec(x.shape, x.dtype)


def flops_of_lstm(outs, inputs, attrs):
    """One product of (n, u) and (u, 4 u) for each step."""
    gates, units = max([*outs, *inputs], key=lambda s: s.size), inputs[1].shape[-1]
    return 2 * gates.size * units


@op(
    Sample(((3, 2, 12), (2, 3), (2, 3), (3, 12), (12,))),
    Sample(((1, 9, 8), (9, 2), (9, 2), (2, 8), (8,)), low=-1.0, high=1.0),
    infer=infer_lstm,
    outs=5,
    same_dtype=True,
    kernel_from=1024,
    check=check,
)
def lstm(x, h, c, recurrent, bias):
    """(hs, h, c, cs, gates) of the projected inputs x (t, n, 4 u) and the states h, c (n, u).

    For each step, with recurrent (u, 4 u) and bias (4 u,):

        (i, f, g, o) = a(x + h recurrent + bias),   a = sigmoid, but tanh for g
        c = f c + i g,   h = o tanh(c)

    hs and cs (t + 1, n, u) hold the states from the given ones on, h and c (n, u) the last ones,
    gates (t, n, 4 u) what the gradient needs.
    """
    check(x, h, c, recurrent, bias)
    hs, cs, gates = [h], [c], np.empty(x.shape, x.dtype)
    for t, z in enumerate(x):
        a = z + hs[-1] @ recurrent + bias
        i, f, g, o = np.split(a, 4, axis=-1)
        i, f, g, o = sigmoid_of(i), sigmoid_of(f), np.tanh(g), sigmoid_of(o)
        gates[t] = np.concatenate((i, f, g, o), axis=-1)
        cs.append(f * cs[-1] + i * g)
        hs.append(o * np.tanh(cs[-1]))
    return np.stack(hs), hs[-1].copy(), cs[-1].copy(), np.stack(cs), gates


@lstm.kernel(flops=flops_of_lstm)
def _(hs, h, c, cs, gates, x, h0, c0, recurrent, bias, part, parts):
    steps, rows, units = x.shape[0], x.shape[1], h.shape[1]
    # Of float64, where BLAS computes, a result may depend on how many rows there are.
    first, last = share(rows, 8 if x.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(hs[0, n], h0[n])
        copy_into(cs[0, n], c0[n])
    for t in range(steps):
        gemm(False, False, gates[t, first:last], hs[t, first:last], recurrent, 0, 1)
        for n in range(first, last):
            z = gates[t, n]
            add_into(z, x[t, n])
            add_into(z, bias)
            i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
            before, cell, state = cs[t, n], cs[t + 1, n], hs[t + 1, n]
            for j in range(units):
                i[j] = 0.5 * tanh(0.5 * i[j]) + 0.5
            for j in range(units):
                f[j] = 0.5 * tanh(0.5 * f[j]) + 0.5
            for j in range(units):
                g[j] = tanh(g[j])
            for j in range(units):
                o[j] = 0.5 * tanh(0.5 * o[j]) + 0.5
            for j in range(units):
                cell[j] = f[j] * before[j] + i[j] * g[j]
            for j in range(units):
                state[j] = o[j] * tanh(cell[j])
    for n in range(first, last):
        copy_into(h[n], hs[steps, n])
        copy_into(c[n], cs[steps, n])


@lstm.vjp("out recurrent")
def _(g, out, x, h, c, recurrent, bias, *, wants):
    (hs, _, _, cs, gates), units = out, recurrent.array.shape[0]
    turned = transpose(recurrent)
    if g[3] is None and g[4] is None:
        whole = hs.array.shape
        given = g[0] if g[0] is not None else zeros((0, *whole[1:]), x)
        last = [part if part is not None else zeros(whole[1:], x) for part in g[1:3]]
        dx, dh, dc = lstm_grad(given, *last, cs, gates, turned)
    else:
        dx, dh, dc = backward(*filled(g, out), cs, gates, turned)
    flat = reshape(dx, shape=(-1, 4 * units))
    return (
        dx,
        dh,
        dc,
        matmul(rows_before(hs), flat, transpose_x=True) if wants[3] else None,
        sum_(flat, axis=0) if wants[4] else None,
    )


def backward(g_hs, g_h, g_c, g_cs, g_gates, cs, gates, turned):
    """The gradient of lstm in x, h and c for cotangents of all its results, with elementary ops."""
    steps, rows, units = gates.array.shape[0], *g_h.array.shape
    if not steps:
        return gates, g_hs[0] + g_h, g_cs[0] + g_c
    every_h, every_c, cells = unstack(g_hs), unstack(g_cs), unstack(cs)
    every_gate = unstack(g_gates)
    found, dh, dc = [], g_h, g_c
    for t, z in reversed(list(enumerate(unstack(gates)))):
        (i, f, g, o), y = split(z, 4, axis=1), tanh(cells[t + 1])
        gi, gf, gg, go = split(every_gate[t], 4, axis=1)
        dh = dh + every_h[t + 1]
        dc = dc + every_c[t + 1] + dh * o * (1.0 - y * y)
        parts = (
            (dc * g + gi) * i * (1.0 - i),
            (dc * cells[t] + gf) * f * (1.0 - f),
            (dc * i + gg) * (1.0 - g * g),
            (dh * y + go) * o * (1.0 - o),
        )
        found.append(concatenate(parts, axis=1))
        dh, dc = matmul(found[-1], turned), dc * f
    return stack(found[::-1]), dh + every_h[0], dc + every_c[0]


def infer_grad(g_hs, g_h, g_c, cs, gates, turned):
    last = Spec(g_h.shape, g_h.dtype)
    return Spec(gates.shape, gates.dtype), last, last


@op(
    Sample(((4, 2, 3), (2, 3), (2, 3), (4, 2, 3), (3, 2, 12), (12, 3)), low=0.1, high=0.9),
    Sample(((0, 9, 2), (9, 2), (9, 2), (2, 9, 2), (1, 9, 8), (8, 2)), low=0.1, high=0.9),
    infer=infer_grad,
    outs=3,
    same_dtype=True,
    kernel_from=1024,
)
def lstm_grad(g_hs, g_h, g_c, cs, gates, turned):
    """(dx, dh, dc): the gradient of lstm in x, h and c.

    g_hs (t + 1, n, u), or (0, n, u) for zeros, g_h and g_c (n, u) are the cotangents of hs, h and c;
    cs and gates are lstm's, turned (4 u, u) is its recurrent kernel transposed.
    """
    dx, dh, dc = np.empty_like(gates), g_h, g_c
    for t in reversed(range(len(gates))):
        (i, f, g, o), y = np.split(gates[t], 4, axis=-1), np.tanh(cs[t + 1])
        if len(g_hs):
            dh = dh + g_hs[t + 1]
        dc = dc + dh * o * (1 - y * y)
        dx[t] = np.concatenate(
            (
                dc * g * i * (1 - i),
                dc * cs[t] * f * (1 - f),
                dc * i * (1 - g * g),
                dh * y * o * (1 - o),
            ),
            axis=-1,
        )
        dh, dc = dx[t] @ turned, dc * f
    return dx, dh + g_hs[0] if len(g_hs) else dh.copy(), dc.copy()


@lstm_grad.kernel(flops=flops_of_lstm)
def _(dx, dh, dc, g_hs, g_h, g_c, cs, gates, turned, part, parts):
    steps, rows, units = gates.shape[0], gates.shape[1], dh.shape[1]
    first, last = share(rows, 8 if gates.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(dh[n], g_h[n])
        copy_into(dc[n], g_c[n])
    for s in range(steps):
        t = steps - 1 - s
        for n in range(first, last):
            z, out, d, e = gates[t, n], dx[t, n], dh[n], dc[n]
            i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
            di, df = out[:units], out[units : 2 * units]
            dg, do = out[2 * units : 3 * units], out[3 * units :]
            before, cell = cs[t, n], cs[t + 1, n]
            if g_hs.shape[0] > 0:
                add_into(d, g_hs[t + 1, n])
            for j in range(units):
                y, b = tanh(cell[j]), d[j] * o[j]
                e[j] += b * (1.0 - y * y)
                do[j] = b * y * (1.0 - o[j])
            for j in range(units):
                di[j] = e[j] * g[j] * i[j] * (1.0 - i[j])
            for j in range(units):
                dg[j] = e[j] * i[j] * (1.0 - g[j] * g[j])
            for j in range(units):
                b = e[j] * f[j]
                df[j] = b * before[j] * (1.0 - f[j])
                e[j] = b
        gemm(False, False, dh[first:last], dx[t, first:last], turned, 0, 1)
    if g_hs.shape[0] > 0:
        for n in range(first, last):
            add_into(dh[n], g_hs[0, n])


@lstm_grad.vjp("g_hs g_h g_c cs gates turned")
def _(u, out, g_hs, g_h, g_c, cs, gates, turned):
    def again(g_hs, g_h, g_c, cs, gates, turned):
        given = g_hs if g_hs.array.shape[0] else zeros(cs.array.shape, cs)
        return backward(given, g_h, g_c, zeros(cs.array.shape, cs), zeros(gates.array.shape, gates),
                        cs, gates, turned)  # fmt: skip

    return replayed(again, (g_hs, g_h, g_c, cs, gates, turned), u)
