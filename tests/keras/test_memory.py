"""A step that is too large for the machine is refused before it takes the machine down."""

from __future__ import annotations

import numpy as np
import pytest

from framework import keras
from framework.engine.compile import arena
from framework.engine.errors import ResourceExhaustedError


def test_a_step_that_is_too_large_names_the_layers(monkeypatch):
    model = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(3000, name="wide"), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((500, 10), np.float32), np.ones((500, 1), np.float32)
    monkeypatch.setattr(arena, "limit", lambda: 5_000_000)
    with pytest.raises(ResourceExhaustedError, match=r"0\.01 GB.*0\.0\d GB.*wide float32\[500, 3"):
        model.fit(x, y, batch_size=500, verbose=0)
    monkeypatch.undo()
    model.fit(x, y, batch_size=500, verbose=0)


def test_sizes_beyond_any_machine_are_refused():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2**20, name="huge")])
    model.compile("sgd", "mse")
    x = np.ones((1, 1), np.float32)
    wide = np.lib.stride_tricks.as_strided(x, (2**21, 1), (0, 4))
    with pytest.raises(ResourceExhaustedError, match="huge"):
        model.predict(wide, batch_size=2**21, verbose=0)


def test_the_limit_is_that_of_the_machine_or_of_the_job(tmp_path, monkeypatch):
    whole = arena.limit()
    assert whole > 2**28
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    for name, wanted in (("memory.max", 1_000_000), ("none", None), ("missing", None)):
        monkeypatch.setattr(arena, "CGROUPS", (str(tmp_path / name),))
        assert arena.limit() == wanted if wanted else arena.limit() >= whole
