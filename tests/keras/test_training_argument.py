"""`training`: how it reaches the layers inside, as in Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest

from framework import keras

L = keras.layers
X = np.ones((1, 4), np.float32)


class Seen(L.Layer):
    """Notes the mode of each call."""

    def __init__(self, into):
        super().__init__()
        self.into = into

    def call(self, x, training=None):
        self.into.append(training)
        return x


def outer(call_of, base=L.Layer):
    """A layer with a Seen inside, its `call`, and the list of modes."""
    modes: list = []

    class Outer(base):
        def __init__(self):
            super().__init__()
            self.inner = Seen(modes)

        call = call_of

    return Outer(), modes


def none(self, x, training=None):
    return self.inner(x)


def true(self, x, training=True):
    return self.inner(x)


def false(self, x, *, training=False):
    return self.inner(x)


def without(self, x):
    return self.inner(x)


def anything(self, x, **options):
    assert not options
    return self.inner(x)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("call", [none, true, false, without, anything])
def test_what_is_given_reaches_all_layers(call, given):
    layer, modes = outer(call)
    layer(X, training=given)
    assert modes == [given]


@pytest.mark.parametrize(
    ("call", "wanted"), [(none, None), (true, True), (false, False), (without, None)]
)
def test_the_default_of_call_holds_where_nothing_is_said(call, wanted):
    layer, modes = outer(call)
    layer(X)
    assert modes == [wanted]
    symbolic, modes = outer(call)
    symbolic(keras.Input((4,)))
    assert set(modes) == {wanted}


def test_the_layer_around_it_beats_the_default():
    inside, modes = outer(false)

    class Around(L.Layer):
        def __init__(self):
            super().__init__()
            self.inside = inside

        def call(self, x, training=None):
            return self.inside(x)

    Around()(X, training=True)
    assert modes == [True]


@pytest.mark.parametrize("eagerly", [False, True])
def test_predict_and_evaluate_beat_the_default(eagerly):
    model, modes = outer(true, keras.Model)
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.predict(X, verbose=0)
    assert set(modes) == {False}
    model.evaluate(X, X, verbose=0)
    assert modes[-1] is False


def positional(self, x, training=None):
    return self.drop(x, training)


class Dropping(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = L.Dropout(0.5)

    call = positional


def test_only_tensors_are_given_by_position():
    with pytest.raises(ValueError, match=r"'dropout\S*' .* give it by its name, as training=True"):
        L.Dropout(0.5)(X, True)
    with pytest.raises(ValueError, match="as training=False"):
        keras.Sequential([L.Dense(1)])(X, False)
    with pytest.raises(ValueError, match="as training=True"):
        L.Dropout(0.5)(keras.Input((4,)), True)
    with pytest.raises(ValueError, match=r"Dropout.* as training=True"):
        Dropping()(X, training=True)
    with pytest.raises(ValueError, match=r"Dropout.* as training=False"):
        Dropping().predict(X, verbose=0)
    np.testing.assert_array_equal(Dropping()(X), X)  # None is let through
    np.testing.assert_array_equal(L.Dropout(0.5)(X, None), X)


def test_tensors_by_position_and_numbers_in_operators():
    class Sum(L.Layer):
        def call(self, x, y, training=None):
            return x + y

    np.testing.assert_array_equal(Sum()(X, X), 2 * X)
    x = keras.Input((4,))
    np.testing.assert_array_equal(keras.Model(x, (2.0 * x + 1.0)[:, 0])(X), [3.0])
