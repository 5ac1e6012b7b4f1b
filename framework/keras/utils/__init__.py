"""Keras' utils: seeds, one-hot targets, names."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from framework.engine import random as engine_random
from framework.keras import naming
from framework.keras.configurable import custom_object_scope
from framework.keras.configurable import custom_object_scope as CustomObjectScope
from framework.keras.saving.objects import (
    deserialize_keras_object,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)


def set_random_seed(seed: int) -> None:
    """Seed everything that draws: initializers, shuffling, dropout, Python's and NumPy's
    generators.
    """
    if not isinstance(seed, (int, np.integer)):
        raise ValueError(f"set_random_seed: got {seed!r}, wanted an integer")
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    engine_random.set_seed(int(seed))


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Integer labels as one-hot rows of float64; a trailing axis of 1 is dropped."""
    labels = np.asarray(x).astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"to_categorical: labels go from {labels.min()} to {labels.max()}, num_classes is "
            f"{classes}"
        )
    return np.eye(classes)[labels]


def clear_session(free_memory: bool = True) -> None:
    """Names of layers count from the start again."""
    naming.reset()
