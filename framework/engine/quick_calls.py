"""The kernels of an op for eager calls: what an Op asks before it runs its forward."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

PATIENCE = 1000  # calls of an op on small arrays before the compiler's modules are loaded for it


@functools.cache
def kernels(module: str) -> ModuleType:
    """A module of compile/, which knows ops and is above them: loaded when it is worth it."""
    return importlib.import_module(f"framework.engine.compile.{module}")


class QuickCalls(dict[tuple, Callable]):
    """Attrs, as a tuple of their names and then their values -> function(*inputs): the result,
    a Tensor or several arrays, or None where the forward is to run."""

    def __init__(self, op: Any):
        super().__init__()
        self.op = op

    def __missing__(self, attrs: tuple) -> Callable:
        if len(self) >= 1024:
            self.clear()
        found = self[attrs] = Waiting(self, attrs).run
        return found


class Waiting:
    """In the place of a function: waits for a call that is large enough, or for many."""

    def __init__(self, calls: QuickCalls, attrs: tuple):
        self.calls, self.attrs, self.left = calls, attrs, PATIENCE
        self.size = calls.op.kernel_from

    def run(self, *inputs: Any) -> Any:
        """None, until the kernels' time has come."""
        self.left -= 1
        if self.left > 0 or not self.calls.op.is_exact:
            if self.size is None:
                return None
            for x in inputs:
                if x.array.size >= self.size:
                    break
            else:
                return None
        calls = self.calls
        count = len(self.attrs) // 2
        attrs = dict(zip(self.attrs[:count], self.attrs[count:], strict=True))
        function = kernels("quick").Quick(calls.op, attrs).function
        calls[self.attrs] = function
        return function(*inputs)


def hashable(attrs: dict) -> dict | None:
    """attrs with tuples in the place of lists, which have no hash; None if there are none."""
    if list not in map(type, attrs.values()):
        return None
    return {name: tuple(v) if type(v) is list else v for name, v in attrs.items()}
