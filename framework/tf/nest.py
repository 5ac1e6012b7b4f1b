"""tf.nest: structures of lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine import door, nest


def flatten(structure: Any, expand_composites: bool = False) -> list:
    """The leaves, dicts in the order of their sorted keys."""
    return nest.flatten(structure)


def pack_sequence_as(structure: Any, flat_sequence: list, expand_composites: bool = False) -> Any:
    """The leaves `flat_sequence` in the form of `structure`."""
    return nest.pack_sequence_as(structure, flat_sequence)


def map_structure(func: Callable, *structure: Any, **kwargs: Any) -> Any:
    """func applied leaf by leaf to structures of the same form."""
    return nest.map_structure(func, *structure)


__getattr__ = door.lacking(__name__, globals())
