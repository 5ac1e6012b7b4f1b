"""tf.bitwise: integers bit by bit. They have no gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor


def on_integers(name: str, function: Callable, *inputs: Any) -> Tensor:
    """function of the inputs' values, which must be integers of one dtype."""
    first = tensor(inputs[0])
    xs = [first, *[tensor(x, None if isinstance(x, Tensor) else first.dtype) for x in inputs[1:]]]
    if any(x.dtype != first.dtype or not x.dtype.is_integer for x in xs):
        raise InvalidArgumentError(
            f"{name}: got {', '.join([x.dtype.name for x in xs])}, wanted integers of one dtype"
        )
    return Tensor(np.asarray(function(*[ops.value_of(name, x) for x in xs])))


def bitwise_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in both."""
    return on_integers("bitwise_and", np.bitwise_and, x, y)


def bitwise_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in one or both."""
    return on_integers("bitwise_or", np.bitwise_or, x, y)


def bitwise_xor(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in one of them."""
    return on_integers("bitwise_xor", np.bitwise_xor, x, y)


def invert(x: Any, name: str | None = None) -> Tensor:
    """The bits that are not set."""
    return on_integers("invert", np.invert, x)


def left_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x 2^y; 0 where no bit is left."""
    return on_integers("left_shift", np.left_shift, x, y)


def right_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / 2^y, rounded down."""
    return on_integers("right_shift", np.right_shift, x, y)


__getattr__ = door.lacking(__name__, globals())
