"""Keras' metrics."""

from __future__ import annotations

from typing import Any

from framework.keras import configurable
from framework.keras.losses.loss import Loss
from framework.keras.losses.regression import mean_absolute_error, mean_squared_error
from framework.keras.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from framework.keras.metrics.metric import Metric
from framework.keras.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from framework.keras.metrics.reduction import Mean, MeanMetricWrapper, Sum
from framework.keras.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error


def get(identifier: Any) -> Any:
    """The metric of a name, a config, an object or a function; None stays None. Names of losses
    work, too.
    """
    if isinstance(identifier, str) and identifier not in configurable.registry("metric"):
        try:
            return MeanMetricWrapper(configurable.get("loss", identifier).fn, identifier)
        except ValueError:
            configurable.lookup("metric", identifier)  # says which metrics there are
    return configurable.get("metric", identifier)


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The Metric that a line of compile(metrics=...) means, for targets and predictions of these
    shapes.

    "accuracy" and "acc" have a `meaning` by the shapes, as in Keras.
    """
    if isinstance(identifier, Metric):
        return identifier
    name = identifier if isinstance(identifier, str) else None
    if str(identifier).lower() in ("accuracy", "acc"):
        return ACCURACIES[meaning(tuple(y_true.shape), tuple(y_pred.shape))](name=name)
    found = identifier.call if isinstance(identifier, Loss) else get(identifier)
    if not isinstance(found, Metric):
        found = MeanMetricWrapper(found, getattr(identifier, "name", None))
    if name is not None:
        found.name = name
    return found


def meaning(target: tuple, output: tuple) -> str:
    """What "accuracy" and "crossentropy" mean for these shapes: binary for one output,
    sparse_categorical for integer labels, else categorical.
    """
    if output[-1] == 1:
        return "binary"
    is_sparse = len(target) < len(output) or target[-1] == 1
    return "sparse_categorical" if is_sparse else "categorical"


ACCURACIES = {
    "binary": BinaryAccuracy,
    "sparse_categorical": SparseCategoricalAccuracy,
    "categorical": CategoricalAccuracy,
}


def serialize(metric: Any) -> Any:
    """The config dict of a metric."""
    return configurable.serialize(metric)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The metric of what `serialize` gave."""
    return configurable.deserialize(config, "metric", custom_objects)
