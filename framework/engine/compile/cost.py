"""What a Line costs: floating point operations, and bytes of memory that it touches."""

from __future__ import annotations

import math

from framework.engine.program import Line, Program

MOVING = frozenset(  # ops that move elements and compute nothing
    "identity read assign assign_rows broadcast_to concatenate gather one_hot pack pad patches "
    "put_along_axis strided_slice strided_slice_grad take_along_axis take_batch transpose".split()
)

# Ops that touch a part of their first input only.
PARTLY = frozenset("assign_rows gather strided_slice take_along_axis take_batch".split())

# Of one core, about; what a line touches comes from the caches if it is less than CACHED bytes.
FLOPS_PER_SECOND, BYTES_PER_SECOND, CACHED_PER_SECOND = 1e11, 1e10, 5e10
CACHED = 4 << 20


def seconds_of(program: Program) -> float:
    """About how long a program runs: good enough to tell microseconds from tenths of a second."""
    return sum([seconds_of_line(program, line) for line in program.lines])


def seconds_of_line(program: Program, line: Line) -> float:
    """About how long one core needs for a line."""
    moved = traffic(program, line)
    speed = CACHED_PER_SECOND if moved < CACHED else BYTES_PER_SECOND
    return max(flops(program, line) / FLOPS_PER_SECOND, moved / speed)


def flops(program: Program, line: Line) -> int:
    """Floating point operations of a line, as everybody counts them: a multiply-add is two, any
    function of an element one."""
    outs = [program.specs[slot] for slot in line.outs]
    inputs = [program.specs[slot] for slot in line.inputs]
    if line.op.flops is not None:
        return line.op.flops(outs, inputs, line.attrs)
    if line.op.is_view or line.op.name in MOVING:
        return 0
    size = max([math.prod(s.shape) for s in (*outs, *inputs)], default=0)
    return size * len(getattr(line.op, "steps", (None,)))


def traffic(program: Program, line: Line) -> int:
    """Bytes of all operands; of a table, or of all rows, as many as are taken or written."""
    if line.op.is_view:
        return 0
    outs, inputs = [[program.specs[slot].nbytes for slot in s] for s in (line.outs, line.inputs)]
    if line.op.name in PARTLY:
        inputs[0] = min(inputs[0], sum(outs) or inputs[-1])
    return sum(outs) + sum(inputs)
