"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from framework import distributed
from framework.keras.callbacks.callback import Callback
from framework.keras.callbacks.monitor import Monitor


def rate_of(model) -> float:
    """The optimizer's learning rate now."""
    return float(model.optimizer.learning_rate.numpy())


class LearningRateScheduler(Callback):
    """Before each epoch: rate = schedule(epoch, rate), or schedule(epoch)."""

    def __init__(self, schedule: Callable, verbose: int = 0):
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the rate."""
        takes_rate = len(inspect.signature(self.schedule).parameters) > 1
        rate = self.schedule(epoch, rate_of(self.model)) if takes_rate else self.schedule(epoch)
        if not isinstance(rate, (int, float)) and not hasattr(rate, "__float__"):
            raise ValueError(
                f"LearningRateScheduler: the schedule gave {rate!r} for epoch {epoch}, wanted a "
                "number"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0 and distributed.is_root():
            print(
                f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}."
            )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model)


class ReduceLROnPlateau(Monitor):
    """rate = max(rate factor, min_lr) when `monitor` has not become better for `patience` epochs.

    cooldown: epochs after a reduction that do not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor is {factor}, wanted less than 1")
        self.watch(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget earlier runs."""
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Compare and reduce."""
        rate = rate_of(self.model)
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.monitored(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose > 0 and distributed.is_root():
                    print(
                        f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to "
                        f"{rate_of(self.model)}."
                    )
