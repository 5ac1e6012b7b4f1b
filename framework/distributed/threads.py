"""Threads of BLAS and kernels: cores of the host divided by the ranks on it.

Without a limit each rank starts one BLAS thread per core; two ranks on two cores then multiply
matrices 2 to 6 times slower than they should.
"""

import os

from framework.distributed.launch import named_threads, thread_settings


def limit(threads: int) -> int:
    """Give BLAS and kernels of this process `threads` threads; returns the number in force.

    A number in the environment (the user's or the launcher's) wins. The variables are set as well,
    for libraries that load later; a BLAS that is already loaded is told through threadpoolctl.
    """
    named = named_threads(os.environ)
    os.environ.update(thread_settings(os.environ, threads))
    if named is not None:
        return named
    import threadpoolctl

    threadpoolctl.threadpool_limits(threads)
    return threads


def cores() -> int:
    """The cores that this process may use."""
    is_known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if is_known else os.cpu_count() or 1


def give(threads: int) -> None:
    """Give BLAS `threads` threads at the program's own wish, which wins over the environment."""
    if threads < 1:
        raise ValueError(f"threads: got {threads}, wanted a positive number")
    import threadpoolctl

    threadpoolctl.threadpool_limits(threads)
