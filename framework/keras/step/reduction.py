"""What ranks add up: gradients and the loss once a step, metric states when somebody looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework import distributed
from framework.engine import ops, reduce
from framework.engine.slices import dense
from framework.keras.step import shard
from framework.keras.step.finite import check


def all_reduce_step(gradients: list, loss: Any) -> tuple[list, Any]:
    """What the whole batch gives: the gradients (None stays None) and the loss of all ranks, in
    one collective on one flat buffer.

    Shares of a global loss add up; means over a rank's own rows are weighted by its rows. A rank
    without rows adds nothing, even where its mean over them is NaN.
    """
    if reduce.world_size() == 1:
        return gradients, loss
    gradients = [dense(g) for g in gradients]
    present = [g for g in gradients if g is not None]
    tensors = weighed([*present, ops.reshape(loss, shape=(1,))])
    flat = ops.all_reduce(ops.pack(*tensors))
    starts = ops.pack.places([t.array for t in tensors])
    parts = [
        ops.part(flat, start=s, shape=tuple(t.array.shape))
        for s, t in zip(starts, tensors, strict=True)
    ]
    summed = iter(parts[:-1])
    return [None if g is None else next(summed) for g in gradients], ops.reshape(
        parts[-1], shape=()
    )


def weighed(tensors: list) -> list:
    """What this rank puts into a sum over the ranks."""
    here = shard.current()
    if here.total is None or (here.local and here.is_global):
        return tensors
    return [t * here.part if here.local else ops.zeros_like(t) for t in tensors]


def all_reduce_gradients(gradients: list) -> list:
    """What an optimizer does with the gradients of a step of the user's own."""
    here = shard.current()
    if here.is_reduced:
        return gradients
    if reduce.world_size() > 1 and here.total is not None:
        gradients = all_reduce_step(gradients, ops.as_tensor(np.float32(0.0)))[0]
    check(gradients)
    return gradients


def weighted_over_ranks(values: list, rows: int, total: int) -> list:
    """Values of this rank's last step as means over the rows of all ranks (one collective)."""
    if reduce.world_size() == 1 or not values:
        return values
    sizes = [np.size(v) for v in values]
    flat = np.concatenate([np.asarray(v, np.float64).ravel() for v in values])
    flat = flat * (rows / total) if rows else np.zeros_like(flat)
    reduce.all_reduce_sum(flat)
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return [part.reshape(np.shape(v)) for part, v in zip(parts, values, strict=True)]


def agree_on_state(model: Any) -> None:
    """After an epoch: state that layers assigned in `call` (moving numbers, counters) becomes the
    same on all ranks: the mean where its `aggregation` says so, else that of rank 0.
    """
    states = [v for v in model.non_trainable_weights if v.array.dtype.kind == "f"]
    if distributed.size() == 1 or not states:
        return
    for v in states:
        if v.aggregation == "mean":
            v.assign(distributed.all_reduce(np.asarray(v.array)) / distributed.size())
    distributed.broadcast_variables(states)


@contextlib.contextmanager
def summed_over_ranks(metrics: list) -> Iterator[None]:
    """Within this block the states of `metrics` are the sums over all ranks (one collective)."""
    variables = [v for metric in metrics for v in metric.variables]
    if reduce.world_size() == 1 or not variables:
        yield
        return
    kept = [v.numpy() for v in variables]
    flat = np.concatenate([np.asarray(k, np.float64).ravel() for k in kept])
    reduce.all_reduce_sum(flat)
    at = 0
    for v, k in zip(variables, kept, strict=True):
        size = np.size(k)
        v.assign(flat[at : at + size].reshape(np.shape(k)).astype(v.array.dtype))
        at += size
    try:
        yield
    finally:
        for v, k in zip(variables, kept, strict=True):
            v.assign(k)
