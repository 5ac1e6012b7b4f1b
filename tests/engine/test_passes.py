"""Each pass does what it is there for: fewer lines of the kind it removes, and the same values."""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.passes import (
    PASSES,
    before_windows,
    deduplicate,
    drop_dead,
    fold,
    fuse,
    join_outputs,
    snapshot,
)
from framework.engine.compile.passes.memory import plan
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.random import SeedGenerator
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

X = Tensor(np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32))


def names(program):
    return [line.op.name for line in program.lines]


def passed(function, *passes):
    """The names of the lines before and behind the passes, which keep the values."""
    program = trace(function, X)
    before, wanted = names(program), program.run(X.array)
    for pass_ in passes:
        program = pass_(program)
    for got, want in zip(program.run(X.array), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    np.testing.assert_allclose(Executable(program, ())(X.array)[0], wanted[0], rtol=1e-5)
    return before, names(program)


def test_fold_computes_what_depends_on_constants_only():
    def function(x):
        two = ops.exp(Tensor(np.float32(0.0))) + Tensor(np.float32(1.0))
        return x * ops.sqrt(two)

    before, after = passed(function, fold)
    assert before == ["exp", "add", "sqrt", "multiply", "identity"]
    assert after == ["multiply", "identity"]


def test_fold_makes_no_large_constants():
    def function(x):
        return x + ops.broadcast_to(Tensor(np.float32(1.0)), shape=(4, 5))

    before, after = passed(function, fold)
    assert after == before and "broadcast_to" in after


def test_equal_lines_are_one():
    def function(x):
        one, other = ops.tanh(x), ops.tanh(x)
        return ops.exp(one) * ops.exp(other) + ops.tanh(x * 1.0)

    before, after = passed(function, deduplicate)
    assert before.count("tanh") == 3 and before.count("exp") == 2
    assert after.count("tanh") == 2 and after.count("exp") == 1


def test_other_attrs_make_other_lines():
    def function(x):
        return ops.sum(x, axis=0, keepdims=True) + ops.sum(x, axis=1, keepdims=True)

    assert passed(function, deduplicate)[1].count("sum") == 2


def test_a_write_in_between_makes_another_line():
    v = Variable(np.zeros((4, 5), np.float32))

    def function(x):
        first = ops.tanh(ops.read(v))
        ops.assign_add(v, x)
        return first + ops.tanh(ops.read(v)) + ops.tanh(ops.read(v))

    lines = names(deduplicate(trace(function, X)))
    assert lines.count("tanh") == 2 and lines.count("read") == 2
    run = Executable(trace(function, X))
    np.testing.assert_allclose(run(X.array)[0], 2 * np.tanh(X.array), rtol=1e-5)


RANDOM = {
    "random_uniform": lambda seed: ops.random_uniform(seed, shape=(4, 5)),
    "random_normal": lambda seed: ops.random_normal(seed, shape=(4, 5)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_lines_are_never_merged_or_folded(name):
    seed = Tensor(np.array([3, 4], np.int64))

    def function(x):
        return x * RANDOM[name](seed), x * RANDOM[name](seed)

    program = trace(function, X)
    for pass_ in (fold, deduplicate, drop_dead):
        program = pass_(program)
    assert names(program).count(name) == 2


def test_draws_of_one_generator_differ():
    generator = SeedGenerator(5)

    def function(x):
        one, other = [ops.random_uniform(generator.next(), shape=(4, 5)) for _ in range(2)]
        return x + one, x + other

    one, other = Executable(trace(function, X))(X.array)
    assert not np.allclose(one, other)


def test_dead_lines_are_dropped_but_not_those_with_an_effect():
    v = Variable(np.float32(0.0))

    def function(x):
        ops.exp(ops.tanh(x))
        ops.assign_add(v, ops.sum(x))
        ops.check_finite(ops.sqrt(x * x))
        return x * 2.0

    before, after = passed(function, drop_dead)
    assert {"exp", "tanh"} <= set(before)
    assert not {"exp", "tanh"} & set(after)
    assert {"assign_add", "sum", "check_finite", "sqrt"} <= set(after)


def test_elementwise_chains_become_one_line():
    before, after = passed(lambda x: ops.tanh(ops.exp(x) + x) * x, fuse)
    assert before == ["exp", "add", "tanh", "multiply", "identity"]
    assert len(after) == 1 and "exp+add+tanh+multiply" in after[0]


def test_a_read_is_a_copy_only_where_it_must_be():
    v = Variable(np.zeros((4, 5), np.float32))

    def function(x):
        old, own = ops.read(v), ops.read(v)
        ops.assign(v, own + x)
        return old * 1.0, ops.read(v)

    reads = [line for line in trace(function, X).lines if line.op is ops.read]
    kept = [line for line in snapshot(trace(function, X)).lines if line.op is ops.read]
    assert len(reads) == 3 and len(kept) == 2
    old, new = Executable(trace(function, X))(X.array)
    np.testing.assert_array_equal(old, 0)
    np.testing.assert_array_equal(new, X.array)


def test_all_passes_together_leave_the_work_alone():
    def function(x):
        half = ops.sqrt(Tensor(np.float32(0.25)))
        ops.exp(x)
        return ops.tanh(x) * half + ops.tanh(x) * half

    before, after = passed(function, *PASSES)
    assert len(before) == 8 and len(after) == 1


def test_lines_of_which_one_reads_what_the_other_makes_are_one_loop():
    def function(x):
        y = ops.tanh(x * 2.0)
        z = y + x[:1]
        return ops.matmul(ops.matmul(z, ops.transpose(z)), ops.matmul(y, ops.transpose(y)))

    before, after = passed(function, fuse, join_outputs)
    assert "add" in before and "multiply+tanh+add" in after and "add" not in after
    made = join_outputs(fuse(trace(function, X)))
    (line,) = [line for line in made.lines if len(line.outs) > 1]
    assert len(line.outs) == 2 and line.op.outs == 2


def test_both_outputs_may_be_written_over_what_nobody_reads_again():
    def function(x):
        a, b = ops.matmul(x, ops.transpose(x)), ops.matmul(x * 2.0, ops.transpose(x))
        y = ops.tanh(a)
        return ops.matmul(y * b, ops.matmul(y, y))

    program = join_outputs(fuse(trace(function, X)))
    (line,) = [line for line in program.lines if len(line.outs) > 1]
    made = plan(program)
    places = [made.resolve(slot) for slot in line.outs]
    assert sorted(places) == sorted([made.resolve(slot) for slot in line.inputs])
    run, wanted = Executable(program, ()), program.run(X.array)
    for _ in range(2):
        np.testing.assert_allclose(run(X.array)[0], wanted[0], rtol=1e-4)


@pytest.mark.parametrize(
    "function",
    [
        # something in between reads it; another shape; another dtype
        lambda x: (lambda y: ops.matmul(y, ops.transpose(y)) @ (y + x))(ops.tanh(x)),
        lambda x: (lambda y: (y + ops.reshape(x, shape=(1, 4, 5)), y @ ops.transpose(y)))(
            ops.tanh(x)
        ),
        lambda x: (lambda y: (ops.cast(y, dtype="float64") * 2.0, y @ ops.transpose(y)))(
            ops.tanh(x)
        ),
    ],
)
def test_other_lines_stay_apart(function):
    before, after = passed(function, fuse, join_outputs)
    assert after == names(fuse(trace(function, X)))


def test_a_line_does_not_move_behind_what_writes_its_variable():
    v = Variable(np.ones((4, 5), np.float32))

    def function(x):
        y = ops.tanh(x * v)
        ops.assign(v, x)
        return (y + x) @ ops.transpose(y)

    run = Executable(trace(function, X))
    wanted = np.tanh(X.array)
    np.testing.assert_allclose(run(X.array)[0], (wanted + X.array) @ wanted.T, rtol=1e-5)


def pooled(x, sizes, strides, paddings=((0, 0), (0, 0))):
    """The gradients of max pooling behind relu, in its input and in a bias, and of the pooling."""
    place = {"sizes": sizes, "strides": strides, "dilations": (1, 1), "paddings": paddings}

    def function(x, bias):
        with GradientTape() as tape:
            tape.watch([x, bias])
            y = ops.relu(x + bias)
            largest, _ = ops.window_max(y, **place)
            loss = ops.sum(largest * largest)
        return tape.gradient(loss, [x, bias])

    return trace(function, x, Tensor(np.linspace(-1, 1, x.array.shape[-1], dtype=np.float32)))


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2), (1, 1)])
@pytest.mark.parametrize("strides", [(2, 2), (3, 2), (1, 1)])
@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (2, 7, 5, 37), (1, 3, 3, 16)])
def test_what_follows_the_gradient_of_windows_is_done_before(sizes, strides, shape):
    rng = np.random.default_rng(1)
    x = Tensor(rng.integers(-2, 3, shape).astype(np.float32))  # with ties
    bias = np.linspace(-1, 1, shape[-1], dtype=np.float32)
    for paddings in [((0, 0), (0, 0)), ((0, 1), (1, 0))][: 1 if min(sizes) == 1 else 2]:
        program = pooled(x, sizes, strides, paddings)
        wanted, made = program.run(x.array, bias), before_windows(program)
        assert names(program).index("window_max_grad") < names(program).index("relu_grad")
        assert names(made).index("relu_grad") < names(made).index("window_max_grad")
        found = Executable(program)(x.array, bias)
        np.testing.assert_array_equal(made.run(x.array, bias)[0], wanted[0])
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-5, atol=1e-5)


def test_gradients_of_windows_that_others_read_stay_where_they_are():
    place = {"sizes": (2, 2), "strides": (2, 2), "dilations": (1, 1), "paddings": ((0, 0), (0, 0))}

    def function(x):
        y = ops.relu(ops.reshape(x, shape=(1, 4, 5, 1)))
        largest, number = ops.window_max(y, **place)
        g = ops.window_max_grad(largest, number, largest, whole=(1, 4, 5, 1), **place)
        return ops.relu_grad(g, y), ops.relu_grad(g, y * 2.0), g

    before, after = passed(function, before_windows)
    assert before == after


def overwriting(program, name):
    """Whether the elementwise line of that name writes where an input of it was."""
    made = plan(program)
    (line,) = [line for line in program.lines if line.op.name == name]
    place = made.resolve(line.outs[0])
    return place in [made.resolve(slot) for slot in line.inputs]


def test_elementwise_lines_write_over_what_nobody_reads_again():
    def function(x):
        y = ops.matmul(x, ops.transpose(x))
        return ops.sum(ops.exp(y), axis=1), ops.matmul(ops.tanh(y), x)

    program = trace(function, X)  # y is read once more behind exp, and not behind tanh
    assert not overwriting(program, "exp") and overwriting(program, "tanh")
    apart = sum([spec.nbytes for spec in program.specs.values()])
    assert plan(program).size < plan(program).naive <= apart + 64 * len(program.specs)
    run, wanted = Executable(program, ()), program.run(X.array)
    for _ in range(2):
        for got, want in zip(run(X.array), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.exp(x) * 2.0,  # x is the caller's
        lambda x: ops.add(*[ops.matmul(x, ops.transpose(x))] * 2),  # both sides are one
        lambda x: ops.cast(ops.matmul(x, ops.transpose(x)), dtype="int32"),
        lambda x: ops.reshape(ops.matmul(x, ops.transpose(x)), shape=(2, 8)) + X.array[:2, :1],
    ],
)
def test_writing_over_an_input_changes_no_value(function):
    program = trace(function, X)
    run, wanted = Executable(program, ()), program.run(X.array)
    for _ in range(2):
        np.testing.assert_allclose(run(X.array)[0], wanted[0], rtol=1e-5)
    np.testing.assert_array_equal(run._array(run.program.inputs[0]), X.array)


def test_broadcast_inputs_and_both_sides_alike_stay():
    program = trace(lambda x: ops.add(*[ops.matmul(x, ops.transpose(x))] * 2), X)
    assert not overwriting(program, "add")
    program = trace(lambda x: ops.exp(ops.sum(x, axis=0)) + x, X)
    assert not overwriting(program, "add")
