"""Training on several ranks: the communicator, parts of the data, what happens when a rank fails.

Knows arrays and variables, not layers. `fit` is data-parallel by itself under a launcher; this is
what it uses, and what a training loop written by hand needs.
"""

from framework.distributed.agreement import RankMismatchError, check_same
from framework.distributed.comm import comm, is_root, rank, size
from framework.distributed.faults import beat, rest, set_timeout
from framework.distributed.gradients import (
    DistributedGradientTape,
    all_reduce,
    broadcast_variables,
    reduce_gradients,
)
from framework.distributed.shard import part

__all__ = [
    "DistributedGradientTape",
    "RankMismatchError",
    "all_reduce",
    "beat",
    "broadcast_variables",
    "check_same",
    "comm",
    "is_root",
    "part",
    "rank",
    "reduce_gradients",
    "rest",
    "set_timeout",
    "size",
]
