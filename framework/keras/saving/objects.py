"""Objects as Keras writes them: dicts with module, class_name, config, registered_name,
build_config.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.keras import configurable
from framework.keras.configurable import CUSTOM, Configurable


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Decorator: files may name this class (or function) as package>name and get it back."""

    def register(thing):
        CUSTOM[f"{package}>{name or thing.__name__}"] = thing
        return thing

    return register


def get_registered_name(thing: Any) -> str:
    """The name under which a class was registered, else its own."""
    return next((key for key, known in CUSTOM.items() if known is thing), thing.__name__)


def get_registered_object(name: str, custom_objects: dict | None = None) -> Any:
    """The class registered under that name, None if there is none."""
    return (CUSTOM | (custom_objects or {})).get(name)


def serialize_keras_object(thing: Any) -> Any:
    """`thing` as plain values; a built layer says how it was built, a model how it was compiled."""
    if not isinstance(thing, Configurable):
        return configurable.serialize(thing)
    saved = configurable.serialize_object(thing)
    if thing.kind == "model" and type(thing).__name__ == "Functional":
        saved |= {"module": "keras.src.models.functional", "registered_name": "Functional"}
    build = getattr(thing, "get_build_config", lambda: None)()
    if build is not None and getattr(thing, "built", False):
        saved["build_config"] = configurable.serialize(build)
    compiled = getattr(thing, "get_compile_config", None)
    if compiled is not None:
        saved["compile_config"] = compiled() or {}
    return saved


def deserialize_keras_object(config: Any, custom_objects: dict | None = None) -> Any:
    """What serialize_keras_object wrote, as an object; only registered classes are made."""
    return configurable.deserialize(config, None, custom_objects)
