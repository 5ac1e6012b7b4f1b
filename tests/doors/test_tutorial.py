"""GradientTape tutorials print what TensorFlow prints; beyond it, a None is explained."""

import logging

import numpy as np
import pytest

import framework as tf
from framework.keras import layers
from tests.doors import recorded, snippets_tf


@pytest.mark.parametrize("snippet", recorded.snippets(snippets_tf), ids=lambda f: f.__name__)
def test_prints_what_tensorflow_prints(snippet):
    wanted = recorded.record("tf")["printed"][snippet.__name__]
    assert recorded.printed(snippet, tf, np, layers) == wanted


def test_the_first_line_of_the_tutorial():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x * x * x
        assert str(tape.gradient(y, x)) == "tf.Tensor(108.0, shape=(), dtype=float32)"


def test_watching_built_layers_gives_gradients():
    a = layers.Dense(2, kernel_initializer="ones")
    a.build((None, 2))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a.variables)
        y = a(tf.ones((1, 2)))
    text = "[<tf.Tensor: shape=(2, 2), dtype=float32, numpy=\narray([[1., 1.],\n       [1., 1.]], "
    assert repr(tape.gradient(y, a.variables)).startswith(text)


def watch_too_early(persistent=False):
    """The pitfall: a layer's variables are watched before it has any."""
    a, b = layers.Dense(2, name="first"), layers.Dense(2, name="second")
    x = tf.ones((3, 2))
    tape = tf.GradientTape(persistent=persistent, watch_accessed_variables=False)
    with tape:
        tape.watch(a.variables)
        y = b(a(x))
    return tape, y, a


def test_a_none_of_an_unbuilt_layer_is_logged_with_the_remedy(caplog):
    tape, y, a = watch_too_early()
    assert caplog.records == []  # nothing is wrong yet
    assert tape.gradient(y, a.variables) == [None, None]
    assert "'first' before the layer was built" in caplog.text
    assert "layer.build(input_shape)" in caplog.text


def test_explain_an_unbuilt_layer():
    tape, y, a = watch_too_early(persistent=True)
    said = tape.explain(y, a.kernel)
    assert "'first'" in said and "before the layer was built" in said


def test_explain_the_variables_of_an_unbuilt_layer():
    a = layers.Dense(2, name="late")
    with tf.GradientTape() as tape:
        none_yet = a.variables
        y = tf.reduce_sum(a(tf.ones((2, 3))))
    assert "'late' had no variables" in tape.explain(y, none_yet)
    assert ["not None" in text for text in tape.explain(y, a.variables)] == [True, True]


def test_no_warning_where_gradients_arrive(caplog):
    """Watched too early, but again when it is built: no None follows, so nothing is said."""
    a = layers.Dense(2)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a.variables)
        a.build((None, 2))
        tape.watch(a.variables)
        y = a(tf.ones((3, 2)))
    assert None not in tape.gradient(y, a.variables)
    assert caplog.records == []


def test_integers_are_logged(caplog):
    caplog.set_level(logging.WARNING)
    x = tf.constant(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x) is None
    assert "watched tensor must be floating" in caplog.text
    assert "source tensor must be floating" in caplog.text and "tf.int32" in caplog.text


def test_explain_says_what_to_do():
    x, w = tf.constant(2.0), tf.Variable(3.0, name="w")
    frozen = tf.Variable(1.0, trainable=False, name="frozen")
    with tf.GradientTape(persistent=True) as tape:
        y = w * x * frozen
        z = tf.stop_gradient(w) * 2.0
    assert "not None" in tape.explain(y, w)
    assert "call tape.watch" in tape.explain(y, x)
    assert "not trainable" in tape.explain(y, frozen)
    assert "cut: `stop_gradient` has no gradient at " in tape.explain(z, w)
    assert "int32" in tape.explain(y, tf.constant(1))


def test_dense_casts_doubles():
    a = layers.Dense(2)
    inputs = np.random.random(size=(2, 4))
    assert a(inputs).dtype == tf.float32
