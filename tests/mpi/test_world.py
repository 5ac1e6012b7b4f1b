"""The world of several ranks: collectives, gradients, threads, clean output."""

import os
import sys

import pytest

from tests.mpi.ranks import PROGRAMS, mpirun, run, run_ranks

pytestmark = pytest.mark.mpi


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_collectives_agree_with_numpy(ranks):
    outcome = run_ranks("collectives", ranks)
    assert outcome.code == 0, outcome.text
    assert outcome.out.count("fine") == ranks
    assert outcome.left == []


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_gradients_are_those_of_the_whole_batch(ranks):
    outcome = run_ranks("gradients", ranks)
    assert outcome.code == 0, outcome.text
    assert outcome.out.count("fine") == ranks


def plain_mpirun(ranks: int, **environ: str) -> str:
    """The collectives program under mpirun with nothing prepared but the leave to be root."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [mpirun(), "--oversubscribe", "-n", str(ranks), sys.executable]
    outcome = run([*command, str(PROGRAMS / "collectives.py")], environ={**root, **environ})
    assert outcome.code == 0, outcome.text
    assert outcome.out.count("fine") == ranks
    assert outcome.err.count("\n") == 1, outcome.err  # our one line and none of MPI's
    return outcome.text


def test_plain_mpirun_divides_the_cores(monkeypatch):
    for name in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    each = max(1, cores // 2)
    text = plain_mpirun(2)
    assert f"{each} threads" in text
    assert f"2 ranks on 1 host, {each} thread" in text


def test_the_users_number_of_threads_wins(monkeypatch):
    for name in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    assert "2 threads per rank" in plain_mpirun(2, OMP_NUM_THREADS="2")
