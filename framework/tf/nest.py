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
    """func applied leaf by leaf to structures of the same form; check_types=False lets the kinds of
    their containers differ."""
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    for key in kwargs:
        if key not in ("check_types", "expand_composites"):
            raise ValueError(
                "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
                f"`{key}`"
            )
    for other in structure[1:]:
        nest.assert_same_structure(structure[0], other, kwargs.get("check_types", True))
    return nest.map_structure(func, *structure)


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """ValueError unless both have the same form; TypeError if only the kinds of their containers
    differ (unless check_types is False)."""
    nest.assert_same_structure(nest1, nest2, check_types)


def is_nested(seq: Any) -> bool:
    """True for lists, tuples and dicts."""
    return nest.is_nested(seq)


__getattr__ = door.lacking(__name__, globals())
