"""`framework bench`: what it refuses, how it reckons, and that a peer that fails stops nothing.
Times are never asserted.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from framework.experiment import bench, cli


@pytest.fixture(autouse=True)
def _path():
    """The benchmarks are imported by their bare names, for these tests only."""
    path, names = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - names:
        if getattr(sys.modules[name], "__file__", None) == str(bench.FOLDER / f"{name}.py"):
            del sys.modules[name]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--workloads", "W1,W9"], "unknown workload 'W9', wanted one of W1, W2, W3"),
        (["--workloads", ""], "unknown workload ''"),
        (["--profile", "W1,start"], "unknown workload 'start', wanted one of W1, W2, W3"),
        (["--peers", "theano"], "unknown peer 'theano', wanted one of torch, jax, tf"),
        (["--peer-python", "theano=/x"], "unknown peer 'theano'"),
        (["--peer-python", "torch"], "got 'torch', wanted NAME=PYTHON"),
        (["--peers", "torch"], "peer 'torch' has no Python, wanted --peer-python torch=PYTHON"),
        (["--threads", "1,0"], "--threads: got '0', wanted whole numbers of 1 or more"),
        (["--threads", "two"], "--threads: got 'two'"),
        (["--rounds", "0"], "--rounds: got '0'"),
        (["--seconds", "nan"], "--seconds: got nan, wanted more than 0"),
        (["--json", "/nowhere/x.json"], "--json /nowhere/x.json: No such file or directory"),
    ],
)
def test_mistakes_are_told_before_anything_runs(arguments, told, capfd):
    assert cli.run(["bench", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == "" and told in err and "Traceback" not in err and len(err.splitlines()) == 1


def test_an_installed_package_has_no_benchmarks(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "site-packages/experiments/benchmarks")
    assert cli.run(["bench"]) == 2
    assert "wanted a checkout of the sources" in capfd.readouterr().err


# Weights of PyTorch's definitions, counted there: the other libraries' networks must be the same.
PARAMETERS = {"W1": 5313, "W2": 669_706, "W3": 25_076_712, "W4": 421_642, "W5": 38_346}
PARAMETERS |= {"W6": 83_722, "W7": 834_400, "W8": 6_402_113, "W8b": 6_402_113}
PARAMETERS |= {"P1": 669_706, "P10000": 669_706}


def test_the_table_of_workloads_has_the_peers_numbers_of_parameters():
    workloads = bench.module("workloads").WORKLOADS
    assert {name: each.parameters for name, each in workloads.items()} == PARAMETERS


@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4", "W5", "W8"])
def test_our_models_have_as_many_parameters(name):
    model = bench.module("ours").MODELS[name]()
    count = sum(v.shape.num_elements() for v in model.trainable_variables)
    assert count == PARAMETERS[name]


def test_batches_fit_the_models():
    workloads, ours = bench.module("workloads"), bench.module("ours")
    for name in ("W1", "W4", "W5", "P1"):
        batches = workloads.batches(name)
        assert len(batches) == workloads.WORKLOADS[name].batches
        for x, y in batches:
            assert len(x) == len(y) == workloads.WORKLOADS[name].batch and x.dtype == "float32"
        out = ours.MODELS[name]()(batches[0][0][:2])
        assert out.shape[1] == (1 if name == "W1" else 10)


def test_operations_of_a_step():
    """By hand: forward 2 n m per row; backward twice that, but for the gradient of the data."""
    workloads = bench.module("workloads")
    products = 16 * 64, 64 * 64, 64 * 1
    assert workloads.WORKLOADS["W1"].flops == 2 * 32 * (3 * sum(products) - products[0])
    assert workloads.WORKLOADS["W8"].flops == 2 * 1024 * 3 * (64 * 32 + 32)
    assert workloads.WORKLOADS["P1"].flops == 2 * (784 * 512 + 512 * 512 + 512 * 10)


def timed(*milliseconds, first=0, **more):
    """Runs of one contender in the rounds first, first + 1 ..."""
    figures = {"cpu_ms": 1.0, "cold_s": 9.0, "first_s": 1.0, "import_s": 0.5, "rss_mb": 100.0}
    return [
        {"round": first + i, "ms": ms, "ms_min": ms / 2, **figures, **more}
        for i, ms in enumerate(milliseconds)
    ]


def entry(name, runs, workload="W1", threads=1):
    """One entry of the results."""
    return {"workload": workload, "threads": threads, "name": name, "runs": runs}


RESULTS = [
    entry("ours", timed(1.0, 4.0, 2.0)),
    entry("torch eager", timed(2.0, 2.0, 8.0)),
    entry("jax jit", [*timed(1.0, 5.0), {"round": 2, "failed": "no end after 600 s"}]),
    entry("tf xla", [{"round": 0, "failed": "ImportError: a | b"}]),
    entry("ours", [{"round": 0, "missing": "no such layers"}], "W6"),
    entry("tf graph", timed(3.0), "W6"),
]


def test_ratios_are_medians_over_the_rounds():
    tables = bench.module("tables")
    ours, torch, jax, tf, missing, alone = tables.summaries(RESULTS, {1: {"gflops": 1.0}})
    assert (ours["ms"], ours["ms_min"]) == (2.0, 0.5) and "ratio" not in ours
    assert ours["gflops"] == pytest.approx(929_792e-6 / 2) == ours["share"]
    # of 1/2, 4/2 and 2/8: not the ratio of the medians, which would be 1
    assert (torch["ratio"], torch["ahead"], torch["pairs"]) == (0.5, 2, 3)
    # 1/1 and 4/5: only rounds that both have; equal is not ahead
    assert (jax["ratio"], jax["ahead"], jax["pairs"]) == (0.9, 1, 2)
    assert jax["failed"] == "no end after 600 s" and jax["ms"] == 3.0
    assert tf["failed"] == "ImportError: a | b" and "ms" not in tf
    assert missing["missing"] == "no such layers" and "ratio" not in alone


def test_the_best_peer_is_the_one_with_the_lowest_median():
    tables = bench.module("tables")
    rows = tables.summaries(RESULTS, {})
    assert tables.best_peer(rows, "W1", 1)["name"] == "torch eager"  # median 2; jax 3
    assert tables.best_peer(rows, "W6", 1)["name"] == "tf graph"
    assert tables.best_peer(rows, "W1", 2) is None


def test_markdown():
    found = {
        **{"machine": "one", "cpus": 2, "rounds": 3, "versions": {"ours": "0.1.0"}},
        "limits": {"1": {"gflops": 50.0, "copy_gbs": 20.0}, "2": {"failed": "killed"}},
        "results": RESULTS,
        "starts": [
            {"threads": 1, "runs": [{"cold_s": 14.0, "s": 1.0}, {"cold_s": 12.0, "s": 2.0}]}
        ],
    }
    lines = bench.module("tables").markdown(found).splitlines()
    assert "| W1 | 1 | 2 | 0.5 | 1 % | torch eager | 2 | 0.50 | 2 of 3 |" in lines
    assert "| W6 | 1 | missing: no such layers |  |  | tf graph | 3 |  |  |" in lines
    assert any(x.startswith("| W1 | 1 | tf xla | failed: ImportError: a / b |") for x in lines)
    assert "| 1 | 13.00 | 1.50 |" in lines and "| 1 | 50 | 20.0 |" in lines
    assert "| 2 | failed: killed |  |" in lines
    for x in lines:  # a row with another number of cells would break its table
        if x.startswith("| W1"):
            assert x.count("|") in (10, 14), x


EAGER = {"us": {"add": 1.0, "MLP step": 300.0}, "rss_mb": 100.0}


def test_markdown_of_memory_eager_steps_and_profiles():
    sized = timed(1.0, arena=2_000_000, arena_naive=8_000_000)
    slower = {"us": {"add": 4.0, "MLP step": 600.0}, "rss_mb": 400.0}
    found = {
        **{"machine": "one", "cpus": 2, "rounds": 1, "versions": {}, "limits": {}, "starts": []},
        "results": [entry("ours", sized), entry("ours", sized, threads=2)],
        "eager": {"ours": [EAGER], "tf": [slower], "torch": [{"failed": "No torch here"}]},
        "profiles": {"W4": {"profile": "program()"}, "W7": {"failed": "killed"}},
    }
    text = bench.module("tables").markdown(found)
    assert text.count("| W1 | 2 | 8 | 25 % |") == 1
    assert "| | ours, us | TF, us | ours / TF |" in text
    assert "| add | 1.0 | 4.0 | 0.25 |" in text and "| MLP step | 300.0 | 600.0 | 0.50 |" in text
    assert "torch failed: No torch here" in text
    assert "W4, one thread:\n\n```\nprogram()\n```" in text and "failed: killed" in text


def test_eager_steps_are_a_workload(capfd, monkeypatch, tmp_path):
    eager, asked = bench.module("eager"), []
    monkeypatch.setattr(eager, "once", lambda command: asked.append(command) or EAGER)
    path = tmp_path / "all.json"
    options = ["--rounds", "2", "--threads", "1", "--seconds", "0.01", "--json", str(path)]
    options += ["--peer-python", "tf=/a/python", "--peer-python", "jax=/b/python"]
    assert cli.run(["bench", "--workloads", "eager", *options]) == 0
    assert "| add | 1.0 | 1.0 | 1.00 |" in capfd.readouterr().out
    assert [command[0] for command in asked] == [sys.executable, "/a/python"] * 2
    found = json.loads(path.read_text())
    assert found["eager"] == {"ours": [EAGER] * 2, "tf": [EAGER] * 2} and not found["results"]


def test_eager_steps_that_fail_say_why():
    eager = bench.module("eager")
    found = eager.once(["/bin/sh", "-c", "echo no such library >&2; exit 3"])
    assert found == {"failed": "no such library"}


def test_what_our_process_tells_of_a_program():
    ours = bench.module("ours")
    for name in ("W1", "P1"):
        found = ours.arena(name, ours.compiled(name))
        assert 0 < found["arena"] <= found["arena_naive"]
    text = str(ours.report_of("W1", ours.compiled("W1"), profile=1))
    assert "adam_update" in text and "us per step" in text


def test_a_busy_machine_is_told():
    loads = bench.module("tables").loads
    assert loads([], 2) == ""
    assert loads([entry("ours", timed(1.0, load=3.0))], 2) == "; load average 3.0 to 3.0"
    busy = [entry("ours", [*timed(1.0, load=0.5), *timed(1.0, load=3.1)])]
    assert loads(busy, 2).startswith("; load average 0.5 to 3.1 (other work took")


def peer(folder, name, text):
    """A peer's Python: a program that does not read what it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return f"{name}={path}"


def test_a_run_with_peers_that_fail(tmp_path, capfd, monkeypatch):
    """The real command on W1: ours is timed, each peer's last words stand in its row."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "of the user's shell")
    told = json.dumps(dict(timed(1.0, parameters=5313, version="9.9")[0], round=7))
    torch = peer(
        tmp_path, "torch", "echo words; echo Traceback >&2; echo 'No torch here' >&2; exit 3"
    )
    tf = peer(tmp_path, "tf", f"test -z \"$OPENBLAS_CORETYPE\" && echo 'RESULT {told}'")
    options = ["--workloads", "W1", "--threads", "1", "--rounds", "1", "--seconds", "0.05"]
    for each in (torch, "jax=/nowhere/python", tf):
        options += ["--peer-python", each]
    path = tmp_path / "all.json"
    assert cli.run(["bench", *options, "--no-cold", "--json", str(path)]) == 0
    out, err = capfd.readouterr()
    found = json.loads(path.read_text())
    runs = {each["name"]: each["runs"] for each in found["results"]}
    assert runs["torch eager"] == [{"round": 0, "failed": "No torch here"}]
    assert runs["jax jit"] == [{"round": 0, "failed": "/nowhere/python: No such file or directory"}]
    (ours,), (theirs,) = runs["ours"], runs["tf graph"]
    assert ours["parameters"] == 5313 and 0 < ours["ms_min"] <= ours["ms"]
    assert ours["import_s"] < ours["first_s"] and ours["rss_mb"] > 20
    assert found["summaries"][-1]["ratio"] == ours["ms"] / theirs["ms"] == ours["ms"]
    assert found["versions"] == {"ours": ours["version"], "tf": "9.9"}
    assert found["limits"]["1"]["gflops"] > 0 < found["limits"]["1"]["copy_gbs"]
    assert "| W1 | 1 | torch eager | failed: No torch here |" in out
    assert "round 1: W1, ours, threads 1" in err


def test_another_network_is_no_result(tmp_path):
    processes = bench.module("processes")
    python = peer(tmp_path, "jax", """echo 'RESULT {"parameters": 5, "ms": 1}'""").partition("=")[2]
    who = processes.Contender("jax jit", python, "peer_jax.py", "jit")
    assert processes.measured(who, "W1", 1, 0.1, True) == {
        "failed": "its network has 5 parameters, wanted 5313"
    }


def test_a_peer_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch):
    processes = bench.module("processes")
    monkeypatch.setattr(processes, "TIMEOUT", 0.3)
    kept = tmp_path / "pid"
    python = peer(tmp_path, "jax", f"sleep 60 & echo $! > {kept}; wait").partition("=")[2]
    who = processes.Contender("jax jit", python, "peer_jax.py", "jit")
    assert processes.once(who, "W1", 1, 0.1) == {"failed": "no end after 0.3 s"}
    state = Path(f"/proc/{kept.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_cold_is_an_empty_folder_that_the_next_process_finds_full(tmp_path, monkeypatch):
    processes = bench.module("processes")
    asked = []

    def once(who, workload, threads, seconds, **variables):
        folder = Path(variables["FRAMEWORK_CACHE"])
        asked.append((seconds, os.listdir(folder)))
        (folder / "kernel").touch()
        return {"first_s": 10.0 - 9 * (seconds > 0), "rss_mb": 1.0}

    monkeypatch.setattr(processes, "once", once)
    (who,) = processes.contenders("W1", {})
    found = processes.measured(who, "W1", 1, 2.0, True)
    assert asked == [(0.0, []), (2.0, ["kernel"])]
    assert (found["cold_s"], found["first_s"]) == (10.0, 1.0)


def test_who_is_compared():
    processes = bench.module("processes")
    names = [who.name for who in processes.contenders("W8", {"jax": "a", "tf": "b"})]
    assert names == ["ours", "jax jit", "jax sparse", "tf graph", "tf xla"]
    names = [who.name for who in processes.contenders("W8b", {"jax": "a"})]
    assert names == ["ours", "jax jit", "jax sparse"]
    names = [who.name for who in processes.contenders("P1", {"tf": "b"})]
    assert names == ["ours", "ours predict", "tf graph", "tf xla", "tf predict"]
    names = [who.name for who in processes.contenders("W4", {"torch": "a"})]
    assert "torch channels_last" in names and ("torch compile" in names) == processes.has_compiler()


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
def test_the_start_of_an_experiment():
    found = bench.module("processes").experiment_start(1, is_cold=False)
    assert set(found) == {"s"}


def test_a_step_that_runs_eagerly_is_missing(capsys):
    ours = bench.module("ours")
    model = ours.compiled("W1")
    run = ours.training("W1", model)
    run(3)  # compiled: nothing is told
    assert capsys.readouterr().out == ""
    model.run_eagerly = True
    with pytest.raises(SystemExit):
        ours.training("W1", model)(1)
    assert capsys.readouterr().out == 'RESULT {"missing": "its step cannot be compiled"}\n'
