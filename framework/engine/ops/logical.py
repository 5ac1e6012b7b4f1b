"""Comparisons, logic, choices and clipping:
outputs without a gradient, and the ops that choose by them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dimension import broadcast_shapes
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, elementwise
from framework.engine.ops.broadcast import unbroadcast
from framework.engine.ops.constants import number
from framework.engine.tensor import Spec, Tensor

PAIRS = Sample(((3, 4), (4,))), Sample(((3, 1), (2, 1, 4)), dtypes=(np.int32, np.int32))
TESTED = {"dtype": bool, "is_differentiable": False}
BOOLS = Sample(((3, 4), (4,)), dtypes=(bool, bool))


@elementwise(np.less, *PAIRS, **TESTED)
def less(x: float, y: float) -> bool:
    """x < y, as bool."""
    return x < y


@elementwise(np.less_equal, *PAIRS, **TESTED)
def less_equal(x: float, y: float) -> bool:
    """x <= y, as bool."""
    return x <= y


@elementwise(np.greater, *PAIRS, **TESTED)
def greater(x: float, y: float) -> bool:
    """x > y, as bool."""
    return x > y


@elementwise(np.greater_equal, *PAIRS, **TESTED)
def greater_equal(x: float, y: float) -> bool:
    """x >= y, as bool."""
    return x >= y


@elementwise(np.equal, *PAIRS, BOOLS, **TESTED)
def equal(x: float, y: float) -> bool:
    """x == y, as bool."""
    return x == y


@elementwise(np.not_equal, *PAIRS, BOOLS, **TESTED)
def not_equal(x: float, y: float) -> bool:
    """x != y, as bool."""
    return x != y


@elementwise(np.logical_and, BOOLS, **TESTED)
def logical_and(x: bool, y: bool) -> bool:
    """x and y"""
    return x and y


@elementwise(np.logical_or, BOOLS, **TESTED)
def logical_or(x: bool, y: bool) -> bool:
    """x or y"""
    return x or y


@elementwise(np.logical_xor, BOOLS, **TESTED)
def logical_xor(x: bool, y: bool) -> bool:
    """x or y, not both."""
    return x != y


@elementwise(np.logical_not, Sample(((3, 4),), dtypes=(bool,)), **TESTED)
def logical_not(x: bool) -> bool:
    """not x"""
    return not x


INTEGERS = Sample(((3, 4), (4,)), dtypes=(np.int32, np.int32), top=9)


@elementwise(np.bitwise_and, INTEGERS, is_differentiable=False)
def bitwise_and(x: int, y: int) -> int:
    """The bits that are set in x and in y, of integers."""
    return x & y


@elementwise(np.bitwise_or, INTEGERS, is_differentiable=False)
def bitwise_or(x: int, y: int) -> int:
    """The bits that are set in x or in y, of integers."""
    return x | y


@elementwise(np.bitwise_xor, INTEGERS, is_differentiable=False)
def bitwise_xor(x: int, y: int) -> int:
    """The bits that are set in x or in y, not in both, of integers."""
    return x ^ y


@elementwise(np.invert, Sample(((3, 4),), dtypes=(np.int32,), top=9), is_differentiable=False)
def bitwise_not(x: int) -> int:
    """Every bit of the integer x turned: -x - 1 of signed ones."""
    return ~x


@elementwise(np.isnan, Sample(((3, 4),)), **TESTED)
def isnan(x: float) -> bool:
    """True where x is NaN."""
    return x != x


@elementwise(np.isinf, Sample(((3, 4),)), **TESTED)
def isinf(x: float) -> bool:
    """True where x is infinite."""
    return x == x and x - x != 0.0


@elementwise(np.isfinite, Sample(((3, 4),)), **TESTED)
def isfinite(x: float) -> bool:
    """True where x is neither NaN nor infinite."""
    return x - x == 0.0


def check_choice(condition: np.ndarray | Spec, x: np.ndarray | Spec, y: np.ndarray | Spec) -> None:
    """Raise unless `condition` is bool and x and y have one dtype."""
    if condition.dtype.kind != "b":
        raise InvalidArgumentError(
            f"where: condition has dtype {condition.dtype.name}, wanted bool"
        )
    if x.dtype != y.dtype:
        raise InvalidArgumentError(
            f"where: x is {x.dtype.name} and y is {y.dtype.name}; cast one of them"
        )


WORDS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def choose(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """np.where for large arrays of floats without branches, by bits:
    a mispredicted branch costs 10 times a choice.
    """
    word = WORDS.get(x.dtype) if condition.size >= 4096 else None
    if word is None:
        return np.where(condition, x, y)
    mask = np.multiply(condition, word(-1))  # all bits set where the condition holds
    x, y = x.view(word), y.view(word)
    return (((x ^ y) & mask) ^ y).view(WORDS_OF[word])


WORDS_OF = {word: dtype for dtype, word in WORDS.items()}


def where_forward(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    check_choice(condition, x, y)
    return choose(condition, x, y)


def infer_where(condition: Spec, x: Spec, y: Spec) -> Spec:
    check_choice(condition, x, y)
    return Spec(broadcast_shapes(condition.shape, x.shape, y.shape), x.dtype)


@elementwise(
    where_forward,
    Sample(((3, 4), (3, 4), (4,)), dtypes=(bool,)),
    Sample(((4,), (3, 4), ()), dtypes=(bool,)),
    Sample(((3, 4), (), ()), dtypes=(bool,)),
    Sample(((3, 4), (3, 4), (3, 4)), dtypes=(bool,)),
    infer=infer_where,
    same_dtype=False,
    kernel_from=32768,
    is_exact=True,
)
def where(condition: bool, x: float, y: float) -> float:
    """x where condition holds, else y; each gets the gradient where it was chosen."""
    return x if condition else y


@where.vjp("condition")
def _(
    g: Tensor, out: Tensor, condition: Tensor, x: Tensor, y: Tensor, *, wants: list[bool]
) -> tuple:
    zero = number(0, g)
    return (
        None,
        unbroadcast(where(condition, g, zero), x) if wants[1] else None,
        unbroadcast(where(condition, zero, g), y) if wants[2] else None,
    )


@elementwise(
    lambda x, *, x_min, x_max: np.maximum(np.minimum(x, x_max), x_min),
    Sample(((3, 4),), {"x_min": -1.0, "x_max": 1.5}),
)
def clip(x: float, *, x_min: Any, x_max: Any) -> float:
    """max(min(x, x_max), x_min): x_min everywhere if it is the larger; slope 1 inside and at the
    bounds, 0 outside and at NaN.
    """
    below = x_max if x > x_max else x
    return x_min if below < x_min else below


@clip.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor, *, x_min: Any, x_max: Any) -> tuple:
    low, high = number(x_min, x), number(x_max, x)
    is_inside = logical_and(greater_equal(x, low), less_equal(x, high))
    return (where(is_inside, g, number(0, g)),)
