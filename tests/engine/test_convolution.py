"""Kernels of convolutions and pooling are their NumPy forwards, whatever the shapes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.engine import ops
from framework.engine.compile import eager
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.op import OPS
from framework.engine.ops.windows import counts_of
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor
from framework.testing.gradcheck import check_gradients

PAIRS = ((0, 0), (0, 0))


@st.composite
def windows(draw, most_size=7):
    """(sizes, place, h, w): where windows are in images in which at least one fits."""
    sizes = draw(st.tuples(st.integers(1, most_size), st.integers(1, most_size)))
    strides = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilations = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    paddings = draw(st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2))
    least = [max((k - 1) * d + 1 - sum(p), 1) for k, d, p in zip(sizes, dilations, paddings)]
    h, w = [draw(st.integers(low, low + 14)) for low in least]
    return sizes, {"strides": strides, "dilations": dilations, "paddings": paddings}, h, w


def run(name, arrays, attrs):
    """What the kernel gives; the op must have one for this case."""
    made = eager.prepared(OPS[name], arrays, attrs)
    assert made is not None
    return made(arrays)


def agree(name, arrays, attrs):
    """The kernel and the forward of an op give the same."""
    found, wanted = run(name, arrays, attrs), OPS[name].forward(*arrays, **attrs)
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    bound = scale * (1e-5 if wanted.dtype == np.float32 else 1e-13)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)
    return found


def three(x, filters, g, place):
    """(op, inputs, attrs) of a convolution and both its gradients."""
    (kh, kw, depth, _), c = filters.shape, x.shape[3]
    more = place | {"sizes": (kh, kw), "groups": c // depth}
    return [
        ("convolution", (x, filters), place),
        ("convolution_grad_x", (g, filters), place | {"whole": x.shape}),
        ("convolution_grad_filters", (x, g), more),
    ]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    windows(), st.integers(1, 5), st.sampled_from([1, 1, 1, 2, 3]), st.integers(1, 40),
    st.integers(1, 40), st.sampled_from([np.float32, np.float64]), st.integers(0, 9),
)  # fmt: skip
def test_kernels_are_the_forwards(where, n, groups, depth, each, dtype, seed):
    (kh, kw), place, h, w = where
    depth, each = [max(1, size // groups) for size in (depth, each)]
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, h, w, groups * depth)).astype(dtype)
    filters = rng.standard_normal((kh, kw, depth, groups * each)).astype(dtype)
    counts = counts_of(x.shape, (kh, kw), **place)
    g = rng.standard_normal((n, *counts, groups * each)).astype(dtype)
    for name, arrays, attrs in three(x, filters, g, place):
        agree(name, arrays, attrs)


def example(dtype, seed=0):
    """An input, filters, a cotangent and their place: strides, dilations, padding on one side."""
    rng = np.random.default_rng(seed)
    place = {"strides": (2, 1), "dilations": (1, 2), "paddings": ((1, 0), (2, 1))}
    x = rng.standard_normal((3, 9, 8, 6)).astype(dtype)
    filters = rng.standard_normal((3, 2, 3, 10)).astype(dtype)
    g = rng.standard_normal((3, *counts_of(x.shape, (3, 2), **place), 10)).astype(dtype)
    return x, filters, g, place


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_reach_the_same_elements(value):
    x, filters, g, place = example(np.float32)
    x[1, 4, 3, 2] = g[2, 1, 1, 4] = value
    cases = three(x, filters, g, place)
    for name, arrays, attrs in cases:
        found, wanted = run(name, arrays, attrs), OPS[name].forward(*arrays, **attrs)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        np.testing.assert_array_equal(np.isinf(found), np.isinf(wanted))
        assert not np.isfinite(found).all() and (np.isfinite(found).any() or "filters" in name)


def test_no_images_have_filters_with_a_gradient_of_zero():
    x, filters, g, place = example(np.float32)
    for name, arrays, attrs in three(x[:0], filters, g[:0], place):
        tensors = [Tensor(a) for a in arrays]
        out = Executable(trace(lambda *t, n=name, a=attrs: [OPS[n](*t, **a)], *tensors))(*arrays)[0]
        spec = OPS[name].infer(*[Spec(a.shape, a.dtype) for a in arrays], **attrs)
        assert out.shape == tuple(spec.shape) and not out.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_program_runs_them_beside_each_other(dtype):
    """Lines share one piece of scratch memory."""
    x, filters, g, place = example(dtype)

    def function(x, filters, g):
        with GradientTape() as tape:
            tape.watch([x, filters])
            y = ops.convolution(x, filters, **place)
            z = ops.convolution(ops.tanh(x), ops.sin(filters), **place)
        return tape.gradient([y, z], [x, filters], output_gradients=[g, g])

    given = [x, filters, g]
    found = Executable(trace(function, *given))(*given)
    for ours, wanted in zip(found, function(*[Tensor(a) for a in given]), strict=True):
        np.testing.assert_allclose(ours, wanted.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_gradients_to_second_order(groups):
    x, filters, _, place = example(np.float64)
    filters = filters[..., :6].repeat(2, 2)[:, :, : 6 // groups]
    check_gradients(lambda x, f: ops.convolution(x, f, **place), x, filters)


def test_a_call_keeps_the_order_of_derivatives():
    """Bilinear: no second derivative in one of the two, as TensorFlow has none."""
    x, filters, _, place = [Tensor(a) if isinstance(a, np.ndarray) else a
                            for a in example(np.float64)]  # fmt: skip
    with GradientTape(persistent=True) as outer:
        outer.watch([x, filters])
        with GradientTape() as tape:
            tape.watch([x, filters])
            y = ops.convolution(x, filters, **place)
        dx, df = tape.gradient(y, [x, filters])
    assert outer.gradient(dx, x) is None and outer.gradient(df, filters) is None
    assert outer.gradient(dx, filters) is not None and outer.gradient(df, x) is not None


def test_large_images_are_computed_in_parts():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 150, 130, 8)).astype("f")
    filters = rng.standard_normal((5, 5, 8, 4)).astype("f")
    for strides in ((1, 1), (3, 2)):
        place = {"strides": strides, "dilations": (1, 1), "paddings": ((2, 2), (2, 2))}
        g = rng.standard_normal((1, *counts_of(x.shape, (5, 5), **place), 4)).astype("f")
        for name, arrays, attrs in three(x, filters, g, place):
            agree(name, arrays, attrs)


def test_filters_that_do_not_fit_are_refused():
    x, filters, g, place = example(np.float32)
    for wrong in (filters[..., :9], filters[0], filters[:0]):
        with pytest.raises(ValueError, match="convolution"):
            ops.convolution(Tensor(x), Tensor(wrong), **place)
    with pytest.raises(ValueError, match="lead to"):
        ops.convolution_grad_x(Tensor(g[:, 1:]), Tensor(filters), whole=x.shape, **place)
    with pytest.raises(ValueError, match="dtype"):
        ops.convolution(Tensor(x), Tensor(filters.astype("d")), **place)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    windows(5), st.integers(1, 3), st.integers(1, 40), st.sampled_from([1, 1, 1, 2, 3]),
    st.sampled_from([np.float32, np.float64]), st.integers(0, 9),
)  # fmt: skip
def test_depthwise_kernels_are_the_forwards(where, n, c, times, dtype, seed):
    (kh, kw), place, h, w = where
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, h, w, c)).astype(dtype)
    filters = rng.standard_normal((kh, kw, c, times)).astype(dtype)
    g = rng.standard_normal((n, *counts_of(x.shape, (kh, kw), **place), c * times)).astype(dtype)
    cases = [
        ("depthwise", (x, filters), place),
        ("depthwise_grad_x", (g, filters), place | {"whole": x.shape}),
        ("depthwise_grad_filters", (x, g), place | {"sizes": (kh, kw)}),
    ]
    for name, arrays, attrs in cases:
        agree(name, arrays, attrs)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(windows(4), st.integers(1, 2), st.integers(1, 20), st.integers(0, 9))
def test_pooling_kernels_are_the_forwards(where, n, c, seed):
    sizes, place, h, w = where
    attrs = place | {"sizes": sizes}
    x = np.random.default_rng(seed).integers(-3, 3, (n, h, w, c)).astype("f")  # many ties
    y, number = OPS["window_max"].forward(x, **attrs)
    if eager.prepared(OPS["window_max"], (x,), attrs) is not None:
        found = run("window_max", (x,), attrs)
        np.testing.assert_array_equal(found[0], y)
        np.testing.assert_array_equal(found[1], number)
        assert found[1].dtype == number.dtype
    whole = attrs | {"whole": x.shape}
    agree("window_max_grad", (y, number, y), whole)
    agree("window_take", (x, number, y), attrs)
    with np.errstate(all="ignore"):  # of no elements, outside
        mean = OPS["window_mean"].forward(x, **attrs)
        np.testing.assert_allclose(run("window_mean", (x,), attrs), mean, rtol=1e-6)
    if np.isfinite(mean).all():
        agree("window_mean_grad", (y,), whole)


def test_numbers_of_large_windows_are_wide():
    x = np.random.default_rng(0).standard_normal((2, 20, 20, 3)).astype("f")
    attrs = {"sizes": (20, 20), "strides": (1, 1), "dilations": (1, 1), "paddings": PAIRS}
    y, number = run("window_max", (x,), attrs)
    assert number.dtype == np.int32
    np.testing.assert_array_equal(number[:, 0, 0], x.reshape(2, 400, 3).argmax(1))
    agree("window_max_grad", (y, number, y), attrs | {"whole": x.shape})


def test_the_maximum_has_second_derivatives_of_zero():
    """As TensorFlow's: zeros in the input, not None."""
    x = Tensor(np.random.default_rng(0).standard_normal((1, 4, 4, 2)))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.max_pool(x, sizes=(2, 2), strides=(2, 2), paddings=PAIRS)
        dx = tape.gradient(y, x)
    second = outer.gradient(dx, x)
    assert second is not None and not second.numpy().any()


def check_shares():
    """Each share of three writes a part of its own; together they are the whole."""
    import numba

    from framework.engine.kernels.convolution import convolutions_of

    x, filters, g, place = example(np.float32)
    words = vars(convolutions_of(numba.float32)).values()
    scalars = (2, 1, 2, 1, 1, 2, 1, 2)  # block, images, s0, s1, d0, d1, top, left
    ints, floats = np.zeros(20000, np.int64), np.zeros(40000, "f")
    for word, (name, arrays, attrs) in zip(words, three(x, filters, g, place), strict=True):
        wanted = OPS[name].forward(*arrays, **attrs)
        parts = np.full((3, *wanted.shape), 7e7, "f")
        for part in range(3):
            word(part, 3, parts[part], *arrays, ints, floats, *scalars)
        is_written = parts != np.float32(7e7)
        assert (is_written.sum(0) == 1).all() and is_written.any((1, 2, 3, 4)).all()
        np.testing.assert_allclose((parts * is_written).sum(0), wanted, atol=1e-4)


@pytest.mark.slow  # compiles words alone, which no cache keeps
def test_shares_are_disjoint_and_make_the_whole():
    """In a process of its own: one that has loaded kernels cannot call Numba's functions."""
    code = "from tests.engine.test_convolution import check_shares; check_shares()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
