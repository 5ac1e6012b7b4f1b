"""The VM: a traced step does what the eager step does, and stops where it should."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.passes import PASSES
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable, NotFinite
from framework.engine.errors import TraceError
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable
from tests.engine.mlp import Network


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_twenty_steps_equal_the_eager_ones(dtype, tolerance):
    eager, compiled = Network(dtype), Network(dtype)
    losses = [eager.step().numpy() for _ in range(20)]
    run = Executable(trace(compiled.step))
    for loss in losses:
        run.repeat(1)
        np.testing.assert_allclose(run.outputs()[0], loss, rtol=50 * tolerance)
    np.testing.assert_allclose(compiled.weights(), eager.weights(), rtol=tolerance, atol=tolerance)
    assert compiled.steps.numpy() == 20
    assert losses[-1] < losses[0]


def test_repeat_is_many_single_steps():
    one, many = Network(), Network()
    single = Executable(trace(one.step))
    for _ in range(7):
        single.repeat(1)
    assert Executable(trace(many.step)).repeat(7) == 7
    np.testing.assert_array_equal(one.weights(), many.weights())


def test_program_run_is_the_reference():
    network, other = Network(), Network()
    program = trace(network.step)
    (loss,) = program.run()
    np.testing.assert_allclose(loss, other.step().numpy(), rtol=1e-6)
    np.testing.assert_allclose(network.weights(), other.weights(), rtol=1e-6)


def test_every_pass_keeps_the_values():
    network = Network()

    def gradients():
        with GradientTape() as tape:
            loss = network.loss(network.x, network.y)
        return [loss, *tape.gradient(loss, network.parameters)]

    program = trace(gradients)
    wanted, lengths = program.run(), [len(program.lines)]
    for pass_ in PASSES:
        program = pass_(program)
        lengths.append(len(program.lines))
        for got, want in zip(program.run(), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
    assert lengths[-1] < lengths[0]


def test_the_arena_is_smaller_than_the_sum_of_its_tensors():
    run = Executable(trace(Network().step))
    assert 0 < run.plan.size < run.plan.naive


def test_a_new_shape_needs_no_new_kernel():
    from framework.engine.compile import cache

    network = Network()
    step = Executable(trace(lambda x, y: network.loss(x, y), network.x, network.y))
    step(network.x.array, network.y.array)
    before = len(cache.LOADED)
    x, y = network.x.array[:4], network.y.array[:4]
    smaller = Executable(trace(lambda x, y: network.loss(x, y), Tensor(x), Tensor(y)))
    np.testing.assert_allclose(
        smaller(x, y)[0], network.loss(Tensor(x), Tensor(y)).numpy(), rtol=1e-6
    )
    assert len(cache.LOADED) == before


def test_reads_see_the_writes_before_them_and_no_later_ones():
    v = Variable(np.arange(4, dtype=np.float32))

    def reads():
        before = v * 2.0
        old = ops.reshape(v, shape=(2, 2))  # a view: must not change when v does
        ops.assign(v, Tensor(np.full(4, 7, np.float32)))
        return before, old, v * 1.0

    got = Executable(trace(reads))()
    wanted = np.arange(4) * 2, np.arange(4).reshape(2, 2), np.full(4, 7)
    for g, w in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(g, w)


def test_gradients_count_both_reads_around_an_assign():
    v = Variable(np.asarray(3.0, np.float32))

    def both():
        with GradientTape() as tape:
            first = v * v
            ops.assign(v, Tensor(np.asarray(5.0, np.float32)))
            y = first + v * v
        return tape.gradient(y, v)

    (compiled,) = Executable(trace(both))()
    ops.assign(v, Tensor(np.asarray(3.0, np.float32)))
    assert both().numpy() == compiled == 16.0


def test_a_held_value_survives_a_compiled_write():
    v = Variable(np.ones(3, np.float32))
    kept = ops.reshape(v, shape=(3, 1))
    run = Executable(trace(lambda: ops.assign_add(v, Tensor(np.ones(3, np.float32)))))
    run.repeat(2)
    np.testing.assert_array_equal(kept.numpy().ravel(), np.ones(3))
    np.testing.assert_array_equal(v.numpy(), np.full(3, 3))


def test_host_ops_run_in_the_middle_of_repeated_programs():
    v = Variable(np.ones((2, 3, 4), np.float32))

    def body():
        total = ops.sum(v * 1.0, axis=(0, 2))  # axes that are not adjacent: NumPy's
        ops.assign_add(v, Tensor(np.ones((2, 3, 4), np.float32)))
        return total * 2.0

    run = Executable(trace(body))
    assert run.callouts
    run.repeat(5)
    np.testing.assert_array_equal(run.outputs()[0], np.full(3, 2 * 8 * 5))


def test_a_nan_stops_before_the_write():
    v = Variable(np.asarray(2.0, np.float32))

    def body():
        value = v * 1.0
        ops.check_finite(ops.log(value))
        ops.assign_sub(v, Tensor(np.asarray(1.0, np.float32)))

    with pytest.raises(NotFinite) as error:  # log 2, log 1, log 0 = -inf
        Executable(trace(body)).repeat(10)
    assert error.value.steps == 2
    assert v.numpy() == 0.0


def test_stop_ends_a_running_program_after_its_step():
    steps = Variable(np.asarray(0, np.int64))
    run = Executable(trace(lambda: ops.assign_add(steps, Tensor(np.asarray(1, np.int64)))))
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(run.repeat(2**60)))
    thread.start()
    time.sleep(0.05)
    run.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert done[0] == steps.numpy() > 0


def test_a_traced_value_cannot_be_read():
    for ask in (bool, float, np.asarray, lambda x: x.numpy()):
        with pytest.raises(TraceError, match="made while tracing"):
            trace(lambda x, ask=ask: x if ask(x) else x, Tensor(np.ones((), np.float32)))


def test_a_failed_trace_leaves_nothing_behind():
    v = Variable(np.ones((), np.float32))

    def body():
        ops.assign_add(v, Tensor(np.ones((), np.float32)))
        return float(v * 2.0)

    with pytest.raises(TraceError):
        trace(body)
    assert v.numpy() == 1.0
    assert (v + 1.0).numpy() == 2.0  # eager again


def test_second_order_in_a_program():
    x = Tensor(np.linspace(-1, 1, 6).reshape(2, 3))

    def second(x):
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(ops.tanh(x))
            dx = ops.sum(inner.gradient(y, x))
        return outer.gradient(dx, x)

    np.testing.assert_allclose(
        Executable(trace(second, x))(x.array)[0], second(x).numpy(), rtol=1e-12
    )


def test_pack_is_computed_in_place():
    a, b = Tensor(np.ones((3, 4), np.float32)), Tensor(np.arange(5, dtype=np.float32))
    program = trace(lambda a, b: ops.pack(a * 2.0, b * 3.0), a, b)
    run = Executable(program)
    np.testing.assert_array_equal(run(a.array, b.array)[0], ops.pack(a * 2.0, b * 3.0).numpy())
    assert not any(
        line.op.name == "pack" and len(run.code) for line, pc in run.lines if pc in run.callouts
    )


def test_the_profile_names_every_line():
    run = Executable(trace(Network().step))
    rows = run.profile(steps=2)
    assert len(rows) == len(run.lines)
    assert all(microseconds >= 0 for microseconds, _ in rows)


def test_every_word_follows_a_variable_that_moves():
    v = Variable(np.full(5000, 2.0, np.float32))
    run = Executable(trace(lambda: v * v * v))
    np.testing.assert_array_equal(run()[0], np.full(5000, 8.0))
    kept = v.array  # somebody holds the old value, so the assignment takes new memory
    ops.assign(v, Tensor(np.full(5000, 3.0, np.float32)))
    np.testing.assert_array_equal(run()[0], np.full(5000, 27.0))
    assert kept[0] == 2.0


def test_a_call_in_the_middle_of_a_call_of_the_same_thread():
    """A collector may run a finalizer that calls what is running."""
    one, nine = np.ones(4, np.float32), np.full(4, 9.0, np.float32)
    run = Executable(trace(lambda a, b: (a + b, a * b), Tensor(one), Tensor(one)))
    threshold, seen = gc.get_threshold(), []

    def call(phase, info):
        seen.append([out[0] for out in run(nine, nine)])

    gc.callbacks.append(call)
    try:
        gc.set_threshold(1)
        found = [[out[0] for out in run(one, one)] for _ in range(100)]
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(call)
    assert found == [[2.0, 1.0]] * 100
    assert seen and all([values == [18.0, 81.0] for values in seen])
