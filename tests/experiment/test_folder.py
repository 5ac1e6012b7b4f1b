"""The run folder: unique, whole files, and words for a place that cannot be written."""

import csv
import json
import sys

import pytest

from framework.experiment import curves
from framework.experiment.errors import UserError
from framework.experiment.folder import LAST, RunFolder
from framework.experiment.yaml_reader import read

HISTORY = {"accuracy": [0.5, 0.75], "loss": [1.5, float("nan")], "val_loss": [2.0, float("inf")]}


def save(path):
    """Stands for model.save_weights."""
    assert path.endswith(".safetensors")
    with open(path, "w") as file:
        file.write("weights")


def test_each_run_has_its_own_folder(tmp_path):
    folders = [RunFolder.create(tmp_path / "a" / "runs", "x", {"epochs": 1e-3}) for _ in range(3)]
    assert len({folder.path for folder in folders}) == 3
    assert all(folder.path.parent == tmp_path / "a" / "runs" / "x" for folder in folders)
    assert read((folders[2].path / "config.yaml").read_text(), "c").data == {"epochs": 1e-3}


def test_history(tmp_path):
    folder = RunFolder.create(tmp_path, "x", {})
    folder.write_history(HISTORY)
    rows = list(csv.reader((folder.path / "history.csv").read_text().splitlines()))
    assert rows[0] == ["epoch", "accuracy", "loss", "val_loss"]
    assert rows[1:] == [["1", "0.5", "1.5", "2.0"], ["2", "0.75", "nan", "inf"]]
    found = json.loads((folder.path / "history.json").read_text())
    assert found["epoch"] == [1, 2] and found["loss"] == [1.5, None]


def test_a_log_of_some_epochs_only(tmp_path):
    folder = RunFolder.create(tmp_path, "x", {})
    folder.write_history({"loss": [1.0, 2.0], "val_loss": [3.0]})
    assert (folder.path / "history.csv").read_text().splitlines()[-1] == "2,2.0,"


def test_weights_are_whole_or_the_old_ones(tmp_path):
    folder = RunFolder.create(tmp_path, "x", {})
    folder.write_weights(LAST, save)

    def fails(path):
        save(path)
        raise OSError("disk full")

    with pytest.raises(UserError, match="disk full") as raised:
        folder.write_weights(LAST, fails)
    assert raised.value.code == 1
    assert (folder.path / LAST).read_text() == "weights"
    assert sorted(each.name for each in folder.path.iterdir()) == ["config.yaml", LAST]
    folder.remove_last()
    assert not (folder.path / LAST).exists()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match="output.folder: cannot write a run folder in") as raised:
        RunFolder.create(tmp_path / "runs", "x", {})
    assert raised.value.code == 2
    with pytest.raises(UserError, match="cannot write"):
        RunFolder.create("/proc/nothing", "x", {})


def test_curves(tmp_path):
    pytest.importorskip("matplotlib")
    assert curves.draw(HISTORY, "title", tmp_path / "c.png") == ""
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert "no learning curves" in curves.draw(HISTORY, "title", tmp_path / "no" / "c.png")


def test_curves_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    told = curves.draw(HISTORY, "title", tmp_path / "c.png")
    assert "pip install matplotlib" in told and not (tmp_path / "c.png").exists()
