"""What ranks add up: gradients and the loss once a step, metric states when somebody looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.engine import ops, reduce


def all_reduce_step(gradients: list, loss: Any) -> tuple[list, Any]:
    """Sums over the ranks of the gradients (None stays None) and the loss, in one collective on
    one flat buffer."""
    if reduce.world_size() == 1:
        return gradients, loss
    present = [g for g in gradients if g is not None]
    tensors = [*present, ops.reshape(loss, shape=(1,))]
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
