"""Special functions, elementwise: inverse hyperbolic functions, gamma and error functions, quotients
and products that are 0 where a formula says 0 times something.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from framework.engine.op import Sample, elementwise, op
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import (
    NONZERO,
    PAIRS,
    SAME,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    square,
    subtract,
)
from framework.engine.ops.functions import WITHIN, cosh, exp, horner, sinh
from framework.engine.ops.logical import not_equal
from framework.engine.ops.update import cast
from framework.engine.tensor import Spec, Tensor

MIXED = Sample(((3, 4),), low=-2.95, high=3.9)


@elementwise(np.arccosh, Sample(((3, 4),), low=1.5, high=4.0))
def arccosh(x):
    """Inverse hyperbolic cosine y, of x >= 1; derivative 1 / sinh(y)."""
    return math.acosh(x)


@arccosh.vjp("y")
def _(g, y, x):
    return (divide(g, sinh(y)),)


@elementwise(np.arcsinh, SAME)
def arcsinh(x):
    """Inverse hyperbolic sine y; derivative 1 / cosh(y)."""
    return math.asinh(x)


@arcsinh.vjp("y")
def _(g, y, x):
    return (divide(g, cosh(y)),)


@elementwise(np.arctanh, WITHIN)
def arctanh(x):
    """Inverse hyperbolic tangent, of |x| <= 1; derivative 1 / (1 - x^2)."""
    return math.atanh(x)


@arctanh.vjp("x")
def _(g, out, x):
    return (multiply(g, reciprocal(subtract(number(1, x), square(x)))),)


@elementwise(np.arctan2, *NONZERO, Sample(((3, 4), (3, 4))))
def arctan2(y, x):
    """The angle of the point (x, y) in (-pi, pi]; gradients x / (x^2 + y^2), -y / (x^2 + y^2)."""
    return math.atan2(y, x)


@arctan2.vjp("y x")
def _(g, out, y, x, *, wants):
    scaled = divide(g, add(square(y), square(x)))
    return (
        unbroadcast(multiply(x, scaled), y) if wants[0] else None,
        unbroadcast(multiply(negative(y), scaled), x) if wants[1] else None,
    )


@elementwise(lambda x, y: np.where(y == 0, np.zeros_like(x), x / y), *NONZERO)
def divide_no_nan(x, y):
    """x / y, 0 where y is 0."""
    return 0.0 if y == 0.0 else x / y


@divide_no_nan.vjp("x y")
def _(g, out, x, y, *, wants):
    return (
        unbroadcast(divide_no_nan(g, y), x) if wants[0] else None,
        unbroadcast(multiply(g, divide_no_nan(divide_no_nan(negative(x), y), y)), y)
        if wants[1]
        else None,
    )


@elementwise(lambda x, y: np.where(y == 0, np.zeros_like(x), x * y), *PAIRS)
def multiply_no_nan(x, y):
    """x y, 0 where y is 0, whatever x is."""
    return 0.0 if y == 0.0 else x * y


@multiply_no_nan.vjp("x y")
def _(g, out, x, y, *, wants):
    return (
        unbroadcast(multiply_no_nan(g, y), x) if wants[0] else None,
        unbroadcast(multiply_no_nan(x, g), y) if wants[1] else None,
    )


def is_nonzero(x: Tensor) -> Tensor:
    """1 where x is not 0, else 0."""
    return cast(not_equal(x, number(0, x)), dtype=x.array.dtype.name)


@elementwise(lambda x, y: np.where(x == 0, np.zeros_like(x), x / y), *NONZERO)
def xdivy(x, y):
    """x / y, 0 where x is 0."""
    return 0.0 if x == 0.0 else x / y


@xdivy.vjp("x y")
def _(g, out, x, y, *, wants):
    return (
        unbroadcast(multiply(g, xdivy(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(negative(x), square(y))), y) if wants[1] else None,
    )


@elementwise(lambda x, y: np.where(x == 0, np.zeros_like(x), x * np.log(y)), *NONZERO)
def xlogy(x, y):
    """x log y, 0 where x is 0; gradients log y (0 where x is 0) and x / y."""
    return 0.0 if x == 0.0 else x * math.log(y)


@xlogy.vjp("x y")
def _(g, out, x, y, *, wants):
    return (
        unbroadcast(multiply(g, xlogy(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(x, y)), y) if wants[1] else None,
    )


@elementwise(lambda x, y: np.where(x == 0, np.zeros_like(x), x * np.log1p(y)), *NONZERO)
def xlog1py(x, y):
    """x log(1 + y), 0 where x is 0; gradients log(1 + y) (0 where x is 0) and x / (1 + y)."""
    return 0.0 if x == 0.0 else x * math.log1p(y)


@xlog1py.vjp("x y")
def _(g, out, x, y, *, wants):
    return (
        unbroadcast(multiply(g, xlog1py(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(x, add(y, number(1, y)))), y) if wants[1] else None,
    )


def by_element(function: Callable) -> Callable:
    """The forward that calls a function of the C library for each element (0.1 us)."""
    each = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(each(x.astype(np.float64))).astype(x.dtype)


@elementwise(by_element(math.erfc), SAME)
def erfc(x):
    """1 - erf(x), exact for large x; derivative -2 / sqrt(pi) e^(-x^2)."""
    return math.erfc(x)


@erfc.vjp("x")
def _(g, out, x):
    slope = multiply(g, number(-2 / math.sqrt(math.pi), g))
    return (multiply(slope, exp(negative(square(x)))),)


# M. J. Wichura, Algorithm AS 241: the percentage points of the normal distribution (1988), PPND16:
# relative error 1e-16. Highest power first.
CENTER_P = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
CENTER_Q = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1.0,
)  # fmt: skip
TAIL_P = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
    4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
TAIL_Q = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
    2.05319162663775882187e0, 1.0,
)  # fmt: skip
FAR_P = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
    5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
FAR_Q = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
)  # fmt: skip


def erfinv_forward(x):
    """The quantile of the normal distribution at (1 + x) / 2, divided by sqrt(2); in float64."""
    z = np.atleast_1d(x).astype(np.float64)
    q = 0.5 * np.clip(z, -0.85, 0.85)
    r = 0.180625 - q * q
    y = q * horner(r, CENTER_P) / horner(r, CENTER_Q)
    is_tail = np.abs(z) > 0.85
    if is_tail.any():
        r = np.sqrt(-np.log(0.5 * (1.0 - np.abs(z[is_tail]))))
        near = np.minimum(r, 5.0) - 1.6
        far = np.clip(r, 5.0, 40.0) - 5.0
        tail = horner(near, TAIL_P) / horner(near, TAIL_Q)
        tail = np.where(r > 5.0, horner(far, FAR_P) / horner(far, FAR_Q), tail)
        tail = np.where(np.isinf(r), np.inf, np.where(np.isnan(r), np.nan, tail))
        y[is_tail] = np.copysign(tail, z[is_tail])
    y = np.where(np.isnan(z), z, y * math.sqrt(0.5))
    return y.astype(x.dtype).reshape(np.shape(x))


@elementwise(erfinv_forward, WITHIN, Sample(((3, 4),), low=-0.999, high=0.999))
def erfinv(x):
    """The y with erf(y) = x, of |x| <= 1; derivative sqrt(pi) / 2 e^(y^2)."""
    a = abs(x)
    if not a < 1.0:
        return x / 0.0 if a == 1.0 else (x - x) / 0.0
    if a <= 0.85:
        r = 0.180625 - 0.25 * x * x
        p = ((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r
            + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r
            + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
            + 1.3314166789178437745e2) * r + 3.3871328727963666080e0  # fmt: skip
        q = ((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r
            + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r
            + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
            + 4.2313330701600911252e1) * r + 1.0  # fmt: skip
        return 0.5 * x * p / q * 0.70710678118654752440
    r = math.sqrt(-math.log(0.5 * (1.0 - a)))
    if r <= 5.0:
        r = r - 1.6
        p = ((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r
            + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r
            + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
            + 4.63033784615654529590e0) * r + 1.42343711074968357734e0  # fmt: skip
        q = ((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r
            + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
            + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
            + 2.05319162663775882187e0) * r + 1.0  # fmt: skip
    else:
        r = r - 5.0
        p = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r
            + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
            + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
            + 5.46378491116411436990e0) * r + 6.65790464350110377720e0  # fmt: skip
        q = ((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r
            + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
            + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
            + 5.99832206555887937690e-1) * r + 1.0  # fmt: skip
    return math.copysign(p / q * 0.70710678118654752440, x)


@erfinv.vjp("y")
def _(g, y, x):
    return (multiply(multiply(g, number(math.sqrt(math.pi) / 2, g)), exp(square(y))),)


def log_gamma(x: float) -> float:
    """math.lgamma, infinite at the poles and beyond the largest float."""
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):
        return math.inf


@elementwise(by_element(log_gamma), MIXED)
def lgamma(x):
    """log |gamma(x)|, infinite at 0, -1, -2 ...; derivative digamma(x)."""
    return math.lgamma(x)


@lgamma.vjp("x")
def _(g, out, x):
    return (multiply(g, digamma(x)),)


# B(2k) / (2k), of the asymptotic series of digamma: Abramowitz and Stegun 6.3.18; highest k first.
DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)


def digamma_forward(x):
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


@elementwise(digamma_forward, MIXED)
def digamma(x):
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
def _(g, out, x):
    return (multiply(g, polygamma(number(1, x), x)),)


# B(2k) / (2k)!, of the Euler-Maclaurin sum of Hurwitz' zeta function (as in Cephes' zeta.c).
ZETA = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000,
)  # fmt: skip


def hurwitz_zeta(s, x):
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


def polygamma_forward(n, x):
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
    infer=lambda n, x: Spec(np.broadcast_shapes(n.shape, x.shape), x.dtype),
)
def polygamma(n, x):
    """The n-th derivative of digamma, (-1)^(n+1) n! zeta(n + 1, x); NaN unless n is 0, 1, 2 ...

    Its derivative is polygamma(n + 1, x); there is none for n.
    """
    return polygamma_forward(n, x)


@polygamma.vjp("n x")
def _(g, out, n, x):
    return None, unbroadcast(multiply(g, polygamma(add(n, number(1, n)), x)), x)
