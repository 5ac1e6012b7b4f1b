"""CSVLogger."""

from __future__ import annotations

import csv
import os
from typing import Any

from framework import distributed
from framework.keras.callbacks.callback import Callback


class CSVLogger(Callback):
    """Writes epoch and logs as a row per epoch; append: goes on with an older file."""

    def __init__(self, filename: Any, separator: str = ",", append: bool = False):
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None
        self._file: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Open the file, on rank 0."""
        self.keys, self._file = None, None
        if not distributed.is_root():
            return
        has_header = (
            self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        )
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")
        self._needs_header = not has_header

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """One row; the columns are those of the first and, as validation may come later, val_..."""
        if self._file is None:
            return
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator)
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            if self._needs_header:
                writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *[logs.get(key, "NA") for key in self.keys]])
        self._file.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
