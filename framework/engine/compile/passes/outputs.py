"""Elementwise lines of which one reads what the other makes, as one loop with several outputs."""

from __future__ import annotations

from typing import Any

from framework.engine.compile.passes.fuse import floats, join
from framework.engine.compile.passes.snapshot import variable_of
from framework.engine.compile.passes.sums import is_elementwise
from framework.engine.program import Line, Program

MOST = 3  # outputs of a loop


def join_outputs(program: Program) -> Program:
    """An elementwise line moves into the next one that reads its result, if everything else that
    reads it stands behind that: a large result is read again while it is in the cache.

    Lines that `fuse` left apart, since the first one's result is wanted elsewhere, too.
    """
    owner = variable_of(program)
    lines: list[Any] = list(program.lines)
    maker: dict[int, int] = {}
    for i, line in enumerate(program.lines):
        if not is_elementwise(program, line):
            continue
        for at in sorted({maker[slot] for slot in line.inputs if slot in maker}):
            if fits(program, lines, at, i, owner):
                pair = [lines[at], lines[i]]
                lines[at], lines[i] = None, join(program, pair, (*pair[0].outs, *pair[1].outs))
        maker.update(dict.fromkeys(lines[i].outs, i))
    return program.with_lines([line for line in lines if line is not None])


def fits(program: Program, lines: list, at: int, to: int, owner: dict) -> bool:
    """Whether line number `at` may be computed together with number `to`."""
    first, second = lines[at], lines[to]
    specs = [program.specs[slot] for slot in (*first.outs, *second.outs)]
    has_one_shape = {s.shape for s in specs} == {specs[0].shape}
    has_one_dtype = len(floats(program, first) | floats(program, second)) < 2
    if len(specs) > MOST or not has_one_shape or not has_one_dtype:
        return False
    between = [line for line in lines[at + 1 : to] if line is not None]
    return not any([touches(line, first, owner) for line in between])


def touches(line: Line, first: Line, owner: dict) -> bool:
    """Whether a line reads what `first` makes, or writes a Variable that it reads."""
    read = {owner[slot] for slot in first.inputs if slot in owner}
    written = {line.inputs[i] for i in line.op.writes}
    return not (read.isdisjoint(written) and set(first.outs).isdisjoint(line.inputs))
