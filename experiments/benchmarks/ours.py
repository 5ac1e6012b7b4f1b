"""One workload with this framework: python ours.py W1 compiled|eager THREADS"""

import time

START = time.perf_counter()
import sys  # noqa: E402

from workloads import WORKLOADS, batches, data, measure, report  # noqa: E402

import framework as tf  # noqa: E402
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
optimizer, (x, y) = keras.optimizers.Adam(1e-3), data(name)

if mode == "compiled":
    model.compile(optimizer, loss)
    runner = model.runner("train", as_rows(x, y), batch)

    def run(steps: int) -> None:
        """Steps as fit runs them: whole epochs without Python."""
        while steps > 0:
            if runner.cursor == runner.steps:
                runner.cursor = 0
            count = min(steps, runner.steps - runner.cursor)
            runner.run(count)
            steps -= count
else:
    loss_of = keras.losses.get(loss)
    parts = [(tf.constant(a), tf.constant(b)) for a, b in batches(name)]

    def run(steps: int) -> None:
        """The usual loop of a GradientTape script."""
        for i in range(steps):
            xs, ys = parts[i % len(parts)]
            with tf.GradientTape() as tape:
                value = loss_of(ys, model(xs, training=True))
            variables = model.trainable_variables
            gradients = tape.gradient(value, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))


run(1)
first = time.perf_counter()
report(measure(run), START, first)
