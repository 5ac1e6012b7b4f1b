"""The callback that keeps a run: its history and last weights are on disk after every epoch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from framework import keras
from framework.experiment.errors import STOP_SIGNALS
from framework.experiment.folder import LAST, RunFolder


class Record(keras.callbacks.Callback, register=False):
    """Writes history, `last.safetensors` and `result.json` at each epoch's end: they are left when
    the process is killed. `folder` is None but on rank 0, `result()` gives the figures so far.
    """

    def __init__(self, folder: RunFolder | None, result: Callable[[], dict]):
        super().__init__()
        self.folder, self.result = folder, result
        self.history: dict[str, list[float]] = {}
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep what this epoch gave; Ctrl-C waits until weights, history and `epochs` agree."""
        with uninterrupted():
            for name, value in (logs or {}).items():
                self.history.setdefault(name, []).append(float(value))
            self.epochs = epoch + 1
            if self.folder is not None:
                self.folder.write_weights(LAST, self.model.save_weights)
                self.folder.write_history(self.history)
                self.folder.write_result(self.result())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that ask to stop (Ctrl-C, SIGTERM) take effect at the end of the block."""
    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread
        yield
        return
    waiting: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: waiting.append(number))
        for number in STOP_SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])
