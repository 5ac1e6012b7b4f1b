"""Special functions, elementwise: inverse hyperbolic functions, error functions,
quotients and products that are 0 where a formula says 0 times something.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.ops.create import cast
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
from framework.engine.ops.normal import CENTRE_P, CENTRE_Q, FAR_P, FAR_Q, TAIL_P, TAIL_Q
from framework.engine.tensor import Tensor


@elementwise(np.arccosh, Sample(((3, 4),), low=1.5, high=4.0), floats_only=True)
def arccosh(x: float) -> float:
    """Inverse hyperbolic cosine y, of x >= 1; derivative 1 / sinh(y)."""
    return math.acosh(x)


@arccosh.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (divide(g, sinh(y)),)


@elementwise(np.arcsinh, SAME, floats_only=True)
def arcsinh(x: float) -> float:
    """Inverse hyperbolic sine y; derivative 1 / cosh(y)."""
    return math.asinh(x)


@arcsinh.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (divide(g, cosh(y)),)


@elementwise(np.arctanh, WITHIN, floats_only=True)
def arctanh(x: float) -> float:
    """Inverse hyperbolic tangent, of |x| <= 1; derivative 1 / (1 - x^2)."""
    return math.atanh(x)


@arctanh.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, reciprocal(subtract(number(1, x), square(x)))),)


@elementwise(np.arctan2, *NONZERO, Sample(((3, 4), (3, 4))), floats_only=True)
def arctan2(y: float, x: float) -> float:
    """The angle of the point (x, y) in (-pi, pi]; gradients x / (x^2 + y^2), -y / (x^2 + y^2)."""
    return math.atan2(y, x)


@arctan2.vjp("y x")
def _(g: Tensor, out: Tensor, y: Tensor, x: Tensor, *, wants: list[bool]) -> tuple:
    scaled = divide(g, add(square(y), square(x)))
    return (
        unbroadcast(multiply(x, scaled), y) if wants[0] else None,
        unbroadcast(multiply(negative(y), scaled), x) if wants[1] else None,
    )


@elementwise(lambda x, y: np.where(y == 0, np.zeros_like(x), x / y), *NONZERO)
def divide_no_nan(x: float, y: float) -> float:
    """x / y, 0 where y is 0."""
    return 0.0 if y == 0.0 else x / y


@divide_no_nan.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(divide_no_nan(g, y), x) if wants[0] else None,
        unbroadcast(multiply(g, divide_no_nan(divide_no_nan(negative(x), y), y)), y)
        if wants[1]
        else None,
    )


@elementwise(lambda x, y: np.where(y == 0, np.zeros_like(x), x * y), *PAIRS, floats_only=True)
def multiply_no_nan(x: float, y: float) -> float:
    """x y, 0 where y is 0, whatever x is."""
    return 0.0 if y == 0.0 else x * y


@multiply_no_nan.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(multiply_no_nan(g, y), x) if wants[0] else None,
        unbroadcast(multiply_no_nan(x, g), y) if wants[1] else None,
    )


def is_nonzero(x: Tensor) -> Tensor:
    """1 where x is not 0, else 0."""
    return cast(not_equal(x, number(0, x)), dtype=x.array.dtype.name)


@elementwise(lambda x, y: np.where(x == 0, np.zeros_like(x), x / y), *NONZERO, floats_only=True)
def xdivy(x: float, y: float) -> float:
    """x / y, 0 where x is 0."""
    return 0.0 if x == 0.0 else x / y


@xdivy.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(multiply(g, xdivy(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(negative(x), square(y))), y) if wants[1] else None,
    )


@elementwise(
    lambda x, y: np.where(x == 0, np.zeros_like(x), x * np.log(y)), *NONZERO, floats_only=True
)
def xlogy(x: float, y: float) -> float:
    """x log y, 0 where x is 0; gradients log y (0 where x is 0) and x / y."""
    return 0.0 if x == 0.0 else x * math.log(y)


@xlogy.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(multiply(g, xlogy(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(x, y)), y) if wants[1] else None,
    )


@elementwise(
    lambda x, y: np.where(x == 0, np.zeros_like(x), x * np.log1p(y)), *NONZERO, floats_only=True
)
def xlog1py(x: float, y: float) -> float:
    """x log(1 + y), 0 where x is 0; gradients log(1 + y) (0 where x is 0) and x / (1 + y)."""
    return 0.0 if x == 0.0 else x * math.log1p(y)


@xlog1py.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(multiply(g, xlog1py(is_nonzero(x), y)), x) if wants[0] else None,
        unbroadcast(multiply(g, xdivy(x, add(y, number(1, y)))), y) if wants[1] else None,
    )


def by_element(function: Callable) -> Callable:
    """The forward that calls a function of the C library for each element (0.1 us)."""
    each = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(each(x.astype(np.float64))).astype(x.dtype)


@elementwise(by_element(math.erfc), SAME, floats_only=True, kernel_from=64)
def erfc(x: float) -> float:
    """1 - erf(x), exact for large x; derivative -2 / sqrt(pi) e^(-x^2)."""
    return math.erfc(x)


@erfc.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    slope = multiply(g, number(-2 / math.sqrt(math.pi), g))
    return (multiply(slope, exp(negative(square(x)))),)


def erfinv_forward(x: np.ndarray) -> np.ndarray:
    """The quantile of the normal distribution at (1 + x) / 2, divided by sqrt(2); in float64."""
    z = np.atleast_1d(x).astype(np.float64)
    q = 0.5 * np.clip(z, -0.85, 0.85)
    r = 0.180625 - q * q
    y = q * horner(r, CENTRE_P) / horner(r, CENTRE_Q)
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


@elementwise(erfinv_forward, WITHIN, Sample(((3, 4),), low=-0.999, high=0.999), floats_only=True)
def erfinv(x: float) -> float:
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
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (multiply(multiply(g, number(math.sqrt(math.pi) / 2, g)), exp(square(y))),)
