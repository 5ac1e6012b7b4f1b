"""Threads that share the work of a program: the same bits, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.engine import ops
from framework.engine.compile import blas, entries, sharing, team, vm
from framework.engine.compile.dispatch import LINE, RUNS
from framework.engine.compile.report import report_of
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable, NotFinite
from framework.engine.op import OPS
from framework.engine.tensor import Spec, Tensor
from framework.engine.variable import Variable

F = np.float32
RNG = np.random.default_rng(0)
PURE = [name for name, op in sorted(OPS.items()) if op.outs and not op.writes and not op.is_random]


@pytest.fixture
def with_threads(monkeypatch):
    """Executables made by the test share every line they can, between so many threads, or as many
    as there are cores; see with_three."""
    monkeypatch.setattr(sharing, "MANY_FLOPS", 0)
    monkeypatch.setattr(sharing, "WAKING", 0)

    def choose(count):
        monkeypatch.setattr(team, "count", lambda: count)

    return choose


@pytest.fixture
def with_three(with_threads, monkeypatch):
    """with_threads that may choose three threads also where there are fewer cores, which is slow:
    they wait for each other by turns."""
    monkeypatch.setattr(vm, "free_cores", lambda: 3)
    return with_threads


def executable(function, arrays):
    return Executable(trace(function, *[Tensor(Spec(a.shape, a.dtype)) for a in arrays]))


@pytest.mark.parametrize("name", PURE)
def test_each_op_gives_the_same_bits(name, with_threads):
    for sample in OPS[name].samples:
        arrays = sample.arrays(0, F)

        def call(*xs, attrs=sample.attrs):
            return OPS[name](*xs, **attrs)

        run = executable(call, arrays)
        with_threads(1)
        wanted = run(*arrays)
        for threads in (2, 3):
            with_threads(threads)
            for got, value in zip(run(*arrays), wanted, strict=True):
                np.testing.assert_array_equal(got, value)


SIZES = [(1, 5, 7), (33, 100, 77), (128, 10, 300), (5, 260, 600), (70, 1, 333), (5000, 1, 3)]
# y is packed while tiles compute, and cut in three in k; x is copied, and cut in two; not copied.
SIZES += [(197, 550, 1100), (500, 520, 384), (450, 600, 300)]


@pytest.mark.parametrize("shape", [*SIZES, (1, 1, 9)])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_products_do_not_depend_on_threads_or_rows(shape, turned, with_threads):
    m, n, k = shape
    x = RNG.standard_normal((k, m) if turned[0] else (m, k)).astype(F)
    y = RNG.standard_normal((n, k) if turned[1] else (k, n)).astype(F)

    def product(x, y):
        return ops.matmul(x, y, transpose_x=turned[0], transpose_y=turned[1])

    run = executable(product, [x, y])
    with_threads(1)
    (wanted,) = run(x, y)
    exact = (x.T if turned[0] else x).astype(np.float64) @ (y.T if turned[1] else y)
    np.testing.assert_allclose(wanted, exact, rtol=1e-4, atol=1e-5 * k)
    for threads in (2, 3):
        with_threads(threads)
        np.testing.assert_array_equal(run(x, y)[0], wanted)
    fewer = x[:, : m // 2 + 1] if turned[0] else x[: m // 2 + 1]
    (part,) = executable(product, [fewer, y])(np.ascontiguousarray(fewer), y)
    np.testing.assert_array_equal(part, wanted[: m // 2 + 1])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 80), st.integers(1, 700), st.booleans(), st.booleans())
def test_products_of_any_size(m, n, k, turn_x, turn_y):
    """Tiles with any number of rows missing, panels that are not full, depths that end anywhere;
    what lies beside the operands is not read."""
    rng = np.random.default_rng(m + 100 * n + 10_000 * k)
    beside = np.full((2, (k + 40) * 80 + 40 * 80), np.nan, F)
    x, y = beside[0, 64 : 64 + m * k], beside[1, 64 : 64 + k * n]
    x[:], y[:] = rng.standard_normal(m * k), rng.standard_normal(k * n)
    x, y = x.reshape((k, m) if turn_x else (m, k)), y.reshape((n, k) if turn_y else (k, n))
    run = executable(lambda x, y: ops.matmul(x, y, transpose_x=turn_x, transpose_y=turn_y), [x, y])
    exact = (x.T if turn_x else x).astype(np.float64) @ (y.T if turn_y else y)
    np.testing.assert_allclose(run(x, y)[0], exact, rtol=1e-4, atol=1e-6 * k)


@pytest.mark.parametrize("rows", [8449, 8450, 8451, 8453])
def test_products_whose_last_block_has_few_rows(rows, with_threads):
    """The panel that the block before has packed for it is the first one."""
    with_threads(1)
    x, y = RNG.standard_normal((rows, 500)).astype(F), RNG.standard_normal((500, 520)).astype(F)
    (got,) = executable(ops.matmul, [x, y])(x, y)
    np.testing.assert_allclose(got[8000:], x[8000:].astype(np.float64) @ y, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(9, 64), (8, 48), (17, 16), (2, 70), (9, 1)])
def test_products_keep_the_sign_of_zero(shape):
    x, y = np.full((shape[0], 4), -1e-30, F), np.full((4, shape[1]), 1e-30, F)
    (got,) = executable(ops.matmul, [x, y])(x, y)
    assert np.signbit(got).all() and not got.any()


def train(threads, with_threads, steps=20):
    """The weights after some steps of a small net, all of it in one program."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((50, 30)).astype(F), rng.integers(0, 7, 50)
    sizes = [(30, 70), (70,), (70, 7), (7,)]
    weights = [Variable(rng.standard_normal(s).astype(F) * F(0.3)) for s in sizes]
    moments = [[Variable(np.zeros(s, F), trainable=False) for s in sizes] for _ in range(2)]
    count = Variable(np.int64(0), trainable=False)
    from framework.engine.tape import GradientTape

    def step():
        with GradientTape() as tape:
            hidden = ops.relu(Tensor(x) @ weights[0] + weights[1])
            loss, _ = ops.sparse_softmax_cross_entropy(Tensor(y), hidden @ weights[2] + weights[3])
            loss = ops.mean(loss)
        gradients = tape.gradient(loss, weights)
        rate = Tensor(F(0.01))
        alpha = ops.adam_rate(rate, count)
        for p, m, v, g in zip(weights, *moments, gradients, strict=True):
            ops.adam_update(p, m, v, g, rate, alpha)
        ops.assign_add(count, Tensor(np.int64(1)))
        return loss

    with_threads(threads)
    run = Executable(trace(step))
    assert run.is_shared
    run.repeat(steps)
    return [w.numpy() for w in weights], float(run.outputs()[0])


def test_training_gives_the_same_bits(with_threads):
    wanted, loss = train(1, with_threads)
    assert loss < 1.0, "and it learns"
    for threads in (2, 3):
        for got, value in zip(train(threads, with_threads)[0], wanted, strict=True):
            np.testing.assert_array_equal(got, value)


def test_lines_that_depend_on_each_other_are_not_run_together(with_threads):
    def chain(x):
        y = ops.softmax(x)  # rows
        z = ops.sum(y, axis=0)  # columns: reads every row
        return z, ops.softmax(x * 2.0)

    x = RNG.standard_normal((64, 48)).astype(F)
    run = executable(chain, [x])
    starts = [int(run.code[pc + 2]) for _, pc in run.lines]
    assert starts.count(0) < len(starts)
    with_threads(2)
    wanted = [ops.sum(ops.softmax(Tensor(x)), axis=0).numpy(), ops.softmax(Tensor(x) * 2).numpy()]
    for _ in range(200):
        for got, value in zip(run(x), wanted, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-5)


def test_small_programs_run_on_one_thread():
    x = RNG.standard_normal((32, 32)).astype(F)
    assert not executable(lambda x: ops.relu(x @ x), [x]).is_shared


def test_short_runs_wake_nobody(monkeypatch):
    """Waking a helper takes longer than one step of a small network; many steps are worth it."""
    asked = []

    begin = team.Team.begin

    def counted(self, code):
        asked.append(self.threads)
        begin(self, code)

    monkeypatch.setattr(team, "count", lambda: 2)
    monkeypatch.setattr(team.Team, "begin", counted)
    monkeypatch.setattr(team, "SOON_SECONDS", 0.0)
    x = RNG.standard_normal((64, 512)).astype(F)
    run = executable(lambda x: ops.matmul(x, x, transpose_y=True), [x])
    assert run.is_shared
    run._most = 2
    run(x)
    run(x)
    assert asked == []
    run.repeat(10_000)
    assert asked == [2]
    monkeypatch.setattr(team, "SOON_SECONDS", 10.0)  # but what runs again and again has them
    run(x)
    assert asked == [2, 2]


def test_helpers_sleep_soon_after_the_last_program(with_threads):
    """They spin for the next program, and not for long: the cores belong to others, too."""
    with_threads(2)
    x = RNG.standard_normal(5000).astype(F)
    executable(lambda x: ops.tanh(x) * 2.0, [x])(x)
    (helper,) = team._TEAM[0].helpers
    end = time.monotonic() + 10
    while helper._is_awake and time.monotonic() < end:
        time.sleep(0.001)
    assert not helper._is_awake
    before = time.thread_time(), time.process_time()
    time.sleep(0.1)
    own, all_threads = time.thread_time() - before[0], time.process_time() - before[1]
    assert all_threads - own < 0.05


def test_helpers_of_teams_that_are_gone_end(with_three):
    """Also those who were awake when another number of threads was asked for."""
    x = RNG.standard_normal(5000).astype(F)
    with_three(3)
    run = executable(lambda x: ops.tanh(x) * 2.0, [x])
    for i in range(40):
        with_three(2 + i % 2)
        run(x)
    wanted, end = len(team._TEAM[0].helpers), time.monotonic() + 10
    while time.monotonic() < end:
        alive = [t for t in threading.enumerate() if t.name.startswith("framework-helper")]
        if len(alive) <= wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(alive)} helpers are left, of {wanted}")


def test_helpers_who_sleep_are_woken(with_threads):
    """Whatever a helper does when a program begins, it takes part: sleep, spin, or end either."""
    with_threads(2)
    x = RNG.standard_normal(5000).astype(F)
    run = executable(lambda x: ops.tanh(x) * 2.0, [x])
    (wanted,) = run(x)
    words = team._TEAM[0].words
    for pause in np.random.default_rng(1).uniform(0, 4e-4, 300):
        end = time.perf_counter() + pause
        while time.perf_counter() < end:
            pass
        np.testing.assert_array_equal(run(x)[0], wanted)
        assert words[RUNS] == 0
    last = int(words[LINE])
    for _ in range(1000):  # on a busy machine it may miss some
        run.repeat(20)
        if words[LINE] > last:
            return
    raise AssertionError("the helper did nothing any more")


def test_errors_leave_a_team_that_works(with_threads):
    with_threads(2)
    table = RNG.standard_normal((100, 8)).astype(F)
    run = executable(lambda i: ops.gather(Tensor(table), i) * 2.0, [np.zeros(50, np.int64)])
    before = blas.threads()
    for _ in range(3):
        with pytest.raises(ValueError, match="100 is not in"):
            run(np.full(50, 100))
        np.testing.assert_array_equal(run(np.full(50, 99))[0], np.tile(table[99] * 2, (50, 1)))
    assert blas.threads() == before


def test_not_finite_stops_all_threads(with_threads):
    with_threads(2)
    total = Variable(np.zeros(5000, F))

    def step(x):
        y = ops.log(x)
        ops.check_finite(y)
        ops.assign_add(total, y)
        return y

    run = executable(step, [np.ones(5000, F)])
    for _ in range(3):
        with pytest.raises(NotFinite):
            run(np.full(5000, -1, F))
        run(np.full(5000, np.e, F))
    np.testing.assert_allclose(total.numpy(), np.full(5000, 3.0), rtol=1e-6)


def test_two_programs_at_once(with_threads):
    """One has the team, the other runs alone; each gives its own result."""
    with_threads(2)
    x = RNG.standard_normal((200, 200)).astype(F)
    runs = [executable(lambda x, f=f: ops.softmax(x @ x) * f, [x]) for f in (1.0, 2.0)]
    wanted = [run(x)[0] for run in runs]
    wrong = []

    def work(i):
        for _ in range(50):
            if not np.array_equal(runs[i](x)[0], wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any([thread.is_alive() for thread in threads])


def test_a_forked_process_makes_its_own_team(with_threads):
    with_threads(2)
    x = RNG.standard_normal((64, 64)).astype(F)
    run = executable(lambda x: ops.softmax(x), [x])
    (wanted,) = run(x)
    child = os.fork()
    if not child:
        try:
            same = np.array_equal(run(x)[0], wanted)
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_number_of_threads_is_that_of_blas():
    before = blas.threads()
    try:
        blas.set_threads(1)
        assert team.count() == 1
    finally:
        blas.set_threads(before)
    assert team.count() == max(1, before)


def test_lines_run_together_have_scratch_memory_of_their_own(with_threads):
    """Two convolutions of different sizes in one go: a thread that is still in the first must not
    meet the other one's tables."""
    with_threads(2)
    x = RNG.standard_normal((6, 20, 20, 3)).astype(F)
    y = RNG.standard_normal((4, 9, 9, 16)).astype(F)
    small, large = [RNG.standard_normal(s).astype(F) for s in ((3, 3, 3, 8), (5, 5, 16, 40))]
    place = {"strides": (1, 1), "dilations": (1, 1), "paddings": ((1, 1), (1, 1))}

    def both(x, y):
        return (
            ops.convolution(x, Tensor(small), **place),
            ops.convolution(y, Tensor(large), **place),
        )

    run = executable(both, [x, y])
    starts = [int(run.code[pc + 2]) for line, pc in run.lines if line.op is ops.convolution]
    assert starts[0] and not starts[1], "they are one group"
    wanted = [out.numpy() for out in both(Tensor(x), Tensor(y))]
    for _ in range(300):
        for got, value in zip(run(x, y), wanted, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("at", ["begin", "end"])
def test_after_an_interrupt_the_team_works_on(at, with_threads, monkeypatch):
    """Ctrl-C while helpers are called or sent away: the next run waits for nobody who is lost."""
    x = RNG.standard_normal(5000).astype(F)
    run = executable(lambda x: ops.tanh(x) * 2.0, [x])
    with_threads(2)
    wanted, before = run(x), blas.threads()
    with monkeypatch.context() as patch:

        def interrupted(*_):
            raise KeyboardInterrupt

        patch.setattr(team.Team, at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(x)
    assert blas.threads() == before
    for _ in range(3):
        np.testing.assert_array_equal(run(x), wanted)


def test_interrupts_at_any_place_leave_nothing_taken(with_threads):
    """Real signals, many of them, while small programs run: the team is free afterwards, and its
    helper sleeps."""
    x = RNG.standard_normal(64).astype(F)
    run = executable(lambda x: ops.tanh(x) * 2.0, [x])
    with_threads(2)
    (wanted,) = run(x)
    places, end = np.random.default_rng(0), time.monotonic() + 2

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while time.monotonic() < end:
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, places.uniform(2e-5, 3e-4))
                while True:
                    run.repeat(1)
            assert not team._BUSY.locked()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(run(x)[0], wanted)
    (helper,) = team._TEAM[0].helpers
    team._TEAM[0].words[RUNS] = 1  # as one of them may have left it
    helper.call()
    end = time.monotonic() + 20
    while time.monotonic() < end and helper._is_awake:
        time.sleep(0.01)
    assert not helper._is_awake


def test_a_team_of_another_size_takes_the_place_of_the_first(with_threads):
    x = RNG.standard_normal(5000).astype(F)
    run = executable(lambda x: ops.tanh(x) * 2.0, [x])
    for count in (3, 2, 4, 2):
        with_threads(count)
        run(x)
    end = time.monotonic() + 10
    while len(helpers()) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(helpers()) == 1


def helpers():
    return [t for t in threading.enumerate() if t.name.startswith("framework-helper")]


N, U = 20, 24
RECURRENT = {
    "lstm": ((6, N, 2), (N, U), (N, U), (2 + U, 4 * U), (4 * U,)),
    "gru": ((6, N, 3 * U), (N, U), (U, 3 * U), (2, 3 * U)),
    "simple_rnn": ((6, N, U), (N, U), (U, U), (U,)),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_share_the_rows_of_a_batch(name, with_threads):
    from framework.engine.tape import GradientTape

    arrays = [0.3 * RNG.standard_normal(shape).astype(F) for shape in RECURRENT[name]]

    def call(*xs):
        with GradientTape() as tape:
            tape.watch(xs)
            outs = OPS[name](*xs)
        return [*outs, *tape.gradient([outs[0], outs[1]], xs)]

    run = executable(call, arrays)
    assert run.is_shared
    with_threads(1)
    wanted = run(*arrays)
    for threads in (2, 3):
        with_threads(threads)
        for got, value in zip(run(*arrays), wanted, strict=True):
            np.testing.assert_array_equal(got, value)


def test_long_lines_in_pieces_give_the_same_bits(with_threads, monkeypatch):
    """The VM is asked to stop between them. Scratch memory stays that of the thread."""
    place = {"strides": (1, 1), "dilations": (1, 1), "paddings": ((1, 1), (1, 1))}
    x = RNG.standard_normal((12, 9, 9, 5)).astype(F)
    filters = RNG.standard_normal((3, 3, 5, 6)).astype(F)

    def function(x, filters):
        y = ops.relu(ops.convolution(x, filters, **place))
        flat = ops.reshape(y, shape=(12, 486))
        product = ops.matmul(flat, flat, transpose_y=True)
        back = ops.convolution_grad_filters(x, y, sizes=(3, 3), groups=1, **place)
        return ops.softmax(product), ops.sum(y, axis=(0, 1, 2)), back, ops.sum(ops.exp(y))

    with_threads(1)
    wanted = executable(function, [x, filters])(x, filters)
    monkeypatch.setattr(entries, "PIECE_SECONDS", 1e-9)
    made = executable(function, [x, filters])
    names = [line.op.name for line, _ in made.lines]
    assert names.count("convolution") > 3 and names.count("matmul") > 3
    for threads in (1, 2, 3):
        with_threads(threads)
        for got, want in zip(made(x, filters), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
    assert "matmul" in str(report_of(made, 2))


def test_a_long_line_is_left_between_its_pieces(monkeypatch):
    monkeypatch.setattr(entries, "PIECE_SECONDS", 1e-5)
    x = RNG.standard_normal((256, 256)).astype(F)
    run = executable(lambda x: ops.matmul(x, x), [x])
    places = [pc for line, pc in run.lines if line.op.name == "matmul"]
    assert len(places) > 20
    inner, seen = run._vm, []

    def stopped(code, pc, end, state, words, threads):
        """As if the user had asked for it while the first piece ran."""
        assert inner(code, pc, places[1], state, words, threads) == -1
        run.stop()
        run.control[0], run.control[3] = 1, 0
        seen.append(inner(code, places[1], end, state, words, threads))
        return seen[-1]

    run._vm = stopped
    assert run.repeat(1) == 0 and seen == [-3] and run.control[2] == places[1]
