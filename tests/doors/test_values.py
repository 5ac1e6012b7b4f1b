"""Each entry of the tables on each sample of its op: values and gradients of the real library."""

import numpy as np
import pytest

import framework as tf
import framework.torch as torch
from framework.engine import nest
from tests.doors import recorded
from tests.golden import record_doors

TOLERANCE = {"rtol": 2e-7, "atol": 1e-8}  # TensorFlow's gelu and selu have float32 constants
RUN = {"tf": (tf, record_doors.run_tf), "torch": (torch, record_doors.run_torch)}
CASES = [(door, *pair) for door in RUN for pair in recorded.cases(door)]
IDS = [f"{d}.{case['name']}-{i}" for i, (d, case, _) in enumerate(CASES)]


def same(ours, theirs, what):
    """Equal dtypes, shapes and values; None where the other is None."""
    assert (ours is None) == (theirs is None), f"{what}: {ours} for {theirs}"
    if ours is not None:
        assert ours[0] == theirs[0], f"{what}: dtype {ours[0]} for {theirs[0]}"
        assert np.shape(ours[1]) == np.shape(theirs[1]), what
        np.testing.assert_allclose(ours[1], theirs[1], **TOLERANCE, err_msg=what)


@pytest.mark.parametrize(("door", "case", "wanted"), CASES, ids=IDS)
def test_gives_the_values_and_gradients(door, case, wanted):
    if isinstance(wanted, str):
        pytest.skip(f"the real library refuses: {wanted[:60]}")
    library, run = RUN[door]
    outs, gradients = run(library, case)
    for i, (ours, theirs) in enumerate(zip(outs, wanted[0], strict=True)):
        same(ours, theirs, f"output {i}")
    for i, (ours, theirs) in enumerate(zip(gradients, wanted[1], strict=True)):
        same(ours, theirs, f"gradient {i}")


def test_nothing_is_left_out():
    assert len(CASES) > 150 and nest.flatten([1, (2,)]) == [1, 2]
