"""Feeds: batches that come from a tf.data.Dataset, drawn anew in every epoch; FeedRunner: steps
over them.

Note [Feeds]  The batches of a data set are its elements: its own batch size, order and repetition.
Every rank goes through all of them and takes its rows of each, so all must draw the same: they
agree on the seed before the first element is made.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from framework import distributed
from framework.data import INFINITE_CARDINALITY, Dataset
from framework.distributed.shard import part
from framework.engine import random as engine_random
from framework.engine.tensor import Tensor
from framework.keras.step import shard
from framework.keras.training.arrays import (
    Rows,
    as_rows,
    likes_of,
    listed,
    rows_of,
    weights_of_classes,
)
from framework.keras.training.runner import Runner, kept_steps, run_watched

LOG = logging.getLogger("framework")
RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` "
    "function when building your dataset."
)


class Feeds:
    """The batches of a data set as Rows.

    steps: their number, None if only their end will tell.
    """

    def __init__(self, dataset: Dataset, caller: str, steps: int | None = None):
        count = int(dataset.cardinality())
        if count == INFINITE_CARDINALITY and steps is None:
            word = {"fit": "steps_per_epoch", "validation_data": "validation_steps"}
            raise ValueError(
                f"{caller}: the data set has no end, so give {word.get(caller, 'steps')}= (how "
                "many batches are one pass), or a count to repeat()"
            )
        self.dataset, self.caller = dataset, caller
        self.steps = None if count < 0 else count
        self.class_weight: dict | None = None
        agree_on_seed()

    def batches(self) -> Iterator[Rows]:
        """All, from the first."""
        return map(self.as_batch, self.dataset)

    def as_batch(self, element: Any) -> Rows:
        """One element: x, (x,), (x, y) or (x, y, sample_weight)."""
        parts = element if isinstance(element, tuple) else (element,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(
                "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, "
                f"sample_weight)`, found: {element}"
            )
        given = parts[:1] if self.caller == "predict" else parts
        rows = rows_of(*(*given, None, None)[:3], caller=self.caller)
        if self.class_weight is not None:
            rows.sample_weight = weights_of_classes(rows, self.class_weight)
        return rows


class RowBatches:
    """Rows in memory, batch by batch as they are, each of them an input of a program: another data
    set needs no other one."""

    def __init__(self, rows: Rows, size: int, caller: str):
        self.rows, self.size, self.caller = rows, size, caller
        self.steps = -(-rows.count // size)

    def batches(self) -> Iterator[Rows]:
        """All, from the first."""
        starts = range(0, self.rows.count, self.size)
        return (self.rows.part(i, min(i + self.size, self.rows.count)) for i in starts)


def as_source(
    x: Any, y: Any = None, sample_weight: Any = None, caller: str = "fit", steps: int | None = None
) -> Rows | Feeds:
    """What fit, evaluate and predict were given: rows in memory, or the batches of a data set."""
    if not isinstance(x, Dataset):
        return as_rows(x, listed(y), listed(sample_weight), caller)
    for name, value, what in (
        ("y", y, "targets"),
        ("sample_weights", sample_weight, "sample weights"),
    ):
        if value is not None:
            raise ValueError(
                f"When providing `x` as a tf.data.Dataset, `{name}` should not be passed. Instead, "
                f"the {what} should be included as part of the tf.data.Dataset."
            )
    return Feeds(x, caller, steps)


def weigh_classes(source: Rows | Feeds, class_weight: dict) -> None:
    """Give every sample the weight of its class."""
    if isinstance(source, Feeds):
        source.class_weight = class_weight
    else:
        source.sample_weight = weights_of_classes(source, class_weight)


def agree_on_seed() -> None:
    """All ranks draw from the global seed of rank 0, also where nobody has set one."""
    if distributed.size() > 1:
        engine_random.go_on_from(
            int(distributed.comm().broadcast_object(engine_random.global_seed()))
        )


class FeedRunner(Runner):
    """Steps over batches that are drawn one by one. In compiled mode a step is traced for every
    shape of a batch, which is the program's input.

    The first batch is drawn at once: the model is rehearsed with it. A batch without rows is no
    step: it teaches nothing, and its mean loss would be NaN.
    """

    def __init__(self, step: Callable, feeds: Feeds | RowBatches, **options: Any):
        self._feeds, self._batches = feeds, feeds.batches()
        self.steps, self._skipped, self._has_told = feeds.steps, 0, False
        self._next = self._draw()
        if self._next is None:
            what = "only batches without rows" if self._skipped else "no batches"
            raise ValueError(f"{feeds.caller}: the data set is empty: it has {what}")
        options.setdefault("executables", kept_steps(feeds.caller))
        super().__init__(step, self._next, self._next.count, **options)
        self.steps = feeds.steps and feeds.steps - self._skipped
        self.cursor, self.last_rows = 0, (0, 0)
        self._is_stopped, self._has_ended = False, False
        self._running: Any = None  # the compiled step that is under way
        self._outputs: list[np.ndarray] = []

    def begin(self, order: np.ndarray | None = None) -> None:
        """Draw the batches anew, unless none was run yet."""
        if self.cursor or self._has_ended:
            self._batches, self._next = self._feeds.batches(), None
            self.cursor, self._skipped, self._has_ended = 0, 0, False
            self.steps = self._feeds.steps

    def _draw(self) -> Rows | None:
        """The next batch that has rows; None if there is none."""
        for rows in self._batches:
            if rows.count:
                return rows
            if not self._has_told:
                LOG.warning("%s: a batch without rows is left out", self._feeds.caller)
            self._has_told = True
            self._skipped += 1
            self.steps = self.steps and self.steps - 1
        return None

    @property
    def is_over(self) -> bool:
        """Whether there is no further batch: draws it to see."""
        if self._next is None and not self._has_ended:
            self._next = self._draw()
            self._has_ended = self._next is None
        return self._has_ended

    @property
    def is_done(self) -> bool:
        """Whether it is known already that there is no further batch."""
        return self._has_ended or (self.steps is not None and self.cursor >= self.steps)

    def run(self, count: int | None, tick: Callable | None = None) -> list[np.ndarray]:
        """Batch after batch on a worker thread, where the data set makes them, too."""
        self._outputs, self._is_stopped = [], False
        first, skipped = self.cursor, self._skipped
        if tick is None or count == 1:
            self._run_all(count)
        else:
            run_watched(lambda: self._run_all(count), self._stop, tick)
        done = self.cursor - first
        if done == 0 or (count is not None and done + self._skipped - skipped < count):
            warnings.warn(RAN_OUT, stacklevel=2)
        return self._outputs

    def _stop(self) -> None:
        """End: before the present step has written anything, or after it."""
        self._is_stopped = True
        if self._running is not None:
            self._running.stop()

    def _run_all(self, count: int | None) -> None:
        left = count
        while left != 0 and not self._is_stopped and not self.is_over:
            rows, self._next = self._next, None
            if self.check is not None and self.cursor:
                self.check(rows)
            self._outputs = self._step_on(rows)
            self.cursor += 1
            left = None if left is None else left - 1

    def whole_batch(self) -> Any:
        """The compiled step on batches like the first one."""
        return self._executable_for(self.rows)[0]

    def _executable_for(self, rows: Any) -> tuple[Any, Callable, list]:
        """(the compiled step or None, the step, this rank's rows) of a batch."""
        start, stop = part(rows.count, self.rank, self.ranks)
        self.last_rows = stop - start, rows.count
        leaves = [leaf[start:stop] for leaf in rows.leaves]
        key = (*likes_of(leaves), rows.count)
        if self.is_compiled and self._executables.find(key) is None:
            self._executables.tell(key, [*rows.names, "rows"])

        def call(*tensors: Tensor) -> list:
            with shard.using(shard.Shard(start, stop - start, rows.count, self.is_global)):
                return self.step(rows.packed(list(tensors)))

        self._last, self.first_row = (call, leaves), start
        return self.executable(key, call, *leaves), call, leaves

    def last_call(self) -> tuple[Callable, list]:
        """The step on the batch that was drawn last."""
        return self._last

    def _step_on(self, rows: Any) -> list[np.ndarray]:
        """One step on this rank's rows of a batch."""
        executable, call, leaves = self._executable_for(rows)
        if executable is None:
            return [np.asarray(o) for o in call(*map(Tensor, leaves))]
        self._running = executable
        return executable(*leaves)
