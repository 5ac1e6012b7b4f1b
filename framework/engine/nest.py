"""Nested structures (lists, tuples, namedtuples, dicts) of anything: flatten, pack again, map."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
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
        made = copy.copy(structure)  # of its class, in its order; a defaultdict has its factory
        for key in sorted(structure):
            made[key] = _pack(structure[key], leaves)
        return made
    if isinstance(structure, (list, tuple)):
        parts = [_pack(part, leaves) for part in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*parts)
        return tuple(parts) if isinstance(structure, tuple) else parts
    return next(leaves)


def assert_same_structure(a: Any, b: Any, check_types: bool = True) -> None:
    """ValueError unless both have the same form; TypeError if only the kinds of their containers
    differ (unless check_types is False)."""
    try:
        _compare(a, b, check_types)
    except (ValueError, TypeError) as error:
        dots_a, dots_b = [_dotted(s) for s in (a, b)]
        raise type(error)(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {_told(a)}\n\nSecond structure: {_told(b)}\n\n"
            f"More specifically: {error}\n"
            f"Entire first structure:\n{dots_a}\nEntire second structure:\n{dots_b}"
        ) from None


def _told(x: Any) -> str:
    return f"type={type(x).__name__} str={x}"


def _dotted(structure: Any) -> str:
    """The form alone: [., {'a': .}]"""
    if not is_nested(structure):
        return "."
    return repr(pack_sequence_as(structure, [_Dot()] * len(flatten(structure))))


class _Dot:
    def __repr__(self) -> str:
        return "."


def _compare(a: Any, b: Any, check_types: bool) -> None:
    if is_nested(a) != is_nested(b):
        first, second = (a, b) if is_nested(a) else (b, a)
        raise ValueError(
            f'Substructure "{_told(first)}" is a sequence, while substructure "{_told(second)}" '
            "is not"
        )
    if not is_nested(a):
        return
    if len(a) != len(b):
        raise ValueError(
            "The two structures don't have the same number of elements. First structure: "
            f"{_told(a)}. Second structure: {_told(b)}"
        )
    for x, y in _parts_of_both(a, b, check_types):
        _compare(x, y, check_types)


def _parts_of_both(a: Any, b: Any, check_types: bool) -> Iterable[tuple]:
    are_dicts = isinstance(a, dict) and isinstance(b, dict)
    if check_types and type(a) is not type(b) and not are_dicts:
        raise TypeError(
            "The two namedtuples don't have the same sequence type. First structure "
            f"{_told(a)} has type {type(a).__name__}, while second structure {_told(b)} has type "
            f"{type(b).__name__}"
        )
    if not are_dicts:
        return zip(*[s.values() if isinstance(s, dict) else s for s in (a, b)], strict=True)
    if set(a) != set(b):
        raise ValueError(
            "The two dictionaries don't have the same set of keys. First structure has keys "
            f"{_told(list(a))}, while second structure has keys {_told(list(b))}"
        )
    return [(a[key], b[key]) for key in a]


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
