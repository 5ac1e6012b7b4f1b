"""Losses whose denominators the ranks agree on, and regularisers; rank 0 writes to argv[1]."""

import sys

import numpy as np

from framework import distributed, keras

target = sys.argv[1]
rng = np.random.default_rng(0)
x = rng.normal(size=(31, 6)).astype("float32")  # 31 rows in batches of 8: parts differ by rank
y = rng.integers(0, 3, size=31)
weight = rng.uniform(0.0, 2.0, size=31).astype("float32")
L, losses = keras.layers, keras.losses
CASES = {
    "weighted mean": losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"),
    "ignored class": losses.SparseCategoricalCrossentropy(ignore_class=1),
    "sum": losses.SparseCategoricalCrossentropy(reduction="sum"),
}
found = {}
for name, loss in CASES.items():
    keras.utils.set_random_seed(1)
    hidden = L.Dense(5, activation="tanh", kernel_regularizer="l2", activity_regularizer="l1")
    model = keras.Sequential([keras.Input((6,)), hidden, L.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=["accuracy"], run_eagerly=True)
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, sample_weight=weight)
    found |= {f"{name}/{i}": w for i, w in enumerate(model.get_weights())}
    found |= {f"{name}/{key}": np.array(v) for key, v in history.history.items()}
if distributed.is_root():
    np.savez(target, **found)
