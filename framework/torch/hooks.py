"""Hooks: functions that see a gradient on its way, and may give another one to go on with."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import tensor as engine
from framework.engine.accumulate import KINDS, MODE, History, source_of
from framework.torch.call import history_name
from framework.torch.tensor import Tensor

NUMBERS = itertools.count()


def wrapped(g: engine.Tensor, known: dict, create_graph: bool) -> Tensor:
    """A cotangent as a torch Tensor of its own memory; with its history if create_graph."""
    if not create_graph:
        return Tensor(np.array(g.array))
    if isinstance(g, Tensor):
        return g
    made, source = Tensor(g.array, g.id), known.get(g.id)
    if isinstance(source, History):
        made._history, source.title = source, history_name(source.line.op.name, source.line.attrs)
    return made


class Hooks(dict):
    """The hooks of one tensor, in the order in which they came: {number: function}."""

    def __call__(self, g: engine.Tensor, known: dict, create_graph: bool) -> engine.Tensor:
        """The gradient as the hooks leave it; operations in a hook are remembered with
        create_graph.
        """
        seen = wrapped(g, known, create_graph)
        before, MODE.is_enabled = MODE.is_enabled, create_graph
        try:
            for function in list(self.values()):
                given = function(seen)
                if given is not None:
                    check_given(function, given, seen)
                    seen = given
        finally:
            MODE.is_enabled = before
        known[seen.id] = source_of(seen)
        return seen


def check_given(function: Callable, given: Any, g: Tensor) -> None:
    """Raise unless what a hook gives can stand for the gradient."""
    name = getattr(function, "__name__", type(function).__name__)
    if not isinstance(given, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(given).__name__}'")
    if given.dtype is not g.dtype:
        was, got = [f"torch.{KINDS[x.array.dtype.name]}Tensor" for x in (g, given)]
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {was} got {got})")
    if given.shape != g.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")


class RemovableHandle:
    """What register_hook gives: remove(), or the end of a `with` block, takes the hook away."""

    def __init__(self, hooks: Hooks):
        self.id, self._hooks = next(NUMBERS), hooks

    def remove(self) -> None:
        """Take the hook away, if it is still there."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_) -> None:
        self.remove()


def register_hook(x: Tensor, hook: Callable) -> RemovableHandle:
    """Call hook(gradient) when the gradient of x is complete; it may give another one, or None.

    RuntimeError if x does not require a gradient.
    """
    if not x.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    history = x.history
    if history is None:
        hooks = x.hooks = getattr(x, "hooks", None) or Hooks()
    else:
        history.hooks = history.hooks or {}
        hooks = history.hooks.setdefault(x.id, Hooks())
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


Tensor.register_hook = register_hook
