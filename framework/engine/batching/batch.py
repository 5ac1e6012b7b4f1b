"""batched: a Program evaluated for many rows at once, every line once for all of them."""

from __future__ import annotations

import math

from framework.engine.batching.rows import Rows, over_rows, rule_of
from framework.engine.program import Line, Program
from framework.engine.tensor import Tensor

DRAWS = ("random_uniform", "random_normal", "random_truncated_normal")


def batched(
    program: Program, inputs: list[Tensor], is_batched: list[bool], size: int
) -> list[tuple[Tensor, bool]]:
    """The program's outputs, each with whether it has an axis of length `size` in front: one part
    for each row. An input with is_batched has it; the others are the same in every row.

    Lines are called as ops again, so whoever records now (tapes, a trace) sees them; those without
    a batched input run once. A slot that no line makes keeps its number: a tape knows it. Random
    numbers differ from row to row where their state comes from a generator. ValueError if a
    Variable would be overwritten with a value that differs from row to row.
    """
    known = dict(zip(program.inputs, inputs, strict=True))
    rows = differing(program, is_batched)
    last = last_uses(program)
    for i, line in enumerate(program.lines):
        if line.op.forward is not None:  # the rule of a custom gradient is no computation
            given = [value_of(program, known, slot) for slot in line.inputs]
            known.update(zip(line.outs, run_line(line, given, rows, size)))
            for slot in last.get(i, ()):  # what no later line reads is free
                known.pop(slot, None)
    return [(value_of(program, known, slot), slot in rows) for slot in program.outputs]


def run_line(line: Line, given: list[Tensor], rows: set[int], size: int) -> tuple:
    """The outputs of one line: for all rows, or the one that all rows share."""
    flags = [slot in rows for slot in line.inputs]
    if True in flags:
        return over_rows(line.op, Rows(given, flags, size), line.attrs)
    if line.outs and line.outs[0] in rows:
        return (draw(line, given, size),)
    made = line.op(*given, **line.attrs)
    return made if isinstance(made, tuple) else (made,)


def differing(program: Program, is_batched: list[bool]) -> set[int]:
    """The slots whose values differ from row to row: what comes from a batched input, and random
    numbers of a generator."""
    rows = {slot for slot, flag in zip(program.inputs, is_batched, strict=True) if flag}
    states = generator_states(program)
    for line in program.lines:
        is_row = not rows.isdisjoint(line.inputs)
        if is_row and line.op.writes:
            refuse_write(program, line)
        if is_row or (line.op.name in DRAWS and not states.isdisjoint(line.inputs)):
            rows.update(line.outs)
    return rows


def generator_states(program: Program) -> set[int]:
    """The slots read from Variables that lines before have written: states of generators."""
    written: set[int] = set()
    states: set[int] = set()
    for line in program.lines:
        written.update([line.inputs[k] for k in line.op.writes])
        if line.op.name == "read" and not written.isdisjoint(line.inputs):
            states.update(line.outs)
    return states


def without_rules(program: Program, is_batched: list[bool]) -> list[str]:
    """The names of the ops that would be called row by row."""
    rows = differing(program, is_batched)
    lines = [line for line in program.lines if line.op.forward is not None]
    found = [e for e in lines if not rows.isdisjoint(e.inputs) and rule_of(e.op) is None]
    return list(dict.fromkeys([line.op.name for line in found]))


def value_of(program: Program, known: dict[int, Tensor], slot: int) -> Tensor:
    """The tensor of a slot: computed, constant, a Variable, or one of the trace outside."""
    if slot in known:
        return known[slot]
    if slot in program.constants:
        return Tensor(program.constants[slot], slot)
    if slot in program.variables:
        return program.variables[slot]
    return Tensor(program.specs[slot], slot)


def last_uses(program: Program) -> dict[int, list[int]]:
    """{number of a line: slots that no later line reads}"""
    last: dict[int, int] = {}
    for i, line in enumerate(program.lines):
        last.update(dict.fromkeys((*line.outs, *line.inputs), i))
    for slot in program.outputs:
        last.pop(slot, None)
    found: dict[int, list[int]] = {}
    for slot, i in last.items():
        found.setdefault(i, []).append(slot)
    return found


def refuse_write(program: Program, line: Line) -> None:
    """ValueError: rows would write different values into one Variable."""
    slot = line.inputs[line.op.writes[0]]
    name = program.variables[slot].name if slot in program.variables else "a Variable"
    raise ValueError(
        f"{line.op.name}: every row would write a value of its own into {name}; inside of what is "
        "vectorized a Variable can be given only a value that is the same for all rows"
    )


def draw(line: Line, given: list[Tensor], size: int) -> Tensor:
    """The numbers of all rows from one state of a generator: other ones in every row."""
    attrs = dict(line.attrs)
    first = attrs.pop("first_row", 0) * size
    return line.op(*given, **attrs | {"shape": (size, *attrs["shape"]), "first_row": first})


def bytes_of_row(program: Program) -> int:
    """The most bytes that the program's lines hold at one time, if each is computed for a row."""
    last, most, held = last_uses(program), 0, 0
    made = {slot for line in program.lines for slot in line.outs}
    for i, line in enumerate(program.lines):
        held += sum([program.specs[slot].nbytes for slot in line.outs])
        most = max(most, held)
        held -= sum([program.specs[slot].nbytes for slot in last.get(i, ()) if slot in made])
    return most


def rows_at_once(program: Program, size: int, budget: int) -> int:
    """How many of `size` rows fit into a budget of bytes; at least one."""
    whole = sum([program.specs[slot].nbytes for line in program.lines for slot in line.outs])
    if whole * size <= budget:  # even if nothing were freed
        return size
    return max(1, min(size, budget // max(bytes_of_row(program), 1)))


def chunks(size: int, most: int) -> list[tuple[int, int]]:
    """(start, stop) of equal parts of `size` rows, each of at most `most`."""
    count = math.ceil(size / most) if size else 0
    edges = [size * i // count for i in range(count + 1)] if count else []
    return list(zip(edges, edges[1:]))
