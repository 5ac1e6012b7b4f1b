"""What is compiled and how far, for whoever waits for it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

LOG = logging.getLogger("framework")
PATIENCE_SECONDS = 1.0  # what takes less is not worth a word
NAMES, LETTERS = 3, 24  # so many names are shown, and so much of each
SHOWN = {"is_quiet": False, "lines": 0}  # of this process
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


class Progress:
    """Of `names`, one for each kernel: a line on stderr as soon as they take more than a second.

    In a terminal it counts and goes away at the end; elsewhere a process says it once. Who has a
    handler for the log "framework" finds it there instead.
    """

    def __init__(self, names: Iterable[str]):
        self.names, self._start = list(names), time.perf_counter()
        self._is_logged, self._is_growing = LOG.hasHandlers(), False
        if self._is_logged:
            LOG.info("%s", self.text(0))

    def text(self, done: int) -> str:
        """compiling 12 of 21 kernels (lstm, adam_update, ...), once for this machine"""
        kinds = list(dict.fromkeys([name for name in self.names[done:] if name]))
        shown = [k if len(k) <= LETTERS else f"{k[: LETTERS - 3]}..." for k in kinds[:NAMES]]
        shown += ["..."] if len(kinds) > NAMES else []
        number = f"{done + 1} of {len(self.names)}" if done else f"{len(self.names)}"
        what = f" ({', '.join(shown)})" if shown else ""
        plural = "" if number == "1" else "s"
        return f"compiling {number} kernel{plural}{what}, once for this machine"

    def tick(self, done: int) -> None:
        """So many are done."""
        if self._is_logged or SHOWN["is_quiet"] or done >= len(self.names) or not is_first():
            return
        if time.perf_counter() - self._start < PATIENCE_SECONDS:
            return
        if is_terminal(sys.stderr):
            self._is_growing = True
            sys.stderr.write(f"\r\x1b[Kframework: {self.text(done)}")
            sys.stderr.flush()
        elif not SHOWN["lines"]:
            SHOWN["lines"] = 1
            print(f"framework: {self.text(0)}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._is_growing:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def is_terminal(stream: Any) -> bool:
    """Whether a person reads along; a program without a console has no stream."""
    return stream is not None and stream.isatty()


def is_first() -> bool:
    """Whether this is the first of several ranks, or the only one: one of them is enough to say
    it."""
    found = [os.environ[name] for name in RANKS if name in os.environ]
    return sys.stderr is not None and found[:1] in ([], ["0"])
