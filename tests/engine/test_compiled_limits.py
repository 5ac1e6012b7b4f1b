"""Where compiled code ends: dtypes, shapes and indices that it must compute as NumPy does, leave to
NumPy, or refuse with the same words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from framework.engine import ops
from framework.engine.compile.entry import elementwise_entry
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

F = np.float32


def compiled(function, *arrays):
    """The outputs of the program of `function`."""
    return Executable(trace(function, *arrays))(*arrays)


def check_same(function, *arrays):
    """Eager and compiled: the same shapes, dtypes and, but for rounding, values."""
    out = function(*[Tensor(a) for a in arrays])
    outs = out if isinstance(out, (tuple, list)) else [out]
    for got, want in zip(compiled(function, *arrays), outs, strict=True):
        assert (got.shape, got.dtype) == (want.array.shape, want.array.dtype)
        np.testing.assert_allclose(got, want.array, rtol=3e-6)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "float16"])
def test_products_of_what_blas_does_not_know(dtype):
    x = np.arange(6).astype(dtype)
    check_same(lambda x, y: x @ y, x.reshape(2, 3), x.reshape(3, 2))
    check_same(lambda x, y: x @ y, x.reshape(1, 2, 3), x.reshape(1, 3, 2))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_powers_of_integers(dtype):
    x = np.arange(6).astype(dtype)
    check_same(lambda x, y: x**y * x + x, x, x[::-1].copy())


def test_a_negative_power_of_an_integer_is_refused_as_in_numpy():
    x, y = np.array([2, 3], np.int32), np.array([1, -1], np.int32)
    for run in (lambda: ops.power(Tensor(x), Tensor(y)), lambda: compiled(ops.power, x, y)):
        with pytest.raises(ValueError, match="negative integer powers"):
            run()


def test_integers_in_a_double_in_a_bool_are_computed_in_double():
    """No operand of the loop is a float, only what it computes in between."""
    check_same(lambda i: ops.isfinite(ops.exp(ops.cast(i, dtype="float64"))), np.array([1, 100]))


def test_a_bool_head_does_not_join_two_float_dtypes():
    q = np.linspace(0.1, 3, 16)
    w = Tensor(np.exp(q))

    def both(p, q):
        is_greater = ops.greater(ops.exp(p), p)  # first: the loop's literals would be float32
        return ops.logical_and(is_greater, ops.less(ops.abs(ops.exp(q) - w), 1e-10))

    assert compiled(both, q.astype(F), q)[0].all()


def test_a_chain_of_two_float_dtypes_is_no_kernel():
    q = np.ones(3)
    run = Executable(trace(lambda q: ops.exp(q) + 1.0, q))
    (line,) = [line for line, _ in run.lines if hasattr(line.op, "steps")]
    (op, attrs, _, places), *rest = line.op.steps
    line.op.steps = ((op, attrs, np.dtype(F), places), *rest)
    with pytest.raises(AssertionError, match="two float dtypes"):
        elementwise_entry(run.program, line, [None])


UNARY = [ops.tanh, ops.sin, ops.sigmoid, ops.abs, ops.negative, lambda x: ops.exp(ops.tanh(x))]
BINARY = [ops.add, ops.multiply, ops.maximum, ops.subtract]
FLOATS = {"float32": 2e-5, "float64": 1e-12}
STEPS = st.tuples(
    st.sampled_from(["unary", "binary", "cast", "where", "limit"]),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
)


def mixture(steps, inputs):
    """The values that the steps make of tensors of several dtypes."""
    pool = list(inputs)
    for kind, i, j, k in steps:
        x = pool[i % len(pool)]
        alike = [y for y in pool if y.dtype == x.dtype]
        y = alike[j % len(alike)]
        is_float = x.dtype.is_floating
        if kind == "cast" and not is_float:
            pool.append(ops.cast(x, dtype=["float32", "float64"][k % 2]))
        elif kind == "cast":
            pool.append(ops.cast(x, dtype="float32" if x.dtype.name == "float64" else "float64"))
        elif kind == "where":
            pool.append(ops.where(inputs[-1], x, y))
        elif kind == "unary" and is_float:
            pool.append(UNARY[k % len(UNARY)](x))
        elif kind == "binary" and x.dtype != "bool":
            pool.append(BINARY[k % len(BINARY)](x, y))
        elif kind == "limit" and is_float:
            pool.append(ops.clip(x, x_min=F(-0.75), x_max=0.5))
    return pool[len(inputs) :]


@pytest.mark.slow
# Every example compiles: making a failing one smaller would take minutes.
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.lists(STEPS, min_size=4, max_size=12))
def test_mixed_dtypes_in_one_loop(steps):
    """The program compares every value with the eager one: one bool at the end of all of them."""
    rng = np.random.default_rng(1)
    arrays = [
        rng.normal(size=(3, 4)).astype(F),
        rng.normal(size=(3, 4)),
        rng.integers(-9, 9, (3, 4)).astype(np.int32),
        rng.integers(-9, 9, (3, 4)),
        rng.random((3, 4)) < 0.5,
    ]
    wanted = mixture(steps, [Tensor(a) for a in arrays])

    def all_near(*inputs):
        is_near = ops.equal(inputs[-1], inputs[-1])
        for x, w in zip(mixture(steps, inputs), wanted, strict=True):
            if x.dtype.name in FLOATS:
                bound = FLOATS[x.dtype.name]
                near = ops.less_equal(ops.abs(x - w), (ops.abs(w) + 1.0) * bound)
            else:
                near = ops.equal(x, w)
            is_near = ops.logical_and(is_near, near)
        return is_near

    assert compiled(all_near, *arrays)[0].all()


def updates():
    """name -> (its call on a parameter and a gradient)."""

    def zeros(p):
        return Variable(np.zeros(p.shape, F))

    rate, alpha = Tensor(np.array(0.1, F)), Tensor(np.array(0.05))
    return {
        "sgd_update": lambda p, g: ops.sgd_update(p, g, rate),
        "momentum_update": lambda p, g: ops.momentum_update(p, zeros(p), g, rate),
        "adam_update": lambda p, g: ops.adam_update(p, zeros(p), zeros(p), g, rate, alpha),
    }


@pytest.mark.parametrize("name", updates())
@pytest.mark.parametrize("shape", [(3,), (3, 4), (), (4, 1)])
def test_an_update_wants_a_gradient_of_the_parameters_shape(name, shape):
    p, g, update = Variable(np.ones((4, 3), F)), np.ones(shape, F), updates()[name]
    for run in (lambda: update(p, Tensor(g)), lambda: compiled(lambda g: update(p, g), g)):
        with pytest.raises(InvalidArgumentError) as error:
            run()
        assert all([text in str(error.value) for text in (name, "(4, 3)", str(shape))])
    np.testing.assert_array_equal(p.numpy(), np.ones((4, 3)))


def test_an_update_wants_one_rate():
    p, g, rates = Variable(np.ones(3, F)), Tensor(np.ones(3, F)), np.ones(3, F)
    for run in (
        lambda: ops.sgd_update(p, g, Tensor(rates)),
        lambda: compiled(lambda rates: ops.sgd_update(p, g, rates), rates),
    ):
        with pytest.raises(InvalidArgumentError, match="sgd_update: the rate .* single"):
            run()


def test_attrs_may_be_numpys_numbers():
    x = np.linspace(-1, 1, 5).astype(F)
    low, high = F(-0.5), np.array(0.75, F)
    np.testing.assert_array_equal(
        compiled(lambda x: ops.clip(x, x_min=low, x_max=high), x)[0], np.clip(x, low, high)
    )
    check_same(lambda x: ops.pad(x, paddings=((1, 1),), value=F(1.5)), x)
    check_same(lambda x: ops.clip(x, x_min=np.int64(-1), x_max=np.int8(0)), np.arange(-3, 3))


def test_feeds_must_be_what_was_traced():
    run = Executable(trace(lambda x, y: x + y, np.ones((2, 3), F), np.ones((2, 3), F)))
    good = np.ones((2, 3), F)
    np.testing.assert_array_equal(run(good, Tensor(good))[0], np.full((2, 3), 2))
    with pytest.raises(ValueError, match=r"input 1: got float32\[3\], wanted float32\[2, 3\]"):
        run(good, np.ones(3, F))
    with pytest.raises(ValueError, match=r"input 0: got float64\[2, 3\], wanted float32\[2, 3\]"):
        run(np.ones((2, 3)), good)
    with pytest.raises(ValueError, match="has 2 inputs, got 1"):
        run(good)


def test_float16_runs_by_numpy():
    x = np.linspace(-2, 2, 12).astype(np.float16).reshape(3, 4)
    check_same(lambda x: ops.tanh(x * 2.0 + 1.0), x)
    check_same(lambda x: ops.sum(ops.cast(ops.exp(x), dtype="float32") * 2.0, axis=0), x)
    check_same(lambda x: ops.isnan(ops.cast(ops.isnan(x), dtype="float16")), x)
    check_same(lambda x: ops.transpose(x)[1:], x)
    v = Variable(x)
    Executable(trace(lambda: ops.sgd_update(v, v * 2.0, Tensor(np.array(0.25, v.dtype))))).repeat(1)
    np.testing.assert_array_equal(v.numpy(), x / 2)


@pytest.mark.parametrize("dtype", ["float16", "bool", "int16", "float64"])
def test_packing_moves_bits_of_any_dtype(dtype):
    x = (np.arange(5) % 2).astype(dtype)
    check_same(ops.pack, x, x[:3])
    check_same(lambda x, y: ops.pack(x, ops.where(ops.equal(y, y), y, y)), x, x[:3])


@pytest.mark.parametrize("draw", ["uniform", "normal", "truncated_normal"])
def test_random_float16(draw):
    import framework as tf

    tf.random.set_seed(3)
    x = getattr(tf.random, draw)((4000,), dtype="float16")
    assert x.dtype == "float16"
    mean, low, high = {"uniform": (0.5, 0, 1)}.get(draw, (0.0, -5, 5))
    assert abs(float(x.numpy().mean(dtype=F)) - mean) < 0.05
    assert low <= x.numpy().min() and x.numpy().max() < high
    state = np.array([1, 2])
    check_same(lambda s: ops.random_uniform(s, shape=(3, 5), dtype="float16"), state)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: ops.gather(x, i) * 2,
        lambda x, i: ops.take_along_axis(x, i) * 2,
        lambda x, i: ops.gather_grad(x[:2], i, whole=(3,)),
        lambda x, i: ops.put_along_axis(x[:2], i, whole=(3,)),
    ],
)
def test_an_index_out_of_range_is_an_error_everywhere(dtype, pick):
    x = np.arange(3).astype(dtype)
    run = Executable(trace(pick, x, np.zeros(2, np.int64)))
    for wrong in (5, -1):
        index = np.array([0, wrong])
        for call in (lambda i=index: pick(Tensor(x), Tensor(i)), lambda i=index: run(x, i)):
            with pytest.raises(InvalidArgumentError, match=rf"index {wrong} is not in \[0, 3\)"):
                call()
    good = np.array([2, 1])
    np.testing.assert_array_equal(run(x, good)[0], pick(Tensor(x), Tensor(good)).numpy())


def test_getitem_by_a_traced_index_counts_from_the_end():
    check_same(lambda x, i: x[i], np.arange(300), np.array(-1, np.int8))
    check_same(lambda x, i: x[i], np.arange(300), np.array(200, np.uint8))


def test_take_along_axis_does_not_broadcast():
    x, i = np.ones((3, 4)), np.zeros((1, 2), np.int64)
    for run in (
        lambda: ops.take_along_axis(Tensor(x), Tensor(i)),
        lambda: trace(ops.take_along_axis, x, i),
    ):
        with pytest.raises(InvalidArgumentError, match=r"x \(3, 4\) and indices \(1, 2\)"):
            run()
