"""Whole models in .keras files: a zip of config.json, metadata.json and model.weights.h5, as Keras
3.
"""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from framework import distributed
from framework.keras import configurable
from framework.keras.saving import objects, weights
from framework.keras.saving.whole import written_whole

KERAS_VERSION = "3.15.1"  # the format that is written


def save_model(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write `model`, on rank 0; the file appears whole or not at all."""
    path = checked(filepath)
    if not distributed.is_root():
        return
    if path.exists() and not overwrite:
        raise FileExistsError(f"save: {path} exists; pass overwrite=True to replace it")
    saved = {
        "keras_version": KERAS_VERSION,
        "date_saved": f"{datetime.datetime.now():%Y-%m-%d@%H:%M:%S}",
    }
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        file.writestr("metadata.json", json.dumps(saved))
        file.writestr("config.json", json.dumps(objects.serialize_keras_object(model)))
        file.writestr("model.weights.h5", weights.h5_bytes(model))


def load_model(filepath: Any, custom_objects: dict | None = None, compile: bool = True) -> Any:
    """The model of a .keras file, written by this package or by Keras 3; code is never executed
    from it.
    """
    path = checked(filepath)
    if not path.exists():
        raise FileNotFoundError(f"load_model: there is no file {path}")
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
            data = io.BytesIO(file.read("model.weights.h5"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:  # ValueError: no JSON
        raise ValueError(f"load_model: {path} is no whole .keras file: {error}") from None
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(
            f"load_model: {path} is no .keras file of a model: its config.json holds a "
            f"{type(config).__name__} without a class_name"
        )
    with configurable.custom_object_scope(custom_objects or {}):
        model = configurable.deserialize(config)
        compiled = config.get("compile_config")
        if compile and compiled:
            model.compile_from_config(compiled)
    weights.assign(model, *weights.load_h5(data), path)
    return model


def checked(filepath: Any) -> Path:
    """The path, if it ends in .keras."""
    path = Path(filepath)
    if path.suffix != ".keras":
        raise ValueError(f"model file {path}: its name must end in .keras")
    return path
