"""Keras' models."""

from __future__ import annotations

import json
from typing import Any

from framework.keras import configurable
from framework.keras.models.functional import Functional
from framework.keras.models.model import Model
from framework.keras.models.sequential import Sequential
from framework.keras.saving.archive import load_model, save_model


def model_from_json(json_string: str, custom_objects: dict | None = None) -> Any:
    """The model, without weights, whose to_json gave this text."""
    return configurable.deserialize(json.loads(json_string), None, custom_objects)


def clone_model(model: Any) -> Any:
    """A model of the same architecture with fresh weights."""
    return type(model).from_config(model.get_config())
