"""Where a NaN or an infinity came from: the step once more, line by line on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.compile.passes.snapshot import variable_of
from framework.engine.compile.vm import Executable
from framework.engine.program import Line, Program, variable_name

MANY = 8  # samples that are named


def written(executable: Executable) -> str | None:
    """None if an Executable stopped at a check before its step had written a trainable Variable;
    else the update that wrote what is not finite, "" if that is no Variable."""
    program, stop = executable.program, executable.stopped_at()
    at = next(i for i, line in enumerate(program.lines) if line is stop)
    updates = [(line.inputs[i], line) for line in program.lines[:at] for i in line.op.writes]
    if not any([program.variables[slot].trainable for slot, _ in updates]):
        return None
    checked = variable_of(program).get(stop.inputs[0], -1)
    line = dict(updates).get(checked)  # the last one
    if line is None:
        return ""
    kind = kind_of(program.variables[checked].array)
    return f"{kind} came first from {line.op.name} in {program.place_of(line)}"


def origin(program: Program, feeds: list, names: list[str], first: int = 0) -> str:
    """Which line of a step made the first value that is not finite: op, layer, forward or gradient,
    samples; "" if none does, run on NumPy.

    feeds: the inputs of the step, whose names are `names`, from row `first` of a batch on. The
    Variables are as they were before that step, so the same values come again. Nothing is written,
    and no other rank is asked.
    """
    values: dict[int, Any] = dict(program.constants)
    values |= zip(program.inputs, feeds, strict=True)
    values |= {slot: v.array for slot, v in program.variables.items()}
    rows = Samples(program, values, first)
    for name, x in zip(names, feeds, strict=False):
        if not is_finite(x):
            return f"{name} has {kind_of(x)}{rows.of(x)}"
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
                return told(program, line, inputs, outs, rows)
    return ""


def is_finite(x: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity in an array."""
    return x.dtype.kind != "f" or bool(np.isfinite(x).all())


def kind_of(x: np.ndarray) -> str:
    """NaN or infinity."""
    return "a NaN" if np.isnan(x).any() else "an infinity"


def told(program: Program, line: Line, inputs: list, outs: list, rows: Samples) -> str:
    """One sentence about a line that gave a value that is not finite."""
    out = next(x for x in outs if not is_finite(x))
    place = program.place_of(line) or "the step outside of layers"
    wrong = [i for i, x in enumerate(inputs) if not is_finite(np.asarray(x))]
    if wrong and line.op is ops.take_batch:
        return f"the data have {kind_of(np.asarray(inputs[0]))}{rows.of(out)}"
    if wrong and line.op is ops.read:
        path = variable_name(program.variables[line.inputs[0]])
        return f"{path} had {kind_of(np.asarray(inputs[0]))} before that step"
    return f"{kind_of(out)} came first from {line.op.name} in {place}{rows.of(out)}"


class Samples:
    """Which rows of the data, or of the batch that a step was fed with, a value belongs to."""

    def __init__(self, program: Program, values: dict, first: int):
        self.program, self.values, self.first = program, values, first
        self.fed = values[program.inputs[0]].shape[:1] if program.inputs else ()

    def of(self, x: np.ndarray) -> str:
        """The rows of x that are not finite, if its first axis is that of the batch."""
        takes = [line for line in self.program.lines
                 if line.op is ops.take_batch and line.outs[0] in self.values]  # fmt: skip
        if takes and x.shape[:1] == (takes[0].attrs["size"],):
            return self._text(self._taken(takes[0])[wrong_rows(x)], "")
        if self.fed and x.shape[:1] == self.fed:
            return self._text(self.first + np.flatnonzero(wrong_rows(x)), " of the batch")
        return ""

    def _taken(self, line: Line) -> np.ndarray:
        """The rows of the data that a batch was made of."""
        order, step = [self.values[slot] for slot in line.inputs[1:]]
        attrs = line.attrs
        numbers = int(step) * attrs["batch"] + attrs["first"] + np.arange(attrs["size"])
        return order[numbers % len(order)]

    def _text(self, rows: np.ndarray, whose: str) -> str:
        more = " ..." if len(rows) > MANY else ""
        return f", samples {' '.join(map(str, rows[:MANY]))}{more}{whose}"


def wrong_rows(x: np.ndarray) -> np.ndarray:
    """Of each row whether it has a value that is not finite."""
    return np.logical_not(np.isfinite(x.reshape(len(x), -1)).all(axis=1))
