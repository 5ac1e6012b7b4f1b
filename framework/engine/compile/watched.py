"""What takes long runs on a thread of its own, so that the main thread takes signals at once.

Python handles Ctrl-C and other signals on its main thread, between two of its instructions: never
while compiled code runs there.
"""

from __future__ import annotations

import contextlib
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
    """`work()` on a thread that does not keep the process alive: it may hang in a collective.

    An interrupt in start() leaves open whether the thread runs: cancel() decides it.
    """

    def __init__(self, work: Callable):
        self._work, self._error, self._result = work, None, None
        # Not Thread.join: interrupted in it, Python 3.11 takes the thread for one that has ended.
        self._is_ended, self._end = False, threading.Event()
        self._has_begun, self._beginning = False, threading.Lock()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="framework-vm", daemon=True).start()

    def cancel(self) -> None:
        """Count work that has not begun as ended: it never begins."""
        with self._beginning:
            if not self._has_begun:
                self._is_ended = True

    def _run(self) -> None:
        with self._beginning:
            if self._is_ended:
                return
            self._has_begun = True
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
        running.start()
        running.ended()
    except BaseException:
        outwait(running, stop)
        raise
    return running.result()


def outwait(running: Background, stop: Callable) -> None:
    """Call stop() until the work has ended, through further signals: it uses memory that whoever
    started it is about to free, or to start the next work on."""
    is_ended = False
    while not is_ended:
        with contextlib.suppress(BaseException):
            running.cancel()
            stop()  # again and again: it counts from the work's first steps on
            is_ended = running.ended(POLL_SECONDS)
