"""Losses, steps and metrics that users write give the same on 1, 2 and 3 ranks."""

import numpy as np
import pytest

from tests.mpi.ranks import run_ranks

pytestmark = pytest.mark.mpi


def test_what_users_write_is_the_same_on_all_ranks(tmp_path):
    results = []
    for ranks in (1, 2, 3):
        path = tmp_path / f"{ranks}.npz"
        outcome = run_ranks("steps", ranks, str(path), timeout=240)
        assert outcome.code == 0, outcome.text
        with np.load(path) as file:
            results.append({key: file[key] for key in file.files})
    for found in results:
        for key, value in found.items():
            same = results[0][key.removesuffix("-eager")]
            np.testing.assert_allclose(value, same, rtol=2e-5, atol=1e-6, err_msg=key)
            assert np.isfinite(value).all(), key
