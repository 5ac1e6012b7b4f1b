"""Forked processes: a lock that another thread of the parent held would stay locked there."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

OWNERS: weakref.WeakSet = weakref.WeakSet()


def lock_of(owner: Any) -> threading.RLock:  # type: ignore[valid-type]
    """A lock for owner._lock; a forked process finds another one there, which nobody holds."""
    OWNERS.add(owner)
    return threading.RLock()


def renew() -> None:
    """What a forked process does first."""
    for owner in list(OWNERS):
        owner._lock = threading.RLock()


os.register_at_fork(after_in_child=renew)
