"""Losses divided by what only all ranks know together: 2 and 3 ranks give what one gives."""

import numpy as np
import pytest

from tests.mpi.ranks import run_ranks

pytestmark = pytest.mark.mpi


def test_denominators_are_global(tmp_path):
    results = []
    for ranks in (1, 2, 3):
        path = tmp_path / f"{ranks}.npz"
        outcome = run_ranks("losses", ranks, str(path), timeout=120)
        assert outcome.code == 0, outcome.text
        with np.load(path) as file:
            results.append({key: file[key] for key in file.files})
    for other in results[1:]:
        for key, value in results[0].items():
            np.testing.assert_allclose(other[key], value, rtol=1e-4, atol=1e-6, err_msg=key)
