"""Ops of a training step: optimizer updates, which write Variables in place,
batches and the check for NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, elementwise, op
from framework.engine.tensor import Spec

NOTHING = {"infer": lambda *inputs, **attrs: (), "is_differentiable": False}
FLAT = (16,)


def check_shapes(name: str, arrays: Sequence, numbers: Sequence) -> None:
    """Raise unless the arrays (parameter, slots, gradient) have one shape and the numbers (rate,
    step) one element: kernels read as many elements of each as the parameter has."""
    shape = arrays[0].shape
    for x in arrays[1:]:
        if x.shape != shape:
            raise InvalidArgumentError(
                f"{name}: a parameter of shape {tuple(shape)} cannot be updated with a gradient "
                f"or slot of shape {tuple(x.shape)}"
            )
    for x in numbers:
        if x.size != 1:
            raise InvalidArgumentError(
                f"{name}: the rate and the step are single numbers, got shape {tuple(x.shape)}"
            )


def like_parameters(name: str, count: int) -> Callable:
    """views of an update whose first `count` inputs are like the parameter, the others single
    numbers."""

    def views(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
        check_shapes(name, inputs[:count], inputs[count:])
        return [], [s.shape for s in inputs], attrs

    return views


@op(Sample((FLAT, FLAT, ())), writes=(0,), **NOTHING)
def sgd_update(p, g, rate):
    """p -= rate g"""
    check_shapes("sgd_update", (p, g), (rate,))
    p -= rate * g


@sgd_update.by_element(like_parameters("sgd_update", 2), singles=1)
def _(p, g, rate):
    return p - rate * g


@op(Sample((FLAT, FLAT, FLAT, ())), writes=(0, 1), **NOTHING)
def momentum_update(p, m, g, rate, *, momentum=0.9, nesterov=False):
    """m = momentum m - rate g;  p += m, or with nesterov p += momentum m - rate g (Sutskever et al.
    2013).
    """
    check_shapes("momentum_update", (p, m, g), (rate,))
    m *= p.dtype.type(momentum)
    m -= rate * g
    p += p.dtype.type(momentum) * m - rate * g if nesterov else m


@momentum_update.by_element(like_parameters("momentum_update", 3), singles=1)
def _(p, m, g, rate, *, momentum, nesterov):
    step, mu = rate * g, real(momentum)
    moved = mu * m - step
    return p + (mu * moved - step if nesterov else moved), moved


def adam_rate_forward(
    rate: np.ndarray, step: np.ndarray, *, beta_1: float = 0.9, beta_2: float = 0.999
) -> np.ndarray:
    t = step + 1.0
    return np.asarray(rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t), np.float64)


@elementwise(
    adam_rate_forward,
    Sample(((), ()), low=0.1, dtypes=(np.float64, np.int64)),
    dtype=np.float64,
    same_dtype=False,
    is_differentiable=False,
)
def adam_rate(rate: float, step: float, *, beta_1: float = 0.9, beta_2: float = 0.999) -> float:
    """rate sqrt(1 - b2^t) / (1 - b1^t) with t = step + 1: the rate of adam_update after `step`
    updates, which corrects for means that began at 0 (Kingma and Ba 2015, end of section 2). A
    float64, whatever the parameters are."""
    t = step + 1.0
    return rate * sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)


@op(
    Sample((FLAT, FLAT, FLAT, FLAT, (), ()), low=0.0, dtypes=(*[None] * 5, np.float64)),
    writes=(0, 1, 2),
    **NOTHING,
    kernel_from=8192,
)
def adam_update(p, m, v, g, rate, alpha, *, beta_1=0.9, beta_2=0.999, epsilon=1e-7, decay=0.0):
    """Adam (Kingma and Ba 2015, section 2, epsilon as in Keras), alpha as adam_rate gives it.
    decay: decoupled weight decay (Loshchilov and Hutter 2019).

    p -= decay rate p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
    p -= alpha m / (sqrt(v) + epsilon)
    """
    check_shapes("adam_update", (p, m, v, g), (rate, alpha))
    if decay:
        p -= p * (rate * p.dtype.type(decay))
    x = np.empty_like(p)  # one buffer for all steps: this op is half of a small eager step
    np.subtract(g, m, out=x)
    x *= 1 - beta_1
    m += x
    np.multiply(g, g, out=x)
    x -= v
    x *= 1 - beta_2
    v += x
    np.sqrt(v, out=x)
    x += epsilon
    np.divide(m, x, out=x)
    x *= alpha.item()
    p -= x


@adam_update.by_element(like_parameters("adam_update", 4), singles=2)
def _(p, m, v, g, rate, alpha, *, beta_1, beta_2, epsilon, decay):
    m_new = m + (g - m) * real(float64(1) - beta_1)
    v_new = v + (g * g - v) * real(float64(1) - beta_2)
    kept = p - p * (rate * real(decay)) if decay != 0.0 else p
    return kept - real(alpha) * m_new / (sqrt(v_new) + real(epsilon)), m_new, v_new


@op(Sample((FLAT, FLAT, FLAT, ()), low=0.1), writes=(0, 1), **NOTHING, kernel_from=8192)
def rmsprop_update(p, v, g, rate, *, rho=0.9, epsilon=1e-7):
    """v = rho v + (1 - rho) g^2;  p -= rate g / sqrt(v + epsilon) (Hinton 2012, lecture 6e)."""
    check_shapes("rmsprop_update", (p, v, g), (rate,))
    v += (np.square(g) - v) * p.dtype.type(1 - rho)
    p -= g * rate / np.sqrt(v + p.dtype.type(epsilon))


@rmsprop_update.by_element(like_parameters("rmsprop_update", 3), singles=1)
def _(p, v, g, rate, *, rho, epsilon):
    v_new = v + (g * g - v) * real(float64(1) - rho)
    return p - g * rate / sqrt(v_new + real(epsilon)), v_new


@op(Sample((FLAT, FLAT, FLAT, ()), low=0.1), writes=(0, 1), **NOTHING, kernel_from=8192)
def adagrad_update(p, a, g, rate, *, epsilon=1e-7):
    """a += g^2;  p -= rate g / sqrt(a + epsilon) (Duchi et al. 2011)."""
    check_shapes("adagrad_update", (p, a, g), (rate,))
    a += np.square(g)
    p -= g * rate / np.sqrt(a + p.dtype.type(epsilon))


@adagrad_update.by_element(like_parameters("adagrad_update", 3), singles=1)
def _(p, a, g, rate, *, epsilon):
    a_new = a + g * g
    return p - g * rate / sqrt(a_new + real(epsilon)), a_new


@op(
    Sample(
        ((6, 3), (6,), ()),
        {"size": 2, "batch": 2, "first": 0},
        low=0.0,
        dtypes=(None, np.int64, np.int64),
    ),
    infer=lambda data, order, step, *, size, batch, first: Spec(
        (size, *data.shape[1:]), data.dtype
    ),
    is_differentiable=False,
)
def take_batch(data, order, step, *, size, batch, first):
    """Rows order[(step batch + first + i) mod n] of data for i < size:
    this rank's part of batch number `step` of an epoch.
    """
    rows = int(step) * batch + first + np.arange(size)
    return data[order[rows % len(order)]]


def see_rows(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    data, width = inputs[0].shape, math.prod(inputs[0].shape[1:])
    return [(attrs["size"], width)], [(data[0], width), inputs[1].shape, (1,)], attrs


@take_batch.kernel(views=see_rows)
def _(out, data, order, step, batch, first, part, parts):
    start = step[0] * batch + first
    begin, end = share(out.shape[0], 1, part, parts)
    for i in range(begin, end):
        row = data[order[(start + i) % order.size]]
        copy_into(out[i], row)


def see_words(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    return [], [(s.size,) for s in inputs], {"control": "control"}


@op(Sample(((3, 4),)), infer=lambda x: (), outs=0, is_differentiable=False)
def check_finite(x):
    """Raise FloatingPointError if x has a NaN or an infinity;
    in a program: stop the VM here, before any write.
    """
    if not np.isfinite(x).all():
        raise FloatingPointError(f"check_finite: got {x}")


@check_finite.kernel(views=see_words)
def _(x, control):
    for i in range(x.size):
        if not (x[i] - x[i] == 0.0):
            pointer_int64(control)[1] = 2
