"""EarlyStopping."""

from __future__ import annotations

from typing import Any

from framework import distributed
from framework.keras.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """Stops when `monitor` has not become better by more than min_delta for `patience` epochs.

    baseline: what must be beaten at first. restore_best_weights: go back to those of the best
    epoch, at the end of training too. start_from_epoch: epochs before it do not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        self.watch(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget earlier runs."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Compare, remember, stop."""
        current = self.monitored(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Restore, and say so."""
        if self.stopped_epoch > 0:
            self.say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.say(
                f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}."
            )
            self.model.set_weights(self.best_weights)

    def say(self, text: Any) -> None:
        """Print if verbose, on rank 0."""
        if self.verbose > 0 and distributed.is_root():
            print(text)
