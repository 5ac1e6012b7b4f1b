"""Names in an experiment -> objects, through the registries; nothing is imported from a string.

The one place that knows what the registries hold: layer, loss, metric, optimizer, schedule,
callback, initializer, regularizer, activation. A named thing is written

    Flatten                                  a name alone
    Dense: {units: 128, activation: relu}    a name with its arguments

Names and arguments are held against the constructor's signature before anything is built, so that
every mistake is found in one go and told with its place.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from framework.engine.spelling import suggest
from framework.experiment.signature import Parameter, parameters
from framework.experiment.source import KeyPath, Problem, shown

# Strings that compile resolves by the loss and the shape of the output; they are no classes.
_RESOLVED_BY_COMPILE = {"metric": ("accuracy", "acc", "crossentropy", "ce")}

# An argument of this name (or ending) takes a named thing of this kind.
_ARGUMENT_KINDS = {
    "activation": "activation",
    "initializer": "initializer",
    "regularizer": "regularizer",
    "constraint": "constraint",
    "learning_rate": "schedule",
    "schedule": "schedule",
    "layer": "layer",
}


def argument_kind(name: str) -> str | None:
    """The kind of thing that the argument `name` takes: `kernel_initializer` -> `initializer`."""
    return next((k for end, k in _ARGUMENT_KINDS.items() if f"_{name}".endswith(f"_{end}")), None)


class Catalog:
    """Makes the things an experiment names.

    `registry(kind)` gives the known names of a kind with their classes (or functions),
    `set_seed(seed)` prepares the random state that the things draw from when they are made. What is
    wrong is appended to `problems`; a thing with a problem becomes None.
    """

    def __init__(
        self,
        registry: Callable[[str], Mapping[str, Any]],
        set_seed: Callable[[int], None] = lambda seed: None,
    ):
        self.registry = registry
        self.set_seed = set_seed
        self.problems: list[Problem] = []

    def names(self, kind: str) -> list[str]:
        """All names that may be written for `kind`."""
        return [*self.registry(kind), *_RESOLVED_BY_COMPILE.get(kind, ())]

    def make(self, kind: str, value: Any, path: KeyPath) -> Any:
        """The thing that `value`, found at `path`, stands for.

        A Keras alias (`relu`, `mae`, `accuracy`) stays text for Keras to resolve, so that its log
        is called as in Keras; a class name or a name with arguments becomes an object.
        """
        name, arguments, inner = self.split(kind, value, path)
        if name is None:
            return None
        found = self.registry(kind).get(name)
        alias = found is None or not inspect.isclass(found) or found.__name__ != name
        if isinstance(value, str) and alias:
            return name
        if not inspect.isclass(found):
            return self._problem(path, f"{name} takes no arguments here; write only its name")
        return self.build(name, found, arguments, inner)

    def make_list(self, kind: str, values: Any, path: KeyPath) -> list:
        """The things in a list; the list itself is the schema's business."""
        if not isinstance(values, list):
            return []
        return [self.make(kind, value, (*path, i)) for i, value in enumerate(values)]

    def split(
        self, kind: str, value: Any, path: KeyPath
    ) -> tuple[str | None, dict[str, Any], KeyPath]:
        """(name, arguments, path of the arguments); the name is None if there is a problem."""
        nothing = (None, {}, path)
        example = f"a {kind}: its name, or one name with arguments like `Name: {{key: value}}`"
        if isinstance(value, str):
            return (value, {}, path) if self.known(kind, value, path) else nothing
        if not isinstance(value, dict) or not value:
            self._problem(path, f"expected {example}, got {shown(value)}")
            return nothing
        if len(value) > 1:
            first = next(iter(value))
            hint = f"; indent the arguments deeper than '{first}:'" if value[first] is None else ""
            self._problem(path, f"expected {example}, got the keys {', '.join(value)}{hint}")
            return nothing
        ((name, arguments),) = value.items()
        inner = (*path, name)
        if not self.known(kind, name, inner):
            return nothing
        if arguments is not None and not isinstance(arguments, dict):
            wanted = f"arguments by name, like {{{self._first_argument(kind, name)}: ...}}"
            self._problem(inner, f"expected {wanted}, got {shown(arguments)}")
            return nothing
        return name, arguments or {}, inner

    def known(self, kind: str, name: str, path: KeyPath) -> bool:
        """Whether `name` is registered; if not, that is a problem at `path`."""
        if name in self.names(kind):
            return True
        self._problem(path, f"unknown {kind} '{name}'{suggest(name, self.names(kind))}")
        return False

    def build(self, name: str, cls: type, arguments: dict[str, Any], path: KeyPath) -> Any:
        """`cls(**arguments)` after each argument was checked; its own ValueError is a problem."""
        known = parameters(cls)
        before = len(self.problems)
        for key, parameter in known.items():
            if parameter.required and key not in arguments:
                self._problem((*path, key), f"required argument of {name} is missing")
        ready = {}
        for key, value in arguments.items():
            here = (*path, key)
            if key not in known:
                self._problem(here, f"unknown argument of {name}{suggest(key, known)}")
            else:
                ready[key] = self._argument(known[key], value, here)
        if len(self.problems) > before:
            return None
        try:
            return cls(**ready)
        except (ValueError, TypeError, NotImplementedError) as error:
            told = str(error) or f"{name} refuses these arguments"
            named = [key for key in ready if re.search(rf"\b{key}\b", told)]
            return self._problem((*path, *named[:1]), told)  # at the argument that it speaks of

    def _argument(self, parameter: Parameter, value: Any, path: KeyPath) -> Any:
        """The value to pass: as written, or the thing it names."""
        kind = argument_kind(parameter.name)
        if isinstance(value, dict) and kind is not None:
            return self.make(kind, value, path)
        if kind == "schedule":
            wanted = "a number or a schedule like `CosineDecay: {...}`"
            if isinstance(value, int | float) and not isinstance(value, bool):
                may_be_0 = parameter.name != "learning_rate"  # the end of a schedule, say
                is_rate = 0 < value < math.inf or (value == 0 and may_be_0)
                wanted = "" if is_rate else "a rate above 0"
        elif kind is not None and value is not None:
            return self.make(kind, value, path)
        else:
            wanted = parameter.mismatch(value)
        if wanted:
            self._problem(path, f"expected {wanted}, got {shown(value)}")
        return value

    def _first_argument(self, kind: str, name: str) -> str:
        found = self.registry(kind).get(name)
        return next(iter(parameters(found)), "key") if inspect.isclass(found) else "key"

    def _problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(path, " ".join(message.split())))
