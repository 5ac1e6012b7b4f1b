"""A step that gives NaN says where it came from, and leaves the weights as they were."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras

STOP = {"callbacks": [keras.callbacks.TerminateOnNaN(error=True)], "verbose": 0, "shuffle": False}
X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)


class Root(keras.layers.Layer):
    def call(self, x):
        return tf.sqrt(x)


class Blind(keras.layers.Layer):
    """A forward without harm whose gradient is infinite at 0."""

    def call(self, x):
        return tf.sqrt(x * 0.0)


def fitted(layer, x, **options):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(3, name="first"), layer, keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(FloatingPointError) as error:
        model.fit(x, np.ones((len(x), 1)), batch_size=10, **STOP, **options)
    return model, before, str(error.value)


def test_the_layer_and_the_samples_are_named():
    model, before, said = fitted(Root(name="root"), np.abs(X))
    assert "a NaN came first from sqrt in root, samples" in said
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_gradient_is_named():
    model, before, said = fitted(Blind(name="blind"), X)
    assert "in gradient of blind" in said
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_samples_are_rows_of_the_data():
    x = X.copy()
    x[[13, 27], 2] = np.nan
    _, _, said = fitted(keras.layers.ReLU(), x)
    assert "step 2 of" in said
    assert "the data have a NaN, samples 13;" in said


def test_a_data_set_is_named_as_the_input():
    x = X.copy()
    x[13, 2] = np.inf
    data = tf.data.Dataset.from_tensor_slices((x, np.ones((40, 1), np.float32))).batch(10)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    said = "step 2 of 4: x has an infinity, samples 3 of the batch; the weights are those before"
    with pytest.raises(FloatingPointError, match=said):
        model.fit(data, **STOP)


def test_samples_of_a_batch_of_a_data_set_are_named():
    x = np.abs(X)
    x[[24, 28], 1] = -1.0  # where Root has no value
    data = tf.data.Dataset.from_tensor_slices((x, np.ones((40, 1), np.float32))).batch(10)
    model = keras.Sequential([keras.Input((6,)), Root(name="root"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    said = "step 3 of 4: a NaN came first from sqrt in root, samples 4 8 of the batch;"
    with pytest.raises(FloatingPointError, match=said):
        model.fit(data, **STOP)


class Own(keras.Model):
    """The same network with a step of its own."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


def parts_of(kind, *parts):
    x = y = keras.Input((6,))
    for part in (keras.layers.Dense(3, name="first"), *parts, keras.layers.Dense(1)):
        y = part(y)
    return kind(x, y)


KINDS = pytest.mark.parametrize("kind", [keras.Model, Own])
MODES = pytest.mark.parametrize("is_eager", [False, True])


@MODES
@KINDS
@pytest.mark.parametrize("is_data_set", [False, True])
def test_every_kind_of_step_is_checked_before_it_writes(kind, is_eager, is_data_set):
    model = parts_of(kind, keras.layers.BatchNormalization(), Root(name="root"))
    model.compile("sgd", "mse", run_eagerly=is_eager)
    before = model.get_weights()
    y = np.ones((40, 1), np.float32)
    given = (tf.data.Dataset.from_tensor_slices((X, y)).batch(10),) if is_data_set else (X, y)
    options = {} if is_data_set else {"batch_size": 10}
    said = r"in epoch 1, step 1 of 4: a NaN came first from sqrt in root, samples [\d .]+"
    said += "of the batch; the weights are" if is_data_set else "; the weights are"
    with pytest.raises(FloatingPointError, match=f"{said} those before that step"):
        model.fit(*given, **STOP, **options)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(model.optimizer.iterations) == 0


@MODES
@KINDS
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_update_that_overflows_is_named_in_its_own_step(kind, is_eager, optimizer):
    model = parts_of(kind)
    model.compile(optimizer, "mse", run_eagerly=is_eager)

    class Explode(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer.learning_rate = np.inf

    callbacks = [*STOP["callbacks"], Explode()]
    said = "the weights are NaN or infinite in epoch 2, step 1 of 4: an? (NaN|infinity) came first"
    said += r" from (the|\w+_update in) update of first/kernel; that step has written its weights"
    with pytest.raises(FloatingPointError, match=said):
        model.fit(X, np.ones((40, 1)), batch_size=10, epochs=3, **STOP | {"callbacks": callbacks})


@MODES
def test_weights_that_were_wrong_before_are_told(is_eager):
    model = parts_of(keras.Model)
    model.compile("sgd", "mse", run_eagerly=is_eager)
    model.layers[1].kernel.assign(np.full((6, 3), np.nan, np.float32))
    with pytest.raises(FloatingPointError, match="step 1 of 4: first/kernel had a NaN before that"):
        model.fit(X, np.ones((40, 1)), batch_size=10, **STOP)


@MODES
def test_a_loss_that_no_gradient_shows_is_found(is_eager):
    class Told(keras.Model):
        def train_step(self, data):
            return {"loss": tf.reduce_mean(tf.sqrt(self(data[0], training=True)))}

    model = parts_of(Told)
    model.compile("sgd", "mse", run_eagerly=is_eager)
    with pytest.raises(FloatingPointError, match="the loss is NaN or infinite in epoch 1, step 1"):
        model.fit(X, np.ones((40, 1)), batch_size=10, **STOP)


@MODES
@KINDS
def test_a_checked_fit_is_the_fit(kind, is_eager):
    found = []
    for callbacks in ([], STOP["callbacks"]):
        keras.utils.set_random_seed(3)
        model = parts_of(kind, keras.layers.BatchNormalization())
        model.compile("adam", "mse", run_eagerly=is_eager)
        model.fit(X, np.ones((40, 1)), batch_size=16, epochs=2, verbose=0, callbacks=callbacks)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
