"""`mpirun -n 2 python -m framework`: the same run as on one rank, mistakes told once, Ctrl-C."""

import json
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from framework.distributed.launch import launch_environment

from ..mpi.ranks import ROOT, mpirun, run
from .test_run import TEXT

pytestmark = pytest.mark.mpi
pytest.importorskip("sklearn")


def job(ranks, *arguments, **options):
    """The Outcome of `framework ARGUMENTS` on that many ranks."""
    command = [sys.executable, "-u", "-m", "framework", *map(str, arguments)]
    if ranks > 1:
        command = [mpirun(), "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    environment = launch_environment({"PYTHONPATH": str(ROOT)}, ranks, None)
    return run(command, environ=environment, **options)


@pytest.fixture
def experiment(tmp_path):
    """A small experiment that writes below tmp_path, with dropout and an uneven last batch."""
    text = TEXT.replace(
        "  - Dense: {units: 10}", "  - Dropout: {rate: 0.2}\n  - Dense: {units: 10}"
    )
    path = tmp_path / "small.yaml"
    path.write_text(text + f"batch_size: 33\noutput: {{folder: {tmp_path}/runs}}\n")
    return path


def test_two_ranks_train_what_one_trains(experiment, tmp_path):
    runs = []
    for ranks in (1, 2):
        folder = tmp_path / f"on{ranks}"
        done = job(ranks, "train", experiment, "--output", folder)
        assert done.code == 0, done.text
        assert done.out.count("run folder:") == 1 and done.out.count("Epoch 2/2 - ") == 1
        (found,) = folder.glob("*/*")
        runs.append(found)
    histories = [json.loads((each / "history.json").read_text()) for each in runs]
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5, err_msg=name)
    results = [json.loads((each / "result.json").read_text()) for each in runs]
    assert [result["ranks"] for result in results] == [1, 2]
    assert abs(results[0]["test_loss"] - results[1]["test_loss"]) < 1e-4
    done = job(2, "eval", runs[0])
    assert done.code == 0 and f"test_loss {results[0]['test_loss']:.4f}" in done.out


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("epochs=none", "--set epochs=none: epochs: expected a whole number"),
        ("output.folder=/proc/nothing", "output.folder: cannot write a run folder"),
        ("data.test=1797", "leave none for training"),
        ("distributed.backend=none", "none means one process, but a launcher started 2 ranks"),
        ("model[2].Dense.units=9", "labels out of range"),
    ],
)
def test_a_mistake_is_told_once(experiment, setting, told):
    done = job(2, "train", experiment, "--set", setting)
    assert done.code == 2 and done.text.count(told) == 1 and "Traceback" not in done.text
    assert done.seconds < 10 and not done.left


def test_interrupted(experiment, tmp_path):
    warm = job(1, "train", experiment, "--set", "epochs=1", "--output", tmp_path / "warm")
    assert warm.code == 0  # kernels are compiled: ten seconds now hold many epochs
    done = job(2, "train", experiment, "--set", "epochs=100000", send=(10, signal.SIGINT))
    assert done.code != 0 and done.seconds < 5 and not done.left
    (found,) = Path(tmp_path / "runs").glob("*/*")
    assert (found / "last.safetensors").is_file() and (found / "history.csv").is_file()
