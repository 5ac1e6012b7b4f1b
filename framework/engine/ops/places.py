"""Variables written at some places: v[1:3].assign(x), v.scatter_nd_add(indices, updates)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.ops.broadcast import broadcast_to, reshape
from framework.engine.ops.elementwise import add, negative
from framework.engine.ops.index import getitem_of, is_mask
from framework.engine.ops.scatter import (
    gather_nd,
    put_largest,
    put_rows,
    put_smallest,
    scatter_into,
    scatter_nd,
)
from framework.engine.tensor import Tensor, as_tensor
from framework.engine.variable import Variable

PUTS = {"update": put_rows, "max": put_largest, "min": put_smallest}


class Part(Tensor):
    """variable[key]: a tensor whose `assign` writes there."""

    __slots__ = ("_key", "_variable")

    def __init__(self, value: Tensor, variable: Variable, key: Any):
        super().__init__(value.array, value.id)
        self._variable, self._key = variable, key

    def assign(self, value: Any, name: str | None = None) -> Variable:
        """Write `value`, broadcast to the shape of the part, into the Variable; returns that."""
        shape = tuple(self._variable.array.shape)
        places = np.arange(self._variable.array.size).reshape(shape)[numbers(self._key)]
        value = as_tensor(value, self._variable.dtype)
        try:
            values = broadcast_to(value, shape=places.shape)
        except ValueError:
            raise InvalidArgumentError(
                f"assign: a value of shape {tuple(value.shape)} does not fit a part of shape "
                f"{places.shape}"
            ) from None
        flat = reshape(self._variable.read_value(), shape=(self._variable.array.size,))
        rows = Tensor(places.reshape(-1, 1))
        written = scatter_into(put_rows, flat, rows, reshape(values, shape=(places.size,)))
        return self._variable.assign(reshape(written, shape=shape))


def numbers(key: Any) -> Any:
    """A key for NumPy: scalar tensors in it as numbers."""
    if isinstance(key, tuple):
        return tuple([numbers(part) for part in key])
    return int(key) if isinstance(key, Tensor) else key


def part_of(variable: Variable, key: Any) -> Tensor:
    """variable[key], which can be assigned unless key is a mask."""
    value = getitem_of(variable, key)
    return value if is_mask(key) else Part(value, variable, key)


def writer(how: str) -> Callable:
    """The method of Variable that writes updates[i] at the coordinates indices[i]."""

    def method(variable, indices, updates, name=None):
        indices, updates = as_tensor(indices), as_tensor(updates, variable.dtype)
        x = variable.read_value()
        if how in PUTS:
            return variable.assign(scatter_into(PUTS[how], x, indices, updates))
        signed = negative(updates) if how == "sub" else updates
        added = scatter_nd(indices, signed, shape=tuple(variable.array.shape))
        return variable.assign(add(x, added))

    method.__name__ = f"scatter_nd_{how}"
    method.__doc__ = (
        f"Values of the Variable, at the coordinates indices[i]: {how} by updates[i]. Returns the "
        "Variable."
    )
    return method


def gathered(variable: Variable, indices: Any, name: str | None = None) -> Tensor:
    """The values at the coordinates indices[i]."""
    return gather_nd(variable, as_tensor(indices))


def bind() -> None:
    """Give Variable the methods that read and write places."""
    setattr(Variable, "__getitem__", part_of)  # noqa: B010
    gathered.__name__ = "gather_nd"
    setattr(Variable, "gather_nd", gathered)  # noqa: B010
    for how in ("add", "sub", *PUTS):
        setattr(Variable, f"scatter_nd_{how}", writer(how))
