"""fit of a tf.data.Dataset on 2 and 3 ranks is fit on one, with its shuffles and random maps."""

import json

import numpy as np
import pytest

from tests.mpi.ranks import run_ranks

pytestmark = pytest.mark.mpi


def fitted(ranks, folder, *options):
    """Logs, weights and predictions after the feeds program on `ranks` ranks."""
    target = folder / f"{ranks}.npz"
    outcome = run_ranks("feeds", ranks, str(target), *options, timeout=120)
    assert outcome.code == 0, outcome.text
    with np.load(target) as found:
        values = {name: found[name] for name in found.files}
    return json.loads(str(values.pop("logs"))), values


@pytest.mark.parametrize("options", [[], ["eager"]], ids=str)
def test_ranks_change_nothing(options, tmp_path):
    logs, values = fitted(1, tmp_path, *options)
    for ranks in (2, 3):
        other_logs, other_values = fitted(ranks, tmp_path, *options)
        for name, column in logs["history"].items():
            np.testing.assert_allclose(other_logs["history"][name], column, rtol=1e-5, err_msg=name)
        assert other_logs["evaluate"] == pytest.approx(logs["evaluate"], rel=1e-5)
        for name, value in values.items():
            np.testing.assert_allclose(
                other_values[name], value, rtol=1e-4, atol=1e-5, err_msg=name
            )


def test_ranks_agree_on_a_seed_that_nobody_set(tmp_path):
    logs, _ = fitted(2, tmp_path, "unseeded")
    assert len(logs["history"]["loss"]) == 3
