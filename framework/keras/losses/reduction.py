"""From a loss per sample to one number, over the global batch: each rank's number is its share of
the sum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops, reduce
from framework.engine.dimension import Dim, largest
from framework.engine.tensor import Tensor
from framework.keras.step import shard

REDUCTIONS = ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None)


def check_reduction(reduction: Any) -> Any:
    """`reduction` if it is known; "auto" is sum_over_batch_size."""
    if reduction == "auto":
        return "sum_over_batch_size"
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"reduction: got {reduction!r}, wanted one of {', '.join(map(repr, REDUCTIONS))}"
        )
    return reduction


def match_ranks(x: Tensor, y: Tensor, expands: bool = True) -> tuple[Tensor, Tensor]:
    """(batch, 1) and (batch,) made alike: the vector gets the axis, or the trailing axis of 1 is
    taken away.
    """
    a, b = x.array.shape, y.array.shape
    if len(a) == len(b) + 1 and a[-1] == 1:
        return (
            (x, ops.reshape(y, shape=(*b, 1)))
            if len(b) == 1 and expands
            else (ops.reshape(x, shape=a[:-1]), y)
        )
    if len(b) == len(a) + 1 and b[-1] == 1:
        other, one = match_ranks(y, x, expands)
        return one, other
    return x, y


def global_count(values: Tensor) -> float:
    """The number of elements of `values` over all ranks; a scalar is a mean over rows."""
    return shard.current().global_count(math.prod(values.array.shape))


def reduced(values: Tensor, weight: Any, mask: Any, reduction: Any) -> Tensor:
    """Losses per sample times weights, in one number.

    mask (bool, of the shape of values): elements without it do not count in the mean.
    """
    dtype = values.array.dtype
    if mask is not None and reduction not in ("sum", "none", None, "mean_with_sample_weight"):
        present = ops.cast(mask, dtype=dtype.name)
        share = over_ranks(ops.sum(present)) / global_count(values)
        values = divide_or_zero(values, share)
    if weight is not None:
        weight = as_dtype_of(weight, dtype)
        values, weight = match_ranks(values, weight)
        values = values * weight
    if reduction in ("none", None):
        return values
    total = ops.sum(values) if values.array.shape else values
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        weight = ops.broadcast_to(weight, shape=values.array.shape)
        return divide_or_zero(total, over_ranks(ops.sum(weight)))
    count = global_count(values)
    if type(count) is Dim:  # a trace leaves it open
        return total * (1.0 / largest(count, 1))
    return total * (1.0 / count) if count not in (0, 1) else total


def over_ranks(total: Tensor) -> Tensor:
    """The sum of a scalar over the ranks that share the batch; it takes no gradient."""
    here = shard.current()
    if reduce.world_size() == 1 or here.total is None or not here.is_global:
        return total
    return ops.reshape(ops.all_reduce(ops.reshape(ops.stop_gradient(total), shape=(1,))), shape=())


def divide_or_zero(x: Tensor, y: Tensor) -> Tensor:
    """x / y, 0 where y is 0."""
    is_zero = ops.equal(y, ops.as_tensor(np.zeros((), y.array.dtype)))
    one, zero = np.ones((), y.array.dtype), np.zeros((), y.array.dtype)
    safe = ops.where(is_zero, ops.as_tensor(one), y)
    keep = ops.where(is_zero, ops.as_tensor(zero), ops.as_tensor(one))
    return x / safe * keep


def as_dtype_of(x: Any, dtype: np.dtype) -> Tensor:
    """`x` as a Tensor of that dtype."""
    if not isinstance(x, Tensor):
        return Tensor(np.asarray(x, dtype))
    return x if x.array.dtype == dtype else ops.cast(x, dtype=dtype.name)
