"""Large inputs: programs read them in the caller's memory, write nothing there and forget them."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import framework as tf
from framework.engine import ops
from framework.engine.compile import vm
from framework.engine.compile.entries import overwritten
from framework.engine.compile.passes import memory
from framework.engine.compile.report import Report
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable, NotFinite
from framework.engine.op import OPS
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

F = np.float32
SHAPE = (200, 100)  # 80 kB
X = np.linspace(-1, 1, 20000, dtype=F).reshape(SHAPE)
CASES = [(name, i) for name, op in sorted(OPS.items()) for i in range(len(op.samples))
         if op.outs and not op.writes]  # fmt: skip


@pytest.fixture
def all_outside(monkeypatch):
    """Inputs of any size are read where they are."""
    monkeypatch.setattr(memory, "LARGE", -1)


def compiled(function, *arrays, passes=None):
    """The program of a function of arrays."""
    program = trace(function, *map(Tensor, arrays))
    return Executable(program) if passes is None else Executable(program, passes)


def misaligned(x):
    """The same values, one byte behind an address that their dtype likes."""
    made = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    made[...] = x
    assert not made.flags.aligned
    return made


def read_only(x):
    """The same values, which nobody may change."""
    made = x.copy()
    made.flags.writeable = False
    return made


def strided(x):
    """The same values, every other element of an array."""
    made = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)[:, ::2]
    made[...] = x
    return made


FORMS = {"plain": np.copy, "Fortran order": np.asfortranarray, "strided": strided,
         "read-only": read_only, "misaligned": misaligned,
         "backwards": lambda x: x[::-1].copy()[::-1]}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_any_form_are_read_and_left_alone(form):
    run = compiled(lambda x: (ops.tanh(x) * 2.0, ops.sum(x, axis=0)), X)
    for values in (X, X + 1, X):
        x = FORMS[form](values)
        before = x.tobytes()
        got = run(x)
        for g, w in zip(got, run.source.run(values), strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-4)
        assert x.tobytes() == before


def test_kernels_are_given_elements_where_their_dtype_likes_them():
    run, seen = compiled(lambda x: x * 2.0, X), []
    repeat = run.repeat
    run.repeat = lambda steps: (seen.extend(run._outside.arrays.values()), repeat(steps))[1]
    for form in FORMS.values():
        run(form(X))
    assert len(seen) == len(FORMS)
    assert all([x.flags.aligned and x.flags.c_contiguous for x in seen])


@pytest.mark.parametrize("wrong", [X.astype(">f4"), X.astype(np.float64), X[:-1], X.reshape(-1)])
def test_other_dtypes_and_shapes_are_refused(wrong):
    run = compiled(lambda x: x * 2.0, X)
    with pytest.raises(ValueError, match="input 0: got"):
        run(wrong)
    with pytest.raises(ValueError, match="1 inputs, got 2"):
        run(X, X)


def test_a_part_of_an_input_is_a_view_of_it():
    shape = (50, 100)
    run = compiled(lambda x: ops.part(x, start=700, shape=shape) * 2.0, X.reshape(-1))
    for x in (X.reshape(-1), X.reshape(-1) + 1):
        np.testing.assert_array_equal(run(x)[0], x[700:5700].reshape(shape) * 2)


def test_one_array_for_two_inputs():
    run = compiled(lambda a, b: (a + b) * a, X, X)
    x = X.copy()
    np.testing.assert_allclose(run(x, x)[0], 2 * X * X, rtol=1e-6)
    np.testing.assert_allclose(run(x, X + 1)[0], (2 * X + 1) * X, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(x, X)


def test_large_and_small_inputs_together():
    run = compiled(lambda a, x, b, y: x * a + y * b, F(1), X, F(1), X)
    for a, b in ((2, 3), (4, 5)):
        (got,) = run(F(a), X, F(b), X + 1)
        np.testing.assert_allclose(got, X * F(a) + (X + 1) * F(b), rtol=1e-5, atol=1e-5)


def test_a_copy_is_used_for_its_call_only():
    """Memory of the program's own takes the place of an array of another form: not for good."""
    run = compiled(lambda x: x * 2.0, X)
    for x in (X, np.asfortranarray(X + 1), X + 2, strided(X + 3), misaligned(X + 4), X):
        np.testing.assert_array_equal(run(x)[0], x * 2)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3)])
@pytest.mark.usefixtures("all_outside")
def test_no_element_and_no_axis(shape):
    x = np.full(shape, 3, F)
    run = compiled(lambda x: ops.exp(x) + x, x)
    assert run.plan.outside
    np.testing.assert_allclose(run(x)[0], np.exp(x) + x, rtol=1e-6)
    (got,) = compiled(lambda x: ops.sum(x), x)(x)
    np.testing.assert_array_equal(got, x.sum())


@pytest.mark.parametrize(("name", "i"), CASES)
@pytest.mark.usefixtures("all_outside")
def test_no_op_writes_to_its_inputs(name, i):
    """Neither kernels nor NumPy forwards, whatever the alignment of vectors."""
    op = OPS[name]
    arrays = op.samples[i].arrays(0, F)
    given = [np.empty(a.nbytes + 8, np.uint8)[8:].view(a.dtype).reshape(a.shape) for a in arrays]
    for x, a in zip(given, arrays, strict=True):
        x[...] = a
    program = trace(lambda *xs: op(*xs, **op.samples[i].attrs), *map(Tensor, given))
    run = Executable(program)
    run(*given)
    run(*map(read_only, given))
    for x, a in zip(given, arrays, strict=True):
        assert x.tobytes() == np.ascontiguousarray(a).tobytes()


OVER_AN_INPUT = {
    "elementwise": lambda x: ops.exp(x) * 2.0,
    "elementwise lines": lambda x: ops.tanh(ops.sum(ops.exp(x), axis=0) + x),
    "a view": lambda x: ops.exp(ops.reshape(x, shape=(-1,))) + 1.0,
    "packed": lambda x: ops.pack(x, x * 2.0),
    "packed view": lambda x: ops.pack(ops.reshape(x, shape=(-1,)), ops.exp(x)) * 2.0,
    "concatenated": lambda x: ops.concatenate(x, x, axis=0) * 2.0,
    "itself": lambda x: ops.identity(x),
    "itself and more": lambda x: (x, ops.exp(x), ops.reshape(x, shape=(100, 200))),
    "transposed": lambda x: ops.transpose(x),
    "NumPy": lambda x: ops.sum(ops.reshape(x, shape=(20, 10, 100)), axis=(0, 2)),
}


@pytest.mark.parametrize("passes", [None, ()])
@pytest.mark.parametrize("name", OVER_AN_INPUT)
def test_the_callers_array_is_as_it_was(name, passes):
    run = compiled(OVER_AN_INPUT[name], X, passes=passes)
    for values in (X, X + 1):
        x, wanted = values.copy(), run.source.run(values)
        for _ in range(2):
            got = run(x)
            for g, w in zip(got, wanted, strict=True):
                np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)
                g[...] = 7  # the results are the caller's own
            assert x.tobytes() == values.tobytes()


def test_no_line_is_given_a_place_in_an_input():
    run = compiled(lambda x: (ops.pack(x, ops.tanh(x)), ops.exp(ops.tanh(x))), X, passes=())
    (slot,) = run.program.inputs
    assert run.plan.outside == {slot}
    assert slot not in run.plan.offset
    assert all([run.plan.resolve(o)[0] != slot for line in run.program.lines for o in line.outs])
    exp = next(line for line in run.program.lines if line.op is ops.exp)
    assert overwritten(exp, run.plan) == [0]  # it takes the place of another line's result


@pytest.mark.parametrize("form", [ops.identity, lambda x: ops.reshape(x, shape=(-1,))])
def test_outputs_that_are_an_input_belong_to_the_last_call(form):
    run = compiled(lambda x: (form(x), x * 2.0), X)
    for values in (X, X + 1):
        got = run(values.copy())[0]
        gc.collect()
        np.testing.assert_array_equal(got, values.reshape(got.shape))
        np.testing.assert_array_equal(run.outputs()[0], got)


def test_an_input_and_its_view_as_outputs_are_there_until_the_next_step():
    program = trace(lambda x: ops.tanh(ops.reshape(x, shape=(-1,))), Tensor(X))
    view = next(line for line in program.lines if line.op is ops.reshape).outs
    run = Executable(program.with_lines(program.lines, (*program.inputs, *view, *program.outputs)))
    for values in (X, X + 1):
        for got in (run(values.copy()), run.outputs()):
            np.testing.assert_array_equal(got[0], values)
            np.testing.assert_array_equal(got[1], values.reshape(-1))
            np.testing.assert_allclose(got[2], np.tanh(values.reshape(-1)), rtol=1e-5)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_view_of_a_variable_that_the_program_writes(is_held):
    """As with a copy that was taken when the call began."""
    v, other = Variable(X), Variable(X)

    def step(x):
        ops.assign_add(v, Tensor(np.ones(SHAPE, F)))
        ops.assign(other, x * 1.0)
        return x * 2.0

    run, now = compiled(step, X), X
    for _ in range(3):
        kept = v.array[::1] if is_held else None
        (got,) = run(v.array if kept is None else kept)
        np.testing.assert_array_equal(got, now * 2)
        np.testing.assert_array_equal(other.numpy(), now)
        if kept is not None:
            np.testing.assert_array_equal(kept, now)
        now = now + F(1)
        np.testing.assert_array_equal(v.numpy(), now)


def test_a_function_on_a_variables_own_memory():
    v = Variable(X)

    @tf.function(jit_compile=True)
    def step(x):
        v.assign_add(tf.ones(SHAPE))
        return x * 2.0

    for i in range(4):
        np.testing.assert_allclose(step(Tensor(v.array)).numpy(), 2 * (X + F(i)), atol=1e-6)


@pytest.mark.parametrize("end", ["result", "NotFinite", "error"])
def test_nobody_keeps_the_array(end, monkeypatch):
    def step(x):
        ops.check_finite(ops.log(x))
        return ops.sum(ops.reshape(x, shape=(20, 10, 100)), axis=(0, 2)) * 2.0

    run = compiled(step, X)
    if end == "error":
        monkeypatch.setattr(run, "_call_out", lambda line: 1 / 0)
    x = np.full(SHAPE, -1 if end == "NotFinite" else 1, F)
    alive, wanted = weakref.ref(x), {"NotFinite": NotFinite, "error": ZeroDivisionError}.get(end)
    if wanted is None:
        run(x)
    else:
        with pytest.raises(wanted):
            run(x)
    del x
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("form", ["plain", "Fortran order"])
def test_steps_without_a_call_read_memory_of_the_program(form):
    """None of the array of the call before, which may be gone."""
    total = Variable(np.zeros(SHAPE, F))
    run = compiled(lambda x: ops.assign_add(total, ops.tanh(x)), X)
    assert run.repeat(2) == 2
    np.testing.assert_array_equal(total.numpy(), np.zeros(SHAPE))
    x = FORMS[form](X)
    run(x)
    before = total.numpy()
    start, stop = np.lib.array_utils.byte_bounds(x)
    run.repeat(1)
    assert not any([start <= word < stop for word in run.code.tolist()])
    run.profile(2)
    assert not any([start <= word < stop for word in run.code.tolist()])
    if form == "plain":
        np.testing.assert_array_equal(total.numpy(), before)
    total.assign(np.zeros(SHAPE, F))
    run(X + 1)
    np.testing.assert_allclose(total.numpy(), np.tanh(X + 1), rtol=1e-5)


def test_lines_on_numpy_see_the_array_of_their_call_and_cannot_write_to_it():
    run = compiled(lambda x: ops.sum(ops.reshape(x, shape=(20, 10, 100)), axis=(0, 2)), X)
    assert run.callouts
    for values in (X, X + 1):
        wanted = values.reshape(20, 10, 100).sum((0, 2))
        np.testing.assert_allclose(run(values.copy())[0], wanted, rtol=1e-4, atol=1e-4)
    seen = []
    run._call_out = lambda line: seen.append(run._array(line.inputs[0]).flags.writeable)
    run(X)
    assert seen == [False]


def test_a_failed_step_tells_what_it_was_fed_with():
    small = np.ones(3, F)

    def step(x, y):
        ops.check_finite(ops.log(x))
        return x * 2.0, y * 2.0

    run = compiled(step, X, small)
    bad = X - 2
    with pytest.raises(NotFinite) as error:
        run(bad, small)
    assert error.value.feeds[0] is bad and error.value.feeds[1] is small
    np.testing.assert_array_equal(run(X + 3, small)[0], (X + 3) * 2)


@pytest.mark.parametrize("count", [1, 2])
def test_threads_share_the_work_on_an_input(count, monkeypatch):
    monkeypatch.setattr(vm.team, "count", lambda: count)
    monkeypatch.setattr(vm.cache, "free_cores", lambda: count)
    x = np.random.default_rng(0).random((3000, 1000), F)
    run = compiled(lambda x: ops.tanh(x) * 2.0 + x, x)
    for values in (x, x + 1):
        np.testing.assert_allclose(run(values)[0], np.tanh(values) * 2 + values, rtol=1e-5)


def test_threads_share_an_executable_each_with_its_array():
    run, wrong = compiled(lambda x: ops.tanh(x) * 2.0 + x, X), []

    def work(value):
        for _ in range(100):
            x = np.full(SHAPE, value, F)
            if not np.allclose(run(x)[0], np.tanh(x) * 2 + x):
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


def test_an_input_takes_no_room():
    x = np.ones((1000, 1000), F)
    run = compiled(lambda x: ops.sum(x, axis=1), x)
    assert run.plan.size <= run.plan.naive < 1e4
    assert f"arena {run.plan.size / 1e3:.3g} kB" in str(Report(run))
    run(x)
    tracemalloc.start()
    try:
        run(x)
        assert tracemalloc.get_traced_memory()[1] < 1e5
    finally:
        tracemalloc.stop()


def test_small_inputs_are_copied():
    """At the bound: 65536 bytes are small."""
    small, large = np.ones(16384, F), np.ones(16385, F)
    assert not compiled(lambda x: x * 2.0, small).plan.outside
    assert compiled(lambda x: x * 2.0, large).plan.outside
