"""Losses of numbers against numbers."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.losses.loss import LossFunctionWrapper, like
from framework.keras.losses.reduction import match_ranks


def pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as float tensors of the same rank."""
    y_pred = ops.as_tensor(y_pred)
    if y_pred.array.dtype.kind != "f":
        y_pred = ops.cast(y_pred, dtype="float32")
    return match_ranks(like(y_true, y_pred), y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean((y_true - y_pred)^2) over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """e^2 / 2 where |e| <= delta, delta |e| - delta^2 / 2 beyond; its mean over the last axis
    (Huber 1964).
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.abs(y_true - y_pred)
    near = ops.minimum(error, float(delta))  # near^2 / 2 + delta (|e| - near) is both cases in one
    return ops.mean(ops.square(near) * 0.5 + (error - near) * float(delta), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """mean((y_true - y_pred)^2)"""

    aliases = ("mse", "MSE", "mean_squared_error")
    is_elementwise = True

    def __init__(
        self,
        reduction: Any = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """mean(|y_true - y_pred|)"""

    aliases = ("mae", "MAE", "mean_absolute_error")
    is_elementwise = True

    def __init__(
        self,
        reduction: Any = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """Squared for errors up to delta, linear beyond."""

    aliases = ("huber",)
    is_elementwise = True

    def __init__(
        self,
        delta: float = 1.0,
        reduction: Any = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)
        self.delta = delta

    def get_config(self) -> dict:
        """name and reduction; delta only where it is not 1, as Keras."""
        config = super().get_config()
        return config if self.delta != 1.0 else {k: v for k, v in config.items() if k != "delta"}
