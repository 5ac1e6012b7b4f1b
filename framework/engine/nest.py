"""Nested structures (lists, tuples, namedtuples, dicts) of anything: flatten, pack again, map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def is_nested(value: Any) -> bool:
    """True for the containers that are walked into."""
    return isinstance(value, (list, tuple, dict))


def flatten(structure: Any) -> list:
    """The leaves, dicts in the order of their sorted keys."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def pack_sequence_as(structure: Any, leaves: list) -> Any:
    """`leaves` in the shape of `structure`."""
    if not is_nested(structure):
        if len(leaves) != 1:
            raise ValueError(f"pack_sequence_as: a single value needs 1 leaf, got {len(leaves)}")
        return leaves[0]
    count = len(flatten(structure))
    if count != len(leaves):
        raise ValueError(f"pack_sequence_as: the structure has {count} leaves, got {len(leaves)}")
    return _pack(structure, iter(leaves))


def _pack(structure: Any, leaves: Iterator) -> Any:
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return type(structure)((key, packed[key]) for key in structure)
    if isinstance(structure, (list, tuple)):
        parts = [_pack(part, leaves) for part in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*parts)
        return tuple(parts) if isinstance(structure, tuple) else parts
    return next(leaves)


def map_structure(function: Callable, *structures: Any) -> Any:
    """function applied leaf by leaf to structures of the same form."""
    leaves = [flatten(s) for s in structures]
    if len({len(flat) for flat in leaves}) > 1:
        raise ValueError(f"map_structure: structures have {[len(flat) for flat in leaves]} leaves")
    return pack_sequence_as(
        structures[0], [function(*parts) for parts in zip(*leaves, strict=True)]
    )


def form_of(structure: Any) -> Any:
    """The structure without its leaves; lists and tuples on top count alike."""
    if isinstance(structure, dict):
        return {key: form_of(structure[key]) for key in sorted(structure)}
    if isinstance(structure, (list, tuple)):
        return [form_of(part) for part in structure]
    return None
