"""tf.bitwise: integers bit by bit. They have no gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor


def integers(name: str, *inputs: Any) -> list[Tensor]:
    """The inputs as tensors, which must be of integers of one dtype."""
    first = tensor(inputs[0])
    xs = [first, *[tensor(x, None if isinstance(x, Tensor) else first.dtype) for x in inputs[1:]]]
    if any(x.dtype != first.dtype or not x.dtype.is_integer for x in xs):
        raise InvalidArgumentError(
            f"{name}: got {', '.join([x.dtype.name for x in xs])}, wanted integers of one dtype"
        )
    return xs


def shifted(name: str, function: Callable, x: Any, y: Any) -> Tensor:
    """function of the values of x and y."""
    return Tensor(np.asarray(function(*[ops.value_of(name, v) for v in integers(name, x, y)])))


def bitwise_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in both."""
    return ops.bitwise_and(*integers("bitwise_and", x, y))


def bitwise_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in one or both."""
    return ops.bitwise_or(*integers("bitwise_or", x, y))


def bitwise_xor(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in one of them."""
    return ops.bitwise_xor(*integers("bitwise_xor", x, y))


def invert(x: Any, name: str | None = None) -> Tensor:
    """The bits that are not set."""
    return ops.bitwise_not(*integers("invert", x))


def left_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x 2^y; 0 where no bit is left."""
    return shifted("left_shift", np.left_shift, x, y)


def right_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / 2^y, rounded down."""
    return shifted("right_shift", np.right_shift, x, y)


__getattr__ = door.lacking(__name__, globals())
