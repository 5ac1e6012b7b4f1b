"""tf.data.experimental: older names of what is in tf.data."""

from __future__ import annotations

from framework.data.dataset import Dataset
from framework.data.stage import AUTOTUNE
from framework.data.stage import INFINITE as INFINITE_CARDINALITY
from framework.data.stage import UNKNOWN as UNKNOWN_CARDINALITY
from framework.engine import door
from framework.engine.tensor import Tensor

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "cardinality"]


def cardinality(dataset: Dataset) -> Tensor:
    """dataset.cardinality()"""
    return dataset.cardinality()


__getattr__ = door.lacking("framework.data.experimental", globals())
