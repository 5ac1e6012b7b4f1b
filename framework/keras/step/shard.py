"""Which rows of the global batch this process works on.

Losses divide by the count of the *global* batch and random ops number their rows by it, so a sum
over the ranks is what one process would have computed. Where a step is the user's own, losses are
means over the rank's own rows instead, and what ranks add up is weighted by their rows: the same
for means. Outside of a step a batch is whole.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """Rows start ... start + local of a global batch of `total` rows; total None: the batch is
    whole.

    is_global: a loss is this rank's share of the global one; False: it is the rank's own mean.
    is_reduced: the gradients of this step are sums over the ranks already.
    """

    start: int = 0
    local: int = 0
    total: int | None = None
    is_global: bool = True
    is_reduced: bool = False

    @property
    def is_split(self) -> bool:
        """Whether other ranks have rows of this batch."""
        return self.total is not None and self.total != self.local

    @property
    def part(self) -> float:
        """The part of the batch's rows that is here."""
        return self.local / self.total if self.total else 1.0

    def global_count(self, count: int) -> float:
        """By what a sum of `count` numbers is divided for the mean: all ranks' numbers are as many
        per row as here.
        """
        if not self.is_global or not self.is_split:
            return count * 1.0
        return count / self.part if self.local else float(self.total or 1)


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


def first_row(rows: int) -> int:
    """The number, among those of the global batch, of the first of `rows` rows of a tensor: a
    sample may have become several rows."""
    here = current()
    return here.start * rows // here.local if here.local else 0
