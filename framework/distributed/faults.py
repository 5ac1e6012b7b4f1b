"""Nothing hangs: a rank that fails, leaves early or gets stuck ends the job and says who it was.

MPI by itself waits for ever in all these cases (an exception on one rank leaves that rank in
MPI_Finalize and the others in their collective). `install(world)` is called when a world starts;
a single process is left as Python made it.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any

from framework.distributed.launch import STOP

ROOT_FIRST = 0.3  # seconds by which the other ranks let rank 0 tell an error that all have
GRACE = 1.0  # seconds that a rank leaving with an error waits for the others to leave as well
ROOT_WRITES = 4.0  # seconds that ranks give rank 0, after Ctrl-C, to write what was reached
POLL = 0.02  # seconds between two looks at who has left
BACKSTOP = 5.0  # seconds after the timeout until C code ends a process whose Python cannot run

INTERRUPTED = 130  # exit code after Ctrl-C, as of a shell

_world: Any = None
_exit_code = 0
_watchdog: Watchdog | None = None
_timeout = 300.0


def label() -> str:
    """`[rank 1/4 host] `, the prefix of every word about one rank."""
    return f"[rank {_world.rank}/{_world.size} {_world.host}] "


def tell(text: str) -> None:
    """Write `text` to stderr, each line with the rank's label, in one piece."""
    lines = "".join(f"{label()}{line}\n" for line in text.rstrip().splitlines())
    sys.stdout.flush()
    sys.stderr.write(lines)
    sys.stderr.flush()


def install(world: Any) -> None:
    """Guard this process, a rank of `world`: exceptions, early exits, standstill."""
    global _world, _watchdog
    _world, _watchdog = world, Watchdog(world, _timeout)
    sys.excepthook = on_exception
    _remember_exit_code()
    atexit.register(leave, os.getpid())


def on_exception(
    kind: type[BaseException], value: BaseException, trace: TracebackType | None
) -> None:
    """Excepthook of a rank: print the traceback with its label and end the whole job."""
    if _world.rank:  # an error of all ranks is told once: rank 0's end comes before our word
        time.sleep(ROOT_FIRST)
    if issubclass(kind, KeyboardInterrupt):
        tell("interrupted")
        _world.abort(INTERRUPTED)
    tell("".join(traceback.format_exception(kind, value, trace)))
    _world.abort(1)


def _remember_exit_code() -> None:
    """Wrap sys.exit: Python does not tell atexit functions with which code it ends."""
    leave_python = sys.exit

    def exit_with(status: Any = None) -> None:
        global _exit_code
        _exit_code = status if isinstance(status, int) else int(status is not None)
        leave_python(status)

    sys.exit = exit_with


def leave(owner: int) -> None:
    """At exit: go when all ranks go; end the job when others wait for this one or it failed."""
    if os.getpid() != owner:  # a forked child is no rank
        return
    rest()
    if _exit_code == INTERRUPTED:  # once more would be a traceback; this ends by itself
        for number in (signal.SIGINT, signal.SIGTERM, STOP):
            signal.signal(number, signal.SIG_IGN)
    done, start = _world.all_leave(), time.monotonic()
    mine = _world.entered()[_world.rank]
    while not (all_here := done.Test()) or _world.waiting_since is not None:
        _end_the_job(all_here, time.monotonic() - start, mine)
        time.sleep(POLL)
    if _world.is_torn:  # MPI cannot finish what a collective has begun
        _world.abort(_exit_code)
    _world.finish()


def _end_the_job(all_here: bool, waited: float, mine: int) -> None:
    """End it if there is nothing to wait for any more, after `waited` seconds. mine: how many
    collectives this rank has entered."""
    if _exit_code == INTERRUPTED:  # all ranks were stopped; a thread may wait in a collective
        if all_here or waited > (ROOT_WRITES if _world.rank else ROOT_FIRST):
            _world.abort(INTERRUPTED)
    elif _exit_code and waited > GRACE:
        tell(f"left with exit code {_exit_code} while other ranks are at work: ending the job")
        _world.abort(_exit_code)
    elif waited > ROOT_FIRST and any(_world.entered() > mine):
        waiting = [int(r) for r in (_world.entered() > mine).nonzero()[0]]
        tell(f"left early (exit code {_exit_code}): {ranks(waiting)} wait for it; ending the job")
        _world.abort(_exit_code or 1)


def ranks(numbers: list[int]) -> str:
    """`rank 3` or `ranks 1, 2`."""
    return f"rank{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def stacks() -> str:
    """Where every thread but this one is: compiled steps run beside the main thread."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "".join(
        f"{names.get(ident, 'a thread')}:\n" + "".join(traceback.format_stack(frame))
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    )


class Watchdog:
    """Ends the job when a rank waits in one collective, or has no `beat`, for `seconds`.

    A thread tells where this rank stands and for whom it waits. Where Python cannot run (compiled
    code that holds the interpreter lock), faulthandler's C thread ends the process a little later.
    """

    def __init__(self, world: Any, seconds: float):
        self._world, self.seconds = world, seconds
        self._last_beat: float | None = None
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @property
    def tick(self) -> float:
        """Seconds between two looks, and between two beats that count."""
        return min(1.0, self.seconds / 10)

    def beat(self) -> None:
        """Progress was made; arms the watchdog. Free when the last beat was just now."""
        now = time.monotonic()
        if self._last_beat is None or now - self._last_beat > self.tick:
            self._last_beat = now
            faulthandler.dump_traceback_later(self.seconds + BACKSTOP, exit=True)

    def rest(self) -> None:
        """No progress is expected until the next beat."""
        self._last_beat = None
        faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        while True:
            time.sleep(self.tick)
            since = [t for t in (self._last_beat, self._world.waiting_since) if t is not None]
            if since and time.monotonic() - min(since) > self.seconds:
                self._report()

    def _report(self) -> None:
        tell(f"no progress for {self.seconds:g} s; this rank stands here:\n{stacks()}")
        tell(self._whom_we_wait_for())
        time.sleep(1.0)  # so that the others can tell where they stand
        self._world.abort(1)

    def _whom_we_wait_for(self) -> str:
        entered = self._world.entered()
        late = [int(r) for r in (entered < entered.max()).nonzero()[0]]
        if not late:
            return "every rank has entered the same number of collectives"
        return f"{ranks(late)} did not arrive at collective number {entered.max()}"


def set_timeout(seconds: float) -> None:
    """Seconds without progress after which the watchdog ends the job (300 unless set)."""
    global _timeout
    if seconds <= 0:
        raise ValueError(f"set_timeout: seconds is {seconds}, wanted more than 0")
    _timeout = float(seconds)
    if _watchdog is not None:
        _watchdog.seconds = _timeout


def beat() -> None:
    """Tell the watchdog that a step was done; the first beat arms it. Free in a world of size 1."""
    if _watchdog is not None:
        _watchdog.beat()


def rest() -> None:
    """Disarm the watchdog: training is over, or something long without steps follows."""
    if _watchdog is not None:
        _watchdog.rest()
