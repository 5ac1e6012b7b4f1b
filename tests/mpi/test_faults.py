"""A rank that fails, leaves or hangs ends the job soon, by name, and nothing is left of it."""

import signal
import sys

import pytest

from framework.distributed.launch import launch_environment
from tests.mpi.ranks import PROGRAMS, mpirun, run, run_ranks

pytestmark = pytest.mark.mpi

# case: (exit code or None for any but 0, words that must be said)
CASES = {
    "raise": (1, ["[rank 1/2 ", "ValueError: boom on one rank", "Traceback"]),
    "exit3": (3, ["[rank 1/2 ", "exit code 3", "rank 0"]),
    "exit0": (1, ["[rank 1/2 ", "exit code 0", "rank 0"]),
    "kill": (137, ["rank 1"]),
    "stuck": (1, ["[rank 0/2 ", "no progress for 2 s", "rank 1 did not arrive", "time.sleep"]),
    "stopped": (1, ["[rank 0/2 ", "no progress for 2 s", "rank 1 did not arrive"]),
    "reversed": (1, ["[rank 0/2 ", "[rank 1/2 ", "no progress for 2 s", "broadcast"]),
    "spinning": (1, ["[rank 0/2 ", "no progress for 2 s", "rank 1 did not arrive"]),
    "shapes": (1, ["parameters differs on rank 1", "model[0][1][1] is 3 on rank 1, 2 on rank 0"]),
    "all_reduce": (1, ["all_reduce differs on rank 1 of 2", "10 on rank 1, 20 on rank 0"]),
    "everywhere": (1, ["[rank 0/2 ", "boom on all ranks"]),
    "exit2": (2, []),
}


@pytest.mark.parametrize("case", CASES)
def test_job_ends_in_time_and_names_the_rank(case):
    code, words = CASES[case]
    outcome = run_ranks("faults", 2, case, timeout=15)
    assert outcome.code == code, outcome.text
    assert [word for word in words if word not in outcome.text] == [], outcome.text
    assert outcome.seconds < 10
    assert outcome.left == []


def test_an_error_of_all_ranks_is_told_once():
    assert run_ranks("faults", 3, "everywhere").text.count("ValueError: boom") == 1


@pytest.mark.parametrize("case", ["none", "slow end"])
def test_a_normal_end_is_clean(case):
    outcome = run_ranks("faults", 3, case)
    assert outcome.code == 0
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.left == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_launcher_ends_all(number):
    command = [mpirun(), "--oversubscribe", "--bind-to", "none", "-n", "2", sys.executable]
    outcome = run(
        [*command, str(PROGRAMS / "faults.py"), "waiting"],
        send=(3.0, number),
        timeout=10,
        environ=launch_environment({}, 2, None),
    )
    assert outcome.out.count("waiting") == 2  # it was really in the midst of it
    assert outcome.code != 0
    assert outcome.seconds < 2
    assert outcome.left == []


@pytest.mark.parametrize("variable", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_ranks_that_do_not_find_each_other_are_refused(variable):
    """A launcher of another MPI would let every rank train alone and write the same files."""
    mpirun()
    program = "import framework.distributed as d; d.comm()"
    outcome = run([sys.executable, "-c", program], environ={variable: "2"}, timeout=20)
    assert outcome.code == 1
    assert "started 2 ranks, but" in outcome.err and "do not belong together" in outcome.err
