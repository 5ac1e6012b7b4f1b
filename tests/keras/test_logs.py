"""Which numbers fit, evaluate and train_on_batch report, under which names and in which order: as
real Keras (tests/golden/record_logs.py)."""

import json

import numpy as np
import pytest

import framework as tf
from framework import keras
from tests.golden import record_logs

GOLDEN = json.loads(record_logs.Path(record_logs.__file__).with_name("logs.json").read_text())


def check(got, want, place):
    if isinstance(want, dict):
        assert sorted(got) == sorted(want), place
        for key in want:
            check(got[key], want[key], f"{place}.{key}")
    elif isinstance(want, list) and want and isinstance(want[0], str):
        assert got == want, place
    else:
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6, err_msg=place)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # an output without a loss
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", GOLDEN)
def test_logs(name, eager, monkeypatch):
    if eager:
        compile = keras.Model.compile
        monkeypatch.setattr(
            keras.Model, "compile", lambda *a, **k: compile(*a, **k, run_eagerly=True)
        )
    check(record_logs.run(keras, tf, name), GOLDEN[name], name)
