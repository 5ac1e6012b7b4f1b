"""Record what real Keras' fit gives: python tests/golden/record_fit.py (in an environment with
keras).

Writes fit.json: histories, evaluations and final weights of small models with fixed weights and no
shuffling.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def weights(seed: int, shapes: list) -> list[np.ndarray]:
    """Fixed weights."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]


def cases(keras) -> dict:
    """name -> (optimizer, loss, metrics, kind of y, fit options)"""
    sgd, adam = keras.optimizers.SGD, keras.optimizers.Adam
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    return {
        "sgd": (sgd(0.1), "mse", ["mae"], "floats", {}),
        "nesterov": (sgd(0.05, momentum=0.9, nesterov=True), "mse", [], "floats", {}),
        "schedule": (sgd(decay), "mae", ["mse"], "floats", {}),
        "adam": (adam(0.02), sparse, ["accuracy"], "labels", {}),
        "weights": (adam(0.02), sparse, ["accuracy"], "labels", {"sample_weight": True}),
        "class_weight": (
            sgd(0.1),
            sparse,
            [],
            "labels",
            {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
        ),
        "split": (sgd(0.1), "mse", ["mae"], "floats", {"validation_split": 0.25}),
        "later": (sgd(0.1), "mse", [], "floats", {"initial_epoch": 1}),
    }


def run(keras, name: str) -> dict:
    """Train one case with this keras."""
    keras.utils.set_random_seed(0)
    optimizer, loss, metrics, kind, options = cases(keras)[name]
    rng = np.random.default_rng(5)
    x = rng.normal(size=(22, 4)).astype(np.float32)
    y = rng.integers(0, 3, 22) if kind == "labels" else rng.normal(size=(22, 3)).astype(np.float32)
    if options.get("sample_weight"):
        options = {"sample_weight": rng.uniform(0.2, 2.0, 22).astype(np.float32)}
    model = keras.Sequential([
        keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3),
    ])  # fmt: skip
    model.set_weights(weights(1, [(4, 5), (5,), (5, 3), (3,)]))
    model.compile(optimizer, loss, metrics=metrics)
    fitted = model.fit(x, y, batch_size=6, epochs=3, shuffle=False, verbose=0, **options)
    return {
        "history": {k: [float(v) for v in vs] for k, vs in fitted.history.items()},
        "epochs": list(fitted.epoch),
        "evaluate": model.evaluate(x, y, batch_size=5, verbose=0, return_dict=True),
        "predict": model.predict(x[:3], verbose=0).tolist(),
        "weights": [w.ravel().tolist() for w in model.get_weights()],
    }


if __name__ == "__main__":
    import keras

    recorded = {name: run(keras, name) for name in cases(keras)}
    Path(__file__).with_name("fit.json").write_text(json.dumps(recorded, indent=1) + "\n")
