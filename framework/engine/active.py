"""Who records now: ACTIVE, and Recorder, what stands in it."""

from __future__ import annotations

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


ACTIVE = Active()
# Functions are traced by one thread at a time: f may call g while another thread's g calls f, and
# the sizes that a trace leaves open answer for one gradient at a time.
TRACING = threading.RLock()
