"""Configurable: constructor arguments recorded once give get_config, from_config, repr and lookup
by name.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from framework.engine.spelling import suggest
from framework.engine.tensor import Tensor

REGISTRIES: dict[str, dict[str, Any]] = {}
MODULES = {
    "layer": "keras.layers",
    "model": "keras",
    "optimizer": "keras.optimizers",
    "schedule": "keras.optimizers.schedules",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "callback": "keras.callbacks",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.activations",
    "policy": "keras",
}
CUSTOM: dict[str, Any] = {}  # "package>Name" -> what register_keras_serializable was given


class Given:
    """The arguments of a constructor call (an own class, so that nothing walks into it)."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple, kwargs: dict):
        self.args, self.kwargs = args, kwargs


class Configurable:
    """Base of Layer, Optimizer, Loss, Metric, Callback, Initializer, Regularizer and Schedule.

    A class statement with kind="layer" opens a registry; the classes of this package below it enter
    the registry under their name and their `aliases`, others only through
    saving.register_keras_serializable.
    """

    kind: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    _given: Given

    def __init_subclass__(cls, kind: str | None = None, register: bool = True, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind
            REGISTRIES.setdefault(kind, {})
        elif register and cls.__module__.startswith("framework."):
            for name in (cls.__name__, *cls.__dict__.get("aliases", ())):
                REGISTRIES[cls.kind][name] = cls

    def __new__(cls, *args: Any, **kwargs: Any):
        self = super().__new__(cls)
        self.__dict__["_given"] = Given(args, kwargs)
        return self

    def get_config(self) -> dict:
        """Every constructor argument, defaults included, as plain values and dicts of nested
        objects.
        """
        return {name: serialize(value) for name, value in self._arguments()}

    def _arguments(self) -> Iterator[tuple[str, Any]]:
        """(name, value) of the constructor arguments: the attribute of that name, else what was
        given.
        """
        given, seen = dict(self._given.kwargs), set()
        for position, cls in enumerate(c for c in type(self).__mro__ if "__init__" in vars(c)):
            parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
            if position == 0:
                names = [
                    p.name
                    for p in parameters
                    if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
                ]
                given |= dict(zip(names, self._given.args))
            for p in parameters:
                if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in seen:
                    seen.add(p.name)
                    yield p.name, getattr(self, p.name, given.get(p.name, p.default))
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                return

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The object whose get_config gave `config`."""
        return cls(**config)

    def __repr__(self) -> str:
        args = [repr(a) for a in self._given.args] + [
            f"{k}={v!r}" for k, v in self._given.kwargs.items()
        ]
        return f"{type(self).__name__}({', '.join(args)})"


def argument_names(cls: type) -> list[str]:
    """What cls(...) takes by name: its own parameters, then those of bases behind **kwargs."""
    names: list[str] = []
    for owner in (c for c in cls.__mro__ if "__init__" in vars(c)):
        parameters = list(inspect.signature(owner.__init__).parameters.values())[1:]
        names += [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names


def refuse(obj: Any, unknown: dict) -> None:
    """Arguments that nothing takes: a ValueError in Keras' words, with the nearest name."""
    known = argument_names(type(obj))
    said = ", ".join(f"{name}={value!r}{suggest(name, known)}" for name, value in unknown.items())
    raise ValueError(f"Unrecognized keyword arguments passed to {type(obj).__name__}: {said}")


def registry(kind: str) -> dict[str, Any]:
    """name -> class (activation: function) of a kind; Keras' aliases are names too."""
    if kind not in REGISTRIES:
        raise ValueError(f"no kind {kind!r} of object; one of {', '.join(sorted(REGISTRIES))}")
    return REGISTRIES[kind]


def register_function(kind: str, *aliases: str) -> Callable:
    """Decorator: enter a function into the registry of `kind` under its name and `aliases`."""

    def enter(function):
        for name in (function.__name__, *aliases):
            REGISTRIES.setdefault(kind, {})[name] = function
        return function

    return enter


def lookup(kind: str, name: str) -> Any:
    """The class (activation: function) of that name; else a ValueError with the nearest names."""
    names = registry(kind)
    found = names.get(name, CUSTOM.get(name))
    if found is None:
        raise ValueError(f"no {kind} {name!r}{suggest(name, names)}")
    return found


def get(kind: str, identifier: Any) -> Any:
    """The object that a name, a config dict, a class or an object stands for; None stays None."""
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier, kind)
    if isinstance(identifier, str):
        found = lookup(kind, identifier)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier) or isinstance(identifier, Configurable):
        return identifier
    raise ValueError(
        f"{kind}: got {identifier!r}, wanted a name, a config dict, an object or a function"
    )


def serialize(value: Any) -> Any:
    """`value` as plain Python values; objects become {"module", "class_name", "config",
    "registered_name"}.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        parts = [serialize(v) for v in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        return {key: serialize(v) for key, v in value.items()}
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Configurable):
        return serialize_object(value)
    if callable(value):
        return serialize_function(value)
    raise ValueError(
        f"serialize: got {type(value).__name__} {value!r}, wanted a number, text, list, dict or "
        "object"
    )


def serialize_object(value: Configurable) -> dict:
    """An object of the framework or of a registered class as Keras writes it."""
    cls = type(value)
    own = cls.__module__.startswith("framework.")
    registered = next((name for name, known in CUSTOM.items() if known is cls), None)
    module = (
        MODULES[value.kind] if own else registered.split(">")[0] if registered else cls.__module__
    )
    return {
        "module": module,
        "class_name": cls.__name__,
        "config": serialize(value.get_config()),
        "registered_name": registered if registered or own else cls.__name__,
    }


def serialize_function(function: Callable) -> Any:
    """A function: its name if it is an activation, else a dict that names it."""
    name = getattr(function, "__name__", type(function).__name__)
    if REGISTRIES.get("activation", {}).get(name) is function:
        return name
    registered = next((key for key, known in CUSTOM.items() if known is function), name)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": registered,
    }


def deserialize(config: Any, kind: str | None = None, custom_objects: dict | None = None) -> Any:
    """What `serialize` wrote, or {"class_name", "config"} with a `kind`; classes come from
    registries only.
    """
    if custom_objects:
        with custom_object_scope(custom_objects):
            return deserialize(config, kind)
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize(c, kind) for c in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {key: deserialize(c) for key, c in config.items()}
    return revive(config, kind)


def revive(config: dict, kind: str | None) -> Any:
    """The object, or function, that one dict with a "class_name" stands for."""
    name, inner = config["class_name"], config.get("config") or {}
    registered: str = config.get("registered_name") or name
    if name == "function":
        found = CUSTOM.get(registered, CUSTOM.get(str(inner)))
        return found if found is not None else lookup(kind or "activation", str(inner))
    cls = CUSTOM.get(registered, CUSTOM.get(name))
    if cls is None:
        cls = find_class(config.get("module"), name, kind)
    made = cls.from_config(dict(inner))
    if "build_config" in config and hasattr(made, "build_from_config"):
        made.build_from_config(config["build_config"] or {})
    return made


@contextlib.contextmanager
def custom_object_scope(custom_objects: dict):
    """Within this block configs may name these classes and functions."""
    before = dict(CUSTOM)
    CUSTOM.update(custom_objects)
    try:
        yield
    finally:
        CUSTOM.clear()
        CUSTOM.update(before)


def find_class(module: str | None, name: str, kind: str | None) -> Any:
    """The registered class that `module` and `name` of a config stand for."""
    kinds = [k for k, m in MODULES.items() if m == module and k in REGISTRIES]
    for k in [kind, *kinds, "model"]:
        if k in REGISTRIES and name in REGISTRIES[k]:
            return REGISTRIES[k][name]
    if not kinds and kind is None:
        raise ValueError(
            f"no class {name!r} of module {module!r}: register it with "
            "keras.saving.register_keras_serializable, "
            "or pass it in custom_objects"
        )
    return lookup(kind or kinds[0], name)
