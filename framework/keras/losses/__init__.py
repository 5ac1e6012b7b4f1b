"""Keras' losses: classes, and the functions that give one number per sample."""

from __future__ import annotations

from typing import Any

from framework.keras import configurable
from framework.keras.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from framework.keras.losses.loss import Loss, LossFunctionWrapper, get
from framework.keras.losses.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    huber,
    mean_absolute_error,
    mean_squared_error,
)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error


def serialize(loss: Any) -> Any:
    """The config dict of a loss."""
    return configurable.serialize(loss)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The loss of what `serialize` gave."""
    return configurable.deserialize(config, "loss", custom_objects)
