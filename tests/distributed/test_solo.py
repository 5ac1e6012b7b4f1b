"""One process is a world of size 1: the same methods, the same errors, no MPI."""

import numpy as np
import pytest

from framework import distributed
from framework.distributed.comm import MPIComm, SoloComm, announced_size


def test_one_process_needs_no_launcher():
    world = distributed.comm()
    assert type(world) is SoloComm and distributed.comm() is world
    assert (world.rank, world.size, world.local_rank, world.local_size) == (0, 1, 0, 1)
    assert distributed.is_root()


def test_collectives_of_one():
    world, x = SoloComm(), np.arange(3.0)
    for op in ("sum", "max", "min"):
        assert world.all_reduce(x, op) is x
    assert world.broadcast(x) is x
    assert world.broadcast_object("a") == "a"
    assert world.gather_object("a") == ["a"]
    world.barrier()
    world.all_reduce_sum(x)
    np.testing.assert_array_equal(x, [0, 1, 2])
    distributed.check_same("anything", object())
    distributed.beat()
    distributed.rest()


@pytest.mark.parametrize(
    "array, op, error",
    [
        (np.ones(3), "mean", ValueError),
        ([1.0], "sum", TypeError),
        (np.ones((4, 4))[:, ::2], "sum", ValueError),
        (np.broadcast_to(1.0, (3,)), "sum", ValueError),
        (np.array(["a"]), "sum", TypeError),
    ],
)
def test_a_wrong_buffer_is_refused_on_one_rank_too(array, op, error):
    with pytest.raises(error):
        SoloComm().all_reduce(array, op)


def test_all_reduce_gives_a_new_array():
    x = np.ones(3)
    assert distributed.all_reduce(x) is not x
    assert distributed.all_reduce(2.5) == 2.5


def test_both_worlds_have_the_same_methods():
    public = {name for name in dir(SoloComm) if not name.startswith("_")}
    assert public <= set(dir(MPIComm))


@pytest.mark.parametrize(
    "environ, size",
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4),
        ({"PMI_SIZE": "3"}, 3),
        ({"PMIX_RANK": "0"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, 1),  # the batch script itself
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_STEP_ID": "0"}, 8),
    ],
)
def test_launchers_announce_their_ranks(environ, size, monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_PROCID", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert announced_size() == size


@pytest.mark.parametrize("seconds", [0, -1])
def test_the_timeout_is_positive(seconds):
    with pytest.raises(ValueError, match="set_timeout"):
        distributed.set_timeout(seconds)
