"""The gamma function's logarithm and its derivatives, elementwise."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.dimension import broadcast_shapes
from framework.engine.op import Sample, elementwise, op
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import add, multiply
from framework.engine.ops.functions import horner
from framework.engine.ops.special import by_element
from framework.engine.tensor import Spec, Tensor

MIXED = Sample(((3, 4),), low=-2.95, high=3.9)


def log_gamma(x: float) -> float:
    """math.lgamma, infinite at the poles and beyond the largest float."""
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):
        return math.inf


@elementwise(by_element(log_gamma), MIXED, floats_only=True)
def lgamma(x: float) -> float:
    """log |gamma(x)|, infinite at 0, -1, -2 ...; derivative digamma(x)."""
    return math.lgamma(x)


@lgamma.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, digamma(x)),)


# B(2k) / (2k), of the asymptotic series of digamma: Abramowitz and Stegun 6.3.18; highest k first.
DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)


def digamma_forward(x: np.ndarray) -> np.ndarray:
    """Reflection (6.3.7) to x > 0, recurrence (6.3.5) to x >= 10, then the asymptotic series."""
    z = np.atleast_1d(x).astype(np.float64)
    is_low = z <= 0
    y = np.where(is_low, 1.0 - z, z)
    shift = np.zeros_like(y)
    for _ in range(10):
        is_small = y < 10.0
        shift += np.where(is_small, 1.0 / y, 0.0)
        y = np.where(is_small, y + 1.0, y)
    s = 1.0 / (y * y)
    value = np.log(y) - 0.5 / y - s * horner(s, DIGAMMA) - shift
    part = z - np.rint(z)
    cotangent = np.where(np.abs(part) == 0.5, 0.0, math.pi / np.tan(math.pi * part))
    value = np.where(is_low, np.where(part == 0, np.nan, value - cotangent), value)
    return value.astype(x.dtype).reshape(np.shape(x))


@elementwise(digamma_forward, MIXED, floats_only=True)
def digamma(x: float) -> float:
    """d log gamma(x) / dx, NaN at 0, -1, -2 ...; derivative polygamma(1, x)."""
    y = 1.0 - x if x <= 0.0 else x
    shift = 0.0
    for _ in range(10):
        if y < 10.0:
            shift += 1.0 / y
            y += 1.0
    s = 1.0 / (y * y)
    series = (((((s * 0.08333333333333333 - 0.021092796092796094) * s + 0.007575757575757576) * s
        - 0.004166666666666667) * s + 0.003968253968253968) * s
        - 0.008333333333333333) * s + 0.08333333333333333  # fmt: skip
    value = math.log(y) - 0.5 / y - s * series - shift
    if x <= 0.0:
        part = x - rint(x)
        if part == 0.0 or part != part:
            return part / 0.0
        if abs(part) != 0.5:
            value -= 3.141592653589793 / math.tan(3.141592653589793 * part)
    return value


@digamma.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, polygamma(number(1, x), x)),)


# B(2k) / (2k)!, of the Euler-Maclaurin sum of Hurwitz' zeta function (as in Cephes' zeta.c).
ZETA = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000,
)  # fmt: skip


def hurwitz_zeta(s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum of 1 / (x + k)^s over k = 0, 1 ...: terms up to x + k > 10, the rest by Euler-Maclaurin.

    x far below 0 would be a sum of -x terms: NaN below -10000.
    """
    x = np.where(x < -1e4, np.nan, x)
    total = np.zeros(np.broadcast_shapes(s.shape, x.shape))
    while (is_small := x <= 10.0).any():
        total += np.where(is_small, np.power(x, -s), 0.0)
        x = np.where(is_small, x + 1.0, x)
    b = np.power(x, -s)
    rest = np.zeros_like(total)
    for k in range(len(ZETA) - 1, -1, -1):  # Horner's scheme in growing products (s + i) / x
        factor = s / x if k == 0 else (s + 2 * k - 1) / x * (s + 2 * k) / x
        rest = factor * (ZETA[k] + rest)
    return total + b * x / (s - 1.0) + 0.5 * b + b * rest


def polygamma_forward(n: np.ndarray, x: np.ndarray) -> np.ndarray:
    order, z = n.astype(np.float64), x.astype(np.float64)
    is_order = (order >= 0) & (order == np.floor(order))
    k = np.where(is_order & (order > 0), order, 1.0)
    factorial = np.asarray(np.frompyfunc(math.gamma, 1, 1)(np.minimum(k + 1, 171.0)), np.float64)
    value = hurwitz_zeta(k + 1, np.where(np.isposinf(z), 1e300, z))
    is_pole = (z <= 0) & (z == np.floor(z))
    value = np.where(is_pole, np.where(k % 2 == 1, np.inf, np.nan), value)
    value = np.where(k % 2 == 1, 1.0, -1.0) * factorial * value
    value = np.where(order == 0, digamma_forward(z), value)
    return np.where(is_order, value, np.nan).astype(x.dtype)


@op(
    Sample(((), (3, 4)), dtypes=(np.int8,), low=0.5, high=12.0),
    infer=lambda n, x: Spec(broadcast_shapes(n.shape, x.shape), x.dtype),
)
def polygamma(n, x):
    """The n-th derivative of digamma, (-1)^(n+1) n! zeta(n + 1, x); NaN unless n is 0, 1, 2 ...

    Its derivative is polygamma(n + 1, x); there is none for n.
    """
    return polygamma_forward(n, x)


@polygamma.vjp("n x")
def _(g: Tensor, out: Tensor, n: Tensor, x: Tensor) -> tuple:
    return None, unbroadcast(multiply(g, polygamma(add(n, number(1, n)), x)), x)
