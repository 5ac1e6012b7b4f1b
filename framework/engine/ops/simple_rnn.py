"""simple_rnn: a whole recurrent layer of tanh (Elman 1990) over time, and its gradient, each one
op.

How gradients of gradients come about is said in lstm.py.
"""

from __future__ import annotations

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.arrange import stack, unstack
from framework.engine.ops.broadcast import reshape, sum_
from framework.engine.ops.linalg import matmul
from framework.engine.ops.recurrence import replayed, rows_before, zeros
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
    wanted = (*x.shape[1:2], units), (units, units), (units,)
    if x.ndim != 3 or x.shape[2] != units or found != wanted:
        raise ValueError(
            f"simple_rnn: x {tuple(x.shape)}, state {found[0]}, recurrent {found[1]} and bias "
            f"{found[2]} do not fit: wanted (t, n, u), (n, u), (u, u) and (u,)"
        )


def infer_rnn(x: Spec, h: Spec, recurrent: Spec, bias: Spec) -> tuple[Spec, Spec]:
    check(x, h, recurrent, bias)
    return Spec((x.shape[0] + 1, *h.shape), x.dtype), Spec(h.shape, x.dtype)


def flops_of_rnn(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    """One product of (n, u) and (u, u) for each step."""
    return 2 * max([*outs, *inputs], key=lambda s: s.size).size * inputs[1].shape[-1]


@op(
    Sample(((3, 2, 4), (2, 4), (4, 4), (4,))),
    Sample(((1, 9, 2), (9, 2), (2, 2), (2,)), low=-1.0, high=1.0),
    infer=infer_rnn,
    outs=2,
    same_dtype=True,
    kernel_from=1024,
)
def simple_rnn(x, h, recurrent, bias):
    """(hs, h) of the projected inputs x (t, n, u) and the state h (n, u).

    For each step, with recurrent (u, u) and bias (u,): h = tanh(x + h recurrent + bias). hs
    (t + 1, n, u) holds the states from the given one on, h (n, u) the last one.
    """
    check(x, h, recurrent, bias)
    hs = [h]
    for row in x:
        hs.append(np.tanh(row + hs[-1] @ recurrent + bias))
    return np.stack(hs), hs[-1].copy()


@simple_rnn.kernel(flops=flops_of_rnn)
def _(hs, h, x, h0, recurrent, bias, part, parts):
    steps, rows = x.shape[0], x.shape[1]
    # Of float64, where BLAS computes, a result may depend on how many rows there are.
    first, last = share(rows, 8 if x.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(hs[0, n], h0[n])
    for t in range(steps):
        gemm(False, False, hs[t + 1, first:last], hs[t, first:last], recurrent, 0, 1)
        for n in range(first, last):
            state = hs[t + 1, n]
            add_into(state, x[t, n])
            for j in range(state.size):
                state[j] = tanh(state[j] + bias[j])
    for n in range(first, last):
        copy_into(h[n], hs[steps, n])


@simple_rnn.vjp("out recurrent")
def _(g, out, x, h, recurrent, bias, *, wants):
    hs, turned = out[0], transpose(recurrent)
    whole = hs.array.shape
    given = g[0] if g[0] is not None else zeros((0, *whole[1:]), x)
    last = g[1] if g[1] is not None else zeros(whole[1:], x)
    dx, dh = simple_rnn_grad(given, last, hs, turned)
    flat = reshape(dx, shape=(-1, whole[2]))
    return (
        dx,
        dh,
        matmul(rows_before(hs), flat, transpose_x=True) if wants[2] else None,
        sum_(flat, axis=0) if wants[3] else None,
    )


def backward(g_hs: Tensor, g_h: Tensor, hs: Tensor, turned: Tensor) -> tuple:
    """simple_rnn_grad with elementary ops."""
    every, found, dh = unstack(g_hs), [], g_h
    for t, state in reversed(list(enumerate(unstack(hs)))[1:]):
        found.append((dh + every[t]) * (1.0 - state * state))
        dh = matmul(found[-1], turned)
    return stack(found[::-1]) if found else hs[1:], dh + every[0]


def infer_grad(g_hs: Spec, g_h: Spec, hs: Spec, turned: Spec) -> tuple[Spec, Spec]:
    return Spec((hs.shape[0] - 1, *hs.shape[1:]), hs.dtype), Spec(g_h.shape, g_h.dtype)


@op(
    Sample(((4, 2, 3), (2, 3), (4, 2, 3), (3, 3))),
    Sample(((0, 9, 2), (9, 2), (2, 9, 2), (2, 2))),
    infer=infer_grad,
    outs=2,
    same_dtype=True,
    kernel_from=1024,
)
def simple_rnn_grad(g_hs, g_h, hs, turned):
    """(dx, dh): the gradient of simple_rnn in x and h.

    g_hs (t + 1, n, u), or (0, n, u) for zeros, and g_h (n, u) are the cotangents of hs and h; hs is
    simple_rnn's, turned (u, u) is its recurrent kernel transposed.
    """
    dx, dh = np.empty((hs.shape[0] - 1, *hs.shape[1:]), hs.dtype), g_h
    for t in reversed(range(dx.shape[0])):
        if g_hs.shape[0]:
            dh = dh + g_hs[t + 1]
        dx[t] = dh * (1 - hs[t + 1] * hs[t + 1])
        dh = dx[t] @ turned
    return dx, dh + g_hs[0] if g_hs.shape[0] else dh.copy()


@simple_rnn_grad.kernel(flops=flops_of_rnn)
def _(dx, dh, g_hs, g_h, hs, turned, part, parts):
    steps, rows = dx.shape[0], dx.shape[1]
    first, last = share(rows, 8 if hs.itemsize == 4 else 64, part, parts)
    for n in range(first, last):
        copy_into(dh[n], g_h[n])
    for s in range(steps):
        t = steps - 1 - s
        for n in range(first, last):
            d, out, state = dh[n], dx[t, n], hs[t + 1, n]
            if g_hs.shape[0] > 0:
                add_into(d, g_hs[t + 1, n])
            for j in range(d.size):
                out[j] = d[j] * (1.0 - state[j] * state[j])
        gemm(False, False, dh[first:last], dx[t, first:last], turned, 0, 1)
    for n in range(first, last * min(g_hs.shape[0], 1)):  # none if g_hs stands for zeros
        add_into(dh[n], g_hs[0, n])


@simple_rnn_grad.vjp("g_hs g_h hs turned")
def _(u, out, g_hs, g_h, hs, turned):
    def again(g_hs: Tensor, g_h: Tensor, hs: Tensor, turned: Tensor) -> tuple:
        given = g_hs if g_hs.array.shape[0] else zeros(hs.array.shape, hs)
        return backward(given, g_h, hs, turned)

    return replayed(again, (g_hs, g_h, hs, turned), u)
