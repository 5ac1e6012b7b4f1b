"""An experiment through the launcher and through a plain mpirun, on one rank and on several."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from framework.distributed.launch import AS_ROOT
from tests.mpi.ranks import ROOT, Outcome, mpirun, run, session_members, wait

pytestmark = pytest.mark.mpi

LAUNCH = ROOT / "framework" / "distributed" / "launch.py"
EXPERIMENT = """
name: small
seed: 5
data: {{file: {data}, validation: 30, test: 0.1}}
model:
  - Dense: {{units: 16, activation: relu}}
  - Dropout: {{rate: 0.2}}
  - Dense: {{units: 3, activation: softmax}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
optimizer: {{name: Adam, learning_rate: 1e-2}}
epochs: 4
batch_size: 32
output: {{folder: {folder}, curves: false}}
"""


@pytest.fixture
def experiment(tmp_path) -> str:
    """A small experiment with data of its own: 301 rows, which no number of ranks divides."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(301, 8)).astype("float32")
    y = (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    path = tmp_path / "small.yaml"
    path.write_text(EXPERIMENT.format(data=tmp_path / "data.npz", folder=tmp_path / "runs"))
    return str(path)


def launched(*arguments: str, **options) -> Outcome:
    """What launch/train does once .venv is there, with this Python."""
    return run([sys.executable, "-I", "-S", str(LAUNCH), *arguments], **options)


def newest(experiment: str) -> Path:
    """The newest run folder."""
    return max((Path(experiment).parent / "runs" / "small").iterdir())


def has_weights(experiment: str) -> bool:
    """Whether an epoch of the run that is under way has ended."""
    return any((Path(experiment).parent / "runs").glob("small/*/last.safetensors"))


def figures(experiment: str) -> tuple[list[dict], dict]:
    """History and result of the newest run, whose folder is then out of the way."""
    folder = newest(experiment)
    with open(folder / "history.csv") as stream:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]
    result = json.loads((folder / "result.json").read_text())
    folder.rename(Path(experiment).parent / f"done-{time.monotonic_ns()}")
    return rows, result


def check_same(rows: list[dict], result: dict, others: list[dict], other: dict) -> None:
    """Hold two runs against each other, within float rounding."""
    assert len(rows) == len(others) == 4
    for row, other_row in zip(rows, others):
        for name in row.keys() - {"seconds", "time", "epoch_seconds"}:
            assert other_row[name] == pytest.approx(row[name], rel=1e-5), name
    for name in ("test_loss", "test_accuracy", "epochs"):
        assert other[name] == pytest.approx(result[name], rel=1e-5)


def test_ranks_change_nothing(experiment):
    one = launched("train", experiment)
    assert one.code == 0, one.text
    rows, result = figures(experiment)
    for ranks in ("2", "3"):
        many = launched("-n", ranks, "train", experiment)
        assert many.code == 0, many.text
        check_same(rows, result, *figures(experiment))
        assert many.out.count("test_accuracy") == one.out.count("test_accuracy")
        assert many.err.count("\n") == one.err.count("\n") + 1, many.err  # the line about ranks


def test_plain_mpirun(experiment):
    assert launched("train", experiment).code == 0
    rows, result = figures(experiment)
    job = [sys.executable, "-m", "framework", "train", experiment]
    plain = run([mpirun(), "--oversubscribe", "-n", "2", *job], environ=AS_ROOT)
    assert plain.code == 0, plain.text
    check_same(rows, result, *figures(experiment))


@pytest.mark.parametrize("ranks", ["1", "2"])
def test_a_mistake_of_the_user(experiment, ranks):
    outcome = launched("-n", ranks, "train", experiment, "--set", "epoch=3")
    assert outcome.code == 2
    assert "Traceback" not in outcome.text and "---" not in outcome.err
    assert outcome.text.count("unknown key") == 1
    assert outcome.seconds < 10 and outcome.left == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ranks", ["1", "2"])
def test_ctrl_c_in_the_middle(experiment, ranks, number):
    endless = ["--set", "epochs=1000000"]
    launched("-n", ranks, "train", experiment, timeout=120)  # so that no kernel is left to compile
    send = (lambda: has_weights(experiment), number)
    outcome = launched("-n", ranks, "train", experiment, *endless, send=send, timeout=20)
    assert outcome.code == 130, outcome.text
    assert outcome.seconds < 2
    assert outcome.left == []
    assert "Traceback" not in outcome.text and "---" not in outcome.err
    folder = newest(experiment)
    kept, result = folder / "last.safetensors", json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted" and result["epochs"] > 0 and kept.exists()
    assert f"interrupted; weights after epoch {result['epochs']}: {kept}" in outcome.err


def test_a_killed_rank_leaves_a_run_folder(experiment):
    launched("-n", "2", "train", experiment, timeout=120)
    command = [sys.executable, "-I", "-S", str(LAUNCH), "-n", "2", "train", experiment]
    job = subprocess.Popen(
        [*command, "--set", "epochs=1000000"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait(lambda: has_weights(experiment), 60)
    os.kill(rank_of(job.pid, 1), signal.SIGKILL)
    out, err = job.communicate(timeout=20)
    assert job.returncode == 137 and "signal 9" in err, err
    folder = newest(experiment)
    assert f"writes to {folder}" in out
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] in ("running", "interrupted") and result["epochs"] > 0
    assert (folder / "last.safetensors").exists()


def rank_of(launcher: int, rank: int) -> int:
    """The process id of a rank below `launcher`."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            named = dict(part.partition(b"=")[::2] for part in entry.read_bytes().split(b"\0"))
        except OSError:
            continue
        pid = int(entry.parent.name)
        if named.get(b"OMPI_COMM_WORLD_RANK") == b"%d" % rank and launcher in ancestors(pid):
            return pid
    raise AssertionError(f"no rank {rank} below {launcher}")


def ancestors(pid: int) -> list[int]:
    """Process ids of the parents of `pid`."""
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def test_helper_sees_processes_of_a_session():
    assert os.getpid() in session_members(os.getsid(0))
