"""Keras' saving: objects as dicts, weights as files."""

from framework.keras.saving.objects import (
    deserialize_keras_object,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
