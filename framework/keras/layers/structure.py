"""Nested arguments of layers: what stands in them, and the shapes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.engine import nest
from framework.engine.tensor import Tensor


def leaves(value: Any) -> Iterator[Any]:
    """What stands in nested lists, tuples and dicts, in their order."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    else:
        yield value


def has_arrays(structure: Any) -> bool:
    """True if a tensor or an array is among the leaves (lists of plain numbers stay lists)."""
    return any(isinstance(x, (Tensor, np.ndarray)) for x in leaves(structure))


def shapes_of(x: Any) -> Any:
    """The shapes of the tensors in a structure, as tuples."""
    return nest.map_structure(lambda t: tuple(t.shape), x)


def to_shape(value: Any) -> Any:
    """Lists of dimensions, from a file, as tuples."""
    if not isinstance(value, (list, tuple)):
        return value
    if all(n is None or isinstance(n, int) for n in value):
        return tuple(value)
    return [to_shape(v) for v in value]
