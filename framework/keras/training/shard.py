"""Which rows of the global batch this process works on.

Losses divide by the count of the *global* batch and random ops number their rows by it, so a sum
over the ranks is what
one process would have computed. Outside of a step a batch is whole.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """Rows start ... start + local of a global batch of `total` rows; total None: the batch is
    whole."""

    start: int = 0
    local: int | None = None
    total: int | None = None

    def global_count(self, count: int, rows: int) -> float:
        """The global count of elements, given that the local `rows` hold `count` of them."""
        if self.total is None or self.local == self.total or rows != self.local:
            return float(count)
        return float(count) / rows * self.total if rows else float(self.total)


class Current(threading.local):
    """The shard of this thread."""

    shard = Shard()


CURRENT = Current()


def current() -> Shard:
    """The shard that is being worked on."""
    return CURRENT.shard


@contextlib.contextmanager
def using(shard: Shard) -> Iterator[None]:
    """Work on `shard` within this block."""
    outer, CURRENT.shard = CURRENT.shard, shard
    try:
        yield
    finally:
        CURRENT.shard = outer
