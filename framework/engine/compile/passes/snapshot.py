"""A read of a Variable is its memory, not a copy, unless the Variable is written before the read's
last use."""

from __future__ import annotations

from framework.engine import ops
from framework.engine.program import Line, Program


def variable_of(program: Program) -> dict[int, int]:
    """slot -> the Variable whose memory it is: Variables, and views (read, reshape, ...) of
    them."""
    owner = {slot: slot for slot in program.variables}
    for line in program.lines:
        if line.op.is_view and line.inputs[0] in owner:
            owner[line.outs[0]] = owner[line.inputs[0]]
    return owner


def snapshot(program: Program) -> Program:
    """Turn the reads that must keep an older value into copies."""
    owner, written = variable_of(program), {}
    for i, line in enumerate(program.lines):
        for position in line.op.writes:
            written.setdefault(line.inputs[position], []).append(i)
    end = len(program.lines)
    last_use = {slot: end for slot in program.outputs}
    for i, line in reversed(list(enumerate(program.lines))):
        for slot in line.inputs:
            last_use.setdefault(slot, i)
        if (
            line.op.is_view and line.outs[0] in last_use
        ):  # a view is used as long as what it is a view of
            slot = line.inputs[0]
            last_use[slot] = max(last_use[slot], last_use[line.outs[0]])
    lines = []
    for i, line in enumerate(program.lines):
        if line.op is ops.read:
            last = last_use.get(line.outs[0], i)
            if any(
                [
                    i < w < last or (w == last and not is_own_write(program, w, line))
                    for w in written.get(owner.get(line.inputs[0]), ())
                ]
            ):
                line = Line(ops.identity, line.inputs, {}, line.outs, line.values)
        lines.append(line)
    return program.with_lines(lines)


def is_own_write(program: Program, position: int, read: Line) -> bool:
    """True if the line at `position` updates elementwise: it may read the old value of what it
    writes."""
    if position >= len(program.lines):
        return False
    op = program.lines[position].op
    return op in (ops.assign, ops.assign_add, ops.assign_sub)
