"""What takes long runs on a thread of its own, so that the main thread takes signals at once.

Python handles Ctrl-C and other signals on its main thread, between two of its instructions: never
while compiled code runs there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.05  # how often the main thread looks at what runs: for progress, for its end
LONG_SECONDS = 0.02  # what takes less is not worth a thread: that costs 50 us
PIECE_SECONDS = 0.1  # of a line's estimated time between two looks at whether to stop


def is_main_thread() -> bool:
    """Whether signals are handled on this thread."""
    return threading.current_thread() is threading.main_thread()


class Background:
    """`work()` on a thread that does not keep the process alive: it may hang in a collective."""

    def __init__(self, work: Callable):
        self._work, self._error, self._result = work, None, None
        # Not Thread.join: interrupted in it, Python 3.11 takes the thread for one that has ended.
        self._is_ended, self._end = False, threading.Event()
        threading.Thread(target=self._run, name="framework-vm", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        finally:
            self._is_ended = True
            self._end.set()

    def ended(self, seconds: float | None = None) -> bool:
        """Whether the work has ended, after waiting for it up to `seconds`."""
        if not self._is_ended:
            self._end.wait(seconds)
        return self._is_ended

    def result(self) -> Any:
        """What the work returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


def watched(work: Callable, stop: Callable) -> Any:
    """work() on another thread. stop(), which asks it to end, is called when a signal interrupts
    the wait for it."""
    running = Background(work)
    try:
        running.ended()
    except BaseException:
        stop()
        while not running.ended(POLL_SECONDS):
            stop()  # the work may have begun only now
        raise
    return running.result()
