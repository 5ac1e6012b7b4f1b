"""What a person is told while kernels are compiled."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.engine.compile import progress

ROOT = Path(__file__).parents[2]
SCRIPT = """
import numpy as np
from framework import keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((10, 4), "float32"), np.ones((10, 2), "float32"), batch_size=4, verbose=0)
"""


class Stream(io.StringIO):
    """A stderr that is a terminal, or is not."""

    def __init__(self, is_terminal: bool):
        super().__init__()
        self.isatty = lambda: is_terminal


@pytest.fixture
def stream(monkeypatch):
    """Nobody takes the log, and every compilation takes long."""
    monkeypatch.setattr(progress.LOG, "hasHandlers", lambda: False)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(progress, "SHOWN", {"is_quiet": False, "lines": 0})

    def choose(is_terminal):
        monkeypatch.setattr(sys, "stderr", Stream(is_terminal))
        return sys.stderr

    return choose


NAMES = ["lstm", "adam_update", "lstm", "a+very+long+chain+of+elements", "sum", "mean"]


def compile_all():
    told = progress.Progress(NAMES)
    for done in range(1, len(NAMES) + 1):
        told.tick(done)
    told.end()


def test_a_terminal_counts_and_is_left_clean(stream):
    out = stream(True)
    compile_all()
    shown = out.getvalue().split("\r\x1b[K")
    assert "framework: compiling 2 of 6 kernels (adam_update, lstm, a+very+long+chain+of+...," in (
        out.getvalue()
    )
    assert "framework: compiling 6 of 6 kernels (mean), once for this machine" in shown
    assert shown[-1] == ""


def test_a_file_has_one_line_for_a_process(stream):
    out = stream(False)
    compile_all()
    compile_all()
    (line,) = out.getvalue().splitlines()
    assert line == (
        "framework: compiling 6 kernels (lstm, adam_update, a+very+long+chain+of+..., ...), once "
        "for this machine"
    )


def test_what_is_soon_done_is_not_told(stream, monkeypatch):
    out = stream(True)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 1e9)
    compile_all()
    assert out.getvalue() == ""


@pytest.mark.parametrize("rank", ["0", "1"])
def test_one_rank_tells(rank, stream, monkeypatch):
    out = stream(False)
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", rank)
    compile_all()
    assert bool(out.getvalue()) == (rank == "0")


def test_a_plain_script_says_it_once_for_the_machine(tmp_path):
    env = os.environ | {"FRAMEWORK_CACHE": str(tmp_path / "kernels"), "PYTHONPATH": str(ROOT)}
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        ).stderr.splitlines()
        for _ in range(2)
    ]
    assert len(said[0]) == 1
    assert said[0][0].startswith("framework: compiling ")
    assert "matmul" in said[0][0]
    assert said[1] == []
