"""The numbers in formulas, as Tensors of the dtype of the operand beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.tensor import Tensor, as_tensor

CONSTANTS: dict[tuple, Tensor] = {}  # made once


def operand(value: Any, like: np.dtype) -> Tensor:
    """The other operand, as a Tensor of the dtype `like`."""
    if type(value) is float or type(value) is int:
        key = (value, type(value), like)
        known = CONSTANTS.get(key)
        if known is None:
            known = plain_number(value, like)
            known.array.flags.writeable = False  # all who compute with this number share it
            if len(CONSTANTS) < 4096 and value == value:
                CONSTANTS[key] = known
        return known
    return as_tensor(value, None if isinstance(value, Tensor) else like)


def plain_number(value: float, like: np.dtype) -> Tensor:
    """A number of Python beside a tensor: what is too large for its floats is infinite."""
    if like.kind != "f":
        return as_tensor(value, like)
    with np.errstate(over="ignore"):
        return Tensor(np.array(float(value)).astype(like))


def number(value: float, like: Tensor) -> Tensor:
    """A constant of a formula in the dtype of `like`; for gradient rules."""
    return operand(value, like.array.dtype)
