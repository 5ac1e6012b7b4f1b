"""tf.Module: names and order are those of TensorFlow 2.21."""

import pytest

import framework as tf
from framework import keras


class Affine(tf.Module):
    def __init__(self, n, m, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(tf.ones([n, m]), name="w")
        self.b = tf.Variable(tf.zeros([m]), name="b")
        self.steps = tf.Variable(0, trainable=False, name="steps")

    def __call__(self, x):
        return x @ self.w + self.b


class TwoLayers(tf.Module):
    def __init__(self):
        super().__init__()
        self.z = tf.Variable(1.0, name="z")
        self.parts = [Affine(2, 3, "one"), Affine(3, 1)]
        self.table = {"b": tf.Variable(2.0, name="db"), "a": tf.Variable(3.0, name="da")}
        self.again = self.parts[0]
        self.a = tf.Variable(4.0, name="a")


def names(variables):
    return [v.name.removesuffix(":0") for v in variables]


def test_order():
    net = TwoLayers()
    # Attributes by name: a, again, parts, table, z; the modules' own after all of them.
    first = ["a", "da", "db", "z"]
    assert names(net.variables) == [*first, "b", "steps", "w", "b", "steps", "w"]
    assert names(net.non_trainable_variables) == ["steps", "steps"]
    assert net.name == "two_layers" and [m.name for m in net.submodules] == ["one", "affine"]


def test_training():
    net = TwoLayers()
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(net.parts[1](net.parts[0](tf.ones([1, 2]))))
    found = tape.gradient(y, net.trainable_variables)
    shapes = [None if g is None else tuple(g.shape) for g in found]
    assert shapes == [None] * 4 + [(3,), (2, 3), (1,), (3, 1)]


def test_keras_layers_inside():
    class Wrapped(tf.Module):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.dense.build((None, 3))

    assert [tuple(v.shape) for v in Wrapped().trainable_variables] == [(3, 2), (2,)]


def test_names_are_identifiers():
    with pytest.raises(ValueError, match="'my net' is not a valid module name"):
        Affine(1, 1, "my net")
