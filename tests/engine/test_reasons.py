"""Why a gradient is None: each cause is named, with the line where the thread was cut."""

import gc
import inspect
import warnings
import weakref

import numpy as np
import pytest

import framework as tf
from framework.engine.errors import BroadcastWarning

CAUSES = {
    "read by NumPy or Python": [
        lambda w: tf.constant(w.numpy()) * 2.0,
        lambda w: tf.constant(np.asarray(w * 3.0)),
        lambda w: tf.constant(float(tf.reduce_sum(w))),
        lambda w: tf.constant([1.0]) * np.sin(np.asarray(w)),
        lambda w: tf.Variable(w * 2.0) * 1.0,
    ],
    "cast to integers": [lambda w: tf.cast(tf.cast(w, tf.int32), tf.float32)],
    "`stop_gradient` has no gradient": [lambda w: tf.stop_gradient(w * 2.0) + 1.0],
    "`argmax` has no gradient": [lambda w: tf.cast(tf.argmax(w), tf.float32)],
    "`greater` has no gradient": [lambda w: tf.cast(w > 0.0, tf.float32)],
}
CASES = [(words, f) for words, functions in CAUSES.items() for f in functions]


@pytest.mark.parametrize(("words", "function"), CASES)
def test_the_cause_and_its_line(words, function):
    w = tf.Variable([1.0, 2.0], name="w")
    with tf.GradientTape(persistent=True) as tape:
        y = function(w)
    assert tape.gradient(y, w) is None
    said = tape.explain(y, w)
    line = inspect.getsourcelines(function)[1]
    assert words in said and "w:0" in said
    places = [f"{__file__}:{n}" for n in range(line, line + 1)]
    assert any(place in said for place in places), said


def test_an_assignment():
    w, state = tf.Variable(2.0, name="w"), tf.Variable(0.0, name="state")
    with tf.GradientTape(persistent=True) as tape:
        state.assign(w * 3.0)
        y = state * 1.0
    assert tape.gradient(y, w) is None
    assert "a Variable was assigned (`assign`) at " in tape.explain(y, w)
    assert f"{__file__}:" in tape.explain(y, w)


def test_a_variable_that_came_later():
    w = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = w * 2.0
        late = tf.Variable(3.0, name="late")
    assert "late:0 was made after the target was computed" in tape.explain(y, late)


def test_a_spent_tape_remembers_the_place():
    w = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = tf.stop_gradient(w)
    assert tape.gradient(y, w) is None
    assert f"{__file__}:" in tape.explain(y, w)


def test_a_connected_one_is_not_blamed():
    w = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = w * tf.stop_gradient(w)
        float(tf.reduce_sum(w))
    assert tape.gradient(y, w) is not None and "not None" in tape.explain(y, w)


def test_several_cuts_are_told_and_no_more_than_three():
    w = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.constant(w.numpy()) + tf.stop_gradient(w)
        y = y + tf.floor(tf.stop_gradient(w)) + tf.cast(w > 1.0, tf.float32)
        y = y + tf.constant(w.numpy()) + tf.cast(w < 1.0, tf.float32)
    said = tape.explain(y, w)
    assert said.count(__file__) == 3 and "more." in said


def test_a_column_that_meets_a_vector_is_told_once_per_place():
    w = tf.Variable([[1.0], [2.0], [3.0]])
    target = tf.constant([1.0, 2.0, 3.0])
    with pytest.warns(BroadcastWarning, match=r"\(3, 1\) and \(3,\) gives \(3, 3\)") as seen:
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((w - target) ** 2)
    assert len(seen) == 1 and seen[0].filename == __file__
    assert tape.gradient(loss, w).shape == (3, 1)


def test_what_is_meant_is_not_told():
    w = tf.Variable([[1.0], [2.0], [3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w - tf.constant([1.0, 2.0, 3.0])  # nobody watches
        with tf.GradientTape():
            w - tf.constant([1.0])
            w - tf.constant([[1.0, 2.0, 3.0]])
            w - tf.constant([1.0, 2.0])
            w - tf.constant(1.0)


def test_a_spent_tape_knows_why_but_keeps_no_values():
    x, other = tf.Variable(tf.ones(10)), tf.Variable(3.0, name="other")
    with tf.GradientTape() as tape:
        aside = other * 2.0
        y = tf.exp(x)
    value = weakref.ref(y.array)
    assert tape.gradient(y, [x, other])[1] is None
    assert "used, but nothing" in tape.explain(y, other)
    assert "spent" in tape.explain(y, x) and aside is not None
    del y
    gc.collect()
    assert value() is None
