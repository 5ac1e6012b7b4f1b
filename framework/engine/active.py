"""Who records now: ACTIVE, and Recorder, what stands in it."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any


class Recorder:
    """What sees the op calls of a thread while it stands in ACTIVE.tapes."""

    follows_bodies = False  # True: of a custom gradient the body counts, not the rule

    def watches(self, tensors: Any) -> bool:
        """Whether a call on these tensors would be kept."""
        return False

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call."""
        raise NotImplementedError

    def left(self, tensor: Any, op: Any = None) -> None:
        """Called when the value of a tensor is handed to NumPy or Python, or by an op that writes
        it into a Variable."""


class Active(threading.local):
    """What records the op calls of this thread: tapes (innermost last) and at most one trace."""

    tapes: tuple = ()  # a tuple, replaced on change: an op call iterates over it without a copy
    trace: Any = None


class ProcessLock:
    """A lock that the thread which has it may take again, and that a forked process finds free: the
    thread that had it is not there."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(RuntimeError):  # forked inside of the block: another lock by now
            self._lock.release()


ACTIVE = Active()
# Functions are traced by one thread at a time: f may call g while another thread's g calls f, and
# the sizes that a trace leaves open answer for one gradient at a time.
TRACING = ProcessLock()
