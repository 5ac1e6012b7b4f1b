"""Monitor: the part of the callbacks that watch one number of the logs."""

from __future__ import annotations

import logging
from typing import Any

from framework.engine.spelling import suggest
from framework.keras import losses
from framework.keras.callbacks.callback import Callback

LOG = logging.getLogger("framework")


class Monitor(Callback, register=False):
    """Base: `monitor` names a log; mode "min", "max" or "auto": the loss falls, a compiled metric
    goes the way its class says.
    """

    monitor: str
    mode: str
    _has_warned = False

    def watch(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        """Set what counts as better: by more than min_delta."""
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode is {mode!r}, wanted auto, min or max")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)

    def rises(self, logs: dict | None = None) -> bool:
        """True if a larger number is better; ValueError if mode is "auto" and nothing says so."""
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        groups = [group.metrics for group in self.model.metrics if hasattr(group, "metrics")]
        found = [direction_of(m) for group in groups for m in group if m.name == name]
        known = [direction for direction in found if direction is not None]
        if known:
            return known[-1] == "up"
        if name == "loss":
            return False
        raise ValueError(
            f"{type(self).__name__}: no compiled metric tells whether '{self.monitor}' should rise "
            f"or fall{suggest(self.monitor, logs or {})}; pass mode='max' or mode='min'"
        )

    def is_better(self, value: float, than: float | None) -> bool:
        """True if `value` beats `than` (None: anything but NaN does) by more than min_delta."""
        if than is None:
            return value == value
        return value - self.min_delta > than if self.rises() else value + self.min_delta < than

    def monitored(self, logs: dict | None) -> float | None:
        """The number in the logs; None, with a warning the first time, if it is not there."""
        self.rises(logs)  # raises, even if there is nothing to compare yet
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


def direction_of(metric: Any) -> str | None:
    """ "up" or "down", which of them is better; None if the metric does not say."""
    wrapped = getattr(metric, "fn", None)
    owner = getattr(wrapped, "__self__", None)
    is_loss = getattr(losses, getattr(wrapped, "__name__", ""), None) is wrapped is not None
    default = "down" if is_loss or isinstance(owner, losses.Loss) else None
    return getattr(metric, "_direction", default)
