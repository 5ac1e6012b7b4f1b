"""Peak memory and time of a gradient through 30 layers, with and without tf.recompute_grad.

    python experiments/benchmarks/recompute.py [--write]

Each layer is tanh(x @ w) twice on (512, 512) float32, eagerly. --write keeps the table as
experiments/benchmarks/recompute.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

import framework as tf

LAYERS, SIZE, REPEATS = 30, 512, 5


def layer(x: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """tanh(tanh(x w) w), (n, n) -> (n, n)."""
    return tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, w)), w))


def segment(x: tf.Tensor, ws: list) -> tf.Tensor:
    """Several layers."""
    for w in ws:
        x = layer(x, w)
    return x


def step(x: tf.Tensor, ws: list, per_segment: int | None) -> np.ndarray:
    """d sum(y) / d w of the first layer; segments of so many layers are computed again."""
    with tf.GradientTape() as tape:
        y = x
        if per_segment is None:
            y = segment(y, ws)
        else:
            for i in range(0, len(ws), per_segment):
                part = ws[i : i + per_segment]
                y = tf.recompute_grad(lambda y, part=part: segment(y, part))(y)
        loss = tf.reduce_sum(y)
    del y
    return tape.gradient(loss, ws[0]).numpy()


def measured(function: Callable) -> tuple[float, float]:
    """(peak of new memory in MB, best time of REPEATS in ms)."""
    function()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    function()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return peak / 2**20, 1e3 * min(times)


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal((SIZE, SIZE)).astype(np.float32))
    ws = [tf.Variable(rng.standard_normal((SIZE, SIZE)).astype(np.float32) / SIZE**0.5)
          for _ in range(LAYERS)]  # fmt: skip
    cases = {"everything is kept": None, "each layer computed again": 1,
             "5 layers computed again at a time": 5}  # fmt: skip
    rows = ["| | peak memory, MB | time, ms |", "|---|---|---|"]
    wanted = step(x, ws, None)
    for name, per_segment in cases.items():
        np.testing.assert_allclose(step(x, ws, per_segment), wanted, rtol=1e-5, atol=1e-6)
        peak, spent = measured(lambda n=per_segment: step(x, ws, n))
        rows.append(f"| {name} | {peak:.0f} | {spent:.0f} |")
    text = "\n".join(rows)
    print(text)
    if options.write:
        head = (
            "# recompute_grad: memory against time\n\n"
            f"A gradient through {LAYERS} layers tanh(tanh(x w) w), x and w ({SIZE}, {SIZE}) "
            f"float32, eagerly, {os.cpu_count()} CPUs ({platform.machine()}).\nOne array is "
            f"{SIZE * SIZE * 4 / 2**20:.0f} MB. Made by `recompute.py`.\n\n"
        )
        Path(__file__).with_suffix(".md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
