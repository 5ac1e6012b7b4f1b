"""Sums over rows computed in the loop of what they sum: the same, for every number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import sharing, team
from framework.engine.compile.passes import PASSES, sum_chains
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

RNG = np.random.default_rng(0)
WITHOUT = tuple([p for p in PASSES if p is not sum_chains])
CASES = {
    "rows": (lambda x, y: ops.sum(x * y + 1.0, axis=0), [(50, 33), (50, 33)]),
    "images": (lambda x, y: ops.mean(ops.square(x - y), axis=(0, 1, 2)), [(3, 5, 7, 16), (16,)]),
    "kept axes": (
        lambda x, y: ops.mean(ops.square(x - y), axis=(0, 1, 2), keepdims=True),
        [(3, 5, 7, 16), (1, 1, 1, 16)],
    ),
    "several kept": (lambda x, y: ops.sum(x * y, axis=0), [(9, 6, 40), (40,)]),
    "column": (lambda x, y: ops.sum(x * y, axis=0), [(9, 6, 40), (9, 1, 1)]),
    "one row": (lambda x, y: ops.sum(x * y, axis=0), [(1, 40), (40,)]),
}


def programs(function, shapes, dtype, passes):
    arrays = [RNG.standard_normal(shape).astype(dtype) for shape in shapes]
    return Executable(trace(function, *map(Tensor, arrays)), passes), arrays


def names(executable):
    return [line.op.name for line in executable.program.lines]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_the_same_as_apart(case, dtype, monkeypatch):
    monkeypatch.setattr(sharing, "MANY_FLOPS", 0)
    monkeypatch.setattr(sharing, "WAKING", 0)
    function, shapes = CASES[case]
    joined, arrays = programs(function, shapes, dtype, PASSES)
    assert len(names(joined)) < len(names(programs(function, shapes, dtype, WITHOUT)[0])), (
        f"one line less than {names(joined)}"
    )
    apart = Executable(trace(function, *map(Tensor, arrays)), WITHOUT)
    monkeypatch.setattr(team, "count", lambda: 1)
    (wanted,) = joined(*arrays)
    near = {"rtol": 1e-5, "atol": 1e-5} if dtype is np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(wanted, apart(*arrays)[0], **near)
    np.testing.assert_allclose(wanted, joined.program.run(*arrays)[0], **near)
    for threads in (2, 3):
        monkeypatch.setattr(team, "count", lambda count=threads: count)
        np.testing.assert_array_equal(joined(*arrays)[0], wanted)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.sum(ops.square(x), axis=1),  # the last axis: split into blocks
        lambda x: ops.sum(ops.square(x)),
        lambda x: [ops.sum(ops.square(x), axis=0), ops.square(x)],  # is read by others
        lambda x: ops.sum(ops.cast(ops.square(x), dtype="int32"), axis=0),
    ],
)
def test_others_stay_apart(function):
    made, _ = programs(function, [(6, 5)], np.float32, PASSES)
    assert not any([name.startswith(("sum(", "mean(")) for name in names(made)])


def test_a_variable_is_read_before_it_is_written():
    v = Variable(np.ones((4, 3), np.float32))

    def step():
        squares = ops.square(v + 1.0)
        ops.assign_add(v, Tensor(np.ones((4, 3), np.float32)))
        return ops.sum(squares, axis=0)

    run = Executable(trace(step))
    for expected in (16.0, 36.0):
        run.repeat(1)
        np.testing.assert_array_equal(run.outputs()[0], np.full(3, expected))


TALL_CASES = {
    "sum": (lambda x: ops.sum(x, axis=(0, 1)), [(41, 129, 3)]),
    "mean, kept axes": (lambda x: ops.mean(x, axis=(0, 1, 2), keepdims=True), [(8, 32, 33, 32)]),
    "mean and variance": (lambda x: ops.mean_variance(x, axis=0), [(5000, 17)]),
    "of steps": (lambda x, y: ops.sum((x - y) * x, axis=(0, 1)), [(43, 128, 5), (5,)]),
    "several axes of columns": (lambda x: ops.sum(x, axis=0), [(4097, 3, 2)]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", TALL_CASES)
def test_tall_sums_are_shared_by_rows(case, dtype, monkeypatch):
    monkeypatch.setattr(sharing, "MANY_FLOPS", 0)
    monkeypatch.setattr(sharing, "WAKING", 0)
    function, shapes = TALL_CASES[case]
    made, arrays = programs(function, shapes, dtype, PASSES)
    parts = [line for line in made.program.lines if getattr(line.op, "is_parted", False)]
    rows = np.size(arrays[0]) // parts[0].op.columns
    assert parts and parts[0].op.parts == -(-rows // 1024)
    near = {"rtol": 2e-5, "atol": 2e-4} if dtype is np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    monkeypatch.setattr(team, "count", lambda: 1)
    wanted = made(*arrays)
    plain = trace(function, *map(Tensor, arrays)).run(*arrays)
    for got, want, run in zip(wanted, plain, made.program.run(*arrays), strict=True):
        assert got.shape == want.shape == run.shape and got.dtype == want.dtype
        np.testing.assert_allclose(got, want, **near)
        np.testing.assert_allclose(got, run, **near)
    for threads in (2, 3):
        monkeypatch.setattr(team, "count", lambda count=threads: count)
        for got, want in zip(made(*arrays), wanted, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: ops.sum(x, axis=1), (5000, 4)),
        (lambda x: ops.sum(x, axis=0), (4000, 4)),  # not so many rows
        (lambda x: ops.sum(x, axis=0), (4096, 600)),  # many columns
        (lambda x: ops.sum(x), (5000, 4)),
        (lambda x: ops.sum(x, axis=(0, 2)), (64, 5, 80)),
        (lambda x: ops.max(x, axis=0), (5000, 4)),
    ],
)
def test_other_sums_are_one_line(function, shape):
    made, arrays = programs(function, [shape], np.float32, PASSES)
    assert not any([getattr(line.op, "is_parted", False) for line in made.program.lines])
    wanted = trace(function, Tensor(arrays[0])).run(arrays[0])[0]
    np.testing.assert_allclose(made(*arrays)[0], wanted, rtol=1e-4, atol=1e-3)
