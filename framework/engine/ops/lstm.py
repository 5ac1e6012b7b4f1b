"""lstm: a whole layer of long short-term memory (Hochreiter and Schmidhuber 1997) over time, and
its gradient, each one op.

For the cotangents that training has, the gradient is the op lstm_grad, which has a kernel; for
those that only gradients of gradients have (of gates and cells) it is written with elementary ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate, split, stack, unstack
from framework.engine.ops.broadcast import reshape, sum_
from framework.engine.ops.functions import tanh
from framework.engine.ops.linalg import matmul
from framework.engine.ops.recurrence import filled, replayed, sigmoid_of, zeros
from framework.engine.ops.shape import part, transpose
from framework.engine.tensor import Spec, Tensor


def check(
    x: np.ndarray | Spec,
    h: np.ndarray | Spec,
    c: np.ndarray | Spec,
    kernel: np.ndarray | Spec,
    bias: np.ndarray | Spec,
) -> None:
    """ValueError unless the shapes fit."""
    units, inputs = h.shape[-1], x.shape[-1]
    state = (*x.shape[1:2], units)
    found = tuple([tuple(a.shape) for a in (h, c, kernel, bias)])
    if x.ndim != 3 or found != (state, state, (inputs + units, 4 * units), (4 * units,)):
        raise ValueError(
            f"lstm: x {tuple(x.shape)}, states {found[0]} and {found[1]}, kernel {found[2]} and "
            f"bias {found[3]} do not fit: wanted (t, n, f), (n, u), (n, u), (f + u, 4 u) and (4 u,)"
        )


def infer_lstm(x: Spec, h: Spec, c: Spec, kernel: Spec, bias: Spec) -> tuple[Spec, ...]:
    check(x, h, c, kernel, bias)
    (steps, rows, inputs), units, dtype = x.shape, h.shape[1], x.dtype
    last = Spec((rows, units), dtype)
    return (
        Spec((steps, rows, units), dtype),
        last,
        last,
        Spec((steps, rows, inputs + units), dtype),
        Spec((steps + 1, rows, units), dtype),
        Spec((steps, rows, 4 * units), dtype),
    )


def flops_of_lstm(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    """One product of (n, f + u) and (f + u, 4 u) for each step."""
    return 2 * outs[5].size * outs[3].shape[2]


@op(
    Sample(((3, 2, 2), (2, 3), (2, 3), (5, 12), (12,))),
    Sample(((1, 9, 3), (9, 2), (9, 2), (5, 8), (8,)), low=-1.0, high=1.0),
    infer=infer_lstm,
    outs=6,
    same_dtype=True,
    kernel_from=1024,
)
def lstm(x, h, c, kernel, bias):
    """(hs, h, c, inputs, cs, gates) of x (t, n, f) and the states h, c (n, u).

    For each step, with kernel (f + u, 4 u), of inputs above of states, and bias (4 u,):

        (i, f, g, o) = a((x, h) kernel + bias),   a = sigmoid, but tanh for g
        c = f c + i g,   h = o tanh(c)

    hs (t, n, u) holds the states h after each step, h and c (n, u) the last ones. The gradient
    needs inputs (t, n, f + u), which are (x, h) before each step, cs (t + 1, n, u), the states c
    from the given one on, and gates (t, n, 4 u).

    One product for inputs and states saves writing and reading the projected inputs, which are
    four times as large as the states.
    """
    check(x, h, c, kernel, bias)
    (steps, rows, _), units = x.shape, h.shape[1]
    hs, cs = np.empty((steps, rows, units), x.dtype), np.empty((steps + 1, rows, units), x.dtype)
    inputs = np.empty((steps, rows, kernel.shape[0]), x.dtype)
    gates = np.empty((steps, rows, 4 * units), x.dtype)
    cs[0] = c
    for t in range(steps):
        inputs[t] = np.concatenate((x[t], h), axis=1)
        i, f, g, o = np.split(inputs[t] @ kernel + bias, 4, axis=1)
        i, f, g, o = sigmoid_of(i), sigmoid_of(f), np.tanh(g), sigmoid_of(o)
        gates[t] = np.concatenate((i, f, g, o), axis=1)
        cs[t + 1] = f * cs[t] + i * g
        hs[t] = h = o * np.tanh(cs[t + 1])
    return hs, h.copy(), cs[-1].copy(), inputs, cs, gates


@lstm.kernel(flops=flops_of_lstm)
def _(hs, h, c, inputs, cs, gates, x, h0, c0, kernel, bias, part, parts):
    steps, rows, wide, units = x.shape[0], x.shape[1], x.shape[2], h.shape[1]
    # Of float64, where BLAS computes, a result may depend on how many rows there are.
    first, last = share(rows, 8 if x.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(h[n], h0[n])
        copy_into(cs[0, n], c0[n])
    for t in range(steps):
        for n in range(first, last):
            copy_into(inputs[t, n, :wide], x[t, n])
            copy_into(inputs[t, n, wide:], h[n])
        # Into the last step's gates, which stay in the cache: writing tiles where nothing has been
        # read yet is slow. Each step's own gates are written row by row.
        gemm(False, False, gates[steps - 1, first:last], inputs[t, first:last], kernel, 0, 1)
        for n in range(first, last):
            y, z, before, cell, state = (
                gates[steps - 1, n],
                gates[t, n],
                cs[t, n],
                cs[t + 1, n],
                h[n],
            )
            i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
            both, seen, shift = z[: 2 * units], y[: 2 * units], bias[: 2 * units]
            for j in range(both.size):
                both[j] = 0.5 * tanh(0.5 * (seen[j] + shift[j])) + 0.5
            seen, shift = y[2 * units : 3 * units], bias[2 * units : 3 * units]
            for j in range(units):
                g[j] = tanh(seen[j] + shift[j])
            seen, shift = y[3 * units :], bias[3 * units :]
            for j in range(units):
                o[j] = 0.5 * tanh(0.5 * (seen[j] + shift[j])) + 0.5
            for j in range(units):
                cell[j] = f[j] * before[j] + i[j] * g[j]
            for j in range(units):
                state[j] = o[j] * tanh(cell[j])
            copy_into(hs[t, n], state)
    for n in range(first, last):
        copy_into(c[n], cs[steps, n])


@lstm.vjp("out kernel")
def _(g, out, x, h, c, kernel, bias, *, wants):
    (hs, _, _, inputs, cs, gates), wide = out, x.array.shape[2]
    width, units = gates.array.shape[2], hs.array.shape[2]
    flat = reshape(kernel, shape=((wide + units) * width,))
    of_x = part(flat, start=0, shape=(wide, width))
    turned = transpose(part(flat, start=wide * width, shape=(units, width)))
    if g[3] is g[4] is g[5] is None:
        every = g[0] if g[0] is not None else zeros((0, *hs.array.shape[1:]), x)
        last = [zeros(hs.array.shape[1:], x) if given is None else given for given in g[1:3]]
        dz, dh, dc = lstm_grad(every, *last, cs, gates, turned)
    else:
        given: Any = filled(g, out)
        dz, dh, dc = backward(*[*given, cs, gates, turned])
    dx = matmul(dz, of_x, transpose_y=True) if wants[0] else None
    if wants[0] and g[3] is not None:
        dx = dx + g[3][:, :, :wide]
    rows = reshape(dz, shape=(-1, width))
    if wants[3]:
        d_kernel = matmul(reshape(inputs, shape=(-1, wide + units)), rows, transpose_x=True)
    return (
        dx,
        dh,
        dc,
        d_kernel if wants[3] else None,
        sum_(rows, axis=0) if wants[4] else None,
    )


def backward(
    g_hs: Tensor,
    g_h: Tensor,
    g_c: Tensor,
    g_inputs: Tensor,
    g_cs: Tensor,
    g_gates: Tensor,
    cs: Tensor,
    gates: Tensor,
    turned: Tensor,
) -> tuple:
    """The gradient of lstm in what the gates see, h and c for cotangents of all its results, with
    elementary ops."""
    steps, units = gates.array.shape[0], g_h.array.shape[1]
    if not steps:
        return gates, g_h, g_cs[0] + g_c
    every_h, every_c, cells, inputs = [unstack(a) for a in (g_hs, g_cs, cs, g_inputs)]
    every_gate, wide = unstack(g_gates), g_inputs.array.shape[2] - units
    found, dh, dc = [], g_h, g_c
    for t, z in reversed(list(enumerate(unstack(gates)))):
        (i, f, g, o), y = split(z, 4, axis=1), tanh(cells[t + 1])
        gi, gf, gg, go = split(every_gate[t], 4, axis=1)
        dh = dh + every_h[t]
        dc = dc + every_c[t + 1] + dh * o * (1.0 - y * y)
        parts = (
            (dc * g + gi) * i * (1.0 - i),
            (dc * cells[t] + gf) * f * (1.0 - f),
            (dc * i + gg) * (1.0 - g * g),
            (dh * y + go) * o * (1.0 - o),
        )
        found.append(concatenate(parts, axis=1))
        dh, dc = matmul(found[-1], turned) + inputs[t][:, wide:], dc * f
    return stack(found[::-1]), dh, dc + every_c[0]


def infer_grad(
    g_hs: Spec, g_h: Spec, g_c: Spec, cs: Spec, gates: Spec, turned: Spec
) -> tuple[Spec, Spec, Spec]:
    last = Spec(g_h.shape, g_h.dtype)
    return Spec(gates.shape, gates.dtype), last, last


def flops_of_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    """One product of (n, 4 u) and (4 u, u) for each step."""
    return 2 * outs[0].size * outs[1].shape[1]


@op(
    Sample(((3, 2, 3), (2, 3), (2, 3), (4, 2, 3), (3, 2, 12), (12, 3)), low=0.1, high=0.9),
    Sample(((0, 9, 2), (9, 2), (9, 2), (2, 9, 2), (1, 9, 8), (8, 2)), low=0.1, high=0.9),
    infer=infer_grad,
    outs=3,
    same_dtype=True,
    kernel_from=1024,
)
def lstm_grad(g_hs, g_h, g_c, cs, gates, turned):
    """(dz, dh, dc): the gradient of lstm in z = (x, h) kernel + bias, in h and in c.

    g_hs (t, n, u), or (0, n, u) for zeros, g_h and g_c (n, u) are the cotangents of hs, h and c; cs
    and gates are lstm's, turned (4 u, u) is the part of its kernel for states, transposed.
    """
    dz, dh, dc = np.empty_like(gates), g_h, g_c
    for t in reversed(range(gates.shape[0])):
        (i, f, g, o), y = np.split(gates[t], 4, axis=1), np.tanh(cs[t + 1])
        if g_hs.shape[0]:
            dh = dh + g_hs[t]
        dc = dc + dh * o * (1 - y * y)
        parts = (
            dc * g * i * (1 - i),
            dc * cs[t] * f * (1 - f),
            dc * i * (1 - g * g),
            dh * y * o * (1 - o),
        )
        dz[t] = np.concatenate(parts, axis=1)
        dh, dc = dz[t] @ turned, dc * f
    return dz, dh.copy(), dc.copy()


@lstm_grad.kernel(flops=flops_of_grad)
def _(dz, dh, dc, g_hs, g_h, g_c, cs, gates, turned, part, parts):
    steps, rows, units = gates.shape[0], gates.shape[1], dh.shape[1]
    first, last = share(rows, 8 if gates.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(dh[n], g_h[n])
        copy_into(dc[n], g_c[n])
    for s in range(steps):
        t = steps - 1 - s
        for n in range(first, last):
            z, out, d, e = gates[t, n], dz[t, n], dh[n], dc[n]
            i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
            di, df = out[:units], out[units : 2 * units]
            dg, do = out[2 * units : 3 * units], out[3 * units :]
            before, cell = cs[t, n], cs[t + 1, n]
            if g_hs.shape[0] > 0:
                add_into(d, g_hs[t, n])
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
        gemm(False, False, dh[first:last], dz[t, first:last], turned, 0, 1)


@lstm_grad.vjp("g_hs g_h g_c cs gates turned")
def _(u, out, g_hs, g_h, g_c, cs, gates, turned):
    def again(
        g_hs: Tensor, g_h: Tensor, g_c: Tensor, cs: Tensor, gates: Tensor, turned: Tensor
    ) -> tuple:
        steps, rows, units = gates.array.shape[0], *g_h.array.shape
        given = g_hs if g_hs.array.shape[0] else zeros((steps, rows, units), cs)
        shapes = (steps, rows, units), cs.array.shape, gates.array.shape
        none: Any = [zeros(shape, cs) for shape in shapes]
        return backward(*[given, g_h, g_c, *none, cs, gates, turned])

    return replayed(again, (g_hs, g_h, g_c, cs, gates, turned), u)
