"""CheckpointManager: several checkpoints of one object, of which the newest are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from framework import distributed
from framework.keras.saving import record
from framework.keras.saving.checkpoint import Checkpoint, file_of, refuse_options


class CheckpointManager:
    """Writes folder/name-1, -2 ... and deletes the oldest: CheckpointManager(checkpoint, directory,
    max_to_keep).

    max_to_keep: None keeps all. keep_checkpoint_every_n_hours: one that would be deleted is kept
    for good if the last such one is that old. step_counter, checkpoint_interval: `save` does
    nothing until the counter (a Variable) has grown by the interval. init_fn: called by
    restore_or_initialize if there is no checkpoint. A new manager goes on where the last one of the
    folder ended.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable | None = None,
        last_checkpoint_step: int | None = None,
    ):
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(
                f"Expected a positive integer or `None` for `max_to_keep`, got {max_to_keep}."
            )
        if checkpoint_interval is not None and step_counter is None:
            raise ValueError(
                "`step_counter` should be passed if `checkpoint_interval` is not None."
            )
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self.checkpoint_interval = checkpoint_interval
        self._max_to_keep, self._hours = max_to_keep, keep_checkpoint_every_n_hours
        self._name, self._init_fn = checkpoint_name, init_fn
        self._step_counter, self._last_step = step_counter, last_checkpoint_step
        self._preserved = time.time() - 1.0
        self._kept: dict[str, float] = {}  # prefix -> when it was written, the oldest first
        self._latest: str | None = None
        state = record.get_checkpoint_state(self.directory)
        if state is not None:
            self._go_on(state)

    def _go_on(self, state: record.CheckpointState) -> None:
        now = time.time()
        self._latest = state.model_checkpoint_path
        self._preserved = min(state.last_preserved_timestamp, now)
        paths, times = state.all_model_checkpoint_paths, state.all_model_checkpoint_timestamps
        for path, written in zip(paths, times or [self._preserved] * len(paths)):
            if min(written, now) > self._preserved:
                self._kept[path] = min(written, now)

    @property
    def latest_checkpoint(self) -> str | None:
        """The prefix of the newest checkpoint, None if there is none."""
        return self._latest

    @property
    def checkpoints(self) -> list[str]:
        """The prefixes of those that may still be deleted, the oldest first."""
        return list(self._kept)

    def save(
        self, checkpoint_number: Any = None, check_interval: bool = True, options: None = None
    ) -> str | None:
        """Write the next checkpoint and delete the oldest; its prefix, None if it is not yet time.

        checkpoint_number: the number in its name instead of the save_counter, which counts on all
        the same. check_interval=False: only a second one of the same step is left out.
        """
        refuse_options(options)
        if self.checkpoint_interval is not None and not self._is_time(check_interval):
            return None
        self.checkpoint.save_counter.assign_add(1)
        counter = self.checkpoint.save_counter
        number = int(counter if checkpoint_number is None else checkpoint_number)
        prefix = self.checkpoint.write(os.path.join(self.directory, f"{self._name}-{number}"))
        self._kept.pop(prefix, None)
        self._kept[prefix], self._latest = time.time(), prefix
        old = self._sweep()
        if distributed.is_root():
            self._note()  # first: a checkpoint that is named is there
            for path in old:
                file_of(path).unlink(missing_ok=True)
        return prefix

    def _is_time(self, check_interval: bool) -> bool:
        step, last = int(self._step_counter), self._last_step
        if last is not None and (
            step == last or (check_interval and step < last + (self.checkpoint_interval or 0))
        ):
            return False
        self._last_step = step
        return True

    def _sweep(self) -> list[str]:
        """Take the oldest off the list, beyond max_to_keep; those to be deleted."""
        old = []
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            path = next(iter(self._kept))
            written = self._kept.pop(path)
            if self._hours and written - self._hours * 3600.0 >= self._preserved:
                self._preserved = written
            else:
                old.append(path)
        return old

    def _note(self) -> None:
        latest = self._latest or ""
        kept = self._kept
        record.write(self.directory, latest, list(kept), kept.values(), self._preserved)

    def restore_or_initialize(self) -> str | None:
        """Restore the newest checkpoint and return its prefix; without one call init_fn."""
        if self._latest is not None:
            self.checkpoint.restore(self._latest)
            if self.checkpoint_interval is not None:
                self._last_step = int(self._step_counter)
            return self._latest
        if self._init_fn is not None:
            self._init_fn()
        return None

    def sync(self) -> None:
        """Wait for files that are being written: none ever is, after `save` has returned."""
