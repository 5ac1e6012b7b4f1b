"""Activation functions; those whose rule is one formula of the output have a gradient op of their
own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine.dtypes import OF_NUMPY
from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import zeros_like
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import (
    SAME,
    abs_,
    divide,
    multiply,
    negative,
    square,
    subtract,
)
from framework.engine.ops.functions import erf, exp, tanh
from framework.engine.ops.logical import choose, less, where
from framework.engine.tensor import Tensor

PAIR = Sample(((3, 4), (3, 4)))
# As arrays: NumPy takes longer to convert a Python number than to compare a thousand.
ZERO = {dtype: np.zeros((), dtype) for dtype in OF_NUMPY}


@elementwise(
    lambda x: np.maximum(x, ZERO[x.dtype]),
    Sample(((3, 4),), low=0.5),
    Sample(((3, 4),), high=-0.5),
    kernel_from=16384,
    is_exact=True,
)
def relu(x: float) -> float:
    """max(x, 0), NaN stays NaN; derivative 1 where x > 0, else 0."""
    return alike(0.0, x) if x <= 0.0 else x  # 0.0 would turn integers into floats


@relu.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (relu_grad(g, y),)


@elementwise(
    lambda g, y: g * (y > 0), Sample(((3, 4), (3, 4)), low=0.5), kernel_from=32768, is_exact=True
)
def relu_grad(g: float, y: float) -> float:
    """g where y > 0, else 0 (a product, as in TensorFlow: an infinite g gives NaN);
    its gradient in y is zeros.
    """
    return g * (1.0 if y > 0.0 else 0.0)


@relu_grad.vjp("y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return relu_grad(u, y) if wants[0] else None, zeros_like(y) if wants[1] else None


@elementwise(lambda x: np.minimum(np.maximum(x, 0), 6), Sample(((3, 4),), high=8.0))
def relu6(x: float) -> float:
    """min(max(x, 0), 6); derivative 1 where 0 < x < 6, else 0."""
    return 0.0 if x <= 0.0 else 6.0 if x >= 6.0 else x


@relu6.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (relu6_grad(g, y),)


@elementwise(lambda g, y: g * ((y > 0) & (y < 6)), Sample(((3, 4), (3, 4)), high=8.0))
def relu6_grad(g: float, y: float) -> float:
    """g where 0 < y < 6, else 0; its gradient in y is zeros."""
    return g * (1.0 if y > 0.0 and y < 6.0 else 0.0)


@relu6_grad.vjp("y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return relu6_grad(u, y) if wants[0] else None, zeros_like(y) if wants[1] else None


SLOPES = Sample(((3, 4),), {"negative_slope": 0.3}), SAME


@elementwise(
    lambda x, *, negative_slope=0.2: choose(x > 0, x, x * negative_slope), *SLOPES, floats_only=True
)
def leaky_relu(x: float, *, negative_slope: float = 0.2) -> float:
    """x where x > 0, else negative_slope x."""
    return x if x > 0.0 else negative_slope * x


@leaky_relu.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor, *, negative_slope: float = 0.2) -> tuple:
    return (leaky_relu_grad(g, x, negative_slope=negative_slope),)


@elementwise(lambda g, x, *, negative_slope=0.2: choose(x > 0, g, g * negative_slope), PAIR)
def leaky_relu_grad(g: float, x: float, *, negative_slope: float = 0.2) -> float:
    """g where x > 0, else negative_slope g; its gradient in x is zeros."""
    return g if x > 0.0 else negative_slope * g


@leaky_relu_grad.vjp("x")
def _(
    u: Tensor, out: Tensor, g: Tensor, x: Tensor, *, wants: list[bool], negative_slope: float = 0.2
) -> tuple:
    return (
        leaky_relu_grad(u, x, negative_slope=negative_slope) if wants[0] else None,
        zeros_like(x) if wants[1] else None,
    )


def sigmoid_forward(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) as max(e, x >= 0) / (1 + e) with e = e^-|x|, which cannot overflow:
    NumPy would warn.
    """
    e = np.exp(-np.abs(x))
    return np.maximum(e, x >= 0) / (1 + e)


@elementwise(sigmoid_forward, SAME, floats_only=True, kernel_from=4096)
def sigmoid(x: float) -> float:
    """1 / (1 + e^-x); derivative y (1 - y)."""
    return 1.0 / (1.0 + math.exp(-x))


@sigmoid.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (sigmoid_grad(g, y),)


@elementwise(lambda g, y: g * y * (1 - y), PAIR)
def sigmoid_grad(g: float, y: float) -> float:
    """g y (1 - y): the gradient of y = sigmoid(x)."""
    return g * y * (1.0 - y)


@sigmoid_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    ug = multiply(u, g)
    return sigmoid_grad(u, y), subtract(ug, multiply(multiply(ug, y), number(2, y)))


@elementwise(lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0), SAME, floats_only=True)
def softplus(x: float) -> float:
    """log(1 + e^x); derivative sigmoid(x)."""
    return math.log1p(math.exp(-abs(x))) + (0.0 if x <= 0.0 else x)


@softplus.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, sigmoid(x)),)


@elementwise(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), SAME, floats_only=True)
def log_sigmoid(x: float) -> float:
    """log(sigmoid(x)) = -softplus(-x); derivative sigmoid(-x)."""
    return (0.0 if x >= 0.0 else x) - math.log1p(math.exp(-abs(x)))


@log_sigmoid.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, sigmoid(negative(x))),)


@elementwise(lambda x: x / (1 + np.abs(x)), SAME, floats_only=True)
def softsign(x: float) -> float:
    """x / (1 + |x|); derivative 1 / (1 + |x|)^2."""
    return x / (1.0 + abs(x))


@softsign.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    scale = abs_(x) + 1.0
    return (divide(divide(g, scale), scale),)


def elu_forward(x: np.ndarray, *, alpha: float = 1.0) -> np.ndarray:
    return choose(x > 0, x, np.expm1(np.minimum(x, 0)) * alpha)


@elementwise(
    elu_forward, SAME, Sample(((3, 4),), {"alpha": 0.7}), floats_only=True, kernel_from=4096
)
def elu(x: float, *, alpha: float = 1.0) -> float:
    """x where x > 0, else alpha (e^x - 1)  (Clevert et al. 2016, eq. 16)."""
    return x if x > 0.0 else alpha * math.expm1(x)


@elu.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor, *, alpha: float = 1.0) -> tuple:
    return (elu_grad(g, y, alpha=alpha),)


@elementwise(lambda g, y, *, alpha=1.0: choose(y <= 0, g * (y + alpha), g), PAIR)
def elu_grad(g: float, y: float, *, alpha: float = 1.0) -> float:
    """g (y + alpha) where y <= 0, else g: the gradient of y = elu(x)."""
    return g * (y + alpha) if y <= 0.0 else g


@elu_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor, *, alpha: float = 1.0) -> tuple:
    zero = number(0, y)
    return elu_grad(u, y, alpha=alpha), where(less(y, zero), multiply(u, g), zero)


# Klambauer et al. 2017: the fixed point with mean 0 and variance 1
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu_forward(x: np.ndarray) -> np.ndarray:
    return choose(x > 0, x, np.expm1(np.minimum(x, 0)) * SELU_ALPHA) * SELU_SCALE


@elementwise(selu_forward, SAME, floats_only=True)
def selu(x: float) -> float:
    """1.0507 elu(x, alpha=1.6733)  (Klambauer et al. 2017, eq. 2)."""
    return 1.0507009873554805 * x if x > 0.0 else 1.7580993408473766 * math.expm1(x)


@selu.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (selu_grad(g, y),)


@elementwise(lambda g, y: choose(y < 0, g * (y + SELU_SCALE * SELU_ALPHA), g * SELU_SCALE), PAIR)
def selu_grad(g: float, y: float) -> float:
    """g (y + 1.7581) where y < 0, else 1.0507 g (at 0, too, as in TensorFlow): the gradient of
    y = selu(x).
    """
    return g * (y + 1.7580993408473766) if y < 0.0 else 1.0507009873554805 * g


@selu_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    zero = number(0, y)
    return selu_grad(u, y), where(less(y, zero), multiply(u, g), zero)


@elementwise(lambda x: x * sigmoid_forward(x), SAME, floats_only=True, kernel_from=4096)
def silu(x: float) -> float:
    """x sigmoid(x); derivative s (1 + x (1 - s)), s = sigmoid(x)."""
    return x / (1.0 + math.exp(-x))


@silu.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    s = sigmoid(x)
    return (multiply(multiply(g, s), multiply(x, 1.0 - s) + 1.0),)


GELU_TANH = math.sqrt(2 / math.pi), 0.044715


@elementwise(
    lambda x: 0.5 * x * (1 + erf.forward(x * math.sqrt(0.5))),
    SAME,
    floats_only=True,
    kernel_from=64,
)
def gelu_erf(x: float) -> float:
    """x Phi(x), the normal distribution's Phi(x) = (1 + erf(x / sqrt(2))) / 2."""
    return 0.5 * x * (1.0 + math.erf(x * 0.7071067811865476))


@gelu_erf.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (gelu_erf_grad(g, x),)


def gelu_erf_grad_forward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    density = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * ((erf.forward(x * math.sqrt(0.5)) + 1) * 0.5 + x * density)


@elementwise(gelu_erf_grad_forward, PAIR, floats_only=True, kernel_from=64)
def gelu_erf_grad(g: float, x: float) -> float:
    """g (Phi(x) + x phi(x)): gradient of gelu_erf."""
    density = 0.3989422804014327 * math.exp(-0.5 * x * x)
    return g * (0.5 * (1.0 + math.erf(x * 0.7071067811865476)) + x * density)


@gelu_erf_grad.vjp("g x")
def _(u: Tensor, out: Tensor, g: Tensor, x: Tensor) -> tuple:
    density = exp(square(x) * -0.5) * (1 / math.sqrt(2 * math.pi))
    return gelu_erf_grad(u, x), multiply(multiply(u, g), density * (2.0 - square(x)))


@elementwise(
    lambda x: 0.5 * x * (1 + np.tanh(GELU_TANH[0] * (x + GELU_TANH[1] * x * x * x))),
    SAME,
    floats_only=True,
)
def gelu_tanh(x: float) -> float:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2"""
    return 0.5 * x * (1.0 + math.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


@gelu_tanh.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    squared = square(x)
    t = tanh(multiply(x, squared * (GELU_TANH[0] * GELU_TANH[1]) + GELU_TANH[0]))
    inner = squared * (3 * GELU_TANH[0] * GELU_TANH[1]) + GELU_TANH[0]
    slope = ((1.0 - t * t) * x * inner + (t + 1.0)) * 0.5
    return (multiply(g, slope),)


def gelu(x: Tensor, *, approximate: bool = False) -> Tensor:
    """x Phi(x), the normal distribution's Phi (Hendrycks and Gimpel 2016), exactly or by tanh."""
    return gelu_tanh(x) if approximate else gelu_erf(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6"""
    return multiply(relu6(x + 3.0), number(1 / 6, x))


def hard_silu(x: Tensor) -> Tensor:
    """x hard_sigmoid(x)"""
    return multiply(x, hard_sigmoid(x))


@elementwise(
    lambda x, u, *, rate: x * np.multiply(u >= rate, x.dtype.type(1 / (1 - rate))),
    Sample(((3, 4), (3, 4)), {"rate": 0.4}, low=0.0, high=1.0),
    Sample(((3, 4), (4,)), {"rate": 0.4}, low=0.0, high=1.0),
    kernel_from=32768,
)
def dropout(x: float, u: float, *, rate: Any) -> float:
    """x / (1 - rate) where the uniform number u >= rate, else 0  (Srivastava et al. 2014)."""
    return x * (1.0 / (1.0 - rate) if u >= rate else 0.0)


@dropout.vjp("u")
def _(g: Tensor, out: Tensor, x: Tensor, u: Tensor, *, rate: Any) -> tuple:
    return dropout(g, u, rate=rate), None
