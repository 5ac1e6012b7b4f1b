"""Functions of analysis, elementwise: powers, exponentials, logarithms, angles, erf."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import (
    NONZERO,
    POSITIVE,
    SAME,
    divide,
    multiply,
    negative,
    reciprocal,
    rsqrt,
    subtract,
)
from framework.engine.ops.logical import greater, where
from framework.engine.tensor import Spec, Tensor

WITHIN = Sample(((3, 4),), low=-0.9, high=0.9)


def power_forward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """np.power, which is slow for the exponents of formulas."""
    if not y.ndim and x.dtype.kind == "f":
        exponent = y.item()
        if exponent == 2.0:
            return np.square(x)
        if exponent == 3.0:
            return x * x * x
        if exponent == 0.5:
            return np.sqrt(x)
    return np.power(x, y)


@elementwise(power_forward, *NONZERO, Sample(((3, 4), ()), low=0.5))
def power(x: float, y: float) -> float:
    """x^y; gradients y x^(y-1) and x^y log x, the latter 0 where x <= 0."""
    if y == 2.0:  # ten times faster than the C library's pow
        return x * x
    return x if y == 1.0 else x**y


def see_powers(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """Powers of integers are left to NumPy: exact, and an error for negative exponents."""
    return (outs, inputs, attrs) if outs[0].dtype.kind == "f" else None


power.views = see_powers


@power.vjp("out x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    dx = dy = None
    if wants[0]:
        dx = unbroadcast(multiply(multiply(g, y), power(x, subtract(y, number(1, y)))), x)
    if wants[1]:
        one, zero = number(1, x), number(0, x)
        is_positive = greater(x, zero)  # no false singularity at 0
        log_x = where(is_positive, log(where(is_positive, x, one)), zero)
        dy = unbroadcast(multiply(multiply(g, out), log_x), y)
    return dx, dy


@elementwise(np.exp, SAME, floats_only=True)
def exp(x: float) -> float:
    """e^x; its derivative is itself."""
    return math.exp(x)


@exp.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (multiply(g, y),)


@elementwise(np.expm1, SAME, floats_only=True)
def expm1(x: float) -> float:
    """e^x - 1, exact near 0; derivative e^x."""
    return math.expm1(x)


@expm1.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, exp(x)),)


@elementwise(np.log, POSITIVE, floats_only=True)
def log(x: float) -> float:
    """Natural logarithm; derivative 1 / x."""
    return math.log(x)


@log.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, reciprocal(x)),)


@elementwise(np.log1p, POSITIVE, floats_only=True)
def log1p(x: float) -> float:
    """log(1 + x), exact near 0; derivative 1 / (1 + x)."""
    return math.log1p(x)


@log1p.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (divide(g, x + 1.0),)


@elementwise(np.sin, SAME, floats_only=True)
def sin(x: float) -> float:
    """Sine; derivative cos(x)."""
    return math.sin(x)


@sin.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, cos(x)),)


@elementwise(np.cos, SAME, floats_only=True)
def cos(x: float) -> float:
    """Cosine; derivative -sin(x)."""
    return math.cos(x)


@cos.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(negative(g), sin(x)),)


@elementwise(np.tan, WITHIN, floats_only=True)
def tan(x: float) -> float:
    """Tangent; derivative 1 / cos(x)^2."""
    return math.tan(x)


@tan.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    secant = reciprocal(cos(x))
    return (multiply(multiply(secant, secant), g),)


@elementwise(np.sinh, SAME, floats_only=True)
def sinh(x: float) -> float:
    """Hyperbolic sine; derivative cosh(x)."""
    return math.sinh(x)


@sinh.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, cosh(x)),)


@elementwise(np.cosh, SAME, floats_only=True)
def cosh(x: float) -> float:
    """Hyperbolic cosine; derivative sinh(x)."""
    return math.cosh(x)


@cosh.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, sinh(x)),)


@elementwise(np.tanh, SAME, floats_only=True)
def tanh(x: float) -> float:
    """Hyperbolic tangent; d tanh(x)/dx = 1 - tanh(x)^2."""
    return math.tanh(x)


@tanh.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (tanh_grad(g, y),)


@elementwise(lambda g, y: g * (1 - y * y), Sample(((3, 4), (3, 4))))
def tanh_grad(g: float, y: float) -> float:
    """g (1 - y^2): the gradient of y = tanh(x)."""
    return g * (1.0 - y * y)


@tanh_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    return tanh_grad(u, y), multiply(multiply(multiply(u, g), y), number(-2, y))


@elementwise(np.arcsin, WITHIN, floats_only=True)
def arcsin(x: float) -> float:
    """Inverse sine; derivative 1 / sqrt(1 - x^2)."""
    return math.asin(x)


@arcsin.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, rsqrt(1.0 - x * x)),)


@elementwise(np.arccos, WITHIN, floats_only=True)
def arccos(x: float) -> float:
    """Inverse cosine; derivative -1 / sqrt(1 - x^2)."""
    return math.acos(x)


@arccos.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (negative(multiply(g, rsqrt(1.0 - x * x))),)


@elementwise(np.arctan, SAME, floats_only=True)
def arctan(x: float) -> float:
    """Inverse tangent; derivative 1 / (1 + x^2)."""
    return math.atan(x)


@arctan.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (divide(g, x * x + 1.0),)


def horner(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """The polynomial in x, highest power first."""
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y *= x
        y += x.dtype.type(c)
    return y


# W. J. Cody, Rational Chebyshev approximations for the error function (1969), in the form of
# Cephes' ndtr.c
ERF_P = (
    9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
    7.00332514112805075473e3, 5.55923013010394962768e4,
)  # fmt: skip
ERF_Q = (
    1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
    2.26290000613890934246e4, 4.92673942608635921086e4,
)  # fmt: skip
ERFC_P = (
    2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
    4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
    9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
)  # fmt: skip
ERFC_Q = (
    1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
    9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
    1.65666309194161350182e3, 5.57535340817727675546e2,
)  # fmt: skip


def erf_forward(x: np.ndarray) -> np.ndarray:
    """erf in NumPy: small |x| by an odd rational function, large ones by 1 - erfc;
    computed in float64.
    """
    z = np.atleast_1d(x).astype(np.float64)
    small = np.clip(z, -1.0, 1.0)
    s = small * small
    y = small * horner(s, ERF_P) / horner(s, ERF_Q)
    is_large = np.abs(z) > 1.0
    if is_large.any():
        t = np.minimum(np.abs(z[is_large]), 6.0)  # erf(6) is 1 in float64
        tail = np.exp(-t * t) * horner(t, ERFC_P) / horner(t, ERFC_Q)
        y[is_large] = np.copysign(1.0 - tail, z[is_large])
    return np.where(np.isnan(z), z, y).astype(x.dtype).reshape(np.shape(x))


@elementwise(erf_forward, SAME, floats_only=True, kernel_from=64)
def erf(x: float) -> float:
    """Error function; derivative 2 / sqrt(pi) e^(-x^2)."""
    return math.erf(x)


@erf.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (
        multiply(g, multiply(exp(negative(multiply(x, x))), number(2 / math.sqrt(math.pi), x))),
    )
