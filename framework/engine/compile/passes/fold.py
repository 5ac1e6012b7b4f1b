"""Work that need not be done: constants folded, equal lines merged, dead lines dropped."""

from __future__ import annotations

import numpy as np

from framework.engine.op import Op
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec


def has_effect(op: Op) -> bool:
    """True if a call does something besides returning values."""
    return bool(op.writes) or not op.outs


def replaced(line: Line, same: dict[int, int]) -> Line:
    """The line with its inputs renamed."""
    inputs = tuple([same.get(slot, slot) for slot in line.inputs])
    return line if inputs == line.inputs else line.with_inputs(inputs)


def drop_rules(program: Program) -> Program:
    """Without the lines that are there for gradients only: those of custom gradients."""
    return program.with_lines([line for line in program.lines if line.op.forward is not None])


def fold(program: Program) -> Program:
    """Compute now what depends on constants only, unless that makes a larger constant
    (broadcast_to)."""
    lines, specs, known = [], dict(program.specs), dict(program.constants)
    for line in program.lines:
        constants = [known.get(slot) for slot in line.inputs]
        grows = sum([program.specs[o].nbytes for o in line.outs]) > sum(
            [c.nbytes for c in constants if c is not None]
        )
        if grows or has_effect(line.op) or line.op.is_random or any([c is None for c in constants]):
            lines.append(line)
            continue
        result = line.op.forward(*constants, **line.attrs)
        for slot, value in zip(
            line.outs, result if isinstance(result, tuple) else (result,), strict=True
        ):
            known[slot] = np.asarray(value, order="C")
            specs[slot] = Spec(np.shape(value), known[slot].dtype)
    made = Program(program.inputs, lines, program.outputs, specs, known, program.variables)
    made.places = program.places
    return made


def deduplicate(program: Program) -> Program:
    """One line for calls with the same op, attrs and inputs, unless a Variable among them was
    written in between."""
    same: dict[int, int] = {}
    seen: dict[tuple, Line] = {}
    version: dict[int, int] = {}
    lines = []

    def name(slot):
        value = program.constants.get(slot)
        if value is not None and value.ndim == 0:
            return value.tobytes(), value.dtype.str
        return slot, version.get(slot, 0)

    for line in program.lines:
        line = replaced(line, same)
        key = line.op, repr(sorted(line.attrs.items())), tuple([name(slot) for slot in line.inputs])
        if not has_effect(line.op) and not line.op.is_random:
            if key in seen:
                same.update(zip(line.outs, seen[key].outs, strict=True))
                continue
            seen[key] = line
        lines.append(line)
        for i in line.op.writes:
            version[line.inputs[i]] = version.get(line.inputs[i], 0) + 1
    return program.with_lines(lines, tuple([same.get(slot, slot) for slot in program.outputs]))


def drop_dead(program: Program) -> Program:
    """Keep what the outputs or an effect need."""
    needed, lines = set(program.outputs), []
    for line in reversed(program.lines):
        if has_effect(line.op) or any([o in needed for o in line.outs]):
            lines.append(line)
            needed.update(line.inputs)
    return program.with_lines(lines[::-1])
