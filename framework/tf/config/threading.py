"""tf.config.threading: how many threads compute."""

from __future__ import annotations

from framework.distributed import threads
from framework.engine import door

CHOSEN = {"intra": 0, "inter": 0}


def get_intra_op_parallelism_threads() -> int:
    """The number that was set; 0: the system's choice."""
    return CHOSEN["intra"]


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Give BLAS so many threads from now on (0: all cores of the process). Unlike in TensorFlow
    this may be done at any time.
    """
    threads.give(num_threads or threads.cores())
    CHOSEN["intra"] = num_threads


def get_inter_op_parallelism_threads() -> int:
    """The number that was set; 0: the system's choice."""
    return CHOSEN["inter"]


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Let up to so many ops run at the same time: here one runs after the other, which keeps any
    limit.
    """
    CHOSEN["inter"] = num_threads


__getattr__ = door.lacking(__name__, globals())
