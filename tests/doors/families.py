"""What the tests of families of door functions share: one program of many expressions, and the
comparison with the record."""

import numpy as np

import framework as tf
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from tests.golden import record_index


def run_as_program(texts, parts_of):
    """{text: [values, gradients, second gradients]} of all expressions traced as one program;
    parts_of(tf, text) gives an expression as (function, input arrays)."""
    functions = [parts_of(tf, text) for text in texts]
    feeds, counts = [a for _, arrays in functions for a in arrays], []

    def function(*tensors):
        rest, outputs = iter(tensors), []
        counts.clear()
        for expression, arrays in functions:
            inputs = [next(rest) for _ in arrays]
            parts = record_index.answers(tf, expression, inputs)
            counts.append([[y is not None for y in part] for part in parts])
            outputs += [y for part in parts for y in part if y is not None]
        return outputs

    results = iter(Executable(trace(function, *feeds))(*feeds))
    return {
        text: [
            [described(next(results)) if is_there else None for is_there in known]
            for known in parts
        ]
        for text, parts in zip(texts, counts, strict=True)
    }


def described(array):
    """As records have it: dtype, shape, values."""
    return [array.dtype.name, list(array.shape), array.tolist()]


def same(ours, theirs, what, rtol=1e-6, atol=1e-12):
    """Equal dtypes, shapes and values; None where the other is None."""
    assert len(ours) == len(theirs), what
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None), f"{what}: {a} for {b}"
        if a is not None:
            assert a[:2] == b[:2], f"{what}: {a[:2]} for {b[:2]}"
            np.testing.assert_allclose(a[2], b[2], rtol=rtol, atol=atol, err_msg=what)
