"""Lines that go through a batch in strips: which do, and that no bit depends on it."""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import cache, passes, strip_entry, vm
from framework.engine.compile.passes import PASSES, into_strips
from framework.engine.compile.report import Report
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

F = np.float32
PLACE = {"strides": (1, 1), "dilations": (1, 1), "paddings": ((1, 1), (1, 1))}
POOL = PLACE | {"sizes": (2, 2), "strides": (2, 2), "paddings": ((0, 0), (0, 0))}
WITHOUT = tuple([step for step in PASSES if step is not into_strips])


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Strips from one megabyte on, so that the tests are fast."""
    monkeypatch.setattr(passes.strips, "HANDED", 1 << 20)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(F)


def two_blocks(x, filters, more, bias):
    """Convolution, bias, relu and pooling, twice."""
    for f in (filters, more):
        x = ops.window_max(ops.relu(ops.convolution(x, f, **PLACE) + bias), **POOL)[0]
    return x


def images(batch: int = 32) -> list[np.ndarray]:
    return [random(batch, 32, 32, 3), random(3, 3, 3, 32), random(3, 3, 32, 32), random(32)]


def gradients(*arrays):
    tensors = [Tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]
    with GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        loss = ops.sum(two_blocks(*tensors) ** 2)
    return tape.gradient(loss, tensors)


def names(run: Executable) -> list[list[str]]:
    """The ops of each strip."""
    lines = run.program.lines
    strips = [lines[strip.start : strip.stop] for strip in run.program.strips]
    return [[line.op.name for line in part if not line.op.is_view] for part in strips]


def both_ways(fun, *arrays) -> Executable:
    """The program with strips, after it gave the bits of the one without, on 1 and 2 threads."""
    program = trace(fun, *arrays)
    run, plain = Executable(program), Executable(program, WITHOUT)
    want = plain(*arrays)
    for threads in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vm.team, "count", lambda threads=threads: threads)
            patch.setattr(vm.sharing, "WAKING", 0.0)
            for _ in range(3):
                for got, wanted in zip(run(*arrays), want, strict=True):
                    np.testing.assert_array_equal(got, wanted)
    assert not plain.program.strips
    return run


def test_a_convolutional_net_is_one_strip():
    run = both_ways(two_blocks, *images())
    block = ["convolution", "add+relu", "window_max"]
    assert names(run) == [[*block, *block, "identity"]]
    assert run.program.strips[0].count in (4, 8, 16, 32)


def test_its_gradients_are_the_same_bits():
    run = both_ways(gradients, *images())
    assert len(names(run)) > 1, "the forward and some of the gradients"


def test_what_stands_between_is_moved_behind():
    def fun(x, y):
        z = ops.relu(ops.matmul(x, y))
        total = ops.sum(x, axis=(0,))
        return ops.tanh(ops.matmul(z, y)) * 2.0, total

    run = both_ways(fun, random(4096, 128), random(128, 128))
    assert names(run) == [["matmul", "relu", "matmul", "tanh+multiply+identity"]]
    kinds = [line.op.name.split()[0] for line in run.program.lines]
    assert kinds.index("sum") == run.program.strips[0].stop


def test_what_needs_all_rows_ends_a_strip():
    """Behind all strips, it would find no row in the cache."""

    def fun(x, y):
        z = ops.relu(ops.matmul(x, y))
        total = ops.sum(z, axis=(0,))
        return ops.tanh(ops.matmul(z, y)) * 2.0, total

    run = both_ways(fun, random(4096, 128), random(128, 128))
    assert names(run) == [["matmul", "relu"], ["matmul", "tanh+multiply+identity"]]


def test_a_table_that_the_lines_make_is_not_read_before_it_is_whole():
    """Rows of the second product need all of the first one."""

    def fun(x):
        y = ops.matmul(x, x)
        return ops.matmul(ops.relu(x + 1.0), y)

    both_ways(fun, random(512, 512))


def test_a_product_of_a_value_with_itself_reads_all_of_it():
    def gram(x):
        return ops.relu(ops.matmul(x, x, transpose_y=True)) * 2.0

    both_ways(gram, random(1024, 64))
    both_ways(lambda x: ops.relu(ops.matmul(x, x)) * 2.0, random(1024, 1024))
    both_ways(lambda x: ops.relu(ops.matmul(x, ops.reshape(x, shape=(1024, 1024)))) * 2.0,
              random(1024, 1024))  # fmt: skip


def test_a_table_in_memory_that_was_taken_over_is_kept():
    """tanh is written over the product, and what is computed last over tanh's other shape."""

    def fun(a, q, w):
        y = ops.tanh(ops.matmul(q, w, transpose_x=True))
        z = ops.reshape(ops.matmul(a, y), shape=(2048, 7, 64))
        return ops.tanh(ops.reshape(y, shape=(2048, 7, 64)) + z)

    both_ways(fun, random(2048, 2048) / 40, random(16, 2048), random(16, 448))


def test_nothing_is_written_over_what_other_strips_still_read():
    """y is dead behind the product, and as large as what is computed after it."""

    def fun(x, y):
        y = ops.tanh(y) * 1.5
        z = ops.relu(ops.matmul(x, y))
        return ops.matmul(z + 1.0, y) * 2.0

    both_ways(fun, random(512, 512), random(512, 512))


@pytest.mark.parametrize("batch", [1, 31, 33])
def test_batches_that_do_not_divide(batch):
    both_ways(two_blocks, *images(batch))


def test_few_rows_and_large_tables_stay_as_they_are():
    """Each strip would read the whole table again."""
    run = both_ways(lambda x, y: ops.relu(ops.matmul(x, y)), random(64, 4096), random(4096, 8192))
    assert not names(run)


def test_a_write_ends_a_strip():
    v, x = Variable(np.zeros((4096, 128), F)), random(4096, 128)

    def fun(x):
        y = ops.tanh(ops.matmul(x, Tensor(np.eye(128, dtype=F))))
        ops.assign_add(v, y)
        return ops.matmul(y * 2.0, Tensor(np.eye(128, dtype=F))) + v

    run = Executable(trace(fun, x))
    for step in (1, 2, 3):
        np.testing.assert_allclose(run(x)[0], (2 + step) * np.tanh(x), rtol=1e-4, atol=1e-5)


def test_each_thread_has_scratch_memory_of_its_own(monkeypatch):
    """Convolutions copy their images there."""
    monkeypatch.setattr(vm, "free_cores", lambda: 3)
    program = trace(two_blocks, *images(48))
    run, want = Executable(program), Executable(program, WITHOUT)(*images(48))[0]
    monkeypatch.setattr(vm.team, "count", lambda: 3)
    monkeypatch.setattr(vm.sharing, "WAKING", 0.0)
    assert run.program.strips and run.is_shared
    for _ in range(20):
        np.testing.assert_array_equal(run(*images(48))[0], want)


def test_long_strips_are_cut_so_that_a_run_can_be_stopped(monkeypatch):
    monkeypatch.setattr(strip_entry, "PIECE_SECONDS", 1e-4)
    run = both_ways(two_blocks, *images())
    (strip,) = run.program.strips
    pieces = strip_entry.strips(run.program, strip, run.plan)
    assert len(pieces) > 2
    assert sum([entry.words[0] for _, entry in pieces]) == strip.count


def test_what_is_used_within_strips_has_no_memory_for_the_whole_batch():
    """The products of 12800 x 256 take 13 MB each."""

    def fun(x, y):
        for _ in range(8):
            x = ops.tanh(ops.matmul(x, y)) * 1.5
        return x

    x, y = random(12800, 256), random(256, 256)
    run = both_ways(fun, x, y)
    assert run.plan.size < 1.95 * x.nbytes < Executable(trace(fun, x, y), WITHOUT).plan.size


def test_what_else_reads_it_finds_all_of_it():
    """A sum behind the strips, a reshape that is an output, the next strips."""

    def fun(x, y):
        z = ops.relu(ops.matmul(x, y))
        u = ops.reshape(z * 2.0, shape=(-1,))
        v = ops.reshape(ops.matmul(z, y), shape=(128, 32, 128))
        return ops.sum(ops.tanh(v), axis=(0,)), u, ops.matmul(ops.relu(v + 1.0), y)

    both_ways(fun, random(4096, 128), random(128, 128))


def test_a_kernel_that_cannot_be_compiled_leaves_the_lines_to_themselves(monkeypatch):
    program, arrays = trace(two_blocks, *images()), images()
    want = Executable(program)(*arrays)[0]
    found = cache.addresses

    def without_pooling(entries):
        return [0 if e.name == "window_max" else at for e, at in zip(entries, found(entries))]

    monkeypatch.setattr(vm.cache, "addresses", without_pooling)
    run = Executable(program)
    assert [line.op.name for line in run.callouts.values()] == ["window_max"] * 2
    np.testing.assert_array_equal(run(*arrays)[0], want)


def test_the_report_has_a_row_for_each_line():
    run = Executable(trace(two_blocks, *images()))
    (strip,) = run.program.strips
    text = str(Report(run))
    assert text.count(f"{strip.count} strips") == 7, text
    times = {}
    for microseconds, line in run.profile(2):
        times[line.op.name] = times.get(line.op.name, 0) + microseconds
    assert {"convolution", "add+relu", "window_max"} <= set(times)
