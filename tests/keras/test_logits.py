"""Cross-entropies of what comes out of a softmax or sigmoid: computed from the logits behind it.

The numbers are those of Keras 3.15 on TensorFlow.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.keras import activations, layers, losses

X = np.array([[100.0, 0.0], [0.0, 100.0]], np.float32)
BOTH = np.array([1, 1])
ONE_HOT = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
both_modes = pytest.mark.parametrize("eagerly", [False, True])


def softmax_ends():
    return {
        "inside": [layers.Dense(2, activation="softmax")],
        "Activation": [layers.Dense(2), layers.Activation("softmax")],
        "Softmax": [layers.Dense(2), layers.Softmax()],
        "passed on": [layers.Dense(2, activation="softmax"), layers.Identity()],
    }


def fitted(parts, loss, y, eagerly, metrics=None):
    model = keras.Sequential(parts)
    model.build((None, 2))
    model.layers[0].kernel.assign(np.eye(2, parts[0].units, dtype=np.float32))
    model.compile(keras.optimizers.SGD(0.001), loss, metrics=metrics, run_eagerly=eagerly)
    history = model.fit(X, y, batch_size=2, epochs=1, verbose=0).history
    return history, model.layers[0].kernel.numpy()


@both_modes
@pytest.mark.parametrize("end", list(softmax_ends()))
def test_a_saturated_softmax_still_learns(end, eagerly):
    history, kernel = fitted(softmax_ends()[end], "sparse_categorical_crossentropy", BOTH, eagerly)
    assert history["loss"] == [50.0]
    np.testing.assert_allclose(kernel, [[0.95, 0.05], [0.0, 1.0]], atol=1e-6)


@both_modes
def test_categorical_and_its_metric(eagerly):
    ends, name = softmax_ends(), "categorical_crossentropy"
    history, kernel = fitted(ends["inside"], name, ONE_HOT, eagerly, [name])
    assert history["loss"] == history[name] == [50.0]
    np.testing.assert_allclose(kernel, [[0.95, 0.05], [0.0, 1.0]], atol=1e-6)


@both_modes
@pytest.mark.parametrize(("smoothing", "wanted"), [(0.0, 50.346573), (0.2, 45.346573)])
def test_a_saturated_sigmoid_still_learns(smoothing, wanted, eagerly):
    loss = losses.BinaryCrossentropy(label_smoothing=smoothing)
    parts = [layers.Dense(1, activation="sigmoid")]
    history, kernel = fitted(parts, loss, np.array([0.0, 1.0]), eagerly)
    np.testing.assert_allclose(history["loss"], [wanted], rtol=1e-6)
    assert kernel[0, 0] < 0.96


def test_label_smoothing_goes_along():
    loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    _, kernel = fitted(softmax_ends()["inside"], loss, ONE_HOT, False)
    np.testing.assert_allclose(kernel, [[0.9525, 0.0475], [0.0025, 0.9975]], atol=1e-6)


def test_as_in_keras_a_new_tensor_hides_the_logits():
    p = activations.softmax(tf.constant(X))
    assert losses.sparse_categorical_crossentropy(BOTH, p).numpy().tolist() == [100.0, 0.0]
    for hidden in (p.numpy(), tf.reshape(p, (2, 2))):
        loss = losses.SparseCategoricalCrossentropy()(BOTH, hidden)
        np.testing.assert_allclose(loss, 8.059048, rtol=1e-6)
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=0)(np.array([1, 0]), p)
    np.testing.assert_allclose(ignoring, 16.118095, rtol=1e-6)


def test_from_logits_on_top_is_a_warning():
    p = activations.softmax(tf.constant(X))
    with pytest.warns(UserWarning, match="from_logits=True, but .* a Softmax"):
        value = losses.categorical_crossentropy(ONE_HOT, p, from_logits=True)
    assert value.numpy().tolist() == [100.0, 0.0]


def test_a_variable_counts_as_it_was():
    v = tf.Variable(X)
    p = activations.softmax(v)
    v.assign(np.zeros_like(X))
    assert losses.sparse_categorical_crossentropy(BOTH, p).numpy().tolist() == [100.0, 0.0]


def test_gradients_reach_a_variable_behind_the_softmax():
    v = tf.Variable(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.sparse_categorical_crossentropy(BOTH, activations.softmax(v)))
    np.testing.assert_allclose(tape.gradient(loss, v), [[1.0, -1.0], [0.0, 0.0]], atol=1e-6)


def test_outputs_die_and_are_forgotten():
    gc.collect()
    before = len(activations.LOGITS)
    p = activations.sigmoid(tf.constant(X))
    assert len(activations.LOGITS) == before + 1
    del p
    assert len(activations.LOGITS) == before


@both_modes
def test_an_activation_that_is_taken_away_leaves_the_logits(eagerly):
    for layer, x in (
        (layers.Dense(3, activation="softmax"), X),
        (layers.EinsumDense("ab,bc->ac", 3, activation="softmax"), X),
        (layers.Conv1D(3, 1, activation="softmax"), X[None]),
        (layers.SimpleRNN(3, return_sequences=True), X[None] / 100),
    ):
        model = keras.Sequential([keras.Input(x.shape[1:]), layer])
        model.compile(run_eagerly=eagerly)
        layer.activation = None
        got = model.predict(x, verbose=0)
        layer.activation = activations.linear
        model.compile(run_eagerly=eagerly)
        np.testing.assert_array_equal(got, model.predict(x, verbose=0))
        assert abs(got.sum(axis=-1) - 1.0).max() > 1e-3
