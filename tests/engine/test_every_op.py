"""Every op, by its samples: declared in full, right gradients, one meaning eagerly and compiled."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.entry import kernel_entry
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.op import OPS
from framework.engine.program import Line, Program
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor
from framework.engine.variable import Variable
from framework.testing.gradcheck import check_needs, check_op

# Ops that programs run through their NumPy forward, each with the reason.
HOST = {
    "all_reduce": "calls the communicator",
    "check_numerics": "raises",
    "hand_over": "calls Python",
    **dict.fromkeys(
        "cholesky qr svd singular_values eigh eigvalsh solve triangular_solve inv det slogdet "
        "expm".split(),
        "LAPACK through NumPy",
    ),
    "polygamma": "sums of a length that the values decide",
    "random_truncated_normal": "initial values only, drawn once",
}
CASES = [(name, i) for name, op in sorted(OPS.items()) for i in range(len(op.samples))]
PURE = [(name, i) for name, i in CASES if OPS[name].outs and not OPS[name].writes]
SMOOTH = [(name, i) for name, i in PURE if OPS[name].rule is not None and name not in ("cast",)]
each_op = pytest.mark.parametrize("name", sorted(OPS))


def each(cases):
    """One test per op and sample."""
    return pytest.mark.parametrize(("name", "i"), cases, ids=[f"{name}-{i}" for name, i in cases])


def called(op, sample, arrays):
    """The outputs of an eager call, as a tuple of arrays."""
    out = op(*[Tensor(a) for a in arrays], **sample.attrs)
    return tuple([o.array for o in (out if isinstance(out, tuple) else (out,))])


def specs_of(result):
    return result if isinstance(result, tuple) else (result,)


@each_op
def test_is_declared_in_full(name):
    op = OPS[name]
    assert op.__doc__ and op.samples, "an op has a docstring and samples"
    assert (op.rule is not None) != (not op.is_differentiable), (
        "an op has a vjp or is_differentiable=False"
    )
    has_kernel = any([op.scalar, op.body, op.element, op.is_view, op.places])
    assert has_kernel != (name in HOST)
    kinds = {p.kind for p in inspect.signature(op).parameters.values()}
    assert kinds <= {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
    }


@each(PURE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infer_is_what_forward_gives(name, i, dtype):
    op, sample = OPS[name], OPS[name].samples[i]
    arrays = sample.arrays(0, dtype)
    specs = specs_of(op.infer(*[Spec(a.shape, a.dtype) for a in arrays], **sample.attrs))
    outs = called(op, sample, arrays)
    assert [(o.shape, o.dtype) for o in outs] == [(tuple(s.shape), s.dtype) for s in specs]
    assert all(
        [type(s.dtype) is type(np.dtype("f4")) or isinstance(s.dtype, np.dtype) for s in specs]
    )
    floats = {a.dtype for a in arrays if a.dtype.kind == "f"}
    if floats and "dtype" not in sample.attrs:
        assert {o.dtype for o in outs if o.dtype.kind == "f"} <= floats


@each(SMOOTH)
def test_gradients_to_second_order(name, i):
    sample = OPS[name].samples[i]
    if any([a.dtype.kind == "f" for a in sample.arrays()]):
        check_op(OPS[name], sample)


@each_op
def test_needs_are_minimal(name):
    if OPS[name].rule is not None:
        check_needs(OPS[name], OPS[name].samples)


@each(PURE)
def test_memory_order_does_not_matter(name, i):
    op, sample = OPS[name], OPS[name].samples[i]
    arrays = sample.arrays(1)
    strided = [np.repeat(a, 2, -1)[..., ::2] if a.ndim else a for a in arrays]
    backward = [np.asfortranarray(a[::-1])[::-1] if a.ndim else a for a in arrays]
    wanted = called(op, sample, arrays)
    for others in (strided, backward):
        for a, b in zip(called(op, sample, others), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    for a, b in zip(arrays, sample.arrays(1), strict=True):
        np.testing.assert_array_equal(a, b, err_msg="the forward wrote into its input")


def empty_like(arrays):
    """The arrays with every first axis of the longest length cut to 0, if they share it."""
    lengths = {a.shape[0] for a in arrays if a.ndim}
    ndims = {a.ndim for a in arrays}
    return (
        [a[:0] for a in arrays]
        if len(lengths) == 1 and len(ndims) == 1 and 0 not in ndims
        else None
    )


def takes_empty(name, i):
    """False where the attrs, or what the op means, fix the sizes."""
    sample = OPS[name].samples[i]
    if {"shape", "whole", "begin"} & set(sample.attrs) or name in ("argmax", "argmin", "matmul"):
        return False
    return empty_like(sample.arrays()) is not None


@each([case for case in PURE if takes_empty(*case)])
def test_empty_input(name, i):
    op, sample = OPS[name], OPS[name].samples[i]
    arrays = empty_like(sample.arrays())
    outs = called(op, sample, arrays)
    specs = specs_of(op.infer(*[Spec(a.shape, a.dtype) for a in arrays], **sample.attrs))
    assert [(o.shape, o.dtype) for o in outs] == [(tuple(s.shape), s.dtype) for s in specs]


def special(arrays):
    """The arrays with NaN, infinities and zeros among the floats."""
    values = [np.nan, np.inf, -np.inf, 0.0]
    changed = []
    for k, a in enumerate(arrays):
        if a.dtype.kind == "f" and a.ndim:
            a = a.copy()
            a.reshape(-1)[: min(4, a.size)] = np.roll(values, k)[: min(4, a.size)]
        changed.append(a)
    return changed


def variants(op, sample, dtype):
    """The inputs on which eager and compiled are compared."""
    arrays = sample.arrays(2, dtype)
    found = [arrays]
    if op.scalar is not None or op.name in (
        "max",
        "min",
        "argmax",
        "argmin",
        "sum",
        "mean",
        "any",
        "all",
        "transpose",
    ):
        found.append(special(arrays))
    if (
        (empty := empty_like(arrays)) is not None
        and op.scalar is not None
        and "shape" not in sample.attrs
    ):
        found.append(empty)
    return found


@functools.cache
def compiled(dtype):
    """One Executable for all ops: {(name, sample, variant): (inputs, outputs)};
    Variables are inputs of writing ops.
    """
    cases, feeds, written = [], [], []
    for name, i in CASES:
        op, sample = OPS[name], OPS[name].samples[i]
        for v, arrays in enumerate(variants(op, sample, dtype)):
            cases.append((name, i, v, arrays))
            feeds += [a for k, a in enumerate(arrays) if k not in op.writes]
            written.append([Variable(a) for k, a in enumerate(arrays) if k in op.writes])
    counts = []

    def function(*tensors):
        rest, outputs = iter(tensors), []
        for (name, i, _, arrays), variables in zip(cases, written, strict=True):
            op, mine = OPS[name], iter(variables)
            if name == "check_finite":
                counts.append(0)
                [next(rest) for _ in arrays]
                continue
            inputs = [next(mine) if k in op.writes else next(rest) for k in range(len(arrays))]
            out = op(*inputs, **op.samples[i].attrs)
            outs = out if isinstance(out, tuple) else () if out is None else (out,)
            outs = (*outs, *[v.read_value() for v in variables])
            counts.append(len(outs))
            outputs += outs
        return outputs

    run = Executable(trace(function, *feeds))
    results, made = iter(run(*feeds)), {}
    for (name, i, v, arrays), count in zip(cases, counts, strict=True):
        made[name, i, v] = arrays, [next(results) for _ in range(count)]
    return made


def reference(name, sample, arrays):
    """What the eager op gives, or leaves in the Variables it writes."""
    op = OPS[name]
    if not op.writes:
        return called(op, sample, arrays)
    variables = [Variable(a) for k, a in enumerate(arrays) if k in op.writes]
    mine = iter(variables)
    op(*[next(mine) if k in op.writes else Tensor(a) for k, a in enumerate(arrays)], **sample.attrs)
    return [v.numpy() for v in variables]


@pytest.mark.slow  # a cold kernel cache: about 150 kernels to compile
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_equals_eager(dtype):
    wrong = []
    for (name, i, v), (arrays, outs) in compiled(np.dtype(dtype)).items():
        if not outs:
            continue
        with np.errstate(all="ignore"):
            wanted = reference(name, OPS[name].samples[i], arrays)
        for out, array in zip(outs, wanted, strict=True):
            bound = (
                0
                if name == "random_uniform"
                else {"float32": 3e-6, "float64": 1e-12}.get(out.dtype.name, 0)
            )
            try:
                assert (out.shape, out.dtype) == (array.shape, array.dtype)
                np.testing.assert_allclose(out, array, rtol=bound, atol=bound)
            except AssertionError as error:
                wrong.append(f"{name} {OPS[name].samples[i].attrs} variant {v}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_kernels_from_the_cache_need_no_numba():
    """A symbol that only Numba has (reshape's helper) would end a process without it."""
    compiled(np.dtype(np.float32))
    code = (
        "import sys, numpy as np; from tests.engine.test_every_op import compiled; "
        "compiled(np.dtype(np.float32)); assert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


HAS_NO_KERNEL = {"sum-3", "mean-3", "max-3", "min-3", "prod-3", "any-3", "all-3", "logsumexp-3",
                 "mean_variance-3", "softmax-2", "softmax_grad-2", "log_softmax-2",
                 "assign_rows-3", "assign_rows-4"}  # fmt: skip


@each([(name, i) for name, i in CASES if OPS[name].body is not None])
def test_samples_run_by_the_kernel(name, i):
    """Which samples are left to NumPy (separate axes, softmax along a middle axis) is known."""
    op, sample = OPS[name], OPS[name].samples[i]
    specs = [Spec(a.shape, a.dtype) for a in sample.arrays()]
    outs = specs_of(op.infer(*specs, **sample.attrs)) if op.outs else ()
    slots = range(len(specs) + len(outs))
    line = Line(op, tuple(slots[: len(specs)]), sample.attrs, tuple(slots[len(specs) :]), ())
    program = Program(specs=dict(zip(slots, [*specs, *outs], strict=True)))
    assert (kernel_entry(program, line) is None) == (f"{name}-{i}" in HAS_NO_KERNEL)


@pytest.mark.slow
def test_compiled_gradients_equal_eager_ones():
    """Rules as programs: traced, folded, fused."""
    feeds, cases = [], []
    for name, i in SMOOTH:
        arrays = OPS[name].samples[i].arrays(3, np.float32)
        if any([a.dtype.kind == "f" for a in arrays]):
            cases.append((name, i, len(feeds), len(arrays)))
            feeds += arrays

    def function(*tensors):
        outputs = []
        for name, i, start, count in cases:
            inputs = tensors[start : start + count]
            floats = [x for x in inputs if x.dtype.is_floating]
            with GradientTape() as tape:
                tape.watch(floats)
                out = OPS[name](*inputs, **OPS[name].samples[i].attrs)
                targets = [
                    ops.square(y)
                    for y in (out if isinstance(out, tuple) else (out,))
                    if y.dtype.is_floating
                ]
            outputs += tape.gradient(targets, floats, unconnected_gradients="zero")
        return outputs

    run = Executable(trace(function, *feeds))
    for ours, eager in zip(run(*feeds), function(*[Tensor(a) for a in feeds]), strict=True):
        np.testing.assert_allclose(ours, np.asarray(eager), rtol=1e-4, atol=1e-5)
