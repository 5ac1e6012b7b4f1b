"""tf.Module: a class whose attributes hold variables, found by walking them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from framework.engine import awaiting, nest
from framework.engine.variable import Variable
from framework.tf.indices import name_scope


class Module:
    """Base of objects with variables, among their attributes or in lists, dicts and modules there.

    The order is TensorFlow's: attributes by name, a module's own before those of the modules in it,
    each variable once.
    """

    def __init__(self, name: str | None = None):
        if name is not None and not name.isidentifier():
            raise ValueError(f"{name!r} is not a valid module name: it must be an identifier")
        self._name = name or snake(type(self).__name__)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if awaiting.WAITING:
            awaiting.settle()

    def checkpointed(self) -> dict[str, Any]:
        """The attributes: what a Checkpoint looks at."""
        return vars(self)

    @property
    def name(self) -> str:
        """The name that was given, else that of the class."""
        return self.__dict__.get("_name", snake(type(self).__name__))

    @property
    def name_scope(self) -> name_scope:
        """The context in which this module's names are made."""
        return name_scope(f"{self.name}/")

    @classmethod
    def with_name_scope(cls, method: Callable) -> Callable:
        """Decorator: the method runs in the module's name scope."""

        @functools.wraps(method)
        def scoped(self: Module, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return scoped

    @property
    def variables(self) -> tuple:
        """All variables, here and below."""
        return tuple(walk(self, lambda x: isinstance(x, Variable), set()))

    @property
    def trainable_variables(self) -> tuple:
        """The variables that are trainable."""
        return tuple([v for v in self.variables if v.trainable])

    @property
    def non_trainable_variables(self) -> tuple:
        """The variables that are not trainable."""
        return tuple([v for v in self.variables if not v.trainable])

    @property
    def submodules(self) -> tuple:
        """All modules below this one."""
        return tuple(walk(self, lambda x: isinstance(x, Module), {id(self)}))


def snake(name: str) -> str:
    """NetBlock -> net_block"""
    return re.sub(r"((?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z]))", r"_\1", name).lower()


def walk(module: Any, wanted: Callable[[Any], bool], seen: set) -> Iterator[Any]:
    """The things below `module` that are wanted, each once."""
    inner = []
    for _, value in sorted(vars(module).items()):
        for leaf in nest.flatten(value):
            if id(leaf) in seen or not isinstance(leaf, (Variable, Module)) and not is_layer(leaf):
                continue
            seen.add(id(leaf))
            if wanted(leaf):
                yield leaf
            if isinstance(leaf, Module):
                inner.append(leaf)
            elif not isinstance(leaf, Variable):  # a Keras layer walks its own attributes
                yield from [v for v in leaf.variables if wanted(v) and not known(v, seen)]
    for leaf in inner:
        yield from walk(leaf, wanted, seen)


def is_layer(x: Any) -> bool:
    """Whether x is a Keras layer, which is no Module here."""
    return hasattr(x, "trainable_weights") and hasattr(x, "variables")


def known(x: Any, seen: set) -> bool:
    """Whether x was seen before; from now on it was."""
    was = id(x) in seen
    seen.add(id(x))
    return was
