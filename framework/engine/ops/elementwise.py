"""Elementwise ops: a scalar function is the kernel, a NumPy function the eager forward, a rule of ops the gradient.

Fourteen lines declare an op.  Scalar functions are plain Python that the compiler reads: a float literal takes the
kernel's dtype, `math.exp` and the like become the language's, and NaN must fall through every comparison.
"""

from __future__ import annotations

import math

import numpy as np

from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import unbroadcast

PAIRS = (
    Sample(((3, 4), (4,))),
    Sample(((3, 4), (3, 4))),
    Sample(((3, 1), (2, 1, 4))),
    Sample(((3, 4), ())),
)
NONZERO = Sample(((3, 4), (4,)), low=0.5), Sample(((3,), (3,)), low=0.5)
SAME, POSITIVE = Sample(((3, 4),)), Sample(((3, 4),), low=0.5)


@elementwise(np.add, *PAIRS)
def add(x, y):
    """x + y"""
    return x + y


@add.vjp()
def _(g, out, x, y):
    return unbroadcast(g, x), unbroadcast(g, y)


@elementwise(np.subtract, *PAIRS)
def subtract(x, y):
    """x - y"""
    return x - y


@subtract.vjp()
def _(g, out, x, y):
    return unbroadcast(g, x), unbroadcast(negative(g), y)


@elementwise(np.multiply, *PAIRS)
def multiply(x, y):
    """x y"""
    return x * y


@multiply.vjp("x y")
def _(g, out, x, y):
    return unbroadcast(multiply(g, y), x), unbroadcast(multiply(g, x), y)


@elementwise(np.divide, *NONZERO)
def divide(x, y):
    """x / y"""
    return x / y


@divide.vjp("x y")
def _(g, out, x, y):
    return unbroadcast(divide(g, y), x), unbroadcast(g * (-x / y / y), y)


@elementwise(np.negative, SAME)
def negative(x):
    """-x"""
    return -x


@negative.vjp()
def _(g, out, x):
    return (negative(g),)


@elementwise(np.tanh, SAME)
def tanh(x):
    """Hyperbolic tangent; d tanh(x)/dx = 1 - tanh(x)^2."""
    return math.tanh(x)


@tanh.vjp("y")
def _(g, y, x):
    return (g * (1.0 - y * y),)


@elementwise(np.exp, SAME)
def exp(x):
    """e^x; its derivative is itself."""
    return math.exp(x)


@exp.vjp("y")
def _(g, y, x):
    return (g * y,)


@elementwise(np.log, POSITIVE)
def log(x):
    """Natural logarithm; derivative 1 / x."""
    return math.log(x)


@log.vjp("x")
def _(g, out, x):
    return (g / x,)


@elementwise(np.sqrt, POSITIVE)
def sqrt(x):
    """Square root; derivative 1 / (2 sqrt(x))."""
    return math.sqrt(x)


@sqrt.vjp("y")
def _(g, y, x):
    return (g * 0.5 / y,)


@elementwise(np.square, SAME)
def square(x):
    """x^2; derivative 2 x."""
    return x * x


@square.vjp("x")
def _(g, out, x):
    return (g * (x * 2.0),)


@elementwise(lambda x: np.maximum(x, 0), Sample(((3, 4),), low=0.5), Sample(((3, 4),), high=-0.5))
def relu(x):
    """max(x, 0), NaN stays NaN; derivative 1 where x > 0, else 0."""
    return 0.0 if x <= 0.0 else x


@relu.vjp("y")
def _(g, y, x):
    return (relu_grad(g, y),)


@elementwise(
    lambda g, y: np.where(y > 0, g, g.dtype.type(0)),
    Sample(((3, 4), (3, 4)), low=0.5),
)
def relu_grad(g, y):
    """g where y > 0, else 0; constant in y."""
    return g if y > 0.0 else 0.0


@relu_grad.vjp("y")
def _(u, out, g, y):
    return relu_grad(u, y), None
