"""Arithmetic: a scalar function is the kernel, a NumPy function the eager forward, a rule of ops
the gradient.

Fourteen lines declare an op.  Scalar functions are plain Python that the compiler reads: a float
literal takes the kernel's dtype, `math.exp` and the like become the language's, and NaN must fall
through every comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from framework.engine.dimension import broadcast_shapes
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import unbroadcast, zeros_like
from framework.engine.ops.constants import number
from framework.engine.ops.logical import (
    choose,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    where,
)
from framework.engine.tensor import Spec, Tensor

PAIRS = (
    Sample(((3, 4), (4,))),
    Sample(((3, 4), (3, 4))),
    Sample(((3, 1), (2, 1, 4))),
    Sample(((3, 4), ())),
)
NONZERO = Sample(((3, 4), (4,)), low=0.5), Sample(((3,), (3,)), low=0.5)
PAIR = Sample(((3, 4), (3, 4)), low=0.5)
SAME, POSITIVE = Sample(((3, 4),)), Sample(((3, 4),), low=0.5)


def of_nonzero(function: Callable) -> Callable:
    """A division by whole numbers that refuses the divisor 0; NumPy would give 0."""

    def divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if y.dtype.kind in "iu" and not np.all(y):
            raise InvalidArgumentError("Integer division by zero")
        return function(x, y)

    return divide


@elementwise(np.add, *PAIRS, is_exact=True)
def add(x: float, y: float) -> float:
    """x + y"""
    return x + y


@add.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return unbroadcast(g, x) if wants[0] else None, unbroadcast(g, y) if wants[1] else None


@elementwise(np.subtract, *PAIRS, is_exact=True)
def subtract(x: float, y: float) -> float:
    """x - y"""
    return x - y


@subtract.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return unbroadcast(g, x) if wants[0] else None, unbroadcast(negative(g), y) if wants[
        1
    ] else None


@elementwise(np.multiply, *PAIRS, is_exact=True)
def multiply(x: float, y: float) -> float:
    """x y"""
    return x * y


@multiply.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(multiply(g, y), x) if wants[0] else None,
        unbroadcast(multiply(g, x), y) if wants[1] else None,
    )


def infer_divide(x: Spec, y: Spec) -> Spec:
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    return Spec(broadcast_shapes(x.shape, y.shape), dtype)


@elementwise(np.divide, *NONZERO, infer=infer_divide, is_exact=True)
def divide(x: float, y: float) -> float:
    """x / y; of integers in float64."""
    return x / y


@divide.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    return (
        unbroadcast(divide(g, y), x) if wants[0] else None,
        unbroadcast(multiply(g, divide(divide(negative(x), y), y)), y) if wants[1] else None,
    )


@elementwise(of_nonzero(np.floor_divide), *NONZERO, is_differentiable=False)
def floor_divide(x: float, y: float) -> float:
    """(x - mod(x, y)) / y, which of floats need not be the rounded x / y rounded down; no
    gradient.
    """
    return x // y


@elementwise(lambda x, y: np.floor(x / y), *NONZERO, is_differentiable=False, floats_only=True)
def floor_quotient(x: float, y: float) -> float:
    """floor(x / y) of floats, x / y rounded first: 2.0 and 0.4 give 5; no gradient."""
    return math.floor(x / y)


remainder = of_nonzero(np.mod)


@elementwise(lambda x, y, *, is_exact=False: remainder(x, y), *NONZERO)
def mod(x: float, y: float, *, is_exact: bool = False) -> float:
    """x - floor(x / y) y: the sign of y; gradients g and -g n, n the floor_quotient, or the
    floor_divide if is_exact.
    """
    return x % y


@mod.vjp("x y")
def _(
    g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool], is_exact: bool = False
) -> tuple:
    count = floor_divide if is_exact else floor_quotient
    return (
        unbroadcast(g, x) if wants[0] else None,
        unbroadcast(negative(multiply(g, count(x, y))), y) if wants[1] else None,
    )


@elementwise(lambda x, y: np.square(x - y), *PAIRS)
def squared_difference(x: float, y: float) -> float:
    """(x - y)^2; gradients 2 (x - y) and -2 (x - y)."""
    return (x - y) * (x - y)


@squared_difference.vjp("x y")
def _(g: Tensor, out: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]) -> tuple:
    dx = multiply(multiply(g, number(2, x)), subtract(x, y))
    return unbroadcast(dx, x) if wants[0] else None, unbroadcast(negative(dx), y) if wants[
        1
    ] else None


def check_ties(ties: str) -> None:
    if ties not in ("first", "split"):
        raise ValueError(f"ties: got {ties!r}, wanted 'first' or 'split'")


def pick_gradient(
    g: Tensor, x: Tensor, y: Tensor, wants: list, ties: str, larger: Callable, strictly: Callable
) -> tuple:
    """The gradients of maximum and minimum: all to the chosen one;
    a tie to the first, or half to each.
    """
    check_ties(ties)
    zero = number(0, x)
    if ties == "first":
        mask = larger(x, y)
        return (
            unbroadcast(where(mask, g, zero), x) if wants[0] else None,
            unbroadcast(where(mask, zero, g), y) if wants[1] else None,
        )
    shared = where(equal(x, y), multiply(g, number(0.5, g)), zero)
    return (
        unbroadcast(where(strictly(x, y), g, shared), x) if wants[0] else None,
        unbroadcast(where(strictly(y, x), g, shared), y) if wants[1] else None,
    )


@elementwise(
    lambda x, y, *, ties="first": np.maximum(x, y),
    *PAIRS,
    Sample(((3, 4), (4,)), {"ties": "split"}),
)
def maximum(x: float, y: float, *, ties: str = "first") -> float:
    """max(x, y), NaN if one is; a tie's gradient goes to x, or half to each with ties="split"."""
    return x if x >= y or x != x else y


@maximum.vjp("x y")
def _(g, out, x, y, *, wants, ties="first"):
    return pick_gradient(g, x, y, wants, ties, greater_equal, greater)


@elementwise(
    lambda x, y, *, ties="first": np.minimum(x, y),
    *PAIRS,
    Sample(((3, 4), (4,)), {"ties": "split"}),
)
def minimum(x: float, y: float, *, ties: str = "first") -> float:
    """min(x, y), NaN if one is; a tie's gradient goes to x, or half to each with ties="split"."""
    return x if x <= y or x != x else y


@minimum.vjp("x y")
def _(g, out, x, y, *, wants, ties="first"):
    return pick_gradient(g, x, y, wants, ties, less_equal, less)


@elementwise(np.negative, SAME, is_exact=True)
def negative(x: float) -> float:
    """-x"""
    return -x


@negative.vjp()
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (negative(g),)


@elementwise(np.abs, SAME)
def abs_(x: float) -> float:
    """|x|; derivative sign(x)."""
    return abs(x)


@abs_.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, sign(x)),)


@elementwise(np.sign, SAME)
def sign(x: float) -> float:
    """-1, 0 or 1, NaN stays NaN; the gradient is zeros."""
    return 1.0 if x > 0 else -1.0 if x < 0 else x


@sign.vjp()
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (zeros_like(x),)


@elementwise(np.square, SAME, is_exact=True)
def square(x: float) -> float:
    """x^2; derivative 2 x."""
    return x * x


@square.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (multiply(g, multiply(x, number(2, x))),)


@elementwise(np.reciprocal, POSITIVE, floats_only=True)
def reciprocal(x: float) -> float:
    """1 / x; derivative -1 / x^2."""
    return 1.0 / x


@reciprocal.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (reciprocal_grad(g, y),)


@elementwise(lambda g, y: choose(g == 0, g, -y * g * y), PAIR)
def reciprocal_grad(g: float, y: float) -> float:
    """-g y^2, 0 where g = 0: the gradient of y = 1 / x."""
    return g if g == 0.0 else -y * g * y


@reciprocal_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    return reciprocal_grad(u, y), multiply(multiply(multiply(u, number(-2, y)), g), y)


@elementwise(np.sqrt, POSITIVE, floats_only=True)
def sqrt(x: float) -> float:
    """Square root; derivative 1 / (2 sqrt(x)); 0 times the slope at 0 is 0."""
    return math.sqrt(x)


@sqrt.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (sqrt_grad(g, y),)


@elementwise(
    lambda g, y: choose(g == 0, g, 0.5 * g / y),
    PAIR,
)
def sqrt_grad(g: float, y: float) -> float:
    """g / (2 y), 0 where g = 0."""
    return g if g == 0.0 else 0.5 * g / y


@sqrt_grad.vjp("out y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    slope = divide(u, y)
    return multiply(slope, number(0.5, y)), negative(multiply(slope, out))


@elementwise(lambda x: 1 / np.sqrt(x), POSITIVE, floats_only=True)
def rsqrt(x: float) -> float:
    """1 / sqrt(x); derivative -x^(-3/2) / 2."""
    return 1.0 / math.sqrt(x)


@rsqrt.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (rsqrt_grad(g, y),)


@elementwise(lambda g, y: choose(g == 0, g, -0.5 * (g * y) * (y * y)), PAIR)
def rsqrt_grad(g: float, y: float) -> float:
    """-g y^3 / 2, 0 where g = 0: the gradient of y = 1 / sqrt(x)."""
    return g if g == 0.0 else -0.5 * (g * y) * (y * y)


@rsqrt_grad.vjp("g y")
def _(u: Tensor, out: Tensor, g: Tensor, y: Tensor) -> tuple:
    return rsqrt_grad(u, y), multiply(multiply(multiply(u, number(-1.5, y)), g), square(y))


@elementwise(np.floor, SAME, is_differentiable=False)
def floor(x: float) -> float:
    """The largest integer <= x; no gradient."""
    return math.floor(x)


@elementwise(np.ceil, SAME, is_differentiable=False)
def ceil(x: float) -> float:
    """The smallest integer >= x; no gradient."""
    return math.ceil(x)


@elementwise(np.rint, SAME, is_differentiable=False)
def round_(x: float) -> float:
    """The nearest integer, halves to the even one; no gradient."""
    return rint(x)
