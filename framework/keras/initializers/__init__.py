"""How weights start: every initializer draws with NumPy, the same values for the same seed."""

from __future__ import annotations

from typing import Any

from framework.keras import configurable
from framework.keras.initializers.constants import Constant, Identity, Ones, Zeros
from framework.keras.initializers.initializer import Initializer, RandomInitializer
from framework.keras.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

for alias, target in configurable.registry("initializer").items():
    if alias not in globals():
        globals()[alias] = target  # keras.initializers.he_normal is HeNormal


def get(identifier: Any) -> Any:
    """The initializer of a name, a config, an object or a function; None stays None."""
    return configurable.get("initializer", identifier)


def serialize(initializer: Any) -> Any:
    """The config dict of an initializer."""
    return configurable.serialize(initializer)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The initializer of what `serialize` gave."""
    return configurable.deserialize(config, "initializer", custom_objects)
