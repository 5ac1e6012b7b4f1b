"""One rank misbehaves at step 3 in the way named by the first argument."""

import os
import signal
import sys
import time

import numpy as np

from framework import distributed

case = sys.argv[1]
world = distributed.comm()
if case in ("stuck", "stopped", "reversed", "spinning"):
    distributed.set_timeout(2)
x = np.ones(1000, np.float32)
bad = world.rank == 1


def misbehave() -> None:
    """What rank 1 does."""
    match case:
        case "raise":
            raise ValueError("boom on one rank")
        case "exit3":
            sys.exit(3)
        case "exit0":
            sys.exit(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "stuck":
            time.sleep(100)
        case "reversed":
            world.broadcast(np.ones(5))
        case "spinning":  # holds the interpreter lock: only C code can end it
            sum(range(10**12))


for step in range(6):
    distributed.beat()
    if bad and step == 3:
        misbehave()
    if case == "everywhere" and step == 3:
        raise ValueError("boom on all ranks")
    if case == "exit2" and step == 3:
        sys.exit(2)
    if case == "shapes":
        shapes = [("dense/kernel", (4, 3 if bad else 2)), ("dense/bias", (2,))]
        distributed.check_same("parameters", {"model": shapes})
    if case == "all_reduce":
        distributed.all_reduce(x[: 10 if bad else 20])
    world.all_reduce(x)
if case == "slow end" and world.rank == 0:
    time.sleep(2)  # rank 0 writes its report while the others are at their end
if case == "waiting":
    print("waiting", flush=True)
    if bad:
        time.sleep(100)
    world.barrier()
