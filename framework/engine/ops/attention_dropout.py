"""Scaled dot-product attention whose probabilities are dropped while training, and its gradient:
neither the scores nor the choices are kept.

The kernels are those of attention.py, compiled with the choices of kernels/choices.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.ops.activation import dropout
from framework.engine.ops.attention import (
    ALL,
    GRADS,
    KINDS,
    SAMPLES,
    attended,
    differentiated,
    flops_of_attention,
    flops_of_gradient,
    infer_attention,
    second_order,
    see_attention,
    through_lse,
)
from framework.engine.ops.broadcast import broadcast_to
from framework.engine.ops.random import random_uniform
from framework.engine.tensor import Spec, Tensor

ATTRS = {"rate": 0.4, "first_row": 3}
THINNED = tuple(
    [
        Sample((*s.shapes, (2,)), s.attrs | ATTRS, dtypes=(*KINDS, np.int64), top=1000,
               prepare=s.prepare)
        for s in SAMPLES
    ]
)  # fmt: skip
THINNED_GRADS = tuple(
    [
        Sample((*s.shapes, (2,)), s.attrs | ATTRS, dtypes=(None, *KINDS, None, None, np.int64),
               top=1000, prepare=s.prepare)
        for s in GRADS
    ]
)  # fmt: skip


def infer_thinned(
    q: np.ndarray | Spec,
    k: np.ndarray | Spec,
    v: np.ndarray | Spec,
    mask: np.ndarray | Spec,
    state: np.ndarray | Spec,
    *,
    rate: float,
    reach: tuple = ALL,
    scale: float = 1.0,
    first_row: int = 0,
) -> tuple[Spec, Spec]:
    if not 0 <= rate < 1:
        raise ValueError(f"attention_dropout: rate is {rate!r}, wanted a number in [0, 1)")
    return infer_attention(q, k, v, mask)


def choices_of(q: np.ndarray, k: np.ndarray, state: np.ndarray, rate: float, first_row: int) -> Any:
    """1 / (1 - rate) for each probability that stays, else 0: (batch, heads, T, S)."""
    shape = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    u = random_uniform.forward(state, shape=shape, dtype=q.dtype, first_row=first_row)
    return dropout.forward(np.ones(shape, q.dtype), u, rate=rate)


@op(*THINNED, infer=infer_thinned, outs=2, kernel_from=1024)
def attention_dropout(q, k, v, mask, state, *, rate, reach=ALL, scale=1.0, first_row=0):
    """(out, lse) of scaled_dot_product_attention, with dropout of the probabilities p (Srivastava
    et al. 2014): out[b, t, h] = sum_s m[s] p[s] v[b, s, h].

    m is what dropout makes of ones with random_uniform(state, (batch, heads, T, S)), whose first
    row has the number first_row: 1 / (1 - rate), or 0 with probability `rate`. A choice depends on
    state, the global row, head, query and key alone. lse is that without dropout.
    """
    infer_thinned(q, k, v, mask, state, rate=rate)
    return attended(q, k, v, mask, reach, scale, choices_of(q, k, state, rate, first_row))


def see_thinned(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """As attention; scalars: which bits of a uniform number are the first to stay, what stays is
    multiplied by."""
    seen = see_attention(outs, inputs, attrs)
    if seen is None:
        return None
    dtype, rate = outs[0].dtype, attrs["rate"]
    limit = math.ceil(float(dtype.type(rate)) * 2.0 ** (53 if dtype.itemsize == 8 else 24))
    more = {"limit": limit, "factor": 1.0 / (1.0 - rate), "first_row": attrs["first_row"]}
    return seen[0], seen[1], seen[2] | more


@attention_dropout.kernel(views=see_thinned, flops=flops_of_attention)
def _(
    out, lse, q, k, v, mask, state, behind, ahead, scale, of_batch, of_heads, of_rows, of_keys,
    limit, factor, first_row, part, parts,
):  # fmt: skip
    at = of_batch, of_heads, of_rows, of_keys
    choice = state[0], state[1], limit, factor, first_row
    thin_attention(out, lse, q, k, v, mask, at, (behind, ahead), scale, choice, part, parts)


@attention_dropout.vjp("out q k v mask state")
def _(g, out, q, k, v, mask, state, *, rate, reach=ALL, scale=1.0, first_row=0):
    (g_out, g_lse), (y, lse) = g, out
    found: list[Any] = [None, None, None]
    if g_out is not None:
        attrs = {"rate": rate, "reach": reach, "scale": scale, "first_row": first_row}
        found = list(attention_dropout_grad(g_out, q, k, v, mask, y, lse, state, **attrs))
    return *through_lse(found, g_lse, q, k, mask, lse, reach, scale), None, None


@op(
    *THINNED_GRADS,
    infer=lambda g, q, k, v, mask, out, lse, state, *, rate, reach=ALL, scale=1.0, first_row=0: (
        Spec(q.shape, q.dtype), Spec(k.shape, k.dtype), Spec(v.shape, v.dtype),
    ),
    outs=3,
    kernel_from=1024,
)  # fmt: skip
def attention_dropout_grad(
    g, q, k, v, mask, out, lse, state, *, rate, reach=ALL, scale=1.0, first_row=0
):
    """(dq, dk, dv) of attention_dropout, whose results are out and lse: with its p and m,

    d = p (m g . v - g . out), dq = scale sum_s d k, dk = scale sum_t d q, dv = sum_t m p g.
    """
    kept = choices_of(q, k, state, rate, first_row)
    return differentiated(g, q, k, v, mask, out, lse, reach, scale, kept)


@attention_dropout_grad.kernel(views=see_thinned, flops=flops_of_gradient)
def _(
    dq, dk, dv, g, q, k, v, mask, out, lse, state, behind, ahead, scale, of_batch, of_heads,
    of_rows, of_keys, limit, factor, first_row, part, parts,
):  # fmt: skip
    at = of_batch, of_heads, of_rows, of_keys
    choice = state[0], state[1], limit, factor, first_row
    thin_attention_grad(
        dq, dk, dv, g, q, k, v, mask, out, lse, at, (behind, ahead), scale, choice, part, parts
    )


@attention_dropout_grad.vjp("g q k v mask out lse state")
def _(
    u, made, g, q, k, v, mask, out, lse, state, *, rate, reach=ALL, scale=1.0, first_row=0
):  # fmt: skip
    (batch, rows, heads, _), keys, dtype = q.array.shape, k.array.shape[1], q.array.dtype
    shape = batch, heads, rows, keys
    drawn = random_uniform(state, shape=shape, dtype=dtype.name, first_row=first_row)
    one = broadcast_to(Tensor(np.ones((), dtype)), shape=shape)
    kept = dropout(one, drawn, rate=rate)
    return *second_order(u, g, q, k, v, mask, out, lse, reach, scale, kept), None
