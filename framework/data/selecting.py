"""Stages that choose among the elements of their input: shuffle, repeat, take, skip, shard,
cache."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from framework.data.element import number
from framework.data.sources import Draws
from framework.data.stage import INFINITE, UNKNOWN, Selector, Stage
from framework.engine.errors import InvalidArgumentError

BLOCK = 1024  # random places are drawn so many at a time


class Shuffle(Selector):
    """Draws each element at random from a buffer of the next `buffer_size` ones."""

    label = "_ShuffleDataset"

    def __init__(self, source: Stage, buffer_size: Any, seed: Any, reshuffle: bool | None):
        super().__init__(source)
        self.size = number(buffer_size, "buffer_size")
        if self.size < 1 and self.size != UNKNOWN:
            raise InvalidArgumentError(
                "buffer_size must be greater than zero or UNKNOWN_CARDINALITY"
            )
        self.draws = Draws(seed, reshuffle is not False)

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """All, shuffled."""
        random, source = self.draws.begin(), restart()
        size = None if self.size == UNKNOWN else self.size
        buffer = list(itertools.islice(source, size))
        if size is not None and len(buffer) == size:
            yield from exchanged(buffer, source, random)
        for place in random.permutation(len(buffer)).tolist():
            yield buffer[place]


def exchanged(buffer: list, source: Iterator, random: np.random.Generator) -> Iterator:
    """A random one of the buffer for each of `source`, which takes its place."""
    places: Iterator = iter(())
    for item in source:
        place = next(places, None)
        if place is None:
            places = iter(random.integers(0, len(buffer), BLOCK).tolist())
            place = next(places)
        chosen, buffer[place] = buffer[place], item
        yield chosen


class Repeat(Selector):
    """The input's elements `count` times, None or negative: without end."""

    label = "_RepeatDataset"

    def __init__(self, source: Stage, count: Any):
        super().__init__(source)
        self.count = -1 if count is None else number(count, "count")

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """All, again and again."""
        for _ in range(self.count) if self.count >= 0 else itertools.count():
            is_empty = True
            for item in restart():
                is_empty = False
                yield item
            if is_empty and self.count < 0:
                return

    def cardinality(self) -> int:
        """So many times the input's."""
        count = self.source.cardinality()
        if self.count == 0 or count == 0:
            return 0
        if self.count < 0:
            return INFINITE
        return count if count < 0 else count * self.count


class Take(Selector):
    """The first `count` elements; all if negative."""

    label = "_TakeDataset"

    def __init__(self, source: Stage, count: Any):
        super().__init__(source)
        self.count = number(count, "count")

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """The first ones."""
        return restart() if self.count < 0 else itertools.islice(restart(), self.count)

    def cardinality(self) -> int:
        """At most `count`."""
        count = self.source.cardinality()
        if self.count < 0 or count == UNKNOWN:
            return count
        return self.count if count == INFINITE else min(count, self.count)


class Skip(Selector):
    """All elements but the first `count`; none if negative."""

    label = "_SkipDataset"

    def __init__(self, source: Stage, count: Any):
        super().__init__(source)
        self.count = number(count, "count")

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """The last ones."""
        return iter(()) if self.count < 0 else itertools.islice(restart(), self.count, None)

    def cardinality(self) -> int:
        """What is left."""
        count = self.source.cardinality()
        if self.count < 0:
            return 0
        return count if count < 0 else max(0, count - self.count)


class Shard(Selector):
    """Every n-th element, from number `index` on."""

    label = "_ShardDataset"

    def __init__(self, source: Stage, num_shards: Any, index: Any):
        super().__init__(source)
        self.shards, self.index = number(num_shards, "num_shards"), number(index, "index")
        if self.shards < 1:
            raise InvalidArgumentError(
                "Number of shards must be greater than zero (currently num_shards = "
                f"{self.shards})."
            )
        if not 0 <= self.index < self.shards:
            raise InvalidArgumentError(
                f"Index must be between 0 and {self.shards - 1} (currently index = {self.index})."
            )

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """Every n-th."""
        return itertools.islice(restart(), self.index, None, self.shards)

    def cardinality(self) -> int:
        """The n-th part."""
        count = self.source.cardinality()
        return count if count < 0 else max(0, -(-(count - self.index) // self.shards))


class Cache(Selector):
    """Keeps the elements of the first complete iteration in memory for the later ones."""

    label = "CacheDataset"

    def __init__(self, source: Stage):
        super().__init__(source)
        self.kept: list | None = None

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """All; from memory if they were all seen before."""
        return iter(self.kept) if self.kept is not None else self.keep(restart())

    def keep(self, source: Iterator) -> Iterator:
        """All, remembered at their end."""
        seen = []
        for item in source:
            seen.append(item)
            yield item
        self.kept = seen


class Optioned(Selector):
    """The input under other options."""

    label = "_OptionsDataset"

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """All."""
        return restart()
