"""Record which numbers real Keras reports, under which names and in which order: python
tests/golden/record_logs.py (in an environment with keras and tensorflow). Writes logs.json.

Several outputs, metrics and steps of the user's own, evaluate and train_on_batch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y, Z = RNG.normal(size=(2, 10, 1)).astype(np.float32)
W, V = RNG.uniform(0.5, 2.0, size=(2, 10)).astype(np.float32)
CASES: dict[str, Any] = {}


def case(function):
    """Enter a function (keras, tf) -> values of which numbers are kept."""
    CASES[function.__name__] = function
    return function


def one(keras, **options):
    """A Dense layer with known weights."""
    return keras.layers.Dense(1, kernel_initializer="ones", **options)


def single(keras, *args, **options):
    """A compiled model with one output."""
    model = keras.Sequential([keras.Input((3,)), one(keras)])
    model.compile(keras.optimizers.SGD(0.01), *args, **options)
    return model


def double(keras, *args, as_dict=False, **options):
    """A compiled model with the outputs z and b."""
    start = keras.Input((3,))
    z, b = (
        one(keras, name="z")(start),
        keras.layers.Dense(1, kernel_initializer="zeros", name="b")(start),
    )
    model = keras.Model(start, {"z": z, "b": b} if as_dict else [z, b])
    model.compile(keras.optimizers.SGD(0.01), *args, **options)
    return model


def told(model, y, **options):
    """History, evaluate and train_on_batch."""
    # 5 divides 10: else Keras gives the short last batch a whole weight in the loss of an output.
    batches = {"batch_size": 5, "verbose": 0}
    fitted = model.fit(X, y, shuffle=False, epochs=2, **batches, **options)
    return {
        "history": fitted.history,
        "dict": model.evaluate(X, y, return_dict=True, **batches),
        "list": model.evaluate(X, y, **batches),
        "batch": model.train_on_batch(X, y),
        "names": list(model.metrics_names),
    }


@case
def order_of_metrics(keras, tf):
    return told(single(keras, "mse", metrics=["mse", "mae"], weighted_metrics=["mae"]), Y)


@case
def same_names(keras, tf):
    near, far = (lambda a, b: abs(a - b)), (lambda a, b: abs(a - b) * 2)
    near.__name__ = far.__name__ = "distance"
    return told(single(keras, "mse", metrics=[near, far]), Y)


@case
def losses_by_name(keras, tf):
    return told(double(keras, {"z": "mse", "b": "mae"}), {"z": Y, "b": Z + 10})


@case
def losses_by_name_targets_in_a_list(keras, tf):
    return told(double(keras, {"b": "mae", "z": "mse"}), [Y, Z + 10])


@case
def losses_in_a_list(keras, tf):
    return told(double(keras, ["mse", "mae"], loss_weights=[1.0, 0.5]), [Y, Z])


@case
def one_loss_for_all(keras, tf):
    return told(double(keras, "mse", metrics=[["mae"], ["mse"]]), [Y, Z + 10])


@case
def weights_by_name(keras, tf):
    loss = {"z": "mse", "b": "mae"}
    return told(double(keras, loss, loss_weights={"z": 2.0, "b": 0.1}), [Y, Z])


@case
def metrics_by_name(keras, tf):
    return told(double(keras, ["mse", "mse"], metrics={"b": ["mae", "mse"]}), [Y, Z])


@case
def outputs_in_a_dict(keras, tf):
    loss, metrics = {"z": "mse", "b": "mae"}, {"z": ["mae"], "b": ["mse"]}
    options = {"loss_weights": {"z": 0.5, "b": 3.0}, "as_dict": True}
    return told(double(keras, loss, metrics=metrics, **options), {"z": Y, "b": Z})


@case
def no_loss_for_one_output(keras, tf):
    return told(double(keras, ["mse", None]), [Y, Z])


@case
def sample_weights_by_output(keras, tf):
    model = double(keras, ["mse", "mae"], weighted_metrics=[["mae"], ["mae"]])
    return told(model, [Y, Z], sample_weight=[W, V])


@case
def scalar_loss_weight(keras, tf):
    return told(single(keras, "mse", loss_weights=2.0), Y)


def own(keras):
    """Base of models with steps of their own."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = one(keras)

        def call(self, x):
            return self.dense(x)

    return Own


def step(keras, tf, model, data):
    """A training step by hand."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(data[0], training=True) - data[1]))
    variables = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


@case
def own_step(keras, tf):
    class Model(own(keras)):
        def train_step(self, data):
            loss = step(keras, tf, self, data)
            return {"loss": loss, "twice": loss * 2.0}

    model = Model()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return told(model, Y)


@case
def own_metric(keras, tf):
    class Model(own(keras)):
        def __init__(self):
            super().__init__()
            self.tracker = keras.metrics.Mean(name="mine")

        def train_step(self, data):
            self.tracker.update_state(step(keras, tf, self, data))
            return {"mine": self.tracker.result()}

        def test_step(self, data):
            self.tracker.update_state(tf.reduce_mean(data[1]))
            return {"mine": self.tracker.result()}

        @property
        def metrics(self):
            return [self.tracker]

    model = Model()
    model.compile(keras.optimizers.SGD(0.01))
    return told(model, Y)


@case
def own_compute_loss(keras, tf):
    class Model(own(keras)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return tf.reduce_mean(tf.square(y - y_pred)) * 3.0

    model = Model()
    model.compile(keras.optimizers.SGD(0.01))
    return told(model, Y, validation_data=(X[:5], Y[:5]))


@case
def batches_differ(keras, tf):
    model = single(keras, "mse")
    calls = [model.train_on_batch(X * k, Y) for k in (1, 2, 3)]
    return {"train": calls, "test": [model.test_on_batch(X * k, Y - k) for k in (1, 2)]}


@case
def big_endian(keras, tf):
    model = single(keras, "mse")
    return {"predict": model.predict(np.arange(6, dtype=">i2").reshape(2, 3), verbose=0)}


@case
def validation_in_listed_epochs(keras, tf):
    model = single(keras, "mse")
    options = {"validation_data": (X, Y), "validation_freq": [1, 3], "epochs": 3, "verbose": 0}
    return model.fit(X, Y, shuffle=False, **options).history


@case
def steps_of_an_epoch(keras, tf):
    model = single(keras, "mse", metrics=["mae"])
    options = {"steps_per_epoch": 2, "validation_steps": 3, "validation_batch_size": 2}
    options |= {"batch_size": 2, "epochs": 4, "shuffle": False, "verbose": 0}
    history = model.fit(X, Y, validation_data=(X, Z), **options).history
    few = {"batch_size": 2, "steps": 2, "verbose": 0}
    return history | {"few": model.evaluate(X, Y, **few), "out": model.predict(X, **few)}


@case
def steps_per_execution(keras, tf):
    calls = []

    class Calls(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            calls.append(batch)

        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)

    model = single(keras, "mse", steps_per_execution=2)
    model.fit(X, Y, batch_size=2, shuffle=False, verbose=0, callbacks=[Calls()])
    return {"calls": calls}


def plain(value: Any) -> Any:
    """Numbers and lists of them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value if isinstance(value, str) else np.asarray(value, np.float64).tolist()


def run(keras, tf, name: str) -> Any:
    """The numbers of a case."""
    keras.utils.clear_session()
    return plain(CASES[name](keras, tf))


if __name__ == "__main__":
    import keras
    import tensorflow

    recorded = {name: run(keras, tensorflow, name) for name in CASES}
    Path(__file__).with_name("logs.json").write_text(json.dumps(recorded, indent=1) + "\n")
