"""fit, evaluate, predict: like real Keras, compiled like eager, and clear about what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine import ops
from framework.keras import layers
from tests.golden import record_fit

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "fit.json").read_text())
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def data(rows: int = 50, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 6)).astype(np.float32)
    return x, (x @ rng.normal(size=(6, classes))).argmax(1)


def network(hidden=lambda: [layers.Dense(8, activation="relu")], **options) -> keras.Sequential:
    """A compiled classifier; the same weights each time."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([*hidden(), layers.Dense(3)])
    options = {"optimizer": keras.optimizers.Adam(0.01), "loss": SPARSE} | options
    model.compile(**options)
    return model


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_like_real_keras(name):
    got, want = record_fit.run(keras, name), GOLDEN[name]
    assert list(got["history"]) == list(want["history"])
    assert got["epochs"] == want["epochs"]
    for key in want["history"]:
        np.testing.assert_allclose(
            got["history"][key], want["history"][key], rtol=2e-5, err_msg=key
        )
    assert list(got["evaluate"]) == list(want["evaluate"])
    for key, value in want["evaluate"].items():
        np.testing.assert_allclose(got["evaluate"][key], value, rtol=2e-5)
    np.testing.assert_allclose(got["predict"], want["predict"], rtol=2e-4, atol=1e-5)
    for mine, its in zip(got["weights"], want["weights"], strict=True):
        np.testing.assert_allclose(mine, its, rtol=2e-4, atol=2e-6)


L2 = keras.regularizers.L2(0.01)
HIDDEN = {  # between input and output
    "dense": lambda: [layers.Dense(8, activation="tanh", kernel_regularizer=L2)],
    "dropout": lambda: [layers.Dense(8), layers.Dropout(0.4)],
    "batch_norm": lambda: [layers.Dense(8, use_bias=False), layers.BatchNormalization()],
    "layer_norm": lambda: [layers.Dense(8), layers.LayerNormalization()],
    "shapes": lambda: [layers.Reshape((2, 3)), layers.Rescaling(0.5, 1.0), layers.Flatten()],
    "activations": lambda: [layers.Dense(8, activation=n) for n in ("gelu", "selu", "softplus")],
}


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "clipped": lambda: keras.optimizers.SGD(0.05, global_clipnorm=0.3),
    "scheduled": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 20)),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5),
}


def both_ways(make, x, y, **options) -> None:
    """fit compiled and eagerly: the same history and the same weights."""
    compiled, eager = make(False), make(True)
    one = compiled.fit(x, y, epochs=3, batch_size=16, verbose=0, **options).history
    two = eager.fit(x, y, epochs=3, batch_size=16, verbose=0, **options).history
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_allclose(one[key], two[key], rtol=1e-4, atol=1e-6, err_msg=key)
    for a, b in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_compiled_is_eager_for_layers(name):
    make = lambda eager: network(HIDDEN[name], metrics=["accuracy"], run_eagerly=eager)
    both_ways(make, *data(), validation_split=0.2)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_compiled_is_eager_for_optimizers(name):
    both_ways(lambda eager: network(optimizer=OPTIMIZERS[name](), run_eagerly=eager), *data())


@pytest.mark.parametrize("loss", ["mse", "mae", "categorical_crossentropy", "binary_crossentropy"])
def test_compiled_is_eager_for_losses(loss):
    x, labels = data()
    y = np.eye(3, dtype=np.float32)[labels]
    activation = "softmax" if loss.startswith("cat") else "sigmoid"
    weight = np.linspace(0.1, 2, len(x)).astype(np.float32)

    def make(eager):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.Dense(3, activation)])
        model.compile(
            "sgd", loss, metrics=["accuracy"], weighted_metrics=["mse"], run_eagerly=eager
        )
        model.set_weights(record_fit.weights(2, [w.shape for w in model.get_weights()]))
        return model

    both_ways(make, x, y, sample_weight=weight)


def test_a_seed_gives_the_same_run_again():
    x, y = data()
    runs = [network(lambda: [layers.Dense(8), layers.Dropout(0.5)]) for _ in range(2)]
    one, two = [m.fit(x, y, epochs=2, verbose=0).history["loss"] for m in runs]
    assert one == two


def test_shuffling_depends_on_the_epoch():
    from framework.keras.training.fit import order_of

    orders = [order_of(1, epoch, 100) for epoch in range(3)]
    assert all(sorted(o) == list(range(100)) for o in orders)
    assert not np.array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[1], order_of(1, 1, 100))


def test_batch_hooks_see_every_step():
    seen = []

    class Spy(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, logs["loss"]))

    x, y = data(50)
    plain, spied = network(), network()
    h = spied.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[Spy()])
    assert [batch for batch, _ in seen] == [0, 1, 2, 3] * 2
    assert seen[-1][1] == pytest.approx(h.history["loss"][-1])
    assert plain.fit(x, y, batch_size=16, epochs=2, verbose=0).history == h.history


def test_train_on_batch_and_predict_agree_with_fit():
    x, y = data(32)
    one, two = network(), network()
    one.fit(x, y, batch_size=32, epochs=3, shuffle=False, verbose=0)
    losses = [two.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(losses, one.history.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(one.predict(x, batch_size=5), two.predict_on_batch(x), rtol=1e-4)
    assert two.test_on_batch(x, y) < losses[0]


def test_a_step_that_cannot_be_traced_runs_eagerly_with_one_warning(caplog):
    class Branching(layers.Layer):
        def call(self, x):
            return x * 2.0 if float(ops.sum(x)) > 0 else x

    x, y = data(20)
    history = network(lambda: [Branching()]).fit(x, y, epochs=2, verbose=0).history["loss"]
    told = [r.getMessage() for r in caplog.records if "cannot be compiled" in r.getMessage()]
    assert len(told) == 1
    assert "test_fit.py" in told[0]
    assert history[1] < history[0]


def test_a_custom_train_step_is_compiled_too():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

        def train_step(self, batch):
            from framework.engine.tape import GradientTape

            x, y = batch
            with GradientTape() as tape:
                loss = SPARSE(y, self(x, training=True))
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
            return {"mine": loss}

    x, y = data(32)
    results = []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        model = Mine()
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=eager)
        results.append(model.fit(x, y, epochs=3, verbose=0).history)
    assert list(results[0]) == ["mine"]
    np.testing.assert_allclose(results[0]["mine"], results[1]["mine"], rtol=1e-5)


def test_a_model_without_gradients_says_why():
    class Cut(layers.Layer):
        def call(self, x):
            return ops.stop_gradient(x)

    model = keras.Sequential([keras.Input((6,)), layers.Dense(3), Cut()])
    model.compile("sgd", SPARSE)
    with pytest.raises(ValueError, match="No gradients for any variable.*test_fit.py:"):
        model.fit(*data(8), verbose=0)


@pytest.mark.parametrize("eager", [False, True])
def test_nan_stops_before_the_weights_are_touched(eager):
    x, y = data(48)
    x[40] = np.nan
    model = network(run_eagerly=eager)
    nan = keras.callbacks.TerminateOnNaN(error=True)
    with pytest.raises(FloatingPointError, match="epoch 1, step 3 of 3"):
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[nan])
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert int(model.optimizer.iterations.numpy()) == 2


def test_terminate_on_nan_ends_quietly_as_in_keras():
    x, y = data(48)
    x[20] = np.nan
    callbacks = [keras.callbacks.TerminateOnNaN()]
    h = network().fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
    assert h.epoch == [0]


WRONG = {
    "labels out of range: y\\[4\\] is 7, .* 3 classes": lambda x, y: (x, np.r_[y[:4], 7, y[5:]]),
    "differ in their number of rows": lambda x, y: (x, y[:-1]),
    "the data set is empty": lambda x, y: (x[:0], y[:0]),
    "shape \\(20, 5\\).*wanted 6": lambda x, y: (x[:, :5], y),
    "dtype <U1": lambda x, y: (x.astype("U1"), y),
}  # fmt: skip


@pytest.mark.parametrize("message", sorted(WRONG))
def test_wrong_data_is_refused_with_a_reason(message):
    x, y = WRONG[message](*data(20))
    with pytest.raises(ValueError, match=message):
        network(lambda: [keras.Input((6,)), layers.Dense(8)]).fit(x, y, verbose=0)


@pytest.mark.parametrize("size", [0, -1, 2.5, "32"])
def test_batch_size_must_be_a_positive_integer(size):
    with pytest.raises(ValueError, match="batch_size"):
        network().fit(*data(20), batch_size=size, verbose=0)


def test_fit_before_compile_says_so():
    with pytest.raises(ValueError, match="compile"):
        keras.Sequential([layers.Dense(1)]).fit(np.ones((2, 1)), np.ones((2, 1)))


def test_memory_does_not_grow_over_many_fits():
    import resource

    x, y = data(64)
    model = network()
    for _ in range(5):
        model.fit(x, y, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(40):
        model.fit(x, y, verbose=0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


LONG = """
import numpy as np
import framework as tf
from framework import keras
x, y = np.ones((20000, 64), np.float32), np.zeros((20000, 1), np.float32)
model = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-4), "mse")  # a larger rate may diverge
model.fit(x[:8], y[:8], batch_size=8, verbose=0)
print("ready", flush=True)
try:
    model.fit(np.tile(x, (20, 1)), np.tile(y, (20, 1)), batch_size=1, epochs=1000, verbose=0)
except KeyboardInterrupt:
    print("interrupted", np.isfinite(model.get_weights()[0]).all(), flush=True)
"""


def test_ctrl_c_ends_a_compiled_epoch_within_a_second():
    process = subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ
    )
    assert process.stdout.readline().strip() == "ready"
    time.sleep(1.5)
    assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert out.strip() == "interrupted True"
    assert time.monotonic() - started < 3  # a second here, and slow machines


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def strided(a):
    wide = np.zeros((len(a) * 2, *a.shape[1:-1], a.shape[-1] * 3), a.dtype)
    view = wide[::2, ..., ::3]
    view[...] = a
    assert not view.flags.c_contiguous
    return view


def other_endian(a):
    return a.astype(a.dtype.newbyteorder(">"))


LAYOUTS = {
    "read-only": read_only,
    "strided": strided,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "column-major": np.asfortranarray,
    "other byte order": other_endian,
    "float64": lambda a: a.astype(np.float64 if a.dtype.kind == "f" else np.int64),
    "broadcast": lambda a: np.broadcast_to(a, (1, *a.shape))[0],
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_any_layout_train_as_plain_ones(layout, eager):
    x, y = data(40)
    y, weight = y[:, None].astype(np.int32), np.linspace(0.5, 2.0, 40, dtype=np.float32)
    found = []
    for change in (np.array, LAYOUTS[layout]):
        keras.utils.set_random_seed(5)
        model = network(run_eagerly=eager)
        given, weights = [change(x), change(y)], change(weight[:, None])[:, 0]
        kept = [a.copy() for a in given]
        history = model.fit(
            *given, batch_size=16, epochs=2, verbose=0, sample_weight=weights,
            validation_data=tuple(given),
        ).history  # fmt: skip
        on_batch = model.train_on_batch(*given, weights)
        found.append((history, on_batch, model.predict(given[0], verbose=0), model.get_weights()))
        for a, b in zip(given, kept, strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(tf.nest.flatten(found[0]), tf.nest.flatten(found[1]), strict=True):
        np.testing.assert_array_equal(a, b)
