"""The 60-second story: a tensor, a tape, a layer, a fit; the same through PyTorch's door."""

import numpy as np

import framework as tf
import framework.torch as torch
from framework import keras
from framework.keras import layers


def test_a_tensor():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert (x @ x).numpy().tolist() == [[7.0, 10.0], [15.0, 22.0]]
    assert str(tf.reduce_sum(x)) == "tf.Tensor(10.0, shape=(), dtype=float32)"


def test_a_tape():
    w, b = tf.Variable(2.0), tf.Variable(4.0)
    with tf.GradientTape() as tape:
        y = w * 3.0 + b
    assert [float(g) for g in tape.gradient(y, [w, b])] == [3.0, 1.0]


def test_the_other_door():
    w = torch.tensor(2.0, requires_grad=True)
    y = w * 3.0 + 4.0
    y.backward()
    assert repr(w.grad) == "tensor(3.)"


def test_a_loop():
    """y = 3 x + 2, found by gradient descent."""
    keras.utils.set_random_seed(0)
    xs = np.linspace(-1, 1, 32, dtype="float32")[:, None]
    layer = layers.Dense(1)
    for _ in range(100):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(xs) - (3 * xs + 2)))
        for variable, g in zip(layer.trainable_variables, tape.gradient(loss, layer.variables)):
            variable.assign_sub(0.3 * g)
    assert (
        abs(float(layer.kernel.numpy()[0, 0]) - 3) < 0.01 and abs(float(layer.bias[0]) - 2) < 0.01
    )


def test_a_fit():
    """Points whose coordinates have one sign, told from the others by a small network."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 2)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("int32")
    model = keras.Sequential([layers.Dense(32, activation="tanh"), layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=32, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.3 < history["loss"][0]
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.9
