"""Programs and threads: assignments while a program runs, one Executable for several threads."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

F = np.float32


def assign_to_new_memory(v: Variable, value: float) -> None:
    """An assignment while somebody holds the old value."""
    held = v.array
    ops.assign(v, Tensor(np.full(v.shape, value, F)))
    del held


def test_a_running_program_keeps_the_memory_it_uses():
    v = Variable(np.ones(1000, F))
    total = Variable(np.zeros(1000, F))
    run = Executable(trace(lambda: ops.assign_add(total, v * 1.0)))
    thread = threading.Thread(target=lambda: run.repeat(2**60))
    old = weakref.ref(v._memory)
    thread.start()
    time.sleep(0.05)
    try:
        assign_to_new_memory(v, 2.0)
        assign_to_new_memory(total, 0.0)
        gc.collect()
        assert old() is not None, "a running program reads freed memory"
    finally:
        run.stop()
        thread.join(10)
    assert not thread.is_alive()
    ops.assign(total, Tensor(np.zeros(1000, F)))
    run.repeat(1)  # takes the new memory
    np.testing.assert_array_equal(total.numpy(), np.full(1000, 2.0))
    assert old() is None, "and lets the old one go"


def test_host_lines_write_where_compiled_lines_read():
    """While the program is in a host line, another thread gives the Variable new memory."""
    v = Variable(np.ones((2, 3, 4), F))
    calls = []

    def body():
        total = ops.sum(v * 1.0, axis=(0, 2))  # separate axes: NumPy's
        ops.assign_add(v, Tensor(np.ones((2, 3, 4), F)))
        return total

    run = Executable(trace(body))
    call_out = run._call_out

    def assigned_meanwhile(line):
        if not calls:
            calls.append(1)
            thread = threading.Thread(target=assign_to_new_memory, args=(v, 100.0))
            thread.start()
            thread.join()
        call_out(line)

    run._call_out = assigned_meanwhile
    np.testing.assert_array_equal(run()[0], np.full(3, 8.0))
    np.testing.assert_array_equal(v.numpy(), np.full((2, 3, 4), 100.0))
    np.testing.assert_array_equal(run()[0], np.full(3, 800.0))


@pytest.mark.parametrize("size", [7, 20000])
def test_threads_share_an_executable(size):
    run = Executable(trace(lambda x: ops.tanh(x) * 2.0 + x, np.ones(size, F)))
    wrong = []

    def work(value):
        x = np.full(size, value, F)
        want = run(x)[0]
        for _ in range(300):
            if not np.array_equal(run(x)[0], want):
                wrong.append(value)
                return

    alone = [run(np.full(size, value, F))[0] for value in (0.0, 1.0, 2.0)]
    threads = [threading.Thread(target=work, args=(value,)) for value in (0.0, 1.0, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    for value, want in enumerate(alone):
        np.testing.assert_array_equal(run(np.full(size, value, F))[0], want)


def test_stop_does_not_wait_for_the_lock():
    v = Variable(np.zeros(10, F))
    run = Executable(trace(lambda: ops.assign_add(v, Tensor(np.ones(10, F)))))
    thread = threading.Thread(target=lambda: run.repeat(2**60))
    thread.start()
    time.sleep(0.05)
    start = time.perf_counter()
    run.stop()
    thread.join(10)
    assert time.perf_counter() - start < 5
    assert run.repeat(3) == 3


@pytest.mark.parametrize("size", [10, 1 << 19])  # the larger one has helpers
def test_a_forked_process_is_not_kept_waiting(size):
    """Another thread runs the program, and holds its lock, while the process forks."""
    v = Variable(np.zeros(size, F))
    run = Executable(trace(lambda: ops.assign_add(v, Tensor(np.ones(size, F)))))
    thread = threading.Thread(target=lambda: run.repeat(2**60))
    thread.start()
    time.sleep(0.05)
    try:
        child = os.fork()
        if not child:
            ops.assign(v, Tensor(np.zeros(size, F)))
            is_right = run.repeat(3) == 3 and bool((v.numpy() == 3).all())
            os._exit(0 if is_right else 1)
        end, done = time.perf_counter() + 20, (0, 0)
        while not done[0] and time.perf_counter() < end:
            done = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        if not done[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    finally:
        run.stop()
        thread.join(10)
    assert done[0] == child, "the child waits for a lock that nobody holds"
    assert done[1] == 0
