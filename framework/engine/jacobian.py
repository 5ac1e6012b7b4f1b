"""Jacobians: the derivatives of every element of a target, one pullback for each of them.

A pullback is linear in its cotangent: a cotangent of 1 at one element and 0 elsewhere (a unit)
gives that element's row of the Jacobian. The pullback is traced once and run for all units
together; for one after the other where it cannot be traced, or if the caller says so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.backward import pullback
from framework.engine.batching import batched
from framework.engine.batching.batch import chunks, rows_at_once
from framework.engine.batching.mapping import is_recorded, whole
from framework.engine.dimension import Dim
from framework.engine.errors import TraceError
from framework.engine.program import Program, inner_program, tracing
from framework.engine.slices import dense
from framework.engine.tensor import Spec, Tensor

BUDGET = 1 << 26  # bytes that the values of the units run together may take
CANNOT = (
    "Encountered an exception while vectorizing the {} computation. Vectorization can be disabled "
    "by setting experimental_use_pfor to False."
)


class Units:
    """The cotangents of one row of a Jacobian each, and how to run them.

    is_diagonal: one unit for each element of a sample, 1 in all samples of the batch at once.
    """

    def __init__(self, target: Tensor, is_diagonal: bool, together: bool, most: int | None):
        self.target, self.is_diagonal = target, is_diagonal
        self.together, self.most = together, most
        self.shape = tuple(target.array.shape)
        self.count = math.prod(self.shape[1:] if is_diagonal else self.shape)
        self._check()

    def _check(self) -> None:
        """TensorFlow's errors about parallel_iterations."""
        if self.most is None:
            return
        if self.together and self.most < 2:
            name = "batch_jacobian" if self.is_diagonal else "jacobian"
            raise ValueError(CANNOT.format(name)) from ValueError(
                f"parallel_iterations is {self.most}, wanted None or at least 2"
            )
        if self.most < 1:
            raise TypeError("'parallel_iterations' must be a positive integer.")

    def part(self, start: int, stop: int) -> Tensor:
        """The units start ... stop - 1 behind each other."""
        n = stop - start
        batch = self.shape[0] if self.is_diagonal else 1
        units = np.zeros((n, 1, self.count), self.target.array.dtype)
        units[np.arange(n), :, np.arange(start, stop)] = 1
        if type(batch) is Dim:  # a trace leaves it open
            repeated = ops.broadcast_to(Tensor(units), shape=(n, batch, self.count))
            return ops.reshape(repeated, shape=(n, *self.shape))
        return Tensor(np.repeat(units, batch, axis=1).reshape(n, *self.shape))


def pulled_back(lines: list, units: Units, slots: set[int]) -> dict[int, Tensor]:
    """{slot: the pullbacks of all units behind each other}, of what the target depends on."""
    if not units.count or not slots:
        return {}
    if units.together:
        try:
            program, found = trace_pullback(lines, units.target, slots)
        except TraceError:  # a rule of the user's own that looks at values
            return one_by_one(lines, units, slots)
        if not is_recorded(program):
            return run_together(program, found, units)
    return one_by_one(lines, units, slots)


def trace_pullback(lines: list, target: Tensor, slots: set[int]) -> tuple[Program, list[int]]:
    """The pullback as a Program of the cotangent; the slots that its outputs belong to."""
    g = Tensor(Spec(tuple(target.array.shape), target.array.dtype))
    program = inner_program([g])
    program.sizes = None  # rules run now: what they are made of is to run for many rows
    with tracing(program):
        made = pullback(lines, {target.id: g}, slots)
        found = [slot for slot in made if slot in slots]
        outs = [ops.identity(dense(made[slot])) for slot in found]
    program.outputs = tuple([x.id for x in outs])
    return program, found


def run_together(program: Program, found: list[int], units: Units) -> dict[int, Tensor]:
    """The program for many units at once, as many as the budget allows."""
    most = units.most or rows_at_once(program, units.count, BUDGET)
    parts: dict[int, list[Tensor]] = {slot: [] for slot in found}
    for start, stop in chunks(units.count, most):
        outs = batched(program, [units.part(start, stop)], [True], stop - start)
        for slot, (y, is_batched) in zip(found, outs, strict=True):
            parts[slot].append(whole(y, is_batched, stop - start))
    return {
        slot: made[0] if len(made) == 1 else ops.concatenate(made, axis=0)
        for slot, made in parts.items()
    }


def one_by_one(lines: list, units: Units, slots: set[int]) -> dict[int, Tensor]:
    """A pullback for each unit; zeros where an element does not depend on a slot."""
    rows: list[dict[int, Any]] = []
    for i in range(units.count):
        unit = ops.reshape(units.part(i, i + 1), shape=units.shape)
        rows.append(pullback(lines, {units.target.id: unit}, slots))
    stacked = {}
    for slot in slots:
        found = [dense(row.get(slot)) for row in rows]
        known = next((g for g in found if g is not None), None)
        if known is not None:
            stacked[slot] = ops.stack([ops.zeros_like(known) if g is None else g for g in found])
    return stacked


def jacobian_of(found: dict[int, Tensor], units: Units, source: Tensor) -> Tensor | None:
    """d target / d source of shape target.shape + source.shape; None if it is connected nowhere."""
    shape = (*units.shape, *source.array.shape)
    if not units.count:
        return zeros(shape, source)
    rows = found.get(source.id)
    return None if rows is None else ops.reshape(rows, shape=shape)


def batch_jacobian_of(found: dict[int, Tensor], units: Units, source: Tensor) -> Tensor:
    """[d target[i] / d source[i] for i in the batch], (batch, ...) + source.shape[1:]; zeros if it
    is connected nowhere. Exact where target[i] depends on source[i] alone."""
    shape = (*units.shape, *source.array.shape[1:])
    rows = found.get(source.id)
    if rows is None:
        return zeros(shape, units.target)
    return ops.reshape(ops.swapaxes(rows, 0, 1), shape=shape)


def zeros(shape: tuple, like: Tensor) -> Tensor:
    """Zeros of the dtype of `like`."""
    return ops.broadcast_to(Tensor(np.zeros((), like.array.dtype)), shape=shape)
