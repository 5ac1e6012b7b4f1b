"""settled: while steps run, a model's parts are looked for once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Known(threading.local):
    """What `remember` found; None outside of `settled`."""

    parts: dict | None = None


KNOWN = Known()


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Within this block no layer gets new parts, so they are searched once (steps of fit)."""
    outer, KNOWN.parts = KNOWN.parts, {}
    try:
        yield
    finally:
        KNOWN.parts = outer


def remember(key: tuple, search: Callable[[], Iterable[Any]]) -> Iterable[Any]:
    """What `search` finds, from memory inside `settled`."""
    if KNOWN.parts is None:
        return search()
    if key not in KNOWN.parts:
        KNOWN.parts[key] = list(search())
    return KNOWN.parts[key]
