"""Every op for many rows at once, against a loop over the rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.batching import batched
from framework.engine.batching import rows as rows_module
from framework.engine.batching.batch import bytes_of_row, chunks, rows_at_once
from framework.engine.batching.rows import Rows, row_by_row, rule_of
from framework.engine.compile.trace import trace
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import OPS, Sample
from framework.engine.random import SeedGenerator
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

SIZE = 3
# Ops that are called once for each row, each with the reason.
FALLBACK = {
    "expm": "one matrix that is not finite makes the whole call NaN",
    **dict.fromkeys(
        "lstm lstm_grad gru gru_grad simple_rnn simple_rnn_grad".split(),
        "one recurrent kernel for all rows of a batch",
    ),
    **dict.fromkeys(
        ("attention_dropout", "attention_dropout_grad"),
        "what is dropped in a row depends on its number in the batch",
    ),
    "hand_over": "the caller is given one value for each element",
    "merge_rows": "rows of one table",
    "random_normal": "states of the rows' own",
    "random_truncated_normal": "states of the rows' own",
    "random_uniform": "states of the rows' own",
    "take_batch": "data of a training step: no one maps it",
}
# What the samples leave out: ranks that differ, axes that are not given, ids of nothing.
MORE = [
    ("add", Sample(((4,), (2, 3, 4)))),
    ("add", Sample(((2, 3, 4), ()))),
    ("where", Sample(((2, 1), (3,), ()), dtypes=(bool,))),
    ("broadcast_to", Sample(((3, 1),), {"shape": (2, 3, 4)})),
    ("matmul", Sample(((3, 4), (4, 1)))),
    ("matmul", Sample(((4, 3), (4, 1)), {"transpose_x": True})),
    ("matmul", Sample(((3, 4), (2, 4, 5)))),
    ("matmul", Sample(((4, 3), (2, 4, 5)), {"transpose_x": True})),
    ("matmul", Sample(((2, 1, 3, 4), (5, 2, 4)), {"transpose_y": True})),
    ("sum", Sample(((),))),
    ("mean", Sample(((2, 3, 4),), {"axis": -2})),
    ("argmin", Sample(((3, 4),), {"keepdims": True})),
    ("softmax", Sample(((4,),))),
    ("reshape", Sample(((3, 4),), {"shape": (2, -1, 3)})),
    ("segment_sum", Sample(((5, 2), (5,)), {"segments": 3}, dtypes=(None, np.int64),
                           prepare=lambda x, ids: [x, ids - 1])),
    ("segment_rows", Sample(((4, 2), (5,)), dtypes=(None, np.int64),
                            prepare=lambda x, ids: [x, ids - 1])),
    ("gather", Sample(((2, 3, 4), (2, 2)), {"axis": -1}, dtypes=(None, np.int32), top=4)),
    ("gather_grad", Sample(((2, 5), (5,)), {"whole": (2, 3), "axis": 1}, dtypes=(None, np.int64))),
]  # fmt: skip
PURE = sorted([name for name, op in OPS.items() if not op.writes])
CASES = [(name, sample) for name in PURE for sample in OPS[name].samples] + MORE


def each(cases):
    """One test per op and sample."""
    ids = [f"{name}-{i}" for i, (name, _) in enumerate(cases)]
    return pytest.mark.parametrize(("name", "sample"), cases, ids=ids)


def inputs_of(sample, flags):
    """The arrays of a sample; of batched inputs those of SIZE seeds behind each other."""
    seeds = [sample.arrays(seed) for seed in range(SIZE)]
    return [
        Tensor(np.stack([arrays[k] for arrays in seeds]) if flag else seeds[0][k])
        for k, flag in enumerate(flags)
    ]


def subsets(count):
    """All choices of batched inputs, but none at all."""
    return [flags for flags in itertools.product([False, True], repeat=count) if any(flags)]


def outs_of(result):
    """The outputs of a call as a tuple."""
    return result if isinstance(result, tuple) else () if result is None else (result,)


def program_of(op, sample, inputs, flags):
    """The op as a Program for one row."""
    rows = Rows(inputs, list(flags), SIZE)
    likes = [Tensor(np.zeros(rows.shape(k), x.array.dtype)) for k, x in enumerate(inputs)]
    return trace(lambda *xs: outs_of(op(*xs, **sample.attrs)), *likes)


@each(CASES)
def test_all_rows_at_once_equal_a_loop(name, sample):
    op = OPS[name]
    for flags in subsets(len(sample.shapes)):
        inputs = inputs_of(sample, flags)
        found = batched(program_of(op, sample, inputs, flags), inputs, list(flags), SIZE)
        wanted = outs_of(row_by_row(op, Rows(inputs, list(flags), SIZE), **sample.attrs))
        assert len(found) == len(wanted)
        for (y, is_batched), loop in zip(found, wanted, strict=True):
            assert is_batched
            assert (y.array.shape, y.array.dtype) == (loop.array.shape, loop.array.dtype), flags
            np.testing.assert_allclose(y, loop, rtol=1e-10, atol=1e-12, err_msg=str(flags))


@each(CASES)
def test_no_rows(name, sample):
    op = OPS[name]
    for flags in subsets(len(sample.shapes)):
        inputs = inputs_of(sample, flags)
        wanted = outs_of(row_by_row(op, Rows(inputs, list(flags), SIZE), **sample.attrs))
        none = [Tensor(x.array[:0]) if f else x for x, f in zip(inputs, flags, strict=True)]
        found = batched(program_of(op, sample, inputs, flags), none, list(flags), 0)
        for (y, _), loop in zip(found, wanted, strict=True):
            assert y.array.shape == (0, *loop.array.shape[1:])
            assert y.array.dtype == loop.array.dtype


SMOOTH = [(n, s) for n, s in CASES if OPS[n].rule is not None and n not in ("cast", "expm")]


@each(SMOOTH)
def test_gradients_come_through(name, sample):
    """Of the ops that the rules call: what is the same in all rows gets the sum over them."""
    op = OPS[name]
    for flags in subsets(len(sample.shapes)):
        inputs = inputs_of(sample, flags)
        program = program_of(op, sample, inputs, flags)
        together = gradients(inputs, lambda xs, p=program, f=flags: parts_of(p, xs, f))
        loop = gradients(
            inputs,
            lambda xs, f=flags: outs_of(row_by_row(op, Rows(xs, list(f), SIZE), **sample.attrs)),
        )
        for a, b in zip(together, loop, strict=True):
            assert (a is None) == (b is None), flags
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10, err_msg=str(flags))


def parts_of(program, inputs, flags):
    """The outputs of a Program for all rows."""
    return [y for y, _ in batched(program, inputs, list(flags), SIZE)]


def gradients(inputs, function):
    """Of a weighted sum of the outputs, for each input of floats."""
    sources = [x for x in inputs if x.dtype.is_floating]
    with GradientTape() as tape:
        tape.watch(sources)
        targets = [
            ops.sum(ops.multiply(y, Tensor(np.cos(np.arange(y.array.size)).reshape(y.shape))))
            for y in function(inputs)
            if y.dtype.is_floating
        ]
    return tape.gradient(targets, sources)


@each([case for case in CASES if case[0] not in FALLBACK])
def test_what_has_a_rule_is_not_called_row_by_row(name, sample, monkeypatch):
    op = OPS[name]
    monkeypatch.setattr(rows_module, "row_by_row", None)
    for flags in subsets(len(sample.shapes)):
        inputs = inputs_of(sample, flags)
        batched(program_of(op, sample, inputs, flags), inputs, list(flags), SIZE)


def test_the_ops_without_a_rule_are_known():
    assert {name for name in PURE if rule_of(OPS[name]) is None} == set(FALLBACK)


INDEXED = {
    "gather": lambda x, i: ops.gather(x, i),
    "gather_grad": lambda x, i: ops.gather_grad(x, i, whole=(4, 2)),
    "put_rows": lambda x, i: ops.put_rows(x, i, x),
    "segment_sum": lambda x, i: ops.segment_sum(x, i, segments=4),
    "segment_rows": lambda x, i: ops.segment_rows(x, i),
}


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("of_x", [False, True])
def test_an_index_out_of_range_is_no_index_into_the_next_row(name, of_x):
    x = Tensor(np.ones((SIZE, 4, 2)) if of_x else np.ones((4, 2)))
    good = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 2, 2]])
    program = trace(INDEXED[name], np.ones((4, 2)), good[0])
    batched(program, [x, Tensor(good)], [of_x, True], SIZE)
    for row in range(SIZE):
        bad = good.copy()
        bad[row, 1] = 4
        with pytest.raises(InvalidArgumentError):
            batched(program, [x, Tensor(bad)], [of_x, True], SIZE)


def test_lines_that_are_the_same_in_all_rows_run_once():
    v = Variable(np.zeros(()))

    def function(x, y):
        v.assign_add(ops.sum(y))
        return x * v.read_value(), ops.exp(y)

    program = trace(function, np.ones(2), np.ones(3))
    x, y = Tensor(np.ones((SIZE, 2))), Tensor(np.ones(3))
    (product, is_batched), (exp, exp_is) = batched(program, [x, y], [True, False], SIZE)
    assert (is_batched, exp_is) == (True, False) and exp.shape == (3,)
    np.testing.assert_array_equal(product, np.full((SIZE, 2), 3.0))
    assert v.numpy() == 3.0


@pytest.mark.parametrize("name", sorted([n for n, op in OPS.items() if op.writes]))
def test_no_row_may_write_a_value_of_its_own(name):
    op, sample = OPS[name], OPS[name].samples[0]
    arrays = sample.arrays(0)
    variables = {k: Variable(a, name="weight") for k, a in enumerate(arrays) if k in op.writes}
    before = {k: v.numpy() for k, v in variables.items()}
    rest = [a for k, a in enumerate(arrays) if k not in op.writes]

    def function(*tensors):
        given = iter(tensors)
        inputs = [variables[k] if k in variables else next(given) for k in range(len(arrays))]
        op(*inputs, **sample.attrs)
        return tensors[0]

    program = trace(function, *rest)
    stacked = [Tensor(np.stack([a] * SIZE)) for a in rest]
    with pytest.raises(ValueError, match="a value of its own into weight:0"):
        batched(program, stacked, [True] * len(rest), SIZE)
    assert all([np.array_equal(v.numpy(), before[k]) for k, v in variables.items()])


def test_random_numbers():
    generator = SeedGenerator(3)
    program = trace(lambda x: x + ops.random_normal(generator.next(), shape=(5,)), np.ones(5, "f4"))
    x = Tensor(np.zeros((SIZE, 5), "f4"))
    ((drawn, is_batched),) = batched(program, [x], [True], SIZE)
    assert is_batched and len(set(drawn.array.ravel().tolist())) == 15
    assert generator.state.numpy()[1] == 1  # one step of the generator for all rows
    fixed = trace(lambda x: x + ops.random_normal(np.array([1, 2]), shape=(5,)), np.ones(5, "f4"))
    ((same, _),) = batched(fixed, [x], [True], SIZE)
    np.testing.assert_array_equal(same.array[0], same.array[1])  # a state that is no generator's


def test_memory_of_a_row():
    program = trace(lambda x: ops.sum(ops.exp(ops.sin(x))), np.ones(100))
    assert bytes_of_row(program) == 1600  # two of the vectors at a time
    assert rows_at_once(program, 50, 16000) == 10 and rows_at_once(program, 50, 1) == 1
    assert chunks(10, 4) == [(0, 3), (3, 6), (6, 10)] and chunks(0, 4) == []
