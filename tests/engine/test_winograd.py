"""Convolutions by Winograd's algorithm are those of NumPy's direct sums, in float64."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.engine.compile import eager, vm
from framework.engine.compile.entry import views_of
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.op import OPS
from framework.engine.ops.windows import counts_of
from framework.engine.tensor import Spec
from tests.engine.test_convolution import run, three

PAIRS = st.tuples(st.integers(0, 2), st.integers(0, 3))


def place_of(paddings=((1, 1), (1, 1)), strides=(1, 1), dilations=(1, 1)):
    return {"strides": strides, "dilations": dilations, "paddings": paddings}


def operands(n, h, w, c, o, paddings, seed=0, dtype=np.float32):
    """(x, filters, g, place) of a convolution of 3 x 3 windows."""
    rng = np.random.default_rng(seed)
    place = place_of(paddings)
    counts = counts_of((n, h, w, c), (3, 3), **place)
    shapes = (n, h, w, c), (3, 3, c, o), (n, *counts, o)
    return *[rng.standard_normal(s).astype(dtype) for s in shapes], place


def algorithm(name, arrays, attrs):
    """The name of the word that computes an op for these arrays."""
    program = trace(lambda *xs: OPS[name](*xs, **attrs), *arrays)
    line = next(line for line in program.lines if line.op.name == name)
    specs = [[program.specs[s] for s in slots] for slots in (line.outs, line.inputs)]
    *_, body = views_of(line, *specs)
    return body.__code__.co_names[0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 5), st.integers(3, 17), st.integers(3, 17), st.sampled_from([16, 32, 48, 80]),
    st.sampled_from([16, 32, 48, 96]), st.tuples(PAIRS, PAIRS), st.integers(0, 9),
)  # fmt: skip
def test_is_the_direct_sum(n, h, w, c, o, paddings, seed):
    h, w = h + max(0, 2 - sum(paddings[0])), w + max(0, 2 - sum(paddings[1]))
    x, filters, g, place = operands(n, h, w, c, o, paddings, seed)
    for name, arrays, attrs in three(x, filters, g, place):
        found = run(name, arrays, attrs)
        wanted = OPS[name].forward(*[a.astype(np.float64) for a in arrays], **attrs)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


SUITED = {"n": 2, "h": 8, "w": 9, "c": 16, "o": 32, "paddings": ((1, 1), (1, 1))}


@pytest.mark.parametrize(
    ("change", "is_winograd"),
    [
        ({}, True),
        ({"c": 17}, False),
        ({"o": 24}, False),
        ({"paddings": ((3, 3), (1, 1))}, False),
        ({"h": 2, "paddings": ((1, 1), (1, 1))}, False),
        ({"dtype": np.float64}, False),
        ({"c": 512, "o": 256}, False),
        ({"n": 300}, True),
    ],
)  # fmt: skip
def test_when_it_is_taken(change, is_winograd):
    x, filters, g, place = operands(**(SUITED | change))
    for name, arrays, attrs in three(x, filters, g, place):
        assert algorithm(name, arrays, attrs).startswith("winograd") is is_winograd


@pytest.mark.parametrize("place", [place_of(strides=(2, 1)), place_of(dilations=(1, 2))])
def test_strides_and_dilations_are_summed_directly(place):
    x, filters = np.zeros((2, 9, 9, 16), np.float32), np.zeros((3, 3, 16, 16), np.float32)
    g = np.zeros((2, *counts_of(x.shape, (3, 3), **place), 16), np.float32)
    for name, arrays, attrs in three(x, filters, g, place):
        assert not algorithm(name, arrays, attrs).startswith("winograd")


def test_an_image_alone_gives_the_bits_that_it_gives_in_a_batch():
    x, filters, g, place = operands(60, 9, 8, 32, 16, ((1, 1), (0, 2)))
    for name, arrays, attrs in three(x, filters, g, place)[:2]:
        batch = run(name, arrays, attrs)
        if "whole" in attrs:
            attrs = attrs | {"whole": (1, *attrs["whole"][1:])}
        alone = run(name, (arrays[0][7:8].copy(), filters), attrs)
        np.testing.assert_array_equal(alone[0], batch[7])


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_bits_do_not_depend_on_threads(monkeypatch, threads):
    x, filters, g, place = operands(9, 14, 13, 48, 80, ((1, 1), (1, 1)))

    def all_three(x, filters, g):
        return [OPS[name](*given, **attrs) for name, given, attrs in cases(x, filters, g)]

    def cases(x, filters, g):
        attrs = [attrs for _, _, attrs in three(*arrays, place)]
        pairs = (x, filters), (g, filters), (x, g)
        names = "convolution", "convolution_grad_x", "convolution_grad_filters"
        return zip(names, pairs, attrs, strict=True)

    arrays = x, filters, g
    program = trace(all_three, *arrays)
    monkeypatch.setattr(vm, "free_cores", lambda: threads)
    monkeypatch.setattr(vm.sharing, "WAKING", 0.0)
    run = Executable(program)
    monkeypatch.setattr(vm.team, "count", lambda: 1)
    alone = run(*arrays)
    monkeypatch.setattr(vm.team, "count", lambda: threads)
    assert run.is_shared
    shared = run(*arrays)
    for one, many in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, many)


def guarded(array):
    """A copy of the array that ends where the process's memory ends: reading on would crash it."""
    page = mmap.PAGESIZE
    room = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, room + page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + room), page, 0) == 0
    found = np.frombuffer(memory, array.dtype, array.size, room - array.nbytes)
    found = found.reshape(array.shape)
    found[...] = array
    return found


@pytest.mark.parametrize(
    ("h", "w", "paddings"), [(7, 8, ((0, 1), (1, 0))), (6, 5, ((2, 2), (1, 1)))]
)
def test_reads_nothing_behind_its_operands(h, w, paddings):
    x, filters, g, place = operands(3, h, w, 32, 16, paddings)
    for name, arrays, attrs in three(x, filters, g, place):
        made = eager.prepared(OPS[name], arrays, attrs)
        np.testing.assert_array_equal(made([guarded(a) for a in arrays]), made(arrays))


def test_what_is_infinite_stays_within_its_tiles():
    x, filters, _, place = operands(1, 9, 9, 16, 16, ((1, 1), (1, 1)))
    plain = run("convolution", (x, filters), place)
    x[0, 4, 4, 3] = np.inf
    found = run("convolution", (x, filters), place)
    reached = ~np.isfinite(found).all(-1)[0]
    assert reached[3:6, 3:6].all()
    np.testing.assert_array_equal(found[0][~reached], plain[0][~reached])
    assert reached.sum() <= 36


def test_report_counts_the_products_of_the_definition():
    x, filters, _, place = operands(2, 8, 8, 16, 32, ((1, 1), (1, 1)))
    specs = [Spec(a.shape, a.dtype) for a in (x, filters)]
    out = Spec((2, 8, 8, 32), np.float32)
    assert OPS["convolution"].flops([out], specs, place) == 2 * out.size * 9 * 16
