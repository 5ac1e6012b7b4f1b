"""Scaled dot-product attention as one op, its gradient as another: no matrix of all scores is kept.

The kernels stand in kernels/attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.operands import check_floats
from framework.engine.ops.arrange import expand_dims
from framework.engine.ops.broadcast import sum_, zeros_like
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import add, divide, multiply, negative, subtract
from framework.engine.ops.functions import exp
from framework.engine.ops.linalg import matmul
from framework.engine.ops.logical import equal, logical_and, where
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Spec, Tensor

MASKED = -0.7 * 3.38953e38  # the score of a key that is masked, as in Keras
# reach (behind, ahead): query t may see the keys t - behind ... t + ahead.
FAR = 1 << 40
ALL, CAUSAL = (FAR, FAR), (FAR, 0)


def one_key(*arrays: np.ndarray) -> list[np.ndarray]:
    """Every query sees at least one key: else the row's sum of scores is no number to check."""
    mask = np.array(arrays[3])
    mask[..., 0] = True
    return [*arrays[:3], mask, *arrays[4:]]


QKV = (2, 4, 2, 3), (2, 5, 2, 3), (2, 5, 2, 2)
NO_MASK = (1, 1, 1, 1)
KINDS = None, None, None, np.bool_
SAMPLES = (
    Sample((*QKV, NO_MASK), {"scale": 0.7}, dtypes=KINDS, prepare=one_key),
    Sample((*QKV, NO_MASK), {"reach": CAUSAL}, dtypes=KINDS, prepare=one_key),
    Sample((*QKV, (2, 1, 4, 5)), {"scale": -0.5}, dtypes=KINDS, prepare=one_key),
    Sample((*QKV, (1, 2, 1, 5)), {"reach": CAUSAL, "scale": 0.5}, dtypes=KINDS, prepare=one_key),
)


def infer_attention(
    q: np.ndarray | Spec,
    k: np.ndarray | Spec,
    v: np.ndarray | Spec,
    mask: np.ndarray | Spec,
    *,
    reach: tuple = ALL,
    scale: float = 1.0,
) -> tuple[Spec, Spec]:
    check_floats("scaled_dot_product_attention", q)
    shapes = [tuple(x.shape) for x in (q, k, v, mask)]
    told = "q {}, k {}, v {}, mask {}".format(*shapes)
    if {len(shape) for shape in shapes} != {4}:
        raise ValueError(f"scaled_dot_product_attention: {told}: wanted 4 axes each")
    if not q.dtype == k.dtype == v.dtype or mask.dtype != np.bool_:
        raise ValueError(
            f"scaled_dot_product_attention: dtypes {q.dtype}, {k.dtype}, {v.dtype} and of the mask "
            f"{mask.dtype}: wanted one of floats, and bool"
        )
    (b, rows, heads, depth), (_, keys, _, wide) = shapes[0], shapes[2]
    wanted = (b, heads, rows, keys)
    if shapes[1] != (b, keys, heads, depth) or shapes[2] != (b, keys, heads, wide):
        raise ValueError(
            f"scaled_dot_product_attention: {told}: wanted (batch, queries, heads, depth), (batch, "
            "keys, heads, depth), (batch, keys, heads, depth of values)"
        )
    if any([n not in (1, m) for n, m in zip(shapes[3], wanted, strict=True)]):
        raise ValueError(
            f"scaled_dot_product_attention: {told}: the mask does not broadcast to {wanted}"
        )
    return Spec((b, rows, heads, wide), q.dtype), Spec((b, heads, rows), q.dtype)


def masked_of(dtype: np.dtype) -> Any:
    """MASKED, or as far down as float16 reaches."""
    return dtype.type(MASKED if dtype.itemsize > 2 else -0.7 * 65504)


def seen_by(mask: np.ndarray, rows: int, keys: int, reach: tuple) -> np.ndarray:
    """Which keys each query may see, to be broadcast to (batch, heads, rows, keys)."""
    if reach == ALL:
        return mask
    ahead = np.arange(keys) - np.arange(rows)[:, None]
    return mask & (-reach[0] <= ahead) & (ahead <= reach[1])


@op(*SAMPLES, infer=infer_attention, outs=2, kernel_from=1024)
def scaled_dot_product_attention(q, k, v, mask, *, reach=ALL, scale=1.0):
    """(out, lse): out[b, t, h] = sum_s p[s] v[b, s, h], p = softmax(scores),
    scores[s] = scale q[b, t, h] . k[b, s, h], lse[b, h, t] = log sum_s exp(scores[s])  (Vaswani et
    al. 2017, eq. 1).

    q (batch, T, heads, depth), k (batch, S, heads, depth), v (batch, S, heads, wide), out (batch,
    T, heads, wide). A score is -2.4e38 where mask, which broadcasts to (batch, heads, T, S), is
    False and where s < t - reach[0] or s > t + reach[1]: a query that sees no key weighs all alike.
    Axes and dtypes that do not fit raise ValueError.
    """
    infer_attention(q, k, v, mask)
    return attended(q, k, v, mask, reach, scale)


def attended(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    reach: tuple,
    scale: float,
    kept: Any = None,
) -> tuple:
    """(out, lse), with the probabilities of out multiplied by `kept` if it is given."""
    seen = seen_by(mask, q.shape[1], k.shape[1], reach)
    q, k, v = [x.swapaxes(1, 2) for x in (q, k, v)]
    scores = np.where(seen, (q @ k.swapaxes(2, 3)) * q.dtype.type(scale), masked_of(q.dtype))
    top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    scores -= top
    p = np.exp(scores, out=scores)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    if kept is not None:
        p *= kept
    out = np.ascontiguousarray((p @ v).swapaxes(1, 2))
    return out, (top + np.log(total))[..., 0]


def strides_of(mask: Spec) -> dict[str, int]:
    """Scalars: how far apart the mask's entries lie along each axis, 0 where it broadcasts."""
    strides, step = [], 1
    for n in reversed(mask.shape):
        strides.append(0 if n == 1 else step)
        step *= n
    return dict(zip(("of_keys", "of_rows", "of_heads", "of_batch"), strides, strict=True))


def see_attention(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """All as they are. No kernel takes other floats, or nothing to attend to."""
    at = next(i for i, s in enumerate(inputs) if s.dtype == np.bool_)
    q, _, v, mask = inputs[at - 3 : at + 1]
    if q.dtype not in (np.float32, np.float64) or 0 in (*q.shape, *v.shape):
        return None
    behind, ahead = attrs["reach"]
    scalars = {"behind": behind, "ahead": ahead, "scale": float(attrs["scale"])}
    scalars |= strides_of(mask)
    seen = [s.shape if s is not mask else (mask.size,) for s in inputs]
    return [s.shape for s in outs], seen, scalars


def pairs_of(q: Spec, k: Spec, attrs: dict) -> int:
    """(query, key) pairs that are computed, about."""
    rows, keys, (behind, ahead) = q.shape[1], k.shape[1], attrs.get("reach", ALL)
    pairs = rows * keys
    if behind < rows or ahead < keys:
        pairs = min(pairs // 2 if ahead == 0 else pairs, rows * (behind + ahead + 1))
    return q.shape[0] * q.shape[2] * pairs


def flops_of_attention(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    q, k, v = inputs[:3]
    return 2 * pairs_of(q, k, attrs) * (q.shape[3] + v.shape[3])


@scaled_dot_product_attention.kernel(views=see_attention, flops=flops_of_attention)
def _(
    out, lse, q, k, v, mask, behind, ahead, scale, of_batch, of_heads, of_rows, of_keys, part, parts
):  # fmt: skip
    at = of_batch, of_heads, of_rows, of_keys
    attention(out, lse, q, k, v, mask, at, (behind, ahead), scale, (0,), part, parts)


@scaled_dot_product_attention.vjp("out q k v mask")
def _(g, out, q, k, v, mask, *, reach=ALL, scale=1.0):
    (g_out, g_lse), (y, lse) = g, out
    attrs = {"reach": reach, "scale": scale}
    found: list[Any] = [None, None, None]
    if g_out is not None:
        found = list(scaled_dot_product_attention_grad(g_out, q, k, v, mask, y, lse, **attrs))
    return *through_lse(found, g_lse, q, k, mask, lse, reach, scale), None


def through_lse(
    found: list,
    g_lse: Any,
    q: Tensor,
    k: Tensor,
    mask: Tensor,
    lse: Tensor,
    reach: tuple,
    scale: float,
) -> list:
    """The gradients of q, k, v with that which comes through lse: second order only."""
    if g_lse is None:
        return found
    p, _, seen = probabilities(q, k, mask, lse, reach, scale)  # the gradient of lse in a score
    slopes = only(seen, multiply(p, expand_dims(g_lse, axis=3)))
    for i, part in ((0, by_keys(slopes, k, scale)), (1, by_rows(slopes, q, scale))):
        found[i] = part if found[i] is None else add(found[i], part)
    return found


GRADS = tuple(
    [
        Sample(
            ((2, 4, 2, 2), *s.shapes, (2, 4, 2, 2), (2, 2, 4)), s.attrs,
            dtypes=(None, *KINDS), prepare=lambda g, *xs: [g, *one_key(*xs)],
        )
        for s in SAMPLES
    ]
)  # fmt: skip


@op(
    *GRADS,
    infer=lambda g, q, k, v, mask, out, lse, *, reach=ALL, scale=1.0: (
        Spec(q.shape, q.dtype), Spec(k.shape, k.dtype), Spec(v.shape, v.dtype),
    ),
    outs=3,
    kernel_from=1024,
)  # fmt: skip
def scaled_dot_product_attention_grad(g, q, k, v, mask, out, lse, *, reach=ALL, scale=1.0):
    """(dq, dk, dv) of scaled_dot_product_attention, whose results are out and lse:

    p = exp(scores - lse), d = p (g . v - g . out), dq = scale sum_s d k, dk = scale sum_t d q,
    dv = sum_t p g.
    """
    return differentiated(g, q, k, v, mask, out, lse, reach, scale)


def differentiated(
    g: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    out: np.ndarray,
    lse: np.ndarray,
    reach: tuple,
    scale: float,
    kept: Any = None,
) -> tuple:
    """(dq, dk, dv), with the probabilities of out multiplied by `kept` if it is given."""
    seen = seen_by(mask, q.shape[1], k.shape[1], reach)
    q, k, v, g, out = [x.swapaxes(1, 2) for x in (q, k, v, g, out)]
    scale = q.dtype.type(scale)
    p = np.exp((q @ k.swapaxes(2, 3)) * scale - lse[..., None])
    p = np.where(seen, p, 0)
    alone = lse == masked_of(q.dtype)  # they see no key: all that are masked weigh alike
    if alone.any():
        hidden = np.broadcast_to(~seen, p.shape)
        share = alone[..., None] / hidden.sum(axis=-1, keepdims=True, dtype=p.dtype)
        p = np.where(hidden & alone[..., None], share, p).astype(p.dtype)
    slopes = g @ v.swapaxes(2, 3)
    slopes = slopes if kept is None else slopes * kept
    d = p * (slopes - (g * out).sum(axis=-1, keepdims=True))
    d = np.where(seen, d, 0) * scale
    p = p if kept is None else p * kept
    made = d @ k, d.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ g
    return tuple([np.ascontiguousarray(x.swapaxes(1, 2)) for x in made])


def flops_of_gradient(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    q, k, v = inputs[1:4]
    return 2 * pairs_of(q, k, attrs) * (3 * q.shape[3] + 2 * v.shape[3])


@scaled_dot_product_attention_grad.kernel(views=see_attention, flops=flops_of_gradient)
def _(
    dq, dk, dv, g, q, k, v, mask, out, lse, behind, ahead, scale, of_batch, of_heads, of_rows,
    of_keys, part, parts,
):  # fmt: skip
    at = of_batch, of_heads, of_rows, of_keys
    attention_grad(
        dq, dk, dv, g, q, k, v, mask, out, lse, at, (behind, ahead), scale, (0,), part, parts
    )


# The second order, of ops that hold all scores: (batch, heads, T, S).


def heads_first(x: Tensor) -> Tensor:
    """(batch, length, heads, depth) as (batch, heads, length, depth), and back."""
    return transpose(x, axes=(0, 2, 1, 3))


def inner(x: Tensor, y: Tensor) -> Tensor:
    """sum over the depth of x (batch, T, heads, depth) y (batch, S, heads, depth)."""
    return matmul(heads_first(x), heads_first(y), transpose_y=True)


def by_keys(d: Tensor, k: Tensor, scale: float) -> Tensor:
    """scale sum_s d[t, s] k[s], for d (batch, heads, T, S)."""
    made = heads_first(matmul(d, heads_first(k)))
    return multiply(made, number(scale, made))


def by_rows(d: Tensor, q: Tensor, scale: float) -> Tensor:
    """scale sum_t d[t, s] q[t]"""
    made = heads_first(matmul(d, heads_first(q), transpose_x=True))
    return multiply(made, number(scale, made))


def only(seen: Tensor, x: Tensor) -> Tensor:
    """x where it is seen, else 0."""
    return where(seen, x, zeros_like(x))


def probabilities(
    q: Tensor, k: Tensor, mask: Tensor, lse: Tensor, reach: tuple, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(p, p where seen, what is seen) as the gradient computes them."""
    rows, keys = q.array.shape[1], k.array.shape[1]
    seen = logical_and(mask, Tensor(seen_by(np.ones((1, 1, 1, 1), bool), rows, keys, reach)))
    scores = inner(q, k)
    column = expand_dims(lse, axis=3)
    p = only(seen, exp(subtract(multiply(scores, number(scale, scores)), column)))
    hidden = where(seen, zeros_like(p), number(1, p))
    count = sum_(hidden, axis=3, keepdims=True)
    alone = equal(column, number(float(masked_of(column.array.dtype)), column))
    share = where(alone, divide(hidden, count), zeros_like(p))
    return where(seen, p, share), p, seen


@scaled_dot_product_attention_grad.vjp("g q k v mask out lse")
def _(u, made, g, q, k, v, mask, out, lse, *, reach=ALL, scale=1.0):
    return second_order(u, g, q, k, v, mask, out, lse, reach, scale)


def second_order(
    u: tuple,
    g: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor,
    out: Tensor,
    lse: Tensor,
    reach: tuple,
    scale: float,
    kept: Any = None,
) -> tuple:
    """The vjp of the gradient, whose probabilities are multiplied by `kept` (None: by 1).

    With a = kept g . v - g . out, so that d = p a: the gradients of dq, dk in d are u . k and
    q . u, that of dv in kept p is g . u."""
    p, own, seen = probabilities(q, k, mask, lse, reach, scale)

    def thinned(x: Tensor) -> Tensor:
        return x if kept is None else multiply(x, kept)

    lean = expand_dims(transpose(sum_(multiply(g, out), axis=3), axes=(0, 2, 1)), axis=3)
    a = only(seen, subtract(thinned(inner(g, v)), lean))
    d = multiply(own, a)
    d_g = d_q = d_k = None
    of_d, of_p = zeros_like(p), zeros_like(p)
    if u[0] is not None:
        of_d, d_k = inner(u[0], k), by_rows(d, u[0], scale)
    if u[1] is not None:
        of_d, d_q = add(of_d, inner(q, u[1])), by_keys(d, u[1], scale)
    if u[2] is not None:
        of_p, d_g = thinned(inner(g, u[2])), by_keys(thinned(p), u[2], 1.0)
    of_d = only(seen, multiply(of_d, number(scale, of_d)))
    of_a = multiply(own, of_d)
    of_scores = only(seen, multiply(own, add(of_p, multiply(a, of_d))))
    of_lean = negative(transpose(sum_(of_a, axis=3), axes=(0, 2, 1)))
    of_lean = expand_dims(of_lean, axis=3)
    of_a = thinned(of_a)
    d_g = sum_of(d_g, by_keys(of_a, v, 1.0), multiply(of_lean, out))
    d_q = sum_of(d_q, by_keys(of_scores, k, scale))
    d_k = sum_of(d_k, by_rows(of_scores, q, scale))
    of_lse = negative(sum_(of_scores, axis=3))
    return d_g, d_q, d_k, by_rows(of_a, g, 1.0), None, multiply(of_lean, g), of_lse


def sum_of(*parts: Tensor | None) -> Tensor:
    """The sum of those that are there."""
    there = [part for part in parts if part is not None]
    total = there[0]
    for part in there[1:]:
        total = add(total, part)
    return total
