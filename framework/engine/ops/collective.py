"""Ops over all processes that train together."""

from __future__ import annotations

import numpy as np

from framework.engine.op import Sample, op
from framework.engine.reduce import all_reduce_sum
from framework.engine.tensor import Spec, Tensor


@op(Sample(((3, 4),)), infer=lambda x: Spec(x.shape, x.dtype), is_random=True)
def all_reduce(x):
    """The sum of x over all processes (one process: x); its gradient is the sum of the gradients.

    Every process must make the same calls in the same order, so equal calls are not merged and
    constants not folded.
    """
    total = np.array(x, order="C")
    all_reduce_sum(total)
    return total


@all_reduce.vjp()
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (all_reduce(g),)
