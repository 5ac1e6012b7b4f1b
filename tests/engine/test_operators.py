"""Operators, getitem in all its forms, and the methods of Variable that are ops."""

from __future__ import annotations

import operator
import subprocess
import sys

import numpy as np
import pytest

from framework.engine import ops, reduce
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import InvalidArgumentError
from framework.engine.ops.logical import choose
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor, as_tensor
from framework.engine.variable import Variable
from framework.testing import check_gradients

F = np.float32
BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
]
COMPARE = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("op", [*BINARY, *COMPARE])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_binary_operators(op, dtype):
    x, y = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([3, 1, 2], dtype)
    wanted = op(x, y)
    for a, b in ((Tensor(x), Tensor(y)), (Tensor(x), y), (x, Tensor(y))):
        result = op(a, b)
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)
        assert result.array.dtype == wanted.dtype
    number = dtype(2).item()
    for result, wanted in (
        (op(Tensor(x), number), op(x, dtype(2))),
        (op(number, Tensor(x)), op(dtype(2), x)),
    ):
        np.testing.assert_allclose(result.numpy(), wanted, rtol=1e-6)
        assert result.array.dtype == wanted.dtype


@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor])
def test_logical_operators(op):
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    np.testing.assert_array_equal(op(Tensor(x), Tensor(y)).numpy(), op(x, y))
    np.testing.assert_array_equal((~Tensor(x)).numpy(), ~x)


def test_unary_operators_and_division_of_small_integers():
    x = as_tensor([1.0, -2.0])
    assert (-x).numpy().tolist() == [-1, 2] and abs(x).numpy().tolist() == [1, 2]
    assert (as_tensor([7], "int8") / as_tensor([2], "int8")).dtype == "float32"
    assert (7 / as_tensor([2])).dtype == "float64"


def test_dtypes_are_never_mixed():
    with pytest.raises(InvalidArgumentError, match="float32.*float64"):
        as_tensor(1.0) + as_tensor(1.0, "float64")
    with pytest.raises(TypeError):
        as_tensor(1) + 2.5
    assert (as_tensor(1.0) + 2).dtype == "float32"
    assert (2 ** as_tensor([1.0, 2.0])).numpy().tolist() == [2, 4]


def test_equality_with_what_does_not_fit():
    x = as_tensor([1.0, 2.0])
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert (x == as_tensor([1.0, 2.0, 3.0])).numpy().item() is False


X = np.arange(120.0).reshape(2, 3, 4, 5)
ALL = slice(None)
KEYS = [
    0, -1, ALL, slice(1, None), slice(None, None, -1), Ellipsis, None, (0, 1), (0, -1, 2, 3),
    (ALL, 1), (Ellipsis, 0), (Ellipsis, 1, ALL), (0, Ellipsis, -2), (None, 0), (ALL, None, 1),
    (Ellipsis, None), (slice(0, 2), slice(3, 0, -1), slice(1, 4, 2)), (slice(5, 9),),
    (ALL, slice(-2, None), slice(-1, -9, -2)), (1, Ellipsis, slice(4, None, -3)),
    (slice(1, 1), 2), (ALL, slice(2, 0)), (None, Ellipsis, None), (np.int64(1), ALL), (),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_getitem_is_numpys(key):
    result = Tensor(X)[key]
    np.testing.assert_array_equal(result.numpy(), X[key])
    assert tuple(result.shape) == X[key].shape
    if X[key].size:
        check_gradients(lambda x: x[key] * x[key], X / 100)


def test_getitem_runs_compiled():
    keys = [key for key in KEYS if X[key].size]
    run = Executable(trace(lambda x: [x[key] for key in keys], Spec(X.shape, np.dtype(F))))
    for result, key in zip(run(X.astype(F)), keys, strict=True):
        np.testing.assert_array_equal(result, X.astype(F)[key])


def test_getitem_by_tensors():
    x = Tensor(X)
    i = as_tensor(1)
    np.testing.assert_array_equal(x[i].numpy(), X[1])
    np.testing.assert_array_equal(x[0, i:, : as_tensor(-1)].numpy(), X[0, 1:, :-1])
    run = Executable(
        trace(
            lambda x, i: [x[:, i], x[i, 0, ..., i]],
            Spec(X.shape, X.dtype),
            Spec((), np.dtype(np.int32)),
        )
    )
    for result, wanted in zip(run(X, np.int32(1)), (X[:, 1], X[1, 0, ..., 1]), strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_getitem_by_a_mask():
    x = as_tensor([[1.0, -2.0], [3.0, -4.0]])
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(x[x > 0] * 2.0)
    assert y.numpy() == 8
    assert tape.gradient(y, x).numpy().tolist() == [[2, 0], [2, 0]]
    assert x[np.array([False, True])].numpy().tolist() == [[3, -4]]
    assert ops.boolean_mask(x, [True, False]).numpy().tolist() == [[1, -2]]


def test_getitem_errors():
    x = Tensor(X)
    with pytest.raises(InvalidArgumentError, match="out of bounds"):
        x[2]
    np.testing.assert_array_equal(x[[0, 1]], X[0, 1])  # as TensorFlow: a list is a tuple
    with pytest.raises(TypeError, match="valid indices"):
        x["a"]
    with pytest.raises(InvalidArgumentError, match="input has only 4 dims"):
        x[0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="ellipses"):
        x[..., 0, ...]


def test_iteration_and_unpacking():
    a, b = as_tensor([1.0, 2.0])
    assert (a.numpy(), b.numpy()) == (1, 2)


def test_variables_are_assigned():
    v = Variable([1.0, 2.0])
    before = v.read_value()
    assert v.assign([3, 4]) is v
    assert v.assign_add(np.array([1.0, 1.0])).numpy().tolist() == [
        4,
        5,
    ]  # float64 arrays take the Variable's dtype
    assert v.assign_sub(as_tensor([1.0, 0.0])).numpy().tolist() == [3, 5]
    assert before.numpy().tolist() == [1, 2]
    assert v.value().numpy().tolist() == [3, 5]
    assert v.assign(v + 1.0).numpy().tolist() == [4, 6]
    assert v.assign([0.0, 0.0], read_value=False) is None
    with pytest.raises(ValueError, match=r"Shape mismatch.*\(2,\).*\(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="float32.*float64"):
        v.assign(as_tensor([1.0, 2.0], "float64"))


def test_ties_of_maximum():
    x, y = as_tensor([1.0, 2.0, 3.0]), as_tensor([1.0, 3.0, 2.0])
    for ties, wanted in (("first", [[1, 0, 1], [0, 1, 0]]), ("split", [[0.5, 0, 1], [0.5, 1, 0]])):
        with GradientTape() as tape:
            tape.watch([x, y])
            z = ops.maximum(x, y, ties=ties)
        assert [g.numpy().tolist() for g in tape.gradient(z, [x, y])] == wanted


def gradient(function, *values):
    xs = [as_tensor(v) for v in values]
    with GradientTape() as tape:
        tape.watch(xs)
        y = function(*xs)
    gradients = tape.gradient(y, xs)
    return [None if g is None else g.numpy().tolist() for g in gradients]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_where_tensorflow_decides():
    assert gradient(ops.max, [1.0, 3.0, 3.0]) == [[0, 0.5, 0.5]]
    assert gradient(ops.sqrt, [0.0]) == [[np.inf]]
    assert gradient(lambda x: ops.sqrt(x) * 0.0, [0.0]) == [[0]]
    assert gradient(ops.floor, [1.5]) == [None]
    assert gradient(ops.round, [1.5]) == [None]
    assert gradient(ops.sign, [1.5]) == [[0]]
    assert gradient(ops.prod, [2.0, 0.0, 3.0]) == [[0, 6, 0]]
    assert gradient(ops.prod, [0.0, 0.0, 3.0]) == [[0, 0, 0]]
    assert gradient(lambda x: ops.clip(x, x_min=-1.0, x_max=1.0), [-1.0, 0.0, 1.0, 2.0]) == [
        [1, 1, 1, 0]
    ]
    assert gradient(lambda x: x**2.0, [0.0]) == [[0]]
    assert gradient(lambda x, y: x // y, 5.0, 2.0) == [None, None]
    assert gradient(lambda x, y: x % y, 5.0, 2.0) == [1, -2]
    (g,) = gradient(lambda x: ops.where(x > 0, ops.log(x), 0.0 * x), [np.float32(1.0)])
    assert g == [1]


def test_choose_is_where_for_large_arrays():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((100, 60)), rng.standard_normal((100, 60))
    x[0, :3], y[0, 3:6] = (np.nan, np.inf, -0.0), (np.nan, np.inf, -0.0)
    for dtype in (np.float32, np.float64, np.int32):
        with np.errstate(invalid="ignore"):
            a, b = x.astype(dtype), y.astype(dtype)
        for left, right in ((a, b), (a.T, b.T), (a, b[0, 9]), (a[:1], b)):
            mask = left > right
            np.testing.assert_array_equal(choose(mask, left, right), np.where(mask, left, right))
            assert choose(mask, left, right).dtype == dtype


def test_compositions():
    x = as_tensor(X.astype(F))
    for ours, wanted in (
        (ops.tile(x[0, 0], (2, 1, 3)), np.tile(X[0, 0], (2, 1, 3))),
        (ops.repeat(x, 2, axis=1), X.repeat(2, 1)),
        (ops.repeat(x, 3), X.repeat(3)),
        (ops.flip(x, (0, -1)), np.flip(X, (0, -1))),
        (ops.stack([x, x], axis=-1), np.stack([X, X], -1)),
        (ops.concatenate([x, x[:, :1]], axis=1), np.concatenate([X, X[:, :1]], 1)),
        (ops.swapaxes(x, 0, -1), X.swapaxes(0, -1)),
        (ops.expand_dims(x, (0, -1)), np.expand_dims(X, (0, -1))),
        (ops.squeeze(ops.expand_dims(x, 2)), X),
        (ops.split(x, 2, axis=2)[1], X[:, :, 2:]),
        (ops.split(x, [1, -1, 2], axis=3)[1], X[..., 1:3]),
        (ops.unstack(x, 1)[2], X[:, 2]),
        (ops.std(x, axis=0), X.std(0)),
        (ops.moments(x, axis=(0, 2))[1], X.var((0, 2))),
        (
            ops.l2_normalize(x, axis=-1),
            X / np.maximum(np.linalg.norm(X, axis=-1, keepdims=True), 1e-6),
        ),
        (ops.hard_sigmoid(x), np.clip(X / 6 + 0.5, 0, 1)),
    ):
        assert ours.dtype == "float32"
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ops.concatenate(
                [as_tensor([[1.0]]), as_tensor([[1.0, 2.0], [1.0, 2.0]])], axis=1
            ),
            "tensor 1 has shape",
        ),
        (
            lambda: ops.gather(as_tensor([1.0, 2.0]), as_tensor([0, 2])),
            r"index 2 is not in \[0, 2\)",
        ),
        (lambda: ops.gather(as_tensor([1.0, 2.0]), as_tensor([-1])), "index -1"),
        (lambda: ops.reshape(as_tensor([1.0, 2.0]), shape=(3,)), "cannot reshape"),
        (lambda: ops.squeeze(as_tensor([1.0, 2.0]), 0), "length 2"),
        (lambda: ops.split(as_tensor([1.0, 2.0, 3.0]), 2), "does not divide"),
        (lambda: ops.where(as_tensor([1.0]), as_tensor([1.0]), as_tensor([1.0])), "wanted bool"),
        (lambda: ops.where(as_tensor([True]), as_tensor([1.0]), as_tensor([1])), "int32"),
        (lambda: ops.sum(as_tensor([1.0]), axis=1), "axis 1"),
    ],
)
def test_errors_say_what_does_not_fit(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_numpys_warnings_are_the_users_only():
    """log(0) is -inf without a word; the user's own division by zero still warns."""
    code = "import numpy as np; from framework.engine import ops; x = np.zeros(2)"
    code += "; ops.log(x) / 0.0; ops.exp(x + 1e9)"
    for text, count in ((code, 0), (f"{code}; np.ones(1) / np.zeros(1)", 1)):
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 and done.stderr.count("RuntimeWarning") == count, done.stderr


class Two:
    """Two processes that hold the same."""

    size = 2

    def all_reduce_sum(self, array):
        array *= 2


def test_all_reduce_goes_through_the_installed_world():
    x = as_tensor([1.0, 2.0])
    assert reduce.world_size() == 1 and ops.all_reduce(x).numpy().tolist() == [1, 2]
    reduce.install(Two())
    try:
        assert reduce.world_size() == 2
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.all_reduce(x * x)
        assert y.numpy().tolist() == [2, 8]
        assert tape.gradient(y, x).numpy().tolist() == [4, 8]
        run = Executable(trace(lambda x: ops.all_reduce(x * 3.0), Spec((2,), np.dtype(F))))
        assert run(np.array([1, 2], F))[0].tolist() == [6, 12]
    finally:
        reduce.install(None)
    assert x.numpy().tolist() == [1, 2]


def test_gradcheck_finds_faults():
    from framework.engine.op import Op

    def faulty(name, rule):
        def cube(x):
            """x^3"""
            return x**3

        made = Op(cube, cube, register=False)
        made.vjp("x")(rule)
        return lambda x: made(x)

    x = np.array([[0.5, 1.5]])
    check_gradients(faulty("right", lambda g, out, x: (g * x * x * 3.0,)), x)
    for rule, words in (
        (lambda g, out, x: (g * x * 3.0,), "order 1.*differences give"),
        (lambda g, out, x: (ops.sum(g * x * x * 3.0, axis=0),), "has shape"),
        (lambda g, out, x: (ops.cast(g * x * x * 3.0, dtype="float32"),), "has dtype"),
        (lambda g, out, x: (g * ops.stop_gradient(x * x * 3.0),), "order 2"),
        (lambda g, out, x: (None,), "order 1"),
    ):
        with pytest.raises(AssertionError, match=words):
            check_gradients(faulty("wrong", rule), x)
    with pytest.raises(TypeError, match="float64"):
        check_gradients(ops.tanh, np.ones(3, F))
