"""Where a NaN or an infinity came from: the step once more, line by line on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.compile.vm import Executable
from framework.engine.program import Line, Program

MANY = 8  # samples that are named


def origin(executable: Executable) -> str:
    """Which line of the step that an Executable stopped in made the first value that is not finite:
    op, layer, forward or gradient, samples; "" if none does, run on NumPy.

    The Variables are as they were before that step, so the same values come again. Nothing is
    written, and no other rank is asked.
    """
    program = executable.source
    values: dict[int, Any] = dict(program.constants)
    values |= zip(program.inputs, executable.inputs, strict=True)
    values |= {slot: v.array for slot, v in program.variables.items()}
    wrong = [i for i, x in enumerate(executable.inputs) if not is_finite(x)]
    if wrong:
        return f"input {wrong[0]} of the step has {kind_of(executable.inputs[wrong[0]])}"
    with np.errstate(all="ignore"):
        for line in program.lines:
            if not line.outs or line.op.forward is None:
                continue
            inputs = [values[slot] for slot in line.inputs]
            found = (
                inputs[0] if line.op is ops.all_reduce else line.op.forward(*inputs, **line.attrs)
            )
            outs = [np.asarray(x) for x in (found if isinstance(found, tuple) else (found,))]
            values |= zip(line.outs, outs, strict=True)
            if not all(map(is_finite, outs)):
                return told(program, line, inputs, outs, values)
    return ""


def is_finite(x: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity in an array."""
    return x.dtype.kind != "f" or bool(np.isfinite(x).all())


def kind_of(x: np.ndarray) -> str:
    """NaN or infinity."""
    return "a NaN" if np.isnan(x).any() else "an infinity"


def told(program: Program, line: Line, inputs: list, outs: list, values: dict) -> str:
    """One sentence about a line that gave a value that is not finite."""
    out = next(x for x in outs if not is_finite(x))
    place = program.place_of(line) or "the step outside of layers"
    rows = samples(program, out, values)
    said = f"{kind_of(out)} came first from {line.op.name} in {place}{rows}"
    wrong = [i for i, x in enumerate(inputs) if not is_finite(np.asarray(x))]
    if wrong and line.op is ops.take_batch:
        return f"the data have {kind_of(np.asarray(inputs[0]))}{rows}"
    return said


def samples(program: Program, out: np.ndarray, values: dict) -> str:
    """Which rows of the data a value belongs to, if its first axis is that of the batch."""
    takes = [line for line in program.lines if line.op is ops.take_batch and line.outs[0] in values]
    if not takes or not out.ndim or out.shape[0] != takes[0].attrs["size"]:
        return ""
    line = takes[0]
    order, step = [values[slot] for slot in line.inputs[1:]]
    attrs = line.attrs
    numbers = int(step) * attrs["batch"] + attrs["first"] + np.arange(attrs["size"])
    is_wrong = ~np.isfinite(out.reshape(len(out), -1)).all(axis=1)
    rows = order[numbers % len(order)][is_wrong]
    more = " ..." if len(rows) > MANY else ""
    return f", samples {' '.join(map(str, rows[:MANY]))}{more}"
