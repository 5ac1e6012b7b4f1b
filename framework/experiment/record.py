"""The callback that keeps a run: its history and last weights are on disk after every epoch."""

from __future__ import annotations

from typing import Any

from framework import distributed, keras
from framework.experiment.folder import LAST, RunFolder


class Record(keras.callbacks.Callback, register=False):
    """Writes history and `last.safetensors` at each epoch's end; `folder` is None but on rank 0."""

    def __init__(self, folder: RunFolder | None):
        super().__init__()
        self.folder = folder
        self.history: dict[str, list[float]] = {}
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep what this epoch gave. The weights come first: a row in the history has weights."""
        if self.folder is not None and distributed.is_root():
            self.folder.write_weights(LAST, self.model.save_weights)
        self.epochs = epoch + 1
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if self.folder is not None and distributed.is_root():
            self.folder.write_history(self.history)
