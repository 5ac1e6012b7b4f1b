"""Programs that are stopped: soon, and without a trace of the step; Ctrl-C waits for none."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine import ops
from framework.engine.compile import blas, vm
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable, Stopped
from framework.engine.compile.watched import watched
from framework.engine.random import SeedGenerator
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

F = np.float32
SIZE, LAYERS = 768, 40  # one product takes some 10 ms, all of them a good part of a second
X = np.full((SIZE, SIZE), 1e-3, F)


def long_product(x):
    """So many lines that a person would wait for them."""
    for _ in range(LAYERS):
        x = ops.tanh(ops.matmul(x, Tensor(X)))
    return x


def columns(x):
    """Sums that have no kernel (separate axes): a line that Python runs."""
    return ops.sum(ops.reshape(x, shape=(2, 3, 4)), axis=(0, 2))


def stopping(function, *likes):
    """The program of a function; at its line without a kernel it is asked to stop."""
    run = Executable(trace(function, *likes))
    call_out = run._call_out

    def stop(line):
        call_out(line)
        run.stop()

    run._call_out = stop
    return run, call_out


def test_a_step_stops_between_lines_and_takes_back_its_counters():
    total, seeds = Variable(np.zeros(3, F)), SeedGenerator(1)

    def step():
        x = ops.random_uniform(seeds.next(), shape=(24,), dtype="float32")
        ops.assign_add(total, columns(x) * 2.0)

    run, call_out = stopping(step)
    before = seeds.state.numpy().copy()
    for _ in range(3):
        assert run.repeat(5) == 0
        assert not total.numpy().any()
        np.testing.assert_array_equal(seeds.state.numpy(), before)
    run._call_out = call_out
    assert run.repeat(2) == 2
    assert total.numpy().any()
    np.testing.assert_array_equal(seeds.state.numpy(), before + [0, 2])


def test_a_step_that_has_written_something_is_finished():
    count, total = Variable(np.zeros((), F)), Variable(np.zeros(3, F))

    def step():
        ops.assign_add(count, Tensor(np.ones((), F)))
        ops.assign_add(total, columns(count * Tensor(np.ones(24, F))))

    run, _ = stopping(step)
    assert run.repeat(5) == 1
    assert count.numpy() == 1
    np.testing.assert_array_equal(total.numpy(), np.full(3, 8))


def test_a_call_that_was_stopped_has_no_result():
    x = np.ones(24, F)
    run, call_out = stopping(lambda x: columns(x * 1.0) * 2.0, Tensor(x))
    with pytest.raises(Stopped):
        run(x)
    run._call_out = call_out
    np.testing.assert_array_equal(run(x)[0], np.full(3, 16))


def interrupted(call) -> float:
    """Seconds from Ctrl-C to the end of call(), made again and again: the best of three."""
    found = []
    for _ in range(3):
        sent = []

        def press(sent=sent):
            time.sleep(0.1)
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            while True:
                call()
        found.append(time.perf_counter() - sent[0])
        thread.join()
    return min(found)


class Hooked(keras.callbacks.Callback):
    """One that brings Python back at every batch."""

    def on_train_batch_end(self, batch, logs=None):
        """Nothing."""


@pytest.fixture(scope="module")
def model():
    layers = [keras.layers.Dense(SIZE, "tanh", use_bias=False) for _ in range(LAYERS)]
    made = keras.Sequential([keras.Input((SIZE,)), *layers])
    made.compile(keras.optimizers.SGD(0.0), "mse")
    made.train_on_batch(X, X)
    return made


CALLS = {
    "train_on_batch": lambda m: m.train_on_batch(X, X),
    "partial batch": lambda m: m.fit(X, X, batch_size=SIZE + 1, verbose=0),
    "batch hooks": lambda m: m.fit(X, X, batch_size=SIZE, callbacks=[Hooked()], verbose=0),
    "evaluate": lambda m: m.evaluate(X, X, batch_size=SIZE, verbose=0),
    "predict": lambda m: m.predict(X, batch_size=SIZE, verbose=0),
    "data set": lambda m: m.fit(
        tf.data.Dataset.from_tensors((X, X)).repeat(2), shuffle=False, verbose=0
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_keras_calls_soon(name, model):
    call = CALLS[name]
    call(model)  # traced
    assert interrupted(lambda: call(model)) < 0.25


def test_ctrl_c_ends_a_function_soon():
    function = tf.function(long_product, jit_compile=True)
    x = tf.constant(X)
    wanted = function(x).numpy()
    assert interrupted(lambda: function(x)) < 0.25
    np.testing.assert_array_equal(function(x).numpy(), wanted)


def test_small_programs_pay_for_no_thread(monkeypatch):
    def fail(*_):
        raise AssertionError("a thread for microseconds")

    monkeypatch.setattr(vm, "watched", fail)
    x = np.ones((32, 64), F)
    (got,) = Executable(trace(lambda x: ops.tanh(x) * 2.0, Tensor(x)))(x)
    np.testing.assert_allclose(got, np.tanh(x) * 2, rtol=1e-6)


@pytest.mark.parametrize("dtype", [F, np.float64])
def test_threads_of_blas_stay_as_they_are_unless_a_line_calls_it(dtype, monkeypatch):
    """Another thread of the user would see it."""
    if blas.library() is None:
        pytest.skip("NumPy brings no BLAS of its own")
    calls = []
    monkeypatch.setattr(vm.team, "count", lambda: 2)
    monkeypatch.setattr(vm, "free_cores", lambda: 2)
    monkeypatch.setattr(vm.team.blas, "set_threads", calls.append)
    x = np.ones((600, 600), dtype)
    run = Executable(trace(lambda x: ops.matmul(x, x) * 1.0, Tensor(x)))
    run(x)
    assert run.is_shared
    assert bool(calls) == (dtype is np.float64)


@pytest.mark.parametrize("is_late", [True, False])
def test_an_interrupted_start_leaves_nothing_running(is_late, monkeypatch):
    start, begun, ended = threading.Thread.start, [], []

    def work():
        begun.append(1)
        time.sleep(0.2)
        ended.append(1)

    def interrupted_start(thread):
        if is_late:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt):
        watched(work, lambda: None)
    time.sleep(0.05)
    assert begun == ended


def test_a_second_ctrl_c_does_not_leave_a_running_program_behind():
    """It uses memory that the caller is about to free."""
    ended = []

    def work():
        time.sleep(0.5)
        ended.append(1)

    def press():
        for _ in range(3):
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        watched(work, lambda: None)
    assert ended
    thread.join()
