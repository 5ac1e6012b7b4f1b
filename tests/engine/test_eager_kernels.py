"""Large eager calls run an op's kernel: the forward's results, errors, and nothing below a size."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import eager
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import OPS, argument_names
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

WITH_KERNEL = sorted([name for name, op in OPS.items() if op.kernel_from is not None])
ROWS = 3000  # times what a sample's first axis has


def enlarged(op, sample):
    """The sample's arrays repeated along the axis that they share, until the kernel is used."""
    arrays = sample.arrays(1, np.float32)
    first, names = max(arrays, key=lambda a: a.ndim), argument_names(op.function)[0]
    return [np.tile(a, (ROWS, *[1] * (a.ndim - 1)))
            if a.shape[:1] == first.shape[:1] and (a.ndim == first.ndim or op.scalar is None)
            and name != "state" else a
            for a, name in zip(arrays, names)]  # fmt: skip


# Sums over all images round as their order has it: test_convolution.py has smaller ones.
SUMS = ("convolution_grad_filters", "depthwise_grad_filters")
# Thousands of steps one after the other leave nothing to compare: test_recurrent.py has fewer.
STEPS = ("lstm", "lstm_grad", "gru", "gru_grad", "simple_rnn", "simple_rnn_grad")


def exact(name, array, dtype="d"):
    """In float64 for long sums over rows: the kernel's are more exact than NumPy's in float32."""
    return array.astype(dtype) if name in ("sum", "mean") else array


@pytest.mark.parametrize(
    "name", [n for n in WITH_KERNEL if not OPS[n].writes and n not in (*SUMS, *STEPS)]
)
def test_is_the_forward(name):
    op, used = OPS[name], 0
    for sample in op.samples:
        if name == "gather_grad":
            arrays = [np.ones((ROWS, 3), "f"), np.arange(ROWS) % 4]
            attrs = {"whole": (4, 3)}
        else:
            arrays, attrs = enlarged(op, sample), dict(sample.attrs)
            if "whole" in attrs:
                attrs["whole"] = (ROWS * attrs["whole"][0], *attrs["whole"][1:])
        before = dict(eager.CALLS)
        found = op(*[Tensor(a) for a in arrays], **attrs)
        wanted = op.forward(*[exact(name, a) for a in arrays], **attrs)
        used += len(eager.CALLS) > len(before) or any(k[0] is op for k in before)
        for ours, numpy in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, wanted)]):
            assert ours.array.shape == numpy.shape
            assert ours.array.dtype == exact(name, numpy, "f").dtype
            np.testing.assert_allclose(ours.array, numpy, rtol=2e-5, atol=2e-5)
    assert used == len(op.samples)


def test_an_update_writes_the_variable():
    rng = np.random.default_rng(0)
    p, m, v, g = [rng.random(20000).astype("f") for _ in range(4)]
    numbers = np.asarray(np.float32(0.1)), np.asarray(0.3)
    wanted = [p.copy(), m.copy(), v.copy()]
    ops.adam_update.forward(*wanted, g, *numbers)
    variables = [Variable(a) for a in (p, m, v)]
    kept = variables[0].read_value()
    ops.adam_update(*variables, Tensor(g), *[Tensor(n) for n in numbers])
    for ours, numpy in zip(variables, wanted, strict=True):
        np.testing.assert_allclose(ours.numpy(), numpy, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(kept.numpy(), p)


def test_views_and_half_floats():
    x = np.random.default_rng(0).standard_normal((200, 100)).astype("f")
    for view in (x.T, x[::2, ::3], x[:, ::-1]):
        np.testing.assert_allclose(
            ops.softmax(Tensor(view)).array, ops.softmax.forward(view), rtol=1e-5, atol=1e-7
        )
    half = ops.softmax(Tensor(x.astype(np.float16))).array
    assert half.dtype == np.float16
    empty = ops.softmax(Tensor(np.zeros((3000, 0), "f")))
    assert empty.array.shape == (3000, 0)


def test_errors_are_those_of_the_forward():
    logits, labels = np.zeros((200, 5), "f"), np.full(200, 7)
    with pytest.raises(InvalidArgumentError, match="label value of 7"):
        ops.sparse_softmax_cross_entropy(Tensor(labels), Tensor(logits))
    with pytest.raises(InvalidArgumentError, match="do not fit"):
        ops.sparse_softmax_cross_entropy(Tensor(labels[:9]), Tensor(logits))
    g, i = np.ones((2000, 3), "f"), np.full(2000, 9)
    with pytest.raises(InvalidArgumentError, match=r"index 9 is not in \[0, 4\)"):
        ops.gather_grad(Tensor(g), Tensor(i), whole=(4, 3))


def test_threads_do_not_share_a_block():
    rng, wrong = np.random.default_rng(0), []
    inputs = [rng.standard_normal((300, 40)).astype("f") for _ in range(4)]

    def work(x):
        wanted = ops.softmax.forward(x)
        for _ in range(200):
            if not np.allclose(ops.softmax(Tensor(x)).array, wanted, atol=1e-6):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_calls_load_no_compiler():
    program = (
        "import sys, framework as tf; tf.nn.softmax(tf.ones((4, 5))); tf.math.erf(tf.ones(9));"
        "assert not {'llvmlite', 'framework.engine.compile.eager'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [10, 100])
def test_kernels_refuse_what_the_forward_refuses(count):
    """Of few elements and of many."""
    x = Tensor(np.ones(count, "f"))
    for op in (ops.sum, ops.mean, ops.max):
        with pytest.raises(InvalidArgumentError, match="duplicate"):
            op(x, axis=(0, -1))


def test_means_of_integers_do_not_overflow():
    x = np.random.default_rng(0).integers(2**29, 2**30, (100, 3)).astype(np.int32)
    wanted = np.trunc(x.astype(float).mean(0)).astype(np.int32)
    np.testing.assert_array_equal(ops.mean(Tensor(x), axis=0).array, wanted)
