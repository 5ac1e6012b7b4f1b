"""Keras' optimizers."""

from __future__ import annotations

from typing import Any

from framework.keras import configurable
from framework.keras.optimizers import schedules
from framework.keras.optimizers.adam import Adam, AdamW
from framework.keras.optimizers.adaptive import Adagrad, RMSprop
from framework.keras.optimizers.optimizer import Optimizer
from framework.keras.optimizers.sgd import SGD


def get(identifier: Any) -> Any:
    """The optimizer of a name, a config or an object."""
    found = configurable.get("optimizer", identifier)
    if not isinstance(found, Optimizer):
        raise ValueError(
            f"optimizer: got {identifier!r}, wanted a name, a config dict or an Optimizer"
        )
    return found


def serialize(optimizer: Any) -> Any:
    """The config dict of an optimizer."""
    return configurable.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The optimizer of what `serialize` gave."""
    return configurable.deserialize(config, "optimizer", custom_objects)
