"""The data of the eager benchmark, and how a table of functions is timed."""

import json
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np

SHAPES = {
    "a": (32, 32), "b": (32, 32), "row": (32,), "big": (256, 256), "ids": (16,), "labels": (32,),
    "mask": (32, 32), "image": (4, 16, 16, 8), "kernel": (3, 3, 8, 16),
    "mlp_x": (64, 64), "mlp_y": (64,), "mlp_w1": (64, 128), "mlp_b1": (128,),
    "mlp_w2": (128, 128), "mlp_b2": (128,), "mlp_w3": (128, 10), "mlp_b3": (10,),
    "conv_x": (16, 28, 28, 1), "conv_y": (16,), "conv_k1": (3, 3, 1, 8), "conv_b1": (8,),
    "conv_k2": (3, 3, 8, 16), "conv_b2": (16,), "conv_w": (784, 10), "conv_b": (10,),
    "att_x": (8, 32, 64), "att_q": (64, 64), "att_k": (64, 64), "att_v": (64, 64),
    "att_o": (64, 64), "att_w1": (64, 256), "att_w2": (256, 64),
}  # fmt: skip
CLASSES = {"labels": 32, "mlp_y": 10, "conv_y": 10, "ids": 32}
SECONDS, REPEATS = 0.02, 9


def arrays() -> dict[str, np.ndarray]:
    """The same numbers for every library."""
    rng, found = np.random.default_rng(0), {}
    for name, shape in SHAPES.items():
        if name in CLASSES:
            found[name] = rng.integers(0, CLASSES[name], shape).astype(np.int32)
        elif name == "mask":
            found[name] = rng.random(shape) < 0.5
        else:
            found[name] = (rng.standard_normal(shape) * 0.1).astype(np.float32)
    return found


def microseconds(function: Callable) -> float:
    """The median of REPEATS loops of SECONDS each."""
    for _ in range(5):
        function()
    start = time.perf_counter()
    function()
    count = max(1, int(SECONDS / (time.perf_counter() - start)))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(count):
            function()
        times.append((time.perf_counter() - start) / count)
    return 1e6 * statistics.median(times)


def report(table: dict[str, Callable]) -> None:
    """Print the RESULT line: microseconds by name, and the peak of memory in MB."""
    found = {name: microseconds(function) for name, function in table.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT " + json.dumps({"us": found, "rss_mb": peak}))
