"""The memory and the cores of this machine, and what is said of a value that is too large."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framework.engine.errors import ResourceExhaustedError

CGROUPS = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"


def limit() -> int:
    """Bytes that this process may use: the machine's memory, or what a container or a job got."""
    known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CGROUPS:
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        known += [int(text)] if text.isdigit() else []
    return min(known)


def free_cores() -> int:
    """Cores of this process, shared with the other ranks of this machine."""
    ranks = os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE") or os.environ.get("MPI_LOCALNRANKS") or "1"
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, cores // max(1, int(ranks)))


def excess(what: str, shape: tuple, dtype: Any) -> ResourceExhaustedError | None:
    """The error to raise for a value that no memory of this process can hold; None if it fits."""
    dtype, most = np.dtype(dtype), limit()
    size = math.prod([int(n) for n in shape]) * dtype.itemsize  # Python's numbers do not overflow
    if size <= most:
        return None
    return ResourceExhaustedError(
        f"{what} of shape ({', '.join(map(str, shape))}) and dtype {dtype.name} takes {size:,} "
        f"bytes ({size / 1e9:.3g} GB), and there are {most / 1e9:.2f} GB"
    )


def check_fits(what: str, shape: tuple, dtype: Any) -> None:
    """ResourceExhaustedError for a value that no memory of this process can hold."""
    error = excess(what, shape, dtype)
    if error is not None:
        raise error


def made(make: Callable[[], np.ndarray], shape: tuple, dtype: Any) -> np.ndarray:
    """make(), which gives an array of this shape and dtype; ResourceExhaustedError where NumPy has
    no memory for it, or cannot count its bytes."""
    try:
        return make()
    except (ValueError, MemoryError) as error:
        raise excess("a tensor", shape, dtype) or error from None
