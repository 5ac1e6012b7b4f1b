"""Monitor: the part of the callbacks that watch one number of the logs."""

from __future__ import annotations

import logging
import math
from typing import Any

from framework.engine.spelling import suggest
from framework.keras.callbacks.callback import Callback

LOG = logging.getLogger("framework")
RISING = (
    "acc",
    "auc",
    "precision",
    "recall",
    "f1",
    "fbeta",
    "iou",
    "r2",
    "similarity",
    "true_positives",
    "true_negatives",
)


class Monitor(Callback, register=False):
    """Base: `monitor` names a log; mode "min", "max" or "auto" (by the name: accuracies rise,
    losses fall).
    """

    monitor: str
    mode: str
    _has_warned = False

    def watch(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        """Set what counts as better: by more than min_delta."""
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode is {mode!r}, wanted auto, min or max")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)

    @property
    def rises(self) -> bool:
        """True if a larger number is better."""
        name = self.monitor.removeprefix("val_").lower()
        return self.mode == "max" or (self.mode == "auto" and any(word in name for word in RISING))

    @property
    def worst(self) -> float:
        """What every number is better than."""
        return -math.inf if self.rises else math.inf

    def is_better(self, value: float, than: float) -> bool:
        """True if `value` beats `than` by more than min_delta."""
        return value - self.min_delta > than if self.rises else value + self.min_delta < than

    def monitored(self, logs: dict | None) -> float | None:
        """The number in the logs; None, with a warning the first time, if it is not there."""
        value: Any = (logs or {}).get(self.monitor)
        if value is None and not self._has_warned:
            self._has_warned = True
            LOG.warning(
                "%s: there is no '%s' in the logs%s",
                type(self).__name__,
                self.monitor,
                suggest(self.monitor, logs or {}),
            )
        return value
