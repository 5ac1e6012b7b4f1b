"""Sums over many rows of few columns, in two lines: of parts of the rows, and of these.

Threads share the rows of the first one. If they shared the columns instead, each would read nearly
all of the memory: a row of 32 floats is two cache lines. Which rows are a part does not depend on
the threads, nor does the result.
"""

from __future__ import annotations

import math

import numpy as np

from framework.engine import ops
from framework.engine.compile.entry import collapse, has_kernel
from framework.engine.compile.passes.sums import ChainSum, copy_of
from framework.engine.kernels.flags import TALL
from framework.engine.ops.broadcast import axes_of
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec, Tensor

MANY, WIDE = 4 * TALL, 512  # from so many rows on, up to so many columns


class PartSums(ChainSum):
    """The sums of what elementwise steps give over each TALL rows: (parts, columns)."""

    is_parted = True

    def __init__(self, steps: tuple, shape: tuple, axes: int):
        self.parts = -(-math.prod(shape[:axes]) // TALL)
        super().__init__(steps, shape, (self.parts, math.prod(shape[axes:])), axes, False)
        self.name = f"{self.name} of parts"

    def summed(self, whole: np.ndarray) -> np.ndarray:
        """The result for what the steps give."""
        rows = whole.reshape(self.count, self.columns)
        starts = range(0, self.count, TALL)
        return np.stack([np.add.reduce(rows[at : at + TALL], axis=0) for at in starts])


def split_tall_sums(program: Program) -> Program:
    """Sums, means and variances over the first axes, if those are long and the others short."""
    lines: list[Line] = []
    for line in program.lines:
        lines += parted(program, line) or [line]
    return program.with_lines(lines)


def parted(program: Program, line: Line) -> list[Line] | None:
    """The lines in the place of one; None if it stays."""
    summed = summed_by(program, line)
    if summed is None or not has_kernel(program, line):
        return None
    steps, shape, axes = summed
    if not is_tall(program, line, shape, axes):
        return None
    inputs, outs, sums = line.inputs, line.outs, PartSums(steps, shape, axes)
    if line.op is not ops.mean_variance:
        is_mean = line.op is ops.mean or getattr(line.op, "is_mean", False)
        return two_lines(program, inputs, outs[0], sums, is_mean)
    dtype = program.specs[outs[0]].dtype
    away = PartSums(((ops.squared_difference, {}, dtype, (0, 1)),), shape, axes)
    mean = two_lines(program, inputs, outs[0], sums, True)
    return mean + two_lines(program, (*inputs, outs[0]), outs[-1], away, True)


def summed_by(program: Program, line: Line) -> tuple | None:
    """(steps, their shape, the number of axes) that a line sums over its first axes."""
    if type(line.op) is ChainSum:
        return line.op.steps, line.op.shape, line.op.axes
    if line.op not in (ops.sum, ops.mean, ops.mean_variance):
        return None
    x = program.specs[line.inputs[0]]
    axes = axes_of(x.ndim, line.attrs.get("axis"))
    is_first = axes == tuple(range(len(axes)))
    return (copy_of(x.dtype), x.shape, len(axes)) if is_first else None


def is_tall(program: Program, line: Line, shape: tuple, axes: int) -> bool:
    """Whether what is summed is one run of many rows of a few floats."""
    rows, columns = math.prod(shape[:axes]), math.prod(shape[axes:])
    if rows < MANY or not 2 <= columns <= WIDE or program.specs[line.outs[0]].dtype.kind != "f":
        return False
    inputs = [program.specs[slot].shape for slot in line.inputs]
    sizes, _ = collapse(shape, [*inputs, (1,) * axes + shape[axes:]])
    return len(sizes) == 2


def two_lines(
    program: Program, inputs: tuple, out: int, first: PartSums, is_mean: bool
) -> list[Line]:
    """The sums of the parts, and their sum or mean in the place of `out`."""
    spec = program.specs[out]
    sums = Tensor(Spec((first.parts, first.columns), spec.dtype))
    program.specs[sums.id] = sums.array
    second = ChainSum(copy_of(spec.dtype), sums.array.shape, spec.shape, 1, is_mean)
    second.count = first.count
    values = tuple([program.specs[slot] for slot in inputs])
    return [
        Line(first, inputs, {}, (sums.id,), (*values, sums.array)),
        Line(second, (sums.id,), {}, (out,), (sums.array, spec)),
    ]
