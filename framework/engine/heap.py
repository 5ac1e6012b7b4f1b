"""The C library keeps freed memory for the next step instead of giving it back."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT, MAPPED = 256 << 20, 32 << 20
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")


def keep_freed_memory() -> bool:
    """Let glibc keep up to 256 MB of freed memory, where the user's environment does not say
    otherwise (mallopt(3)); False where nothing was changed.

    An eager step frees what it made, and glibc returns the end of the heap as soon as twice the
    largest block is free: the next step gets the same pages from the kernel again, cleared.
    Measured: 300 to 2000 page faults per step, 17 % of a convolutional net's time and 45 % of an
    attention block's, depending on where the heap happened to start.
    """
    if not sys.platform.startswith("linux") or any([name in os.environ for name in VARIABLES]):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, KEPT)) and bool(mallopt(M_MMAP_THRESHOLD, MAPPED))
