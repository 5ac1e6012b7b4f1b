"""ModelCheckpoint."""

from __future__ import annotations

import os
from typing import Any

from framework import distributed
from framework.keras.callbacks.monitor import LOG, Monitor


class ModelCheckpoint(Monitor):
    """Writes the model, or its weights, to `filepath` after an epoch, or every `save_freq` batches.

    filepath may name {epoch} and logs: "{epoch:02d}-{val_loss:.2f}.weights.h5". save_best_only:
    only when `monitor` became better. A file appears whole or not at all.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        self.watch(monitor, mode)
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only, self.save_freq = (
            save_best_only,
            save_weights_only,
            save_freq,
        )
        self.initial_value_threshold = initial_value_threshold
        self.best = initial_value_threshold
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"ModelCheckpoint: save_freq is {save_freq!r}, wanted 'epoch' or a number of "
                "batches"
            )
        endings = (".weights.h5", ".safetensors") if save_weights_only else (".keras",)
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} must end in {' or '.join(endings)} "
                "with "
                f"save_weights_only={save_weights_only}"
            )
        self._epoch = self._batches = 0

    def wants_batches(self, kind: str) -> bool:
        """Only if it saves every so many batches."""
        return kind == "train" and self.save_freq != "epoch"

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the number."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count batches."""
        if self.save_freq != "epoch":
            self._batches += 1
            if self._batches % self.save_freq == 0:
                self.save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save if it is time."""
        if self.save_freq == "epoch":
            self.save(epoch, None, logs)

    def save(self, epoch: int, batch: int | None, logs: dict | None) -> None:
        """Write the file on rank 0, unless only the best counts and this is not it."""
        path = self.path(epoch, batch, logs)
        if self.save_best_only:
            current = self.monitored(logs)
            if current is None or not self.is_better(current, self.best):
                return
            self.best = current
        if not distributed.is_root():
            return
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def path(self, epoch: int, batch: int | None, logs: dict | None) -> str:
        """filepath with its names filled in."""
        numbers = {"epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1})
        try:
            return self.filepath.format(**{**(logs or {}), **numbers})
        except KeyError as error:
            LOG.warning(
                "ModelCheckpoint: filepath %r names %s, the logs have %s",
                self.filepath,
                error,
                list(logs or {}),
            )
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, which is not in the "
                "logs"
            ) from None
