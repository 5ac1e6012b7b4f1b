"""What stops a training step that is not finite: a check before it writes, and one of what it
wrote.

Both are ops: in a program they are lines, and no Python comes back for them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from framework.engine import ops
from framework.engine.slices import IndexedSlices
from framework.keras.step.deferred import collected


class Checked(threading.local):
    """updates: of the step that is checked in this thread, waiting for its gradients to be good;
    None: no step is checked."""

    updates: list[Callable[[], None]] | None = None


CHECKED = Checked()


class FoundLate(FloatingPointError):
    """A step wrote a value that is not finite, or gave such a loss, after its gradients were found
    good. variable: what it wrote; None: the loss."""

    def __init__(self, variable: Any = None):
        what = "the loss" if variable is None else f"what a step wrote to {variable.path}"
        super().__init__(f"{what} is NaN or infinite")
        self.variable = variable


@contextlib.contextmanager
def checked(is_on: bool) -> Iterator[None]:
    """Within this block, a training step, `check` looks at values; what layers move in their call
    waits for the first good check, or for the end."""
    if not is_on:
        yield
        return
    with collected() as updates:
        CHECKED.updates = updates
        try:
            yield
            run(updates)
        finally:
            CHECKED.updates = None


def check(values: Iterable[Any]) -> None:
    """FloatingPointError if one of the values (tensors, IndexedSlices, None) is not finite, in a
    step that is checked."""
    if CHECKED.updates is None:
        return
    for value in values:
        if value is not None:
            ops.check_finite(value.values if isinstance(value, IndexedSlices) else value)
    run(CHECKED.updates)


def run(updates: list[Callable[[], None]]) -> None:
    """Make the updates that waited."""
    while updates:
        updates.pop(0)()


def check_written(variables: Iterable[Any], loss: Any = None) -> None:
    """FoundLate if a step that is checked has written what is not finite, or returned such a loss;
    a program stops with NotFinite, of which `explain.written` knows the same."""
    if CHECKED.updates is None:
        return
    for variable in [*variables, loss]:
        try:
            if variable is not None:
                ops.check_finite(variable)
        except FloatingPointError:
            raise FoundLate(None if variable is loss else variable) from None
