"""Programs that assign Variables as functions: the values to assign are outputs."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.errors import TraceError
from framework.engine.op import Op
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec, Tensor

# What an assignment makes of the old value and its operand; others run as plain Python.
PURE: dict[Any, Any] = {ops.assign: None, ops.assign_add: ops.add, ops.assign_sub: ops.subtract}


def read_again(variable: Any, value: Any) -> Any:
    """The value that the Variable has been assigned: a gradient goes to the Variable, none to
    where the value comes from."""
    return value


READ_AGAIN = Op(
    read_again, read_again, infer=lambda v, x: Spec(tuple(x.shape), x.dtype), register=False
)
READ_AGAIN.rule = lambda g, out, variable, value: (g, None)


def assigned_by(program: Program) -> dict[int, Any]:
    """The Variables that the program assigns, by slot."""
    slots = [line.inputs[i] for line in program.lines for i in line.op.writes]
    return {slot: program.variables[slot] for slot in slots}


def without_writes(program: Program, now: dict[int, int], what: str) -> dict[int, int]:
    """Replace assignments in the program by lines that compute the new value: {slot of a Variable:
    slot of its value at the end}. now: the same for the beginning, where that is not the Variable.

    Raises TraceError for an update that has no pure form.
    """
    now, lines = dict(now), []
    for line in program.lines:
        if line.op.writes:
            lines.append(new_value(program, line, now, what))
            now[line.inputs[0]] = lines[-1].outs[0]
        elif line.op is ops.read and line.inputs[0] in now:
            slots = (line.inputs[0], now[line.inputs[0]])
            lines.append(Line(READ_AGAIN, slots, {}, line.outs, (line.values[0], *line.values)))
        else:
            lines.append(line)
    program.lines = lines
    return now


def new_value(program: Program, line: Line, now: dict[int, int], what: str) -> Line:
    """The line that computes what `line` assigns."""
    if line.op not in PURE:
        raise TraceError(f"{what} updates a Variable by {line.op.name}")
    slot, value = line.inputs
    spec = Spec(program.specs[slot].shape, program.specs[slot].dtype)
    if program.specs[value].shape != spec.shape:
        raise TraceError(f"{what} assigns a value of another shape to a Variable")
    made = Tensor(spec)
    program.specs[made.id] = spec
    if PURE[line.op] is None:
        return Line(ops.identity, (value,), {}, (made.id,), (spec, spec))
    return Line(PURE[line.op], (now.get(slot, slot), value), {}, (made.id,), (spec, spec, spec))
