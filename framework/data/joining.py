"""Stages with several inputs: zip, concatenate; and prefetch, which has one on another thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from framework.data.element import common_spec, number, rebuilt
from framework.data.stage import AUTOTUNE, INFINITE, UNKNOWN, Follower, Stage
from framework.engine import nest
from framework.engine.errors import InvalidArgumentError

READY = 2  # elements that prefetch(AUTOTUNE) keeps ready: one in use, one being made


class Zip(Stage):
    """Elements of several inputs side by side, in a structure; ends with the shortest."""

    label = "_ZipDataset"

    def __init__(self, sources: Any):
        self.sources = sources
        self.leaves = nest.flatten(sources)

    def elements(self) -> Iterator:
        """Structures of elements."""
        together = zip(*[source.elements() for source in self.leaves], strict=False)
        if type(self.sources) is tuple and not any(map(nest.is_nested, self.sources)):
            return together
        return (nest.pack_sequence_as(self.sources, list(parts)) for parts in together)

    def spec(self) -> Any:
        """The structure of their specs."""
        return substituted(self.sources)

    def cardinality(self) -> int:
        """The smallest."""
        counts = [source.cardinality() for source in self.leaves]
        finite = [n for n in counts if n != INFINITE]
        if UNKNOWN in counts:
            return UNKNOWN
        return min(finite) if finite else INFINITE


def stages(datasets: Any) -> Any:
    """The stages of a structure of data sets; TypeError for anything else in it."""
    if isinstance(datasets, (tuple, dict)):
        return rebuilt(datasets, stages)
    stage = getattr(datasets, "_stage", None)
    if isinstance(stage, Stage):
        return stage
    if isinstance(datasets, list):
        raise TypeError(
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of "
            "`tf.data.Dataset` objects. Python `list` is not supported and you should use `tuple` "
            "instead."
        )
    raise TypeError(
        "Invalid input to `zip`. Inputs are expected to be (nested) structures of "
        f"`tf.data.Dataset` objects but encountered object of type {type(datasets)}."
    )


def substituted(sources: Any) -> Any:
    """The specs of the stages in a structure."""
    if isinstance(sources, (tuple, dict)):
        return rebuilt(sources, substituted)
    return sources.spec()


class Concatenate(Stage):
    """The elements of one input, then those of the other."""

    label = "_ConcatenateDataset"

    def __init__(self, first: Stage, second: Stage):
        self.sources = first, second
        self._spec = common_spec(first.spec(), second.spec())

    def elements(self) -> Iterator:
        """One after the other."""
        for source in self.sources:
            yield from source.elements()

    def spec(self) -> Any:
        """What holds of both."""
        return self._spec

    def cardinality(self) -> int:
        """The sum."""
        counts = [source.cardinality() for source in self.sources]
        if INFINITE in counts:
            return INFINITE
        return UNKNOWN if UNKNOWN in counts else sum(counts)


class Prefetch(Follower):
    """Makes up to `size` elements ahead on a thread, which lives as long as the iteration."""

    label = "_PrefetchDataset"

    def __init__(self, source: Stage, size: Any):
        super().__init__(source)
        size = AUTOTUNE if size is None else number(size, "buffer_size")
        if size < AUTOTUNE:
            raise InvalidArgumentError(
                "buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning"
            )
        self.size = READY if size == AUTOTUNE else size

    def elements(self) -> Iterator:
        """All, in order."""
        return ahead(self.source, self.size) if self.size else self.source.elements()


def ahead(source: Any, size: int) -> Iterator:
    """source.elements(), made on a thread up to `size` ahead of who reads them; its errors come
    up in their place."""
    lane = Lane(size)
    threading.Thread(
        target=fill, args=(lane, source), name="framework-prefetch", daemon=True
    ).start()
    try:
        while True:
            is_element, value = lane.ready.get()
            if not is_element:
                break
            lane.places.release()
            yield value
            del value  # a batch that nobody reads any more is not kept until the next is there
        if value is not None:
            raise value
    finally:
        lane.is_dropped = True
        lane.places.release()


class Lane:
    """What the two threads share: no reference leads from the one that fills it to the iterator,
    which can so be dropped."""

    def __init__(self, size: int):
        self.places = threading.Semaphore(size)
        self.ready: queue.SimpleQueue = queue.SimpleQueue()
        self.is_dropped = False


def fill(lane: Lane, source: Any) -> None:
    """Put (True, element) for all, then (False, the error or None)."""
    try:
        for element in source.elements():
            lane.places.acquire()
            if lane.is_dropped:
                return
            lane.ready.put((True, element))
            del element
        lane.ready.put((False, None))
    except BaseException as error:
        lane.ready.put((False, error))
