"""Linear algebra and special functions against TensorFlow: values, both gradients, errors.

The record is made by tests/golden/record_linalg.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from tests.golden import record_linalg

RECORD = json.loads((Path(__file__).parent / "linalg.json").read_text())["results"]
CASES = list(zip(record_linalg.CASES, RECORD, strict=True))
IDS = [f"{i}-{case[0][:50]}" for i, (case, _) in enumerate(CASES)]
TOLERANCE = {"float32": 1e-5, "float64": 1e-8}


def same(ours, theirs, what):
    """The same dtypes, shapes and values; None where the other is None."""
    assert len(ours) == len(theirs), what
    for mine, wanted in zip(ours, theirs, strict=True):
        assert (mine is None) == (wanted is None), f"{what}: {mine} for {wanted}"
        if wanted is not None:
            assert mine[0] == wanted[0] and np.shape(mine[1]) == np.shape(wanted[1]), what
            bound = TOLERANCE.get(wanted[0], 0)
            scale = np.max(np.abs(wanted[1]), initial=1.0, where=np.isfinite(wanted[1]))
            np.testing.assert_allclose(
                mine[1], wanted[1], rtol=bound, atol=bound * scale, err_msg=what
            )


@pytest.mark.parametrize(("case", "recorded"), CASES, ids=IDS)
def test_is_as_in_tensorflow(case, recorded):
    text, theirs = recorded
    assert text == case[0], "the record is older than the cases"
    ours = record_linalg.run(tf, case)
    if isinstance(theirs, str):
        wanted = "InvalidArgumentError" if theirs == "FailedPreconditionError" else theirs
        assert ours == wanted
        return
    assert not isinstance(ours, str), ours
    for mine, wanted, what in zip(ours, theirs, ("values", "first", "second"), strict=True):
        same(mine, wanted, what)


def test_least_squares_without_normal_equations_are_refused():
    with pytest.raises(NotImplementedError, match="fast=False"):
        tf.linalg.lstsq(tf.ones((3, 2)), tf.ones((3, 1)), fast=False)
