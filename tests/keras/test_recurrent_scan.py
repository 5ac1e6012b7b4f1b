"""Recurrent layers without an op of their own are one line of a program, however long they are."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras
from tests.keras.recurrent_cases import small


def half_sine(x):
    return tf.math.sin(x) * 0.5


OPTIONS = [
    ("LSTM", {"recurrent_dropout": 0.3}),
    ("LSTM", {"activation": "relu", "return_sequences": True}),
    ("LSTM", {"dropout": 0.2, "implementation": 1, "go_backwards": True}),
    ("LSTM", {"activation": half_sine, "use_bias": False}),
    ("GRU", {"recurrent_dropout": 0.3, "return_sequences": True}),
    ("GRU", {"reset_after": False, "recurrent_dropout": 0.2}),
    ("GRU", {"reset_after": False, "return_sequences": True}),
    ("SimpleRNN", {"recurrent_dropout": 0.3, "dropout": 0.3}),
    ("SimpleRNN", {"activation": "sigmoid", "return_sequences": True}),
]


def made(name, options, units=4):
    """A layer with set weights."""
    keras.utils.set_random_seed(4)
    layer = getattr(keras.layers, name)(units, seed=2, **options)
    layer.build((None, None, 2))
    layer.set_weights([small(10 + i, w.shape) for i, w in enumerate(layer.get_weights())])
    return layer


def stack_of_cells():
    """An RNN of cells with states of different sizes."""
    keras.utils.set_random_seed(4)
    cells = [
        keras.layers.LSTMCell(3, recurrent_dropout=0.3, seed=1),
        keras.layers.GRUCell(4, reset_after=False),
        keras.layers.SimpleRNNCell(2, activation="relu"),
    ]
    layer = keras.layers.RNN(cells, return_sequences=True, return_state=True)
    layer.build((None, None, 2))
    return layer


def layers_of():
    """(name, function that makes a layer)"""
    each = []
    for name, options in OPTIONS:
        told = {key: getattr(value, "__name__", value) for key, value in options.items()}
        each.append((f"{name} {told}", lambda name=name, options=options: made(name, options)))
    return [*each, ("stack", stack_of_cells)]


def step_of(layer, order=1):
    """The outputs, gradients of x and of the weights, of higher orders those of their squares."""

    def gradients(x, order):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outs = tf.nest.flatten(layer(x, training=True)) if order == 1 else gradients(x, 1)
            loss = tf.add_n([tf.reduce_sum(y * y) for y in outs])
        return [*outs, *tape.gradient(loss, [x, *[w.value for w in layer.trainable_weights]])]

    return lambda x: gradients(x, order)


@pytest.mark.parametrize(("name", "make"), layers_of(), ids=[name for name, _ in layers_of()])
@pytest.mark.parametrize("order", [1, 2])
def test_programs_give_what_single_steps_give(name, make, order):
    x, found = tf.constant(small(0, (5, 9, 2)) * 3), []
    for wrap in (lambda f: f, tf.function):
        step = wrap(step_of(make(), order))
        found.append([step(x) for _ in range(4)])
    for eager, compiled in zip(*found, strict=True):
        size = max([float(np.abs(a).max()) for a in eager])
        for a, b in zip(eager, compiled, strict=True):
            np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-6 * size)


@pytest.mark.parametrize(("name", "make"), layers_of(), ids=[name for name, _ in layers_of()])
def test_programs_do_not_grow_with_the_steps(name, make):
    counts = []
    for length in (10, 40):
        step = tf.function(step_of(make()))
        counts.append(len(step.program(tf.constant(small(0, (5, length, 2)))).lines))
    assert counts[0] == counts[1] < 250


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_fit_learns_what_it_learns_eagerly(name, options):
    x, y = small(0, (32, 12, 2)), small(1, (32, 4))
    losses = []
    for is_eager in (False, True):
        layer = made(name, options)
        head = [keras.layers.GlobalAveragePooling1D()] * layer.return_sequences
        model = keras.Sequential([keras.Input((12, 2)), layer, *head])
        model.compile("adam", "mse", run_eagerly=is_eager)
        losses.append(model.fit(x, y, epochs=3, batch_size=10, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=2e-5)


def test_operations_are_counted_in_all_rounds():
    """h recurrent_kernel, one of the products of a step: 2 x 5 rows x 4 x 4 units."""
    totals = []
    for length in (10, 30):
        step = tf.function(step_of(made("SimpleRNN", {"activation": "relu"})))
        totals.append(step.program(tf.constant(small(0, (5, length, 2)))).flops)
    assert totals[1] - totals[0] > 3 * 20 * 2 * 5 * 4 * 4


def test_sizes_may_be_open():
    layer = made("GRU", {"reset_after": False, "return_sequences": True})
    step = step_of(layer)
    for shape in ([None, 9, 2], [None, None, 2]):
        open_step = tf.function(step, input_signature=[tf.TensorSpec(shape, tf.float32)])
        for rows in (2, 5):
            x = tf.constant(small(0, (rows, 9, 2)))
            for a, b in zip(step(x), open_step(x), strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_a_step_that_does_more_than_to_compute_is_taken_by_itself():
    count = tf.Variable(0.0)

    def counting(x):
        count.assign_add(1.0)
        return tf.tanh(x)

    layer = made("SimpleRNN", {"activation": counting})
    step = tf.function(lambda x: layer(x))
    x = tf.constant(small(0, (5, 9, 2)))
    for calls in range(1, 5):
        step(x)
        assert count.numpy() == 9 * calls
