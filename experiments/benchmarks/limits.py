"""What this machine can do at most, by NumPy: matrix products and copies. See timing.py for the
arguments; workload and mode are not read.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import timing

SIZE = 1024  # rows and columns: large enough for BLAS, short enough to be let alone
COPIED = 2**27  # bytes of the array that is copied: more than caches hold


def best(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of one call, in seconds."""
    function()
    end, times = time.perf_counter() + seconds, []
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def gflops(seconds: float) -> float:
    """GFLOP/s of a float32 matrix product, by the BLAS that compiled programs use."""
    x, y = np.random.default_rng(0).standard_normal((2, SIZE, SIZE)).astype(np.float32)
    out = np.empty_like(x)
    return 2e-9 * SIZE**3 / best(lambda: np.matmul(x, y, out=out), seconds)


def copied_gbs(threads: int, seconds: float) -> float:
    """GB/s read and written while a large array is copied by so many threads."""
    source = np.ones(COPIED // 4, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads)))
    with ThreadPoolExecutor(threads) as pool:
        spent = best(lambda: list(pool.map(lambda part: np.copyto(*part), parts)), seconds)
    return 2e-9 * COPIED / spent


def main() -> None:
    """Measure both."""
    asked = timing.case()
    seconds = max(asked.seconds, 0.01) / 2
    timing.tell({"gflops": gflops(seconds), "copy_gbs": copied_gbs(asked.threads, seconds)})


if __name__ == "__main__":
    main()
