"""fit on 2 and 3 ranks is fit on one: losses and metrics to 1e-5, weights to 1e-4."""

import json

import numpy as np
import pytest

from tests.mpi.ranks import run_ranks

pytestmark = pytest.mark.mpi


def fitted(ranks, folder, *options):
    """Logs, weights and predictions after the fit program on `ranks` ranks."""
    target = folder / f"{ranks}.npz"
    outcome = run_ranks("fit", ranks, str(target), *options, timeout=120)
    assert outcome.code == 0, outcome.text
    assert outcome.out == ""  # verbose=0 means silence on every rank
    with np.load(target) as found:
        values = {name: found[name] for name in found.files}
    return json.loads(str(values.pop("logs"))), values


OPTIONS = [[], ["weights"], ["dropout"], ["batchnorm"], ["eager"], ["images"], ["embedding"]]
OPTIONS += [["embedding", "sgd"], ["embedding", "sgd", "eager"]]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
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
