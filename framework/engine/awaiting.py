"""Values that wait for Variables which are not made yet: `settle` is called where some are made."""

from __future__ import annotations

from collections.abc import Callable

# Each gives what it can to the Variables that are there now; False: nothing is left to give.
WAITING: list[Callable[[], bool]] = []


def settle() -> None:
    """Give the values that wait to the Variables that were made since."""
    waiting, WAITING[:] = WAITING[:], []  # what is found may itself set attributes
    WAITING.extend([offer for offer in waiting if offer()])
