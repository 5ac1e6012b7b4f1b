"""Jacobians: the derivatives of every element of a target, one pullback for each of them.

A pullback is linear in its cotangent: a cotangent of 1 at one element and 0 elsewhere gives that
element's row of the Jacobian.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.backward import pullback
from framework.engine.slices import dense
from framework.engine.tensor import Tensor


def jacobian_rows(lines: list, target: Tensor, slots: set[int]) -> list[dict[int, Tensor]]:
    """For each element of `target` in order: {slot: d element / d slot}."""
    spec = target.array
    count = math.prod(spec.shape)
    return rows_of(lines, target, slots, np.eye(count, dtype=spec.dtype))


def batch_jacobian_rows(lines: list, target: Tensor, slots: set[int]) -> list[dict[int, Tensor]]:
    """For each element of a sample: its derivatives, for all samples of the batch at once.

    Exact where target[i] depends on source[i] alone.
    """
    batch, *rest = target.array.shape
    count = math.prod(rest)
    units = np.broadcast_to(np.eye(count, dtype=target.array.dtype)[:, None], (count, batch, count))
    return rows_of(lines, target, slots, units)


def rows_of(lines: list, target: Tensor, slots: set[int], units: np.ndarray) -> list[dict]:
    """The pullback of each cotangent in `units`, which have the elements of `target`."""
    shape = tuple(target.array.shape)
    return [
        pullback(lines, {target.id: Tensor(np.ascontiguousarray(unit).reshape(shape))}, slots)
        for unit in units
    ]


def jacobian_of(rows: list[dict], target: Tensor, source: Tensor) -> Tensor | None:
    """d target / d source of shape target.shape + source.shape; None if it is connected nowhere."""
    return stacked(rows, source, (*target.array.shape, *source.array.shape), axis=0)


def batch_jacobian_of(rows: list[dict], target: Tensor, source: Tensor) -> Tensor | None:
    """[d target[i] / d source[i] for i in the batch], (batch, ...) + source.shape[1:]."""
    batch, *rest = target.array.shape
    return stacked(rows, source, (batch, *rest, *source.array.shape[1:]), axis=1)


def stacked(rows: list[dict], source: Tensor, shape: tuple, axis: int) -> Tensor | None:
    """The rows' gradients for `source` side by side, zeros where a row does not depend on it."""
    found: list[Any] = [row.get(source.id) for row in rows]
    if rows and all(g is None for g in found):
        return None
    if not rows:  # a target without elements
        return ops.broadcast_to(Tensor(np.zeros((), source.array.dtype)), shape=shape)
    zeros = ops.zeros_like(source)
    parts = [zeros if g is None else dense(g) for g in found]
    return ops.reshape(ops.stack(parts, axis=axis), shape=shape)
