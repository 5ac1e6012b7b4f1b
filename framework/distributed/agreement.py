"""Do all ranks hold the same thing? Asked before training: MPI answers with heap corruption."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.distributed.comm import comm
from framework.distributed.faults import ranks


class RankMismatchError(RuntimeError):
    """Ranks that should hold the same thing do not; raised on all of them."""


def entries(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested dicts, lists and tuples as (path, text); arrays by their contents."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from entries(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        yield path, f"{type(value).__name__} of {len(value)}"
        for i, part in enumerate(value):
            yield from entries(part, f"{path}[{i}]")
    elif isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        yield path, f"array of shape {value.shape}, {value.dtype}, sha256 {digest}"
    else:
        yield path, repr(value)


def difference(wanted: dict[str, str], got: dict[str, str], rank: int, others: int) -> str:
    """Where `got` (of `rank`) first differs from `wanted` (of rank `others`), in one line."""
    for path in [*wanted, *got]:
        if wanted.get(path) != got.get(path):
            here, there = (side.get(path, "nothing") for side in (got, wanted))
            return f"{path or 'value'} is {here} on rank {rank}, {there} on rank {others}"
    return "the order of entries differs"


def check_same(label: str, value: Any) -> None:
    """Raise RankMismatchError on every rank unless all hold the same `value`.

    `value`: nested dicts, lists and tuples of numbers, strings, arrays ...; what has no structure
    is compared by its repr. The message names the ranks that differ from the majority, and where.
    Costs one all-reduce of two numbers when all is well.
    """
    world = comm()
    if world.size == 1:
        return
    mine = list(entries(value))
    digest = int.from_bytes(hashlib.sha256(repr(mine).encode()).digest()[:7], "big")
    extremes = world.all_reduce(np.array([digest, -digest]), "max")
    if extremes[0] == -extremes[1]:  # the largest digest is the smallest: all are equal
        return
    digests = world.gather_object(digest)
    differ: list[int] = []
    if digests is not None:
        usual = Counter(digests).most_common(1)[0][0]
        differ = [r for r, d in enumerate(digests) if d != usual]
    differ = world.broadcast_object(differ)
    everything = world.gather_object(dict(mine))
    text = None
    if everything is not None:
        sound = next(r for r in range(world.size) if r not in differ)
        where = difference(everything[sound], everything[differ[0]], differ[0], sound)
        text = f"{label} differs on {ranks(differ)} of {world.size}: {where}"
    raise RankMismatchError(world.broadcast_object(text))
