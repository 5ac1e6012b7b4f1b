"""What a constructor takes, and whether a value from YAML can be meant by it."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

from framework.experiment.source import shown

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
    type(None): "null",
}
_EMPTY = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """One argument of a constructor; `annotation` is `inspect.Parameter.empty` if there is none."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _EMPTY

    def mismatch(self, value: Any) -> str:
        """What was expected instead of `value`, or an empty text if it fits.

        Only plain types are judged: anything else is left to the constructor.
        """
        annotation = self.annotation
        if annotation is _EMPTY:
            annotation = _guess(self.default)
        if value is None and self.default is None:
            return ""
        return "" if fits(value, annotation) else in_words(annotation)


def parameters(cls: type) -> dict[str, Parameter]:
    """All arguments that `cls(...)` takes by name: its own, then those of bases behind **kwargs."""
    found: dict[str, Parameter] = {}
    for owner in cls.__mro__:
        init = owner.__dict__.get("__init__")
        if init is None or owner is object:
            continue
        open_ended = False
        hints = _hints(init)
        for p in list(inspect.signature(init).parameters.values())[1:]:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                hint = hints.get(p.name, _EMPTY)
                found.setdefault(p.name, Parameter(p.name, hint, p.default))
            open_ended = open_ended or p.kind is p.VAR_KEYWORD
        if not open_ended:
            break
    return found


def _hints(init: Callable) -> dict[str, Any]:
    """The annotations of a function as types; those that cannot be evaluated are left out."""
    init = inspect.unwrap(init)
    namespace = vars(sys.modules.get(init.__module__, typing))
    hints = {}
    for name, annotation in getattr(init, "__annotations__", {}).items():
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, dict(namespace))  # the source's own text, not YAML's
            except Exception:  # a name imported for the type checker only
                continue
        hints[name] = annotation
    return hints


def _guess(default: Any) -> Any:
    """The type an argument without annotation takes, judged by its default; Any if unclear."""
    if isinstance(default, bool):
        return bool
    if isinstance(default, float):
        return float
    if isinstance(default, int):  # 0 may be meant as 0.0; axis=-1 may be a list of axes
        return float | list
    if isinstance(default, str):
        return str | None
    return Any


_JUDGES: dict[Any, Callable[[Any], bool]] = {
    None: lambda value: value is None,
    type(None): lambda value: value is None,
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    str: lambda value: isinstance(value, str),
    dict: lambda value: isinstance(value, dict),
    list: lambda value: isinstance(value, list),
    tuple: lambda value: isinstance(value, list),
}


def fits(value: Any, annotation: Any) -> bool:
    """Whether a YAML value can be meant by an annotation; what is no plain type fits anything."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in inner)
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in inner)
    if _is_function(annotation):
        return isinstance(value, dict | str)  # a named thing may be callable; plain data is not
    if _is_list(origin):
        kinds = [part for part in inner if part is not Ellipsis]
        each = kinds[0] if len(kinds) == 1 else Any
        return isinstance(value, list) and all(fits(entry, each) for entry in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict)
    judge = _JUDGES.get(annotation)
    return judge is None or judge(value)


def _is_function(annotation: Any) -> bool:
    return annotation is Callable or typing.get_origin(annotation) is Callable


def _is_list(origin: Any) -> bool:
    is_collection = isinstance(origin, type) and issubclass(origin, Collection)
    return is_collection and not issubclass(origin, Mapping)


def in_words(annotation: Any) -> str:
    """An annotation for people: `int | None` -> `a whole number or null`."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(in_words(part) for part in inner))
    if origin is Literal:
        return f"one of {', '.join(shown(option) for option in inner)}"
    if _is_function(annotation):
        return "a Python function, which YAML cannot hold"
    if _is_list(origin):
        kinds = [part for part in inner if part is not Ellipsis]
        names = {int: "whole numbers", float: "numbers", str: "texts"}
        return f"a list of {names[kinds[0]]}" if kinds[:1] and kinds[0] in names else "a list"
    return _WORDS.get(type(None) if annotation is None else annotation, str(annotation))
