"""The accuracy family: how often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.losses.loss import like
from framework.keras.losses.regression import pair
from framework.keras.metrics.reduction import MeanMetricWrapper


def as_floats(x: Tensor) -> Tensor:
    """True is 1, False is 0."""
    return ops.cast(x, dtype="float32")


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where y_true == y_pred, averaged over the last axis of matrices."""
    y_true, y_pred = pair(y_true, y_pred)
    return as_floats(ops.equal(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where (y_pred > threshold) == y_true."""
    y_true, y_pred = pair(y_true, y_pred)
    said = ops.cast(y_pred > float(threshold), dtype=y_true.array.dtype.name)
    return as_floats(ops.equal(y_true, said))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction stands at the largest target."""
    y_true, y_pred = ops.as_tensor(y_true), ops.as_tensor(y_pred)
    return as_floats(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)))


def labels_of(y_true: Any, y_pred: Tensor) -> Tensor:
    """Integer labels without a trailing axis of 1."""
    y = y_true if isinstance(y_true, Tensor) else Tensor(np.asarray(y_true))
    shape = y.array.shape
    if len(shape) == y_pred.ndim and shape[-1] == 1:
        y = ops.reshape(y, shape=shape[:-1])
    return y if y.array.dtype == np.int64 else ops.cast(y, dtype="int64")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction stands at the label."""
    y_pred = ops.as_tensor(y_pred)
    return as_floats(
        ops.equal(labels_of(y_true, y_pred), ops.cast(ops.argmax(y_pred, axis=-1), dtype="int64"))
    )


def is_in_top_k(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """1 where fewer than k predictions are larger than that of the label.

    0 where a prediction is NaN or infinite, or the label is no class, as in TensorFlow.
    """
    classes = y_pred.array.shape[-1]
    hot = like(ops.one_hot(labels, depth=classes), y_pred)
    own = ops.sum(hot * y_pred, axis=-1, keepdims=True)
    larger = ops.sum(as_floats(y_pred > own), axis=-1)
    strays = ops.sum(y_pred * 0.0, axis=-1)  # NaN, which equals nothing, if any is not finite
    is_right = as_floats(larger < float(k)) * as_floats(ops.equal(strays, strays))
    return is_right * as_floats(ops.sum(hot, axis=-1) > 0.0)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the largest target is among the k largest predictions."""
    y_pred = ops.as_tensor(y_pred)
    return is_in_top_k(ops.argmax(ops.as_tensor(y_true), axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the label is among the k largest predictions."""
    y_pred = ops.as_tensor(y_pred)
    return is_in_top_k(labels_of(y_true, y_pred), y_pred, k)


class Accuracy(MeanMetricWrapper):
    """How often y_pred equals y_true."""

    _direction = "up"

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often (y_pred > threshold) equals y_true."""

    aliases = ("binary_accuracy",)
    _direction = "up"

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        if not 0 <= threshold <= 1:
            raise ValueError(
                f"BinaryAccuracy: threshold is {threshold}, wanted a number between 0 and 1"
            )
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the one-hot target."""

    aliases = ("categorical_accuracy",)
    _direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the integer label."""

    aliases = ("sparse_categorical_accuracy",)
    _direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot target is among the k largest predictions."""

    aliases = ("top_k_categorical_accuracy",)
    _direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the integer label is among the k largest predictions."""

    aliases = ("sparse_top_k_categorical_accuracy",)
    _direction = "up"

    def __init__(
        self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy", dtype: Any = None
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k
