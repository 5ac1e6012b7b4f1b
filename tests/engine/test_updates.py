"""Updates in programs: with what makes their gradient in one loop, and as NumPy does them."""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import vm
from framework.engine.compile.passes import PASSES, fuse_updates
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import InvalidArgumentError
from framework.engine.variable import Variable

WITHOUT = tuple([p for p in PASSES if p is not fuse_updates])
UPDATES = {
    "sgd": lambda p, m, v, g, rate: ops.sgd_update(p, g, rate),
    "momentum": lambda p, m, v, g, rate: ops.momentum_update(p, m, g, rate),
    "nesterov": lambda p, m, v, g, rate: ops.momentum_update(p, m, g, rate, nesterov=True),
    "adam": lambda p, m, v, g, rate: ops.adam_update(p, m, v, g, rate, ALPHA),
    "adamw": lambda p, m, v, g, rate: ops.adam_update(p, m, v, g, rate, ALPHA, decay=0.1),
    "rmsprop": lambda p, m, v, g, rate: ops.rmsprop_update(p, v, g, rate),
    "adagrad": lambda p, m, v, g, rate: ops.adagrad_update(p, v, g, rate),
    "assign": lambda p, m, v, g, rate: ops.assign(p, g),
    "assign_add": lambda p, m, v, g, rate: ops.assign_add(p, g),
    "assign_sub": lambda p, m, v, g, rate: ops.assign_sub(p, g),
}
ALPHA = ops.as_tensor(np.float64(0.02))


class Parameter:
    """A Variable with slots, which can be put back."""

    def __init__(self, shape=(70, 33), dtype=np.float32):
        rng = np.random.default_rng(1)
        self.values = [rng.random(shape).astype(dtype) for _ in range(3)]
        self.variables = [Variable(x.copy()) for x in self.values]

    def reset(self):
        for variable, value in zip(self.variables, self.values, strict=True):
            variable.assign(value)

    def now(self):
        return [variable.numpy() for variable in self.variables]


def random(*shape, dtype=np.float32):
    return np.random.default_rng(2).standard_normal(shape).astype(dtype)


def names(run):
    return [line.op.name for line in run.program.lines if not line.op.is_view]


def after(parameter, run, *arrays):
    """The parameter and its slots after one run from where they were."""
    parameter.reset()
    run(*arrays)
    return parameter.now()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UPDATES)
def test_the_gradient_is_made_in_the_loop_of_the_update(name, dtype):
    """Scaled by a column, with a share of the parameter itself, as weight decay does it."""
    parameter, rate = Parameter(dtype=dtype), ops.as_tensor(dtype(0.01))

    def step(g, scale):
        g = ops.add(ops.multiply(g, scale), ops.multiply(parameter.variables[0], dtype(0.1)))
        UPDATES[name](*parameter.variables, g, rate)

    arrays = random(70, 33, dtype=dtype), random(33, dtype=dtype)
    run, apart = Executable(trace(step, *arrays)), Executable(trace(step, *arrays), WITHOUT)
    assert len(names(run)) == len(names(apart)) - 1
    assert names(run)[-1].endswith("(multiply+multiply+add)")
    wanted = after(parameter, apart, *arrays)
    assert any([(x != y).any() for x, y in zip(wanted, parameter.values, strict=True)])
    parameter.reset()
    run.program.run(*arrays)
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype is np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    for found in (after(parameter, run, *arrays), parameter.now()):
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_allclose(x, y, **near)


@pytest.mark.parametrize("name", ["adam", "nesterov"])
def test_bits_do_not_depend_on_threads(monkeypatch, name):
    parameter, rate = Parameter((700, 333)), ops.as_tensor(np.float32(0.01))

    def step(g):
        UPDATES[name](*parameter.variables, ops.multiply(g, np.float32(0.3)), rate)

    g = random(700, 333)
    monkeypatch.setattr(vm, "free_cores", lambda: 3)
    monkeypatch.setattr(vm.sharing, "WAKING", 0.0)
    run = Executable(trace(step, g))
    assert run.is_shared
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(vm.team, "count", lambda count=threads: count)
        found.append(after(parameter, run, g))
    for one in found[1:]:
        for x, y in zip(found[0], one, strict=True):
            np.testing.assert_array_equal(x, y)


def clipped_twice(g, p, q, rate):
    """A gradient that something else reads, too."""
    g = ops.multiply(g, np.float32(2))
    ops.sgd_update(p, g, rate)
    return g


def of_another_shape(g, p, q, rate):
    ops.assign(p, ops.multiply(g[0], np.float32(2)))


def after_a_write(g, p, q, rate):
    """What the chain reads has another value where the update stands."""
    found = ops.multiply(ops.read(q), g)
    ops.assign_add(q, g)
    ops.sgd_update(p, found, rate)


def with_more_memory(g, p, q, rate):
    """Two large values would live on instead of one."""
    large = ops.multiply(ops.matmul(g, g), ops.matmul(g, g, transpose_x=True))
    ops.sgd_update(p, large, rate)


def of_a_turned_parameter(g, p, q, rate):
    """An element of the gradient needs another element of what is written."""
    ops.sgd_update(p, ops.multiply(ops.transpose(ops.read(p), axes=(1, 0)), g), rate)


@pytest.mark.parametrize(
    "step",
    [clipped_twice, of_another_shape, after_a_write, with_more_memory, of_a_turned_parameter],
)
def test_what_must_stay_apart(step):
    values = random(40, 40), random(40, 40)
    p, q = map(Variable, values)
    rate, g = ops.as_tensor(np.float32(0.1)), random(40, 40)
    run = Executable(trace(lambda g: step(g, p, q, rate), g))
    assert not any(
        [("(" in name) and name.startswith(("sgd", "assign", "momentum")) for name in names(run)]
    )
    found = []
    for each in (run, run.program.run):
        p.assign(values[0]), q.assign(values[1])
        each(g)
        found.append([p.numpy(), q.numpy()])
    for x, y in zip(*found, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_numbers_are_updated_in_the_loop_that_makes_them():
    total = Variable(np.float32(1))
    run = Executable(trace(lambda x, n: ops.assign_add(total, ops.multiply(x, n)), *[random()] * 2))
    for _ in range(3):
        run(np.float32(2), np.float32(4))
    assert total.numpy() == 25
    assert names(run) == ["assign_add(multiply)"]


@pytest.mark.parametrize(
    ("slot", "rate"), [((400,), ()), ((800, 400), ()), ((400, 400), (3,))], ids=str
)
def test_shapes_that_do_not_fit_are_refused_in_a_loop_with_the_gradient(slot, rate):
    p, m = Variable(np.ones((400, 400), np.float32)), Variable(np.ones(slot, np.float32))
    rates = ops.as_tensor(np.ones(rate, np.float32))

    def step(g):
        ops.momentum_update(p, m, ops.multiply(g, np.float32(2)), rates)

    with pytest.raises(InvalidArgumentError, match="momentum_update"):
        Executable(trace(step, p.numpy()))(p.numpy())
