"""The threads that share the work of a program: one team for the process, made when wanted."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from framework.engine.compile import blas
from framework.engine.compile.dispatch import LEAVE, LINE
from framework.engine.machine import free_cores

_BUSY = threading.Lock()  # one program at a time has the team; another one runs on its own thread
_TEAM: list[Team] = []
_OWN = [1]  # the number of threads of BLAS while the team is not busy


def _forked() -> None:
    """In a forked process: there is no team, and nobody who has it."""
    global _BUSY
    if _BUSY.locked():
        _BUSY = threading.Lock()
        blas.set_threads(_OWN[0])


os.register_at_fork(after_in_child=_forked)


def count() -> int:
    """The number of threads that a program may use: that of BLAS, which launchers, users and
    tf.config set, but not more than there are cores for this process."""
    cores = free_cores()
    return min(cores, blas.threads()) if blas.library() is not None else cores


class Helper:
    """A thread that does what it is given, one job after the other. It sleeps between them."""

    def __init__(self, part: int):
        self.part, self.idle = part, threading.Event()
        self._jobs: queue.SimpleQueue[Callable | None] = queue.SimpleQueue()
        threading.Thread(target=self._live, name=f"framework-helper-{part}", daemon=True).start()

    def give(self, job: Callable | None) -> None:
        """Have the thread run job(part); None: end."""
        self._jobs.put(job)  # one step: a Ctrl-C comes before or after it, never between

    def leave(self) -> None:
        """Ask for `idle`, which is set when everything is done that was given before."""
        self.idle.clear()
        self.give(lambda _part: self.idle.set())

    def _live(self) -> None:
        while (job := self._jobs.get()) is not None:
            job(self.part)


class Team:
    """Helpers number 1 .. `threads` - 1, and the words by which compiled code speaks with them."""

    def __init__(self, threads: int):
        self.process, self.threads = os.getpid(), threads
        self.helpers = [Helper(part) for part in range(1, threads)]
        memory = np.zeros((threads + 1) * LINE + LINE, np.int64)
        start = -memory.ctypes.data % 64 // 8
        self.words = memory[start:]
        self._is_settled = True

    def begin(self, job: Callable) -> None:
        """Have every helper run job(address of the words, part, parts)."""

        def with_words(part: int) -> None:
            job(self.words.ctypes.data, part, self.threads)

        self.end()  # which the last user may have been interrupted in
        self._is_settled = False
        self.words[LEAVE] = 0
        for helper in self.helpers:
            helper.give(with_words)

    def end(self) -> None:
        """Have them leave the job, and wait until they have: who is late would see the words of
        the next one. A forked process has no helpers to wait for."""
        if not self._is_settled and self.process == os.getpid():
            self.words[LEAVE] = 1
            for helper in self.helpers:
                helper.leave()
            for helper in self.helpers:
                helper.idle.wait()
            self._is_settled = True

    def dismiss(self) -> None:
        """Let the threads end."""
        for helper in self.helpers:
            helper.give(None)


@contextmanager
def helped(job: Callable, threads: int, calls_blas: bool) -> Iterator[tuple[int, int]]:
    """(threads, address of the team's words) for a program whose helpers run
    job(words, part, parts); (1, 0) where there is nobody to help.

    Meanwhile BLAS computes on the thread that calls it, if the program does: for all threads of the
    process, so float32 products, which need no BLAS, leave its number of threads alone. It is put
    back.
    """
    busy = _BUSY
    if threads < 2 or not busy.acquire(blocking=False):
        yield 1, 0
        return
    try:
        team, before = _team(threads), blas.threads()
        _OWN[0] = before
        try:
            if calls_blas:
                blas.set_threads(1)
            team.begin(job)
            yield threads, team.words.ctypes.data
        finally:
            try:
                team.end()
            finally:  # also where a second Ctrl-C ends the wait
                if calls_blas:
                    blas.set_threads(before)
    finally:
        busy.release()


def _team(threads: int) -> Team:
    """A team of so many threads; a new one in a forked process, which has none of its parent's."""
    team = _TEAM[0] if _TEAM else None
    if team is None or team.process != os.getpid() or team.threads != threads:
        _TEAM[:] = [Team(threads)]
        if team is not None and team.process == os.getpid():
            team.dismiss()
    return _TEAM[0]
