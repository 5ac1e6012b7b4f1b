"""Mean and Sum, and MeanMetricWrapper: the mean of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.losses.reduction import divide_or_zero, match_ranks
from framework.keras.metrics.metric import Metric, to_float
from framework.keras.step import shard


def per_sample(
    values: Any, weight: Any, reduce: Callable, dtype: str
) -> tuple[Tensor, Tensor | None]:
    """(values, weights) with one axis: the other axes are reduced, after weighting."""
    values = to_float(values, dtype)
    if weight is None:
        axes = tuple(range(1, values.ndim))
        return (reduce(values, axis=axes) if axes else values), None
    values, weight = match_ranks(values, to_float(weight, dtype))
    rank = weight.ndim
    inner = tuple(range(rank, values.ndim))
    values = reduce(values, axis=inner) if inner else values
    weight = ops.broadcast_to(weight, shape=values.array.shape)
    values = values * weight
    outer = tuple(range(1, values.ndim))
    return (reduce(values, axis=outer), reduce(weight, axis=outer)) if outer else (values, weight)


class Mean(Metric):
    """sum(weight value) / sum(weight)"""

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values (any shape), one weight per sample."""
        values, weight = per_sample(values, sample_weight, ops.mean, self.dtype)
        if not values.ndim and shard.current().is_split:
            self._add_batch_mean(values)
            return
        self.total.assign_add(ops.sum(values))
        if weight is not None:
            self.count.assign_add(ops.sum(weight))
        else:
            self.count.assign_add(
                ops.sized(values.array.shape[0] if values.ndim else 1, self.dtype)
            )

    def _add_batch_mean(self, value: Tensor) -> None:
        """One number for this rank's part of a batch: all ranks' together count as one."""
        part = shard.current().part
        if part:  # the mean over no rows is NaN
            self.total.assign_add(value * part)
            self.count.assign_add(part)

    def result(self) -> Tensor:
        """The mean so far, 0 without values."""
        return divide_or_zero(self.total, self.count)


class Sum(Metric):
    """sum(weight value)"""

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values (any shape), one weight per sample."""
        values, _ = per_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Tensor:
        """The sum so far."""
        return ops.identity(self.total)


class MeanMetricWrapper(Mean):
    """The mean of fn(y_true, y_pred, **options), which gives a number per sample."""

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **options: Any):
        super().__init__(name or getattr(fn, "__name__", "mean_metric_wrapper"), dtype)
        self.fn, self.options = fn, options

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and predictions."""
        super().update_state(self.fn(y_true, y_pred, **self.options), sample_weight)

    def get_config(self) -> dict:
        """For a plain function also `fn`."""
        config = super().get_config() | (self.options if type(self) is MeanMetricWrapper else {})
        return (
            config
            if type(self) is MeanMetricWrapper
            else {k: v for k, v in config.items() if k != "fn"}
        )
