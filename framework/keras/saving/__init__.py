"""Keras' saving: objects as dicts, weights as files."""

from framework.keras.configurable import custom_object_scope
from framework.keras.saving.archive import load_model, save_model
from framework.keras.saving.objects import (
    deserialize_keras_object,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
