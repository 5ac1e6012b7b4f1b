"""What compiled code computes at the ends of the ranges: infinities, huge sums, large logits; and
what ops refuse, eagerly and in a trace alike."""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.errors import InvalidArgumentError, TraceError
from framework.engine.op import OPS
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor, as_tensor

FLOATS = [name for name, op in OPS.items() if op.floats_only]
INF, NAN, TINY = np.inf, np.nan, np.finfo(np.float32).tiny


def floats(*values):
    return np.array(values, np.float32)


def compiled(function, *arrays):
    return Executable(trace(function, *arrays))(*arrays)[0]


def eager(function, *arrays):
    with np.errstate(all="ignore"):
        return function(*[Tensor(a) for a in arrays]).array


def run_both_ways(function, *arrays):
    return [compiled(function, *arrays), eager(function, *arrays)]


def refused_both_ways(function, *arrays):
    with pytest.raises(InvalidArgumentError):
        eager(function, *arrays)
    with pytest.raises(InvalidArgumentError):
        trace(function, *arrays)


CHAINS = {
    "1 / sqrt": lambda x: 1.0 / ops.sqrt(x),
    "rsqrt": ops.rsqrt,
    "(x + inf) - inf": lambda x: (x + INF) - INF,
    "x - x": lambda x: x - x,
    "overflow": lambda x: (x * 1e38) * 1e-38,
    "rounded by adding": lambda x: (x + 12582912.0) - 12582912.0,
    "denormal divisor": lambda x: x / 1e-40,
    "divided twice": lambda x: (x / 3e38) / 1e-38,
    "0 - x": lambda x: 0.0 - x,
    "x * 0": lambda x: x * 0.0,
    "x + 0": lambda x: x + 0.0,
}


def test_chains_keep_infinities_nan_and_signs_of_zero():
    x = floats(0.0, -0.0, INF, -INF, NAN, 1.25, -2.5, 1e-40, 3e38, -3e38, 7.75, 1e30)
    outs = Executable(trace(lambda x: [chain(x) for chain in CHAINS.values()], x))(x)
    for (name, chain), ours in zip(CHAINS.items(), outs, strict=True):
        wanted = eager(chain, x)
        np.testing.assert_allclose(ours, wanted, rtol=1e-6, err_msg=name)
        number = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(ours)[number], np.signbit(wanted)[number], name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_special_values(dtype):
    for row in ([INF, 1.0, 2.0], [INF, -INF, 1.0], [NAN, 1.0, 2.0], [-0.0, -0.0, -0.0]):
        x = np.array(row * 700, dtype)
        for function in (ops.sum, ops.mean):
            np.testing.assert_array_equal(*run_both_ways(function, x))


@pytest.mark.parametrize("n", [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 5000])
def test_sums_take_every_element_once(n):
    x = np.arange(n, dtype=np.float64) + 1
    assert compiled(ops.sum, x) == n * (n + 1) / 2
    assert compiled(ops.sum, x.astype(np.int32)) == n * (n + 1) // 2


def test_long_sums_do_not_drift():
    x = np.full(2**22, 0.1, np.float32)
    wanted = float(np.float32(0.1)) * x.size
    assert compiled(ops.sum, x) == pytest.approx(wanted, rel=1e-6)
    assert compiled(ops.mean, x) == pytest.approx(0.1, rel=1e-6)
    assert compiled(lambda x: ops.sum(x, axis=1), x.reshape(4, -1)) == pytest.approx(
        wanted / 4, rel=1e-6
    )


ENDS = floats(
    *[88.0, 88.3, 88.5, 88.7, 88.72283, 88.7229, 89.0, 104.0, 1e4, 3e38, INF, NAN],
    *[-86.9, -87.0, -87.2, -87.33, -87.34, -88.0, -89.0, -104.0, -1e4, -3e38, -INF],
    *[0.0, -0.0, 1e-30, -1e-30, 1e-10, -1e-8, 1e-3, -17.0, -19.9, -20.1, 7.9, 7.91, -7.91, 9.02],
    *np.linspace(-86, 88, 4001),
)
POSITIVE = floats(0.0, -0.0, TINY, 1e-45, 1e-40, 0.7071, 0.99999, 1.0, 1.00001, 3.4e38, INF, NAN)
EXACT = {  # in float64
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
}


@pytest.mark.parametrize("name", EXACT)
def test_float32_functions_to_the_ends_of_their_ranges(name):
    """Right to rounding; below the smallest normal number the result may be 0 (for silu, which is
    x times such a number: below 104 of them)."""
    with np.errstate(all="ignore"):
        wanted = EXACT[name](ENDS.astype(np.float64)).astype(np.float32)
    ours = compiled(getattr(ops, name), ENDS)
    flushed = TINY * (104 if name == "silu" else 1)
    np.testing.assert_allclose(ours, wanted, rtol=6e-7, atol=flushed)


def test_float32_exp_is_right_up_to_overflow():
    x = floats(88.5, -87.2, 88.72283, 88.7229)
    ours = compiled(ops.exp, x)
    np.testing.assert_allclose(ours[:3], np.exp(x[:3].astype(np.float64)), rtol=2e-7)
    assert ours[3] == INF


@pytest.mark.parametrize("name", ["log", "log1p"])
def test_float32_logarithms_to_the_ends_of_their_ranges(name):
    x = np.concatenate([POSITIVE, -POSITIVE, [-0.5, -0.999999], np.logspace(-37, 38, 2001)])
    x = x.astype(np.float32)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(compiled(getattr(ops, name), x), wanted, rtol=5e-7, atol=TINY)


def test_float32_power_to_the_ends_of_its_range():
    x, y = np.meshgrid(
        floats(0, -0.0, 1e-30, 0.5, 1, -1, -2, 3, 1e20, INF, -INF, NAN),
        floats(0, 1, -1, 2, 3, 0.5, -0.5, 1.5, 30, -30, INF, NAN),
    )
    with np.errstate(all="ignore"):
        wanted = np.power(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(compiled(ops.power, x, y), wanted, rtol=1e-6, atol=TINY)


def test_large_logits_lose_no_digits():
    logits = np.array([[1e5 + 0.25, 1e5 + 0.5, 1e5], [3e6, 3e6, -3e6]], np.float32)
    labels = np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0.0]], np.float32)
    exact = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    exact -= np.log(np.exp(exact).sum(-1, keepdims=True))
    for ours in run_both_ways(ops.log_softmax, logits):
        np.testing.assert_allclose(ours, exact, rtol=1e-6)
    for ours in run_both_ways(lambda y, x: ops.softmax_cross_entropy(y, x)[0], labels, logits):
        np.testing.assert_allclose(ours, -(labels * exact).sum(-1), rtol=1e-6)


def gradient(function, x):
    with GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def test_clip_with_bounds_in_the_wrong_order_is_the_lower_bound():
    """As TensorFlow 2.21."""

    def clip(x):
        return ops.clip(x, x_min=2.0, x_max=1.0)

    x = floats(0.5, 1.0, 1.5, 2.0, 3.0, NAN)
    for y in run_both_ways(clip, x):
        np.testing.assert_array_equal(y, floats(2, 2, 2, 2, 2, NAN))
    for g in run_both_ways(lambda x: gradient(clip, x), x):
        np.testing.assert_array_equal(g, np.zeros(6, np.float32))


SLOPES = {  # of TensorFlow 2.21 at NaN, 0, -0, 1
    "clip": (lambda x: ops.clip(x, x_min=-1.0, x_max=1.0), [0, 1, 1, 1]),
    "selu": (ops.selu, [1.0507010, 1.0507010, 1.0507010, 1.0507010]),
    "elu": (ops.elu, [1, 1, 1, 1]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_at_the_kinks(name):
    function, wanted = SLOPES[name]
    for g in run_both_ways(lambda x: gradient(function, x), floats(NAN, 0.0, -0.0, 1.0)):
        np.testing.assert_allclose(g, wanted, rtol=1e-6)


def test_the_ops_of_floats_say_so():
    assert {"exp", "log", "softmax", "erfinv", "layer_normalization", "xlogy"} <= set(FLOATS)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, bool])
def test_ops_of_floats_refuse_integers(name, dtype):
    shapes = OPS[name].samples[0].shapes
    refused_both_ways(
        lambda *xs: OPS[name](*xs) if OPS[name].outs == 1 else OPS[name](*xs)[0],
        *[np.ones(shape, dtype) for shape in shapes],
    )


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_ops_of_integers_are_exact(dtype):
    big = np.iinfo(dtype).max
    x = np.array([big, big - 1, 1, 0, -1, -big], dtype)
    for function in (ops.relu, ops.abs, ops.sign, ops.negative, ops.square):
        np.testing.assert_array_equal(*run_both_ways(function, x))
    np.testing.assert_array_equal(
        *run_both_ways(lambda x: ops.clip(x, x_min=-5, x_max=int(big) - 1), x)
    )
    for y in run_both_ways(ops.relu, x):
        np.testing.assert_array_equal(y, np.maximum(x, 0))


def sparse(labels, logits):
    return ops.sparse_softmax_cross_entropy(labels, logits)[0]


def test_cross_entropies_refuse_what_does_not_fit():
    z = np.zeros((4, 3), np.float32)
    refused_both_ways(sparse, np.zeros(1, np.int64), z)
    refused_both_ways(sparse, np.zeros((4, 3), np.int64), z)
    refused_both_ways(sparse, np.zeros(4, np.float32), z)
    refused_both_ways(sparse, np.zeros(4, np.int64), z[:, :0])
    refused_both_ways(lambda y, z: ops.softmax_cross_entropy(y, z)[0], z[:, :0], z[:, :0])
    refused_both_ways(lambda y, z: ops.softmax_cross_entropy(y, z)[0], z[:1], z)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((3,), (2,)), ((3,), ()), ((2, 3), (3,)), ((3, 1), (2, 1)), ((3,), (2, -1)), ((), (-1,))],
)
def test_broadcast_to_refuses_shapes_that_do_not_fit(shape, wanted):
    refused_both_ways(lambda x: ops.broadcast_to(x, shape=wanted), np.ones(shape, np.float32))


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", ">i8", ">u2"])
def test_foreign_byte_order_is_turned(dtype):
    x = as_tensor(np.arange(4, dtype=dtype))
    assert x.array.dtype.isnative and x.array.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(x.numpy(), [0, 1, 2, 3])
    np.testing.assert_array_equal(ops.multiply(x, x).numpy(), [0, 1, 4, 9])


@pytest.mark.parametrize("value", [1j, [1.0, 2j], np.ones(2, np.complex64), np.longdouble(1)])
def test_dtypes_that_there_are_not_are_named(value):
    with pytest.raises(TypeError, match="the dtypes are bool, int8.*float64"):
        as_tensor(value)


PURE = [name for name, op in sorted(OPS.items()) if op.outs and not op.writes]


@pytest.mark.parametrize("name", PURE)
def test_a_tensor_of_a_trace_has_no_value_afterwards(name):
    op, sample = OPS[name], OPS[name].samples[0]
    inputs = [Tensor(Spec(a.shape, a.dtype)) for a in sample.arrays()]
    with pytest.raises(TraceError, match="no value"):
        op(*inputs, **sample.attrs)
