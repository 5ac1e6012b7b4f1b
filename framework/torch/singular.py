"""Functions whose slope at singular points is another one in PyTorch than in TensorFlow."""

from __future__ import annotations

import numpy as np

from framework.engine import ops
from framework.engine.op import Op, op
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.tensor import Tensor

NEVER = Tensor(np.array(False))


@op(*ops.power.samples, infer=ops.power.infer, same_dtype=True, register=False)
def power(x, y):
    """x^y; gradients y x^(y-1), 0 where y is 0, and x^y log x, 0 where x is 0 and y is not < 0."""
    return ops.power.forward(x, y)


@power.vjp("out x y")
def _(g, out, x, y, *, wants):
    dx = dy = None
    zero, one = number(0, x), number(1, x)
    if wants[0] and (wants[1] or y.array.ndim):
        is_zero = ops.equal(y, zero)
        less = ops.where(is_zero, one, ops.subtract(y, one))
        slope = ops.multiply(ops.multiply(g, y), power(x, less))
        dx = unbroadcast(ops.where(is_zero, zero, slope), x)
    elif wants[0] and y.array:
        dx = ops.multiply(ops.multiply(g, y), power(x, ops.subtract(y, one)))
    elif wants[0]:  # x^0: zeros, never -0, that nothing leads to
        dx = Tensor(np.zeros_like(x.array))
    if wants[1]:
        is_flat = ops.logical_and(ops.equal(x, zero), ops.greater_equal(y, zero))
        log_x = ops.where(is_flat, zero, ops.log(ops.where(is_flat, one, x)))
        dy = unbroadcast(ops.multiply(ops.multiply(g, out), log_x), y)
    return dx, dy


@op(*ops.sqrt.samples, infer=ops.sqrt.infer, register=False)
def sqrt(x):
    """Square root; derivative 1 / (2 sqrt(x)), so that 0 times the slope at 0 is NaN."""
    return ops.sqrt.forward(x)


@sqrt.vjp("out")
def _(g, out, x):
    return (ops.divide(g, ops.multiply(number(2, out), out)),)


def between(x: Tensor, *limits: Tensor, has_low: bool, has_high: bool) -> Tensor:
    """x limited by one or two tensors; of limits that cross, the upper."""
    low, high = limits[0], limits[-1]
    raised = ops.where(ops.less(x, low), low, x) if has_low else x
    return ops.where(ops.greater(raised, high), high, raised) if has_high else raised


def root(x: Tensor) -> Tensor:
    """sqrt(x) with slope 0 at 0."""
    is_zero = ops.equal(x, number(0, x))
    return ops.where(is_zero, x, ops.sqrt(ops.where(is_zero, number(1, x), x)))


def nan_mean(x: Tensor) -> Tensor:
    """NaN, with a gradient that is shared by the elements which are NaN."""
    is_nan = np.isnan(x.array)
    total = ops.sum(ops.where(Tensor(is_nan), x, number(0, x)))
    return ops.divide(total, number(int(is_nan.sum()), x))


def flat(op: Op):
    """The op with slope 0, where in TensorFlow it has no gradient."""

    def function(x: Tensor) -> Tensor:
        return ops.where(NEVER, x, op(x))

    function.__name__, function.__doc__ = op.name, f"{op.__doc__}; slope 0"
    return function
