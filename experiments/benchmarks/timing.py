"""The side of a benchmark that runs in a process of its own: what it is asked, what it times and
what it reports. Standard library only: the import of the library that is measured comes first.

    python peer_torch.py WORKLOAD MODE THREADS SECONDS STARTED

SECONDS: how long steps are timed; 0: the first step only. STARTED: time.time() of the process'
start.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """What one process is asked to measure."""

    workload: str
    mode: str
    threads: int
    seconds: float
    started: float


def case() -> Case:
    """The arguments of this process."""
    workload, mode, threads, seconds, started = sys.argv[1:]
    return Case(workload, mode, int(threads), float(seconds), float(started))


class Importing:
    """with Importing() as spent: import x; then spent.seconds."""

    seconds = 0.0

    def __enter__(self) -> Importing:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start


def looped(step: Callable, sync: Callable, batches: list) -> Callable[[int], None]:
    """run(count): step(x, y) on one batch after the other; sync(result) waits for the last."""
    done = 0

    def run(count: int) -> None:
        nonlocal done
        for _ in range(count):
            result = step(*batches[done % len(batches)])
            done += 1
        sync(result)

    return run


def measure(run: Callable[[int], None], seconds: float) -> dict[str, float]:
    """Milliseconds per step of `run(count)` (which must finish its work) and the processor's time,
    over chunks of about 30 ms.
    """
    run(6)
    start = time.perf_counter()
    run(4)
    count = max(1, int(0.03 / ((time.perf_counter() - start) / 4)))
    end = time.perf_counter() + min(0.5, seconds / 3)
    while time.perf_counter() < end:
        run(count)
    walls, cpus, end = [], [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(walls) < 5:
        cpu, start = time.process_time(), time.perf_counter()
        run(count)
        walls.append(1e3 * (time.perf_counter() - start) / count)
        cpus.append(1e3 * (time.process_time() - cpu) / count)
    return {
        "ms": statistics.median(walls),
        "ms_min": min(walls),
        "cpu_ms": statistics.median(cpus),
    }


def peak_mb() -> float:
    """The largest memory that this process had, in MB."""
    try:
        # ru_maxrss would count the process that started this one, too
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def report(
    run: Callable[[int], None], asked: Case, after: Callable[[], dict] = dict, **known: Any
) -> None:
    """Make the first step, time the others, and tell it all with what is `known`, and with what
    after() finds at the end."""
    run(1)
    found = {**known, "first_s": time.time() - asked.started}
    if asked.seconds > 0:
        found |= measure(run, asked.seconds)
    found |= {"rss_mb": peak_mb(), "load": os.getloadavg()[0]}
    tell(found | after())


def tell(found: dict) -> None:
    """Print the line that the comparing process reads."""
    print("RESULT " + json.dumps(found), flush=True)
