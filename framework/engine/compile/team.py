"""The threads that share the work of a program: one team for the process, made when wanted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from framework.engine.compile import blas, cache
from framework.engine.compile.dispatch import LEAVE, LINE

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
    cores = cache.free_cores()
    return min(cores, blas.threads()) if blas.library() is not None else cores


class Helper:
    """A thread that waits for jobs. It sleeps between them."""

    def __init__(self, part: int):
        self.part = part
        self.job: Callable | None = None
        self.idle = threading.Event()
        self.idle.set()
        self._wanted = threading.Semaphore(0)
        threading.Thread(target=self._live, name=f"framework-helper-{part}", daemon=True).start()

    def start(self, job: Callable) -> None:
        """Run job(part) on the thread."""
        self.idle.clear()
        self.job = job
        self._wanted.release()

    def _live(self) -> None:
        while True:
            self._wanted.acquire()
            try:
                if self.job is not None:
                    self.job(self.part)
            finally:
                self.job = None
                self.idle.set()


class Team:
    """Helpers number 1 .. `threads` - 1, and the words by which compiled code speaks with them."""

    def __init__(self, threads: int):
        self.process, self.threads = os.getpid(), threads
        self.helpers = [Helper(part) for part in range(1, threads)]
        memory = np.zeros((threads + 1) * LINE + LINE, np.int64)
        start = -memory.ctypes.data % 64 // 8
        self.words = memory[start:]

    def begin(self, job: Callable) -> None:
        """Have every helper run job(part)."""
        for helper in self.helpers:  # the last user may have been interrupted while it waited
            helper.idle.wait()
        self.words[LEAVE] = 0
        for helper in self.helpers:
            helper.start(job)

    def end(self) -> None:
        """Have them leave the job, and wait until they have."""
        self.words[LEAVE] = 1
        for helper in self.helpers if self.process == os.getpid() else ():
            helper.idle.wait()


@contextmanager
def helped(job: Callable, threads: int) -> Iterator[tuple[int, int]]:
    """(threads, address of the team's words) for a program whose helpers run
    job(words, part, parts); (1, 0) where there is nobody to help.

    Meanwhile BLAS computes on the thread that calls it. Its number of threads is put back.
    """
    busy = _BUSY
    if threads < 2 or not busy.acquire(blocking=False):
        yield 1, 0
        return
    try:
        team = _team(threads)
        words, before = team.words.ctypes.data, blas.threads()
        _OWN[0] = before
        blas.set_threads(1)
        try:
            team.begin(lambda part: job(words, part, threads))
            yield threads, words
        finally:
            team.end()
            blas.set_threads(before)
    finally:
        busy.release()


def _team(threads: int) -> Team:
    """A team of so many threads; a new one in a forked process, which has none of its parent's."""
    if not _TEAM or _TEAM[0].process != os.getpid() or _TEAM[0].threads != threads:
        _TEAM[:] = [Team(threads)]
    return _TEAM[0]
