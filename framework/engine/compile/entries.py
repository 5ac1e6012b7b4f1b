"""Which Entry a Line has: a loop over elements, a sum of one, or the body of its op."""

from __future__ import annotations

from framework.engine.compile.entry import Entry, elementwise_entry, has_kernel, kernel_entry
from framework.engine.compile.sum_entry import sum_entry
from framework.engine.program import Line, Program


def entry_of(program: Program, line: Line) -> Entry | None:
    """The Entry of a Line; None where only its NumPy forward exists."""
    if not has_kernel(program, line):
        return None
    if line.op.scalar is not None:
        return elementwise_entry(program, line)
    if hasattr(line.op, "steps"):
        return sum_entry(program, line)
    return kernel_entry(program, line) if line.op.body is not None else None
