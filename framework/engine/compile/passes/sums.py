"""Sum a chain of elementwise steps while it is computed: what is summed never stands in memory."""

from __future__ import annotations

import math

import numpy as np

from framework.engine import ops
from framework.engine.compile.entry import has_kernel, steps_of
from framework.engine.compile.passes.fuse import Chain
from framework.engine.compile.passes.snapshot import variable_of
from framework.engine.op import Op
from framework.engine.ops.broadcast import axes_of
from framework.engine.program import Line, Program

COPY = ops.stop_gradient  # of elementwise ops the one that computes nothing


class ChainSum(Op):
    """The sum, or the mean, over the first axes of what elementwise steps give.

    steps: as a Chain's. shape: of what is summed, `axes` of its first axes, which `out` may keep as
    axes of 1; is_mean: divided by their number of elements.
    """

    is_parted = False

    def __init__(self, steps: tuple, shape: tuple, out: tuple, axes: int, is_mean: bool):
        self.steps, self.shape, self.axes, self.is_mean = steps, shape, axes, is_mean
        self.count, self.columns = math.prod(shape[:axes]), math.prod(shape[axes:])
        self.out, inner = out, Chain(steps)

        def forward(*inputs, **_):
            return self.summed(np.broadcast_to(inner.forward(*inputs), shape))

        name, is_copy = "mean" if is_mean else "sum", [op for op, *_ in steps] == [COPY]
        forward.__name__ = name if is_copy else f"{name}({inner.name})"
        super().__init__(forward, forward, register=False)

    def summed(self, whole: np.ndarray) -> np.ndarray:
        """The result for what the steps give."""
        axes = tuple(range(self.axes))
        total = np.add.reduce(whole, axis=axes, dtype=whole.dtype).reshape(self.out)
        return total / whole.dtype.type(self.count) if self.is_mean else total


def copy_of(dtype: np.dtype) -> tuple:
    """The steps of a sum of what is there already."""
    return ((COPY, {}, dtype, (0,)),)


def sum_chains(program: Program) -> Program:
    """A sum over the first axes takes in the elementwise line that nothing else reads.

    Each element of the result is added up in the order of the rows, as the op `sum` does it; a
    product that is added is not rounded before.
    """
    users, owner, maker = program.users(), variable_of(program), makers(program)
    lines: list[Line | None] = list(program.lines)
    for i, line in enumerate(program.lines):
        at = maker.get(line.inputs[0]) if line.op in (ops.sum, ops.mean) else None
        if at is None or len(users[line.inputs[0]]) > 1 or not can_move(program, at, i, owner):
            continue
        joined = join(program, program.lines[at], line)
        if joined is not None:
            lines[at], lines[i] = None, joined
    return program.with_lines([line for line in lines if line is not None])


def makers(program: Program) -> dict[int, int]:
    """slot -> the number of the elementwise line that makes it."""
    numbered = enumerate(program.lines)
    return {line.outs[0]: i for i, line in numbered if is_elementwise(program, line)}


def is_elementwise(program: Program, line: Line) -> bool:
    """Whether a line is a compiled loop over elements, of floats."""
    return (
        line.op.scalar is not None
        and has_kernel(program, line)
        and program.specs[line.outs[0]].dtype.kind == "f"
    )


def can_move(program: Program, at: int, to: int, owner: dict) -> bool:
    """Whether line `at` reads the same where line `to` stands: no Variable of its is written."""
    read = {owner[slot] for slot in program.lines[at].inputs if slot in owner}
    between = program.lines[at:to]
    return not any([line.inputs[i] in read for line in between for i in line.op.writes])


def join(program: Program, chain: Line, line: Line) -> Line | None:
    """One line for both; None where it is not the first axes that are summed, or nothing is left
    but one number: that sum is split into blocks."""
    spec, out = program.specs[chain.outs[0]], program.specs[line.outs[0]]
    axes = axes_of(spec.ndim, line.attrs.get("axis"))
    if axes != tuple(range(len(axes))) or not axes or out.size < 2 or out.dtype != spec.dtype:
        return None
    op = ChainSum(steps_of(chain), spec.shape, out.shape, len(axes), line.op is ops.mean)
    values = (*chain.values[: len(chain.inputs)], line.values[-1])
    return Line(op, chain.inputs, {}, line.outs, values)
