"""CALLS: which layers are being called or built now, in this thread, and in which mode."""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import Any

NUMBERS = itertools.count(1)


class Calls(threading.local):
    """layers: the layers under way, outermost first; training: True, False or None (nobody said);
    number: of the outermost call, so that losses of earlier calls can be told apart."""

    layers: tuple = ()
    training: Any = None
    number = 0

    def path(self) -> list[str]:
        """The names of the layers under way."""
        return [layer.name for layer in self.layers]

    def place(self) -> str:
        """The layer under way as a reader looks for it: without the model around it; "" outside."""
        return "/".join(self.path()[1:])

    def enter(self, layer: Any, training: Any = None) -> tuple:
        """Put `layer` on top; returns what `leave` wants."""
        before = self.layers, self.training
        if not before[0]:
            self.number = next(NUMBERS)
            self.training = None
        if not before[0] or before[0][-1] is not layer:
            self.layers = (*before[0], layer)
        if training is not None:
            self.training = training
        return before

    def leave(self, before: tuple) -> None:
        """Go back to the state before `enter`."""
        self.layers, self.training = before

    @contextlib.contextmanager
    def inside(self, layer: Any):
        """`enter` and `leave` as a block."""
        before = self.enter(layer)
        try:
            yield
        finally:
            self.leave(before)


CALLS = Calls()
