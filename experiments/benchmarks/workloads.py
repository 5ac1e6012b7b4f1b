"""The workloads that every framework runs, and how a step is timed. Needs numpy only."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable

import numpy as np

# name: (layer sizes, batch, batches of data); W1 is a regression, W2 a classification; both train
# with Adam
WORKLOADS = {"W1": ([16, 64, 64, 1], 32, 64), "W2": ([784, 512, 512, 10], 128, 40)}


def data(name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x and y of a workload: fixed random numbers."""
    sizes, batch, batches = WORKLOADS[name]
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch * batches, sizes[0])).astype(np.float32)
    if sizes[-1] == 1:
        return x, rng.standard_normal((len(x), 1)).astype(np.float32)
    return x, rng.integers(0, sizes[-1], len(x))


def batches(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The data of a workload, batch by batch."""
    x, y = data(name)
    size = WORKLOADS[name][1]
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def measure(run: Callable[[int], None], seconds: float = 2.0) -> list[float]:
    """Milliseconds per step of `run(steps)` (which must finish its work), one figure per chunk of
    about 30 ms."""
    run(10)
    start = time.perf_counter()
    run(10)
    steps = max(1, int(0.03 / ((time.perf_counter() - start) / 10)))
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        run(steps)
        times.append(1e3 * (time.perf_counter() - start) / steps)
    return times


def report(times: list[float], start: float, first: float) -> None:
    """Print the result line that compare.py reads: milliseconds, seconds to the first step, MB of
    memory."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "ms": float(np.median(times)), "ms_min": min(times), "first_s": first - start,
        "rss_mb": rss, "load": os.getloadavg()[0],
    }  # fmt: skip
    print("RESULT " + json.dumps(result), flush=True)
