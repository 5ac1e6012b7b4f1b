"""Learning rates that cannot be set, limits that are off, variables that came later or stay out."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras

O = keras.optimizers
decaying = lambda rate: O.schedules.ExponentialDecay(rate, 10, 0.9)


@pytest.mark.parametrize("rate", [lambda: decaying(0.1), lambda: lambda: 0.1])
def test_a_number_cannot_replace_a_schedule(rate):
    optimizer = O.SGD(rate())
    with pytest.raises(TypeError, match="follows a LearningRateSchedule or a function"):
        optimizer.learning_rate = 0.5
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    optimizer.learning_rate = decaying(0.2)
    assert float(optimizer.learning_rate) == pytest.approx(0.2)


def test_a_schedule_can_replace_a_number_but_not_back():
    optimizer = O.SGD(0.1)
    optimizer.learning_rate = decaying(0.2)
    assert [v.path for v in optimizer.variables] == [f"{optimizer.name}/iteration"]
    with pytest.raises(TypeError, match="cannot be set to a number"):
        optimizer.learning_rate = 0.5


@pytest.mark.parametrize(
    "callback",
    [
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1e9),
    ],
)
def test_callbacks_cannot_set_it_either(callback):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(O.SGD(decaying(0.1)), "mse")
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    with pytest.raises(TypeError, match="cannot be set to a number"):
        model.fit(x, y, epochs=4, verbose=0, callbacks=[callback()])


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm", "clipvalue"])
@pytest.mark.parametrize("limit", [0, 0.0, -1.0])
def test_no_limit_below_or_at_zero(name, limit):
    v = tf.Variable([1.0, 2.0])
    O.SGD(1.0, **{name: limit}).apply([tf.constant([3.0, 4.0])], [v])
    np.testing.assert_array_equal(v, [-2.0, -2.0])


def test_a_variable_that_came_later_is_named_with_the_remedy():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="old")], name="m")
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    model.fit(x, y, verbose=0)
    model.add(keras.layers.Dense(1, name="new"))
    with pytest.raises(ValueError, match=r"variable '.*new/kernel' .* compile\(\) again"):
        model.fit(x, y, verbose=0)


def test_variables_are_left_out_of_the_decay_by_patterns_of_names():
    v = [tf.Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias", "my_bias")]
    optimizer = O.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["gone"])
    optimizer.exclude_from_weight_decay([v[2]], ["ker.*l"])
    optimizer.apply_gradients([(tf.zeros_like(x), x) for x in v])
    assert [round(float(x[0]), 3) for x in v] == [1.0, 0.95, 1.0]
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
