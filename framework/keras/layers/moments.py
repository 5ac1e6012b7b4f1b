"""Mean and variance of a batch; on several ranks those of the whole global batch."""

from __future__ import annotations

from framework.engine import ops, reduce
from framework.engine.tensor import Tensor
from framework.keras.step import shard


def batch_moments(x: Tensor, axes: tuple, is_global: bool = True) -> tuple[Tensor, Tensor]:
    """(mean, variance) over `axes`, kept as axes of 1.

    is_global: ranks add up their sums, forward and backward, if they work on one batch together.
    """
    rows = shard.current().total
    if not is_global or reduce.world_size() == 1 or rows is None:
        return ops.mean_variance(x, axis=axes)
    total = ops.sum(x, axis=axes, keepdims=True)
    per_row = 1.0
    for axis in axes[1:]:
        per_row *= x.array.shape[axis]
    share = 1.0 / (per_row * float(rows))
    mean = ops.all_reduce(total) * share
    squares = ops.sum(ops.square(x - mean), axis=axes, keepdims=True)
    return mean, ops.all_reduce(squares) * share
