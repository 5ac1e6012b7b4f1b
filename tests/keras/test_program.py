"""The program of a train step, as it is shown to a reader."""

from __future__ import annotations

import re

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.compile.vm import Executable


@pytest.fixture
def model():
    made = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(30, activation="relu"), keras.layers.Dense(4)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.Adam(), loss)
    return made


X = np.random.default_rng(0).standard_normal((64, 20)).astype(np.float32)
Y = np.arange(64) % 4


def test_it_counts_what_a_step_computes(model):
    report = model.program(X, Y, batch_size=16)
    products = 2 * 16 * (20 * 30 + 30 * 4)  # forward; then the gradients of weights and of inputs
    least = 2 * products + 2 * 16 * 30 * 4
    assert least < report.flops < 1.3 * least
    text = str(report)
    assert re.search(r"%\d+: float32\[16, 30\] +matmul", text)
    assert re.search(r"add\+relu", text), "fused chains say what of"
    assert "arena" in text and "GFLOP/s" not in text


def test_profiling_trains_nothing_and_names_every_line(model):
    model.fit(X, Y, epochs=1, batch_size=16, verbose=0)
    before = [w.copy() for w in model.get_weights()], int(model.optimizer.iterations)
    report = model.program(X, Y, batch_size=16, profile=20)
    for old, new in zip(before[0], model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(model.optimizer.iterations) == before[1]
    rows = report.rows()
    assert len(rows) == len(report.lines)
    shares = [float(row[9].split()[0]) for row in rows if row[9]]
    assert abs(sum(shares) - 100) < 2
    assert "GFLOP/s" in str(report)


def test_profile_true_times_a_hundred_steps(model, monkeypatch):
    asked, measure = [], Executable._profile
    monkeypatch.setattr(
        Executable, "_profile", lambda self, steps: asked.append(steps) or measure(self, steps)
    )
    square = tf.function(lambda x: tf.matmul(x, x) * 2.0)
    reports = [
        model.program(X, Y, batch_size=16, profile=True),
        square.program(tf.ones((8, 8)), profile=True),
    ]
    assert asked == [100, 100]
    for report in reports:
        head = str(report).splitlines()[1].split()
        assert [*head[1:2], *head[-5:]] == ["kernel", "calls", "us", "share", "GFLOP/s", "GB/s"]
        timed = [row for row in report.rows() if "matmul" in row[1]]
        assert timed and all(int(row[7]) >= 1 and float(row[8]) > 0 for row in timed)
        assert all(float(row[10]) > 0 and float(row[11]) > 0 for row in timed)
    for wrong in (-1, 2.5, "yes"):
        with pytest.raises(ValueError, match="profile is .*, wanted True or a number of steps"):
            model.program(X, Y, profile=wrong)


def test_a_data_set_of_batches_is_shown_too(model):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    assert re.search(r"float32\[8, 30\]", str(model.program(data)))


def test_a_step_without_a_program_says_so(model):
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(Exception, match="runs eagerly"):
        model.program(X, np.zeros((64, 4), np.float32))


def test_predict_traces_once_for_each_shape_of_a_batch():
    calls = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x * 2.0

    model = keras.Sequential([keras.Input((20,)), Counting()])
    calls.clear()
    for rows in (64, 64, 50, 32):
        np.testing.assert_array_equal(model.predict(X[:rows], verbose=0), X[:rows] * 2)
    assert [tuple(shape) for shape in calls] == [(32, 20), (18, 20)]
    model.add(keras.layers.Rescaling(0.5))
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)
