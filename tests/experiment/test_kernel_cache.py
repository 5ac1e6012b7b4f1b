"""`framework cache`."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from framework.experiment import cli, common_networks, kernel_cache
from framework.keras.training.feeds import as_source


def test_it_tells_and_clears(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "kernels"
    monkeypatch.setenv("FRAMEWORK_CACHE", str(folder))
    assert cli.run(["cache"]) == 0
    assert "0 kernels, 0.0 MB" in capsys.readouterr().out
    for name in ("a.o", "b.o", "c.1234", "kept.txt"):
        (folder / name).write_bytes(b"x" * 600_000)
    assert cli.run(["cache"]) == 0
    assert f"{folder}: 2 kernels, 1.2 MB" in capsys.readouterr().out
    assert cli.run(["cache", "--clear"]) == 0
    assert "removed 2 kernels" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == ["kept.txt"], "only what is ours"


def test_a_folder_that_cannot_be_used_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FRAMEWORK_CACHE", str(tmp_path / "file" / "kernels"))
    assert cli.run(["cache"]) == 2
    assert "FRAMEWORK_CACHE" in capsys.readouterr().err


NETWORKS = list(common_networks.common())


@pytest.mark.parametrize("number", range(0, len(NETWORKS), 4))  # all would take a minute
def test_the_common_networks_are_traced_as_they_are_trained(number):
    """What --warm finds without running anything is what fit, evaluate and predict ask for."""
    network = NETWORKS[number]
    wanted = {entry.key("") for entry in kernel_cache.of_network(network)}
    asked = []
    for kind in ("train", "test", "predict"):
        targets = None if kind == "predict" else network.targets
        runner = network.model.runner(kind, as_source(network.inputs, targets), network.rows)
        program = runner.whole_batch()
        asked += kernel_cache.Wanted(program.source).entries
    assert len(wanted) > 3
    assert {entry.key("") for entry in asked} <= wanted


def test_every_experiment_of_the_gallery_is_warmed():
    pytest.importorskip("sklearn")
    pytest.importorskip("mlxtend")
    keys = {entry.key("") for entry in kernel_cache.of_gallery()}
    common = {e.key("") for network in NETWORKS for e in kernel_cache.of_network(network)}
    assert len(keys) > 30
    assert keys & common


def test_a_warm_cache_has_what_an_experiment_needs(tmp_path):
    """After --warm a process that trains a dense network compiles nothing."""
    train = (
        "import numpy as np\n"
        "from framework import keras\n"
        "from framework.engine.compile import cache\n"
        "kernels = [keras.layers.Dense(9, activation='relu'), keras.layers.Dense(3)]\n"
        "model = keras.Sequential([keras.Input((5,)), *kernels])\n"
        "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
        "model.compile('adam', loss, metrics=['accuracy'])\n"
        "model.fit(np.ones((70, 5), 'float32'), np.arange(70) % 3, verbose=0)\n"
        "print('compiled', len(cache.COMPILED))\n"
    )
    warm = (  # all of them take a minute
        "from framework.experiment.common_networks import common\n"
        "from framework.experiment.kernel_cache import warm\n"
        "warm(list(common())[:2])\n"
    )
    env = os.environ | {"FRAMEWORK_CACHE": str(tmp_path / "kernels")}
    said = [
        subprocess.run(
            [sys.executable, "-c", text], env=env, capture_output=True, text=True, check=True
        ).stdout
        for text in (warm, train)
    ]
    assert re.search(r"compiled \d\d+ kernels in \d+ s", said[0])
    assert said[1].split()[-1] == "0"
