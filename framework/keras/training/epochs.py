"""Epochs: through the batches of a runner, epoch by epoch, with the hooks of callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from framework import distributed
from framework.keras.training.failure import failure
from framework.keras.training.runner import Runner

LOG = logging.getLogger("framework")


class Epochs:
    """Steps of one kind ("train", "test") over a runner's data.

    An epoch is a pass over all batches, or `steps` of them: then the next one of training goes on
    where it ended. order(n): the rows of pass number n in order (None: as they are).
    """

    def __init__(
        self,
        model: Any,
        kind: str,
        runner: Runner,
        listeners: Any,
        steps: int | None = None,
        order: Callable[[int], np.ndarray] | None = None,
    ):
        self.model, self.kind, self.runner, self.listeners = model, kind, runner, listeners
        self.steps, self._order = steps, order
        self._passes = 0
        self._is_fresh = True  # the next epoch begins a pass

    @property
    def length(self) -> int | None:
        """The number of batches of an epoch; None if only their end will tell."""
        return self.steps or self.runner.steps

    def run(self, epoch: int | None = None) -> dict[str, Any]:
        """All batches of an epoch; returns its logs."""
        self.model.reset_metrics()
        if self._is_fresh or self.steps is None:
            self._begin_pass(self._passes if epoch is None or self.steps else epoch)
        logs = self._run(self.batches_left(), epoch)
        self._is_fresh = self.kind == "test" or self.runner.is_done
        return logs

    def batches_left(self) -> int | None:
        """How many batches this epoch can have; says so if these are less than its steps."""
        if self.length is None or self.runner.steps is None:
            return self.length
        left = self.runner.steps - self.runner.cursor
        if left < self.length:
            LOG.warning(
                "the data ran out after %d of the %d steps of an epoch: give more rows or smaller "
                "batches", left, self.length,
            )  # fmt: skip
        return min(left, self.length)

    def _begin_pass(self, number: int) -> None:
        """From the first batch, in the order of this pass."""
        self.runner.begin(None if self._order is None else self._order(number))
        self._passes += 1

    def _run(self, count: int | None, epoch: int | None) -> dict[str, Any]:
        """`count` batches: in one go, or a few at a time if a callback wants to see them."""
        first = self.runner.cursor
        try:
            if not self.listeners.wants_batches(self.kind):
                self._tick(first, count)
                outputs = self.runner.run(count, lambda: self._tick(first, count))
                return self.model.results(self.kind, outputs, self.runner)
            return self._run_for_callbacks(first, count)
        except FloatingPointError as error:
            where = "" if epoch is None else f"epoch {epoch + 1}, "
            where += f"step {self.runner.cursor + 1 - first} of {count or 'an epoch'}"
            raise failure(error, self.runner, where) from None

    def _run_for_callbacks(self, first: int, count: int | None) -> dict[str, Any]:
        """Batch hooks are called every `steps_per_execution` steps."""
        begin = getattr(self.listeners, f"on_{self.kind}_batch_begin")
        end = getattr(self.listeners, f"on_{self.kind}_batch_end")
        logs: dict[str, Any] = {}
        stride, batch = self.model.steps_per_execution, 0
        while (count is None or batch < count) and not self.runner.is_over:
            begin(batch)
            outputs = self.runner.run(stride if count is None else min(stride, count - batch))
            logs = self.model.results(self.kind, outputs, self.runner)
            self._tick(first, count)
            end(batch + stride - 1, logs)
            batch += stride
            if self.kind == "train" and self.model.stop_training:
                break
        return logs

    def _tick(self, first: int, count: int | None) -> None:
        """Progress was made: tell the watchdog and whoever shows it."""
        distributed.beat()
        if self.kind == "train":
            self.listeners.on_progress(self.runner.cursor - first, count)
