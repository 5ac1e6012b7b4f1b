"""Records tests/keras/feeds.json: fit, evaluate and predict of data sets in real Keras.

Run it from the root of the repository with an interpreter that has tensorflow 2.21 and keras 3.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(1).normal(size=(10, 3)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")
WEIGHT = np.linspace(0.5, 2.0, 10).astype("float32")


def model_of(keras):
    """A small compiled model with the same weights each time."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)]
    )
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def from_generator(tf):
    """Batches of 1, 2, 3 and 4 rows, one after the other."""

    def batches():
        for start, stop in ((0, 1), (1, 3), (3, 6), (6, 10)):
            yield X[start:stop], Y[start:stop]

    signature = (tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((None, 1), tf.float32))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def pairs(tf):
    """Three batches of (x, y): 4, 4 and 2 rows."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)


def labels(tf):
    """Targets are 0 and 1."""
    return tf.data.Dataset.from_tensor_slices((X, Y.astype("int32"))).batch(4)


FITS = {
    "pairs": lambda tf: {"x": pairs(tf), "epochs": 3},
    "triples": lambda tf: {
        "x": tf.data.Dataset.from_tensor_slices((X, Y, WEIGHT)).batch(3),
        "epochs": 2,
    },
    "float64": lambda tf: {"x": pairs(tf).map(lambda x, y: (tf.cast(x, tf.float64), y))},
    "generator": lambda tf: {"x": from_generator(tf), "epochs": 2},
    "repeat": lambda tf: {"x": pairs(tf).repeat(), "steps_per_epoch": 2, "epochs": 4},
    "steps": lambda tf: {"x": pairs(tf), "steps_per_epoch": 2, "epochs": 3},
    "too many steps": lambda tf: {"x": pairs(tf), "steps_per_epoch": 5, "epochs": 2},
    "unknown and steps": lambda tf: {"x": from_generator(tf), "steps_per_epoch": 3, "epochs": 3},
    "validation": lambda tf: {"x": pairs(tf), "validation_data": pairs(tf), "epochs": 2},
    "validation steps": lambda tf: {
        "x": pairs(tf),
        "validation_data": pairs(tf).repeat(),
        "validation_steps": 2,
        "epochs": 2,
    },
    "validation arrays": lambda tf: {"x": pairs(tf), "validation_data": (X, Y)},
    "arrays and validation set": lambda tf: {"x": X, "y": Y, "validation_data": pairs(tf)},
    "class weight": lambda tf: {"x": labels(tf), "class_weight": {0: 1.0, 1: 3.0}},
    "y": lambda tf: {"x": pairs(tf), "y": Y},
    "sample weight": lambda tf: {"x": pairs(tf), "sample_weight": WEIGHT},
    "filtered": lambda tf: {"x": pairs(tf).filter(lambda x, y: tf.shape(x)[0] > 3), "epochs": 2},
}


def run(tf, name):
    """History, batch logs and results of one case; or the error."""
    model, seen = model_of(tf.keras), []

    class Batches(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append([batch, float(logs["loss"])])

    options = {"verbose": 0, "shuffle": False, "callbacks": [Batches()]}
    try:
        history = model.fit(**options | FITS[name](tf))
    except ValueError as error:
        return {"error": str(error)}
    return {
        "history": {key: [float(v) for v in values] for key, values in history.history.items()},
        "steps": history.params["steps"],
        "batches": seen,
        "evaluate": [float(v) for v in model.evaluate(pairs(tf), verbose=0)],
        "evaluate 2": [float(v) for v in model.evaluate(pairs(tf).repeat(), steps=2, verbose=0)],
        "predict": model.predict(pairs(tf), verbose=0).tolist(),
        "predict x": model.predict(pairs(tf).map(lambda x, y: x), steps=1, verbose=0).tolist(),
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT))
    import tensorflow

    found = {name: run(tensorflow, name) for name in FITS}
    (ROOT / "tests/keras/feeds.json").write_text(json.dumps(found, indent=1) + "\n")
    print(len(found), "cases")
