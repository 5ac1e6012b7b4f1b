"""The threads that share the work of a program: one team for the process, made when wanted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from framework.engine.compile import blas
from framework.engine.compile.dispatch import CODE, LINE, RUNS
from framework.engine.machine import free_cores


def turns_of(lock: threading.Lock) -> tuple:
    """(trying, holding): `with trying as is_mine` takes the lock if it is free, `with holding` in
    it gives it back. All this is done by functions of C, between which Python looks for no Ctrl-C:
    one that came where the lock is taken already, or not given back yet, would keep it for ever.
    """

    class Trying:
        __enter__ = staticmethod(partial(lock.acquire, False))
        __exit__ = staticmethod("".format)  # does nothing, with whatever it is given

    class Holding:
        __enter__ = staticmethod("".format)
        __exit__ = staticmethod(lock.__exit__)

    return Trying(), Holding()


_BUSY = threading.Lock()  # one program at a time has the team; another one runs on its own thread
_TURNS = turns_of(_BUSY)
_TEAM: list[Team] = []
_OWN = [1]  # the number of threads of BLAS while the team is not busy
_ENDED = [0.0]  # when a program that threads can share ended last
# After so long a pause the next program is no reason to have helpers spin: some 0.1 ms is theirs.
SOON_SECONDS = 1e-4


def _forked() -> None:
    """In a forked process: there is no team, and nobody who has it."""
    global _BUSY, _TURNS
    if _BUSY.locked():
        _BUSY = threading.Lock()
        _TURNS = turns_of(_BUSY)
        blas.set_threads(_OWN[0])


os.register_at_fork(after_in_child=_forked)


def count() -> int:
    """The number of threads that a program may use, if it has so many cores: that of BLAS, which
    launchers, users and tf.config set."""
    return blas.threads() if blas.library() is not None else free_cores()


class Helper:
    """A thread that takes part in what a team runs, and sleeps when that has been nothing for a
    while. serve() returns then; until(): whether there is something again."""

    def __init__(self, part: int, serve: Callable[[], None], until: Callable[[], bool]):
        self._serve, self._is_wanted = serve, until
        self._is_awake, self._is_dismissed = False, False
        self._sleep = threading.Lock()  # held, but from a call to the moment in which it is heard
        self._sleep.acquire()
        threading.Thread(target=self._live, name=f"framework-helper-{part}", daemon=True).start()

    def call(self) -> None:
        """Wake it, unless it is awake or on its way."""
        if not self._is_awake:
            self._end_sleep()

    def _end_sleep(self) -> None:
        if self._sleep.locked():
            self._sleep.release()  # one step: a Ctrl-C comes before or after it, never between

    def dismiss(self) -> None:
        """Let the thread end; if it is awake, it does not sleep again."""
        self._is_dismissed = True
        self._end_sleep()

    def _live(self) -> None:
        while self._sleep.acquire() and not self._is_dismissed:
            is_wanted = True
            while is_wanted:
                self._is_awake = True
                self._serve()
                self._is_awake = False  # first: who begins now either calls it, or is seen here
                is_wanted = self._is_wanted()


class Team:
    """Helpers number 1 .. `threads` - 1, and the words by which compiled code speaks with them."""

    def __init__(self, threads: int, helper: Callable):
        self.process, self.threads = os.getpid(), threads
        memory = np.zeros((threads + 1) * LINE + LINE, np.int64)
        start = -memory.ctypes.data % 64 // 8
        self.words = memory[start:]
        self.address = self.words.ctypes.data
        self.helpers = [
            Helper(part, partial(helper, self.address, part, threads), lambda: _BUSY.locked())
            for part in range(1, threads)
        ]

    def begin(self, code: int) -> None:
        """Have every helper take part in the program whose code begins at this address."""
        self.words[CODE] = code
        self.words[RUNS] = 1
        for helper in self.helpers:
            helper.call()

    def end(self) -> None:
        """The program has ended: helpers sleep, unless the next one comes soon."""
        self.words[RUNS] = 0

    def dismiss(self) -> None:
        """Let the threads end."""
        for helper in self.helpers:
            helper.dismiss()


def run(
    drive: Callable[[int, int], int],
    code: int,
    helper: Callable,
    *,
    threads: int,
    calls_blas: bool,
    is_long: bool,
) -> int:
    """drive(address of the team's words, threads) for a program whose code begins at an address and
    whose helpers run helper(words, part, parts). drive(0, 1) while another program has the helpers,
    and for a program that is not worth waking them, unless such a one has ended a moment ago: what
    runs again and again finds them awake.

    Meanwhile BLAS computes on the thread that calls it, if the program does: for all threads of the
    process, so float32 products, which need no BLAS, leave its number of threads alone. It is put
    back.
    """
    if is_long or time.perf_counter() - _ENDED[0] < SOON_SECONDS:
        trying, holding = _TURNS
        with trying as has_team:
            if has_team:
                with holding:
                    return _run_shared(drive, code, _team(threads, helper), calls_blas)
    try:
        return drive(0, 1)
    finally:
        _ENDED[0] = time.perf_counter()


def _run_shared(drive: Callable, code: int, team: Team, calls_blas: bool) -> int:
    before = _OWN[0] = blas.threads()
    try:
        if calls_blas:
            blas.set_threads(1)
        team.begin(code)
        return drive(team.address, team.threads)
    finally:
        try:
            team.end()
            _ENDED[0] = time.perf_counter()
        finally:  # also where a second Ctrl-C comes
            if calls_blas:
                blas.set_threads(before)


def _team(threads: int, helper: Callable) -> Team:
    """A team of so many threads; a new one in a forked process, which has none of its parent's."""
    team = _TEAM[0] if _TEAM else None
    if team is None or team.process != os.getpid() or team.threads != threads:
        _TEAM[:] = [Team(threads, helper)]
        if team is not None and team.process == os.getpid():
            team.dismiss()
    return _TEAM[0]
