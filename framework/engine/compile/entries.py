"""Which Entry a Line has: a loop over elements, a sum of one, or the body of its op."""

from __future__ import annotations

from framework.engine.compile.entry import Entry, elementwise_entry, has_kernel, kernel_entry
from framework.engine.compile.passes.memory import Plan
from framework.engine.compile.sum_entry import sum_entry
from framework.engine.program import Line, Program


def entry_of(program: Program, line: Line, plan: Plan | None = None) -> Entry | None:
    """The Entry of a Line whose operands lie as `plan` says; None where only its NumPy forward
    exists."""
    entry = made(program, line, plan) if has_kernel(program, line) else None
    if entry is not None:
        entry.name = line.op.name
    return entry


def made(program: Program, line: Line, plan: Plan | None) -> Entry | None:
    """The same, without its name."""
    if line.op.scalar is not None:
        return elementwise_entry(program, line, overwritten(line, plan))
    if hasattr(line.op, "steps"):
        return sum_entry(program, line)
    return kernel_entry(program, line) if line.op.body is not None else None


def overwritten(line: Line, plan: Plan | None) -> list[int | None]:
    """Which input lies where each output of an elementwise line goes; see memory.take_over."""
    if plan is None:
        return [None] * len(line.outs)
    places = {plan.resolve(slot): i for i, slot in reversed(list(enumerate(line.inputs)))}
    return [places.get(plan.resolve(slot)) for slot in line.outs]
