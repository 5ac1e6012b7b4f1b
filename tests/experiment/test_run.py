"""`framework train` and `framework eval` from end to end, and how they end when something fails."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from framework.experiment import cli
from framework.experiment.yaml_reader import read

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[2]
TEXT = """\
data: {name: digits, validation: 0.1, test: 0.2, normalize: unit, flatten: true}
model:
  - Dense: {units: 16, activation: relu}
  - Dense: {units: 10}
loss:
  SparseCategoricalCrossentropy: {from_logits: true}
metrics: [accuracy]
optimizer: {name: Adam, learning_rate: 1e-2}
epochs: 2
seed: 7
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """A small experiment in an empty folder, which is also the current one."""
    monkeypatch.chdir(tmp_path)
    # The kernel cache stays: nothing needs to be compiled again for a test of the run folder.
    monkeypatch.setenv("FRAMEWORK_CACHE", os.environ.get("FRAMEWORK_CACHE") or _kernels())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def _kernels():
    """The user's kernel cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return str(base / "framework" / "kernels")


def only(folder):
    """The one run folder below `folder`."""
    (found,) = [each.parent for each in Path(folder).glob("*/*/config.yaml")]
    return found


def refused(capfd, arguments, code=2):
    """What the command writes to stderr when it refuses."""
    assert cli.run([str(a) for a in arguments]) == code
    told = capfd.readouterr().err
    assert "Traceback" not in told
    return told


def test_train_then_eval(experiment, capfd):
    assert cli.run(["train", str(experiment)]) == 0
    told = capfd.readouterr().out
    run = only("runs")
    assert f"run folder: {run}" in told and run.parent == Path("runs/small")
    names = {"config.yaml", "history.csv", "history.json", "weights.safetensors", "result.json"}
    assert names <= {each.name for each in run.iterdir()} <= names | {"curves.png"}

    result = json.loads((run / "result.json").read_text())
    assert {"test_accuracy", "test_loss", "epochs", "seconds", "weights_sha256"} <= set(result)
    assert result["epochs"] == 2 and result["status"] == "finished" and result["seed"] == 7
    assert result["test_accuracy"] > 0.8 and len(result["weights_sha256"]) == 64
    assert f"test_accuracy {result['test_accuracy']:.4f}" in told

    history = json.loads((run / "history.json").read_text())
    assert set(history) == {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"}
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == history["loss"]

    assert cli.run(["eval", str(run)]) == 0
    figures = re.findall(r"test_\w+ [\d.]+", told)
    assert figures == re.findall(r"test_\w+ [\d.]+", capfd.readouterr().out) and len(figures) == 2


def test_the_same_seed_gives_the_same_weights(experiment):
    hashes = []
    for seed in ("1", "1", "2"):
        folder = f"out{len(hashes)}"
        options = ["--seed", seed, "--output", folder, "--quiet", "--set", "epochs=1"]
        assert cli.run(["train", str(experiment), *options]) == 0
        result = json.loads((only(folder) / "result.json").read_text())
        hashes.append(result["weights_sha256"])
        assert result["seed"] == int(seed)
    assert hashes[0] == hashes[1] != hashes[2]


def test_overrides_are_kept_in_the_run_folder(experiment, capfd):
    options = ["--set", "epochs=1", "--set", "model[0].Dense.units=3", "--output", "other place"]
    assert cli.run(["train", str(experiment), *options, "--quiet"]) == 0
    config = read((only("other place") / "config.yaml").read_text(), "c").data
    assert config["epochs"] == 1 and config["model"][0]["Dense"]["units"] == 3
    assert config["batch_size"] == 32 and config["name"] == "small"
    assert len(capfd.readouterr().out.splitlines()) == 2  # the figures and the folder


def test_callbacks_write_into_the_run_folder(experiment):
    experiment.write_text(TEXT + "callbacks:\n  - CSVLogger: {filename: log.csv}\n")
    assert cli.run(["train", str(experiment), "--quiet"]) == 0
    assert (only("runs") / "log.csv").is_file() and not Path("log.csv").exists()


def test_regression(experiment):
    text = TEXT.replace("digits", "diabetes").replace("unit,", "standardize,")
    text = text.replace("units: 10", "units: 1").replace("[accuracy]", "[mae]")
    text = re.sub(r"loss:\n.*\n", "loss: mean_squared_error\n", text)
    experiment.write_text(text)
    assert cli.run(["train", str(experiment), "--quiet"]) == 0
    result = json.loads((only("runs") / "result.json").read_text())
    assert {"test_loss", "test_mae"} <= set(result) and "test_accuracy" not in result


def test_no_validation_and_no_test_part(experiment, capfd):
    experiment.write_text(TEXT.replace("validation: 0.1, test: 0.2, ", ""))
    assert cli.run(["train", str(experiment)]) == 0
    assert "no test part: data.test is 0" in capfd.readouterr().out
    assert set(json.loads((only("runs") / "history.json").read_text())) == {
        "epoch",
        "accuracy",
        "loss",
    }


def test_own_data_beside_the_experiment(experiment, monkeypatch, tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 64)).astype(np.float32)
    np.savez(experiment.parent / "mine.npz", x=x, y=np.arange(60) % 10)
    text = TEXT.replace("name: digits", "file: mine.npz").replace("normalize: unit, ", "")
    experiment.write_text(text)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli.run(["train", str(experiment), "--quiet"]) == 0
    assert cli.run(["eval", str(only("runs"))]) == 0


class TestMistakes:
    """Exit code 2, the place, no traceback, and no run folder left behind."""

    def test_all_at_once(self, experiment, capfd):
        experiment.write_text(TEXT.replace("epochs", "epoch").replace("Adam", "Adm"))
        told = refused(capfd, ["train", experiment]).splitlines()
        assert len(told) == 3 and all(str(experiment) in line for line in told)
        assert not Path("runs").exists()

    def test_missing_file(self, experiment, capfd):
        told = refused(capfd, ["train", "smal.yaml"])
        assert told == "smal.yaml: no such file (did you mean 'small.yaml'?)\n"

    def test_set(self, experiment, capfd):
        told = refused(capfd, ["train", experiment, "--set", "optimizer.lr=1", "--seed", "x"])
        assert "--set optimizer.lr=1: optimizer.lr: unknown argument of Adam" in told
        assert "--set seed=x: seed: expected a whole number, got 'x'" in told

    def test_missing_data_package(self, experiment, capfd, monkeypatch):
        from framework.data import sets

        monkeypatch.setattr(sets.importlib.util, "find_spec", lambda name: None)
        told = refused(capfd, ["train", experiment])
        assert ":1:1: data: " in told and "pip install scikit-learn" in told

    def test_more_memory_than_there_is(self, experiment, capfd):
        huge = "model=[{Dense: {units: 99999999999}}]"
        told = refused(capfd, ["train", experiment, "--set", huge])
        assert "model: " in told and "(64, 99999999999) and dtype float32 takes 25,599," in told

    def test_nothing_left_to_train_on(self, experiment, capfd):
        told = refused(capfd, ["train", experiment, "--set", "data.test=1797"])
        assert "leave none for training" in told

    def test_empty_file(self, experiment, capfd):
        np.savez(experiment.parent / "mine.npz", x=np.zeros((0, 3)), y=np.zeros(0, int))
        told = refused(capfd, ["train", experiment, "--set", "data={file: mine.npz}"])
        assert "mine: the data set is empty" in told

    def test_labels_out_of_range(self, experiment, capfd):
        told = refused(capfd, ["train", experiment, "--set", "model[1].Dense.units=9"])
        assert "labels out of range" in told and "9" in told and str(experiment) in told
        assert not list(Path("runs").iterdir())

    def test_shapes_that_do_not_fit(self, experiment, capfd):
        reshape = TEXT.replace("model:\n", "model:\n  - Reshape: {target_shape: [7, 7]}\n")
        experiment.write_text(reshape)
        told = refused(capfd, ["train", experiment])
        assert "small.yaml:2:1: model: " in told and "64" in told and "7" in told
        assert not Path("runs").exists()

    def test_output_and_labels_of_different_shapes(self, experiment, capfd):
        experiment.write_text(re.sub(r"loss:\n.*\n", "loss: mean_squared_error\n", TEXT))
        options = ["--set", "data.one_hot=true", "--set", "model[1].Dense.units=7"]
        told = refused(capfd, ["train", experiment, "--set", "metrics=[]", *options])
        assert "10" in told and "7" in told

    def test_run_folder_that_cannot_be_written(self, experiment, capfd):
        Path("runs").write_text("a file")
        told = refused(capfd, ["train", experiment])
        assert told.startswith("output.folder: cannot write a run folder in runs/small")

    def test_backend(self, experiment, capfd):
        told = refused(capfd, ["train", experiment, "--set", "distributed.backend=mpi"])
        assert "mpi needs several ranks" in told

    def test_eval_of_something_else(self, experiment, capfd):
        assert "it does not exist" in refused(capfd, ["eval", "nothing"])
        assert "config.yaml is missing" in refused(capfd, ["eval", "."])
        Path("config.yaml").write_text(TEXT)
        assert "holds no weights" in refused(capfd, ["eval", "."])
        Path("weights.safetensors").write_bytes(b"not weights at all")
        assert "weights.safetensors: " in refused(capfd, ["eval", "."])

    def test_traceback_on_demand(self, experiment):
        from framework.experiment.errors import UserError

        with pytest.raises(UserError):
            cli.run(["--traceback", "train", "nothing.yaml"])


def test_nan_stops_and_keeps_what_there_is(experiment, capfd):
    x = np.full((64, 64), 1e30, np.float32)
    np.savez(experiment.parent / "mine.npz", x=x, y=np.arange(64) % 10)
    options = ["--set", "data={file: mine.npz}", "--set", "optimizer.learning_rate=1e30"]
    assert cli.run(["train", str(experiment), *options]) == 1
    out = capfd.readouterr()
    assert "epoch 1, step" in out.err and len(out.err.splitlines()) == 1
    result = json.loads((only("runs") / "result.json").read_text())
    assert result["status"] == "nan" and "epoch 1" in result["reason"]


def test_nan_may_be_ignored(experiment):
    x = np.full((64, 64), 1e30, np.float32)
    np.savez(experiment.parent / "mine.npz", x=x, y=np.arange(64) % 10)
    options = ["--set", "data={file: mine.npz}", "--set", "optimizer.learning_rate=1e30"]
    assert cli.run(["train", str(experiment), *options, "--set", "nan=ignore", "--quiet"]) == 0
    assert json.loads((only("runs") / "result.json").read_text())["epochs"] == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(experiment, stop):
    """Ctrl-C in a long run: a second later it is over and the last weights are there."""
    command = [
        sys.executable,
        "-m",
        "framework",
        "train",
        str(experiment),
        "--set",
        "epochs=100000",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as job:
        try:
            deadline = time.monotonic() + 60
            while not list(Path("runs").glob("*/*/history.csv")):
                assert time.monotonic() < deadline and job.poll() is None
                time.sleep(0.05)
            start = time.monotonic()
            job.send_signal(stop)
            _, err = job.communicate(timeout=20)
            seconds = time.monotonic() - start
        finally:
            job.kill()
    run = only("runs")
    assert job.returncode == 130 and seconds < 3 and "Traceback" not in err
    assert "last.safetensors" in err and "interrupted; weights after epoch" in err
    result = json.loads((run / "result.json").read_text())
    history = json.loads((run / "history.json").read_text())
    assert result["status"] == "interrupted" and result["epochs"] == len(history["epoch"]) >= 1
    assert cli.run(["eval", str(run)]) == 0


def test_the_run_as_a_program_from_anywhere(experiment):
    """`python -m framework` ends with the exit code of the command."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "framework", "train", "nothing.yaml"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr == "nothing.yaml: no such file\n"
    assert done.stdout == ""


def test_a_reader_that_leaves(experiment):
    """`framework train X | head -1` ends without a traceback."""
    command = f"{sys.executable} -m framework train {experiment} --set epochs=300 | head -1"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("small: 1258 training") and done.stderr == ""
