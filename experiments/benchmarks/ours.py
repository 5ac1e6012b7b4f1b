"""One workload with this framework: python ours.py W1 compiled|eager THREADS"""

import time

START = time.perf_counter()
import sys  # noqa: E402

from workloads import WORKLOADS, data, measure, report  # noqa: E402

from framework import keras  # noqa: E402
from framework.engine.compile import blas  # noqa: E402
from framework.keras.training.arrays import as_rows  # noqa: E402

name, mode, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
blas.set_threads(threads)
keras.utils.set_random_seed(0)
sizes, batch, _ = WORKLOADS[name]
hidden = [keras.layers.Dense(n, activation="relu") for n in sizes[1:-1]]
model = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1])])
loss = "mse" if sizes[-1] == 1 else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=mode == "eager")
x, y = data(name)

runner = model.runner("train", as_rows(x, y), batch)


def run(steps: int) -> None:
    """Steps as fit runs them: whole epochs without Python if compiled, op by op if eager."""
    while steps > 0:
        if runner.cursor == runner.steps:
            runner.cursor = 0
        count = min(steps, runner.steps - runner.cursor)
        runner.run(count)
        steps -= count


run(1)
first = time.perf_counter()
report(measure(run), START, first)
