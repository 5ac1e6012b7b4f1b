"""The contract of every optimizer and schedule; values against Keras are in test_goldens.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.active import ACTIVE
from framework.engine.program import Program
from framework.keras.configurable import registry
from tests.keras.cases import OPTIMIZERS, SCHEDULES, draw

CASES = [(name, i) for name, rows in OPTIMIZERS.items() for i in range(len(rows))]
every_optimizer = pytest.mark.parametrize(("name", "number"), CASES)


def made(name, number, **more):
    return registry("optimizer")[name](**(OPTIMIZERS[name][number] | more))


def step(optimizer, v, seed=0):
    optimizer.apply_gradients([(tf.constant(draw(seed, tuple(v.shape))), v)])


@every_optimizer
def test_config_gives_the_same_optimizer(name, number):
    optimizer = made(name, number, learning_rate=0.03)
    again = keras.optimizers.get(json.loads(json.dumps(keras.optimizers.serialize(optimizer))))
    v, w = keras.Variable(np.ones((3, 2), np.float32)), keras.Variable(np.ones((3, 2), np.float32))
    step(optimizer, v)
    step(again, w)
    np.testing.assert_array_equal(v, w)


@every_optimizer
def test_finds_the_minimum_of_a_bowl(name, number):
    optimizer = made(name, number, learning_rate=0.1)
    if name == "Adagrad":
        optimizer.learning_rate = 1.0
    v = keras.Variable(np.array([1.0, -1.0], np.float32))
    for _ in range(300):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v * v)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
    assert float(loss) < 0.01
    assert int(optimizer.iterations) == 300


@every_optimizer
def test_float64_parameters_stay_float64(name, number):
    optimizer = made(name, number)
    v = keras.Variable(np.ones(3), dtype="float64")
    optimizer.apply_gradients([(tf.constant(np.ones(3)), v)])
    assert v.dtype == "float64" and not np.array_equal(v.numpy(), np.ones(3))


@every_optimizer
def test_traced_update_equals_eager(name, number):
    v, w = keras.Variable(draw(1, (3, 2))), keras.Variable(draw(1, (3, 2)))
    eager, traced = made(name, number), made(name, number)
    traced.build([w])
    ACTIVE.trace = program = Program()
    try:
        step(traced, w)
    finally:
        ACTIVE.trace = None
    np.testing.assert_array_equal(w, draw(1, (3, 2)))
    for _ in range(3):
        step(eager, v)
        program.run()
    np.testing.assert_allclose(w, v, rtol=1e-6)
    assert int(traced.iterations) == 3


@every_optimizer
def test_unknown_argument_is_refused(name, number):
    with pytest.raises(ValueError, match="did you mean 'clipnorm'"):
        made(name, number, clipnrm=1.0)


@every_optimizer
def test_states_are_saved_and_loaded(name, number):
    v = keras.Variable(draw(1, (3, 2)))
    first, second, store = made(name, number), made(name, number), {}
    step(first, v)
    first.save_own_variables(store)
    second.build([v])
    second.load_own_variables(store)
    for a, b in zip(first.variables, second.variables):
        np.testing.assert_array_equal(a, b)


def test_missing_gradient_warns_once_and_is_left_out():
    v, w = keras.Variable(np.ones(2), name="v"), keras.Variable(np.ones(2), name="w")
    optimizer = keras.optimizers.SGD(0.5)
    with pytest.warns(UserWarning, match="Gradients do not exist for variables w"):
        optimizer.apply([tf.constant(np.ones(2)), None], [v, w])
    optimizer.apply([tf.constant(np.ones(2)), None], [v, w])  # no second warning
    np.testing.assert_array_equal(v, [0.0, 0.0])
    np.testing.assert_array_equal(w, [1.0, 1.0])
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], [v, w])


def test_learning_rate_can_be_set_and_scheduled():
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    decay = keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)
    optimizer = keras.optimizers.SGD(decay)
    v = keras.Variable(np.zeros(1, np.float32))
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant(np.ones(1, np.float32)), v)])
    assert float(v.numpy()[0]) == -1.75
    assert optimizer.variables == [optimizer.iterations]


def test_options_that_exclude_each_other_or_are_not_there():
    with pytest.raises(ValueError, match="only one of clipnorm"):
        keras.optimizers.Adam(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="use_ema=True is not there yet"):
        keras.optimizers.Adam(use_ema=True)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        keras.optimizers.get("adamm")


def test_constraint_is_applied_after_the_update():
    v = keras.Variable(np.ones((2, 1), np.float32))
    v.constraint = keras.constraints.NonNeg()
    keras.optimizers.SGD(5.0).apply([tf.constant(np.ones((2, 1), np.float32))], [v])
    np.testing.assert_array_equal(v, [[0.0], [0.0]])


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedule_config_and_tensor_steps(name):
    for options in SCHEDULES[name]:
        schedule = registry("schedule")[name](**options)
        saved = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
        again = keras.optimizers.schedules.deserialize(saved)
        for number in (0, 3, 20):
            assert float(again(tf.constant(number))) == float(schedule(number))
        assert schedule(2).dtype == "float32"
