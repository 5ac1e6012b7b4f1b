"""Updates of state that wait until a training step is known to be good.

BatchNormalization moves its statistics in the forward pass; a step whose loss is NaN must leave
them as they were.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class Pending(threading.local):
    """The updates that wait in this thread; None: they run at once."""

    updates: list[Callable[[], None]] | None = None


PENDING = Pending()


def update_later(update: Callable[[], None]) -> None:
    """Run `update` when the step is good, or now outside of a training step."""
    if PENDING.updates is None:
        update()
    else:
        PENDING.updates.append(update)


@contextlib.contextmanager
def collected() -> Iterator[list[Callable[[], None]]]:
    """Within this block updates are put into the list that it gives."""
    outer, PENDING.updates = PENDING.updates, []
    try:
        yield PENDING.updates
    finally:
        PENDING.updates = outer
