"""Metrics of numbers against numbers."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.losses.regression import mean_absolute_error, mean_squared_error, pair
from framework.keras.metrics.reduction import Mean, MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)^2)"""

    aliases = ("mse", "MSE", "mean_squared_error")
    _direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|)"""

    aliases = ("mae", "MAE", "mean_absolute_error")
    _direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(mean_absolute_error, name, dtype)


class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)^2))"""

    aliases = ("rmse", "RMSE", "root_mean_squared_error")
    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and predictions."""
        y_true, y_pred = pair(y_true, y_pred)
        super().update_state(ops.square(y_true - y_pred), sample_weight)

    def result(self) -> Tensor:
        """The root so far."""
        return ops.sqrt(super().result())
