"""History: what fit returns."""

from __future__ import annotations

from framework.keras.callbacks.callback import Callback


class History(Callback):
    """`epoch`: the numbers of the epochs; `history`: name -> list of values, one per epoch."""

    def __init__(self):
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start anew."""
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
