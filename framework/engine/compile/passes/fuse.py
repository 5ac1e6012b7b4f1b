"""Join elementwise lines into Chains: one loop, no memory traffic between the steps."""

from __future__ import annotations

from typing import Any

from framework.engine.compile.entry import has_kernel, results_of, steps_of
from framework.engine.compile.passes.snapshot import variable_of
from framework.engine.op import Op
from framework.engine.program import Line, Program


class Chain(Op):
    """Elementwise ops run in one loop. steps: (op, attrs, out dtype, places of its inputs); a
    place counts inputs first. results: the numbers of the steps that are outputs, the last one if
    not given."""

    def __init__(self, steps: tuple, results: tuple = ()):
        self.steps, self.results = steps, results or (len(steps) - 1,)

        def forward(*inputs: Any, **_: Any) -> Any:
            values = list(inputs)
            for op, attrs, _dtype, places in steps:
                values.append(op.forward(*[values[p] for p in places], **attrs))
            found = [values[len(inputs) + number] for number in self.results]
            return tuple(found) if len(found) > 1 else found[0]

        forward.__name__ = "+".join([op.name for op, *_ in steps])
        outs = len(self.results)
        super().__init__(forward, forward, scalar=forward, outs=outs, register=False)


def fuse(program: Program) -> Program:
    """A producer joins its readers' group when ALL its readers are in one group of its shape and
    float dtype.

    The group stands at its last line, so no Variable that a producer reads may be written in
    between. One output
    per group, nothing is computed twice.
    """
    users, owner = program.users(), variable_of(program)
    position = {id(line): i for i, line in enumerate(program.lines)}
    head_of: dict[int, Line] = {}
    groups: dict[int, list[Line]] = {}
    kinds: dict[int, set] = {}  # the float dtypes of a group: a head may be bool and tell nothing
    for line in reversed(program.lines):
        if line.op.scalar is None or not has_kernel(program, line):
            continue
        readers = users.get(line.outs[0], [None])
        heads = {id(h): h for h in [None if u is None else head_of.get(id(u)) for u in readers]}
        head = next(iter(heads.values())) if len(heads) == 1 else None
        if head is None or not can_join(program, line, head, kinds[id(head)], position, owner):
            head = line
        head_of[id(line)] = head
        groups.setdefault(id(head), []).insert(0, line)
        kinds.setdefault(id(head), set()).update(floats(program, line))
    lines = []
    for line in program.lines:
        if id(line) not in head_of:
            lines.append(line)
        elif head_of[id(line)] is line:
            group = groups[id(line)]
            lines.append(join(program, group, line.outs) if len(group) > 1 else line)
    return program.with_lines(lines)


def can_join(
    program: Program, line: Line, head: Line, kinds: set, position: dict, owner: dict
) -> bool:
    """Same output shape, one float dtype with the group's `kinds`, and no Variable read by `line`
    is written before `head`."""
    mine, its = program.specs[line.outs[0]], program.specs[head.outs[0]]
    if mine.shape != its.shape or len(floats(program, line) | kinds) > 1:
        return False
    read = {owner[slot] for slot in line.inputs if slot in owner}
    between = program.lines[position[id(line)] : position[id(head)]]
    return not read or not any(
        [other.inputs[i] in read for other in between for i in other.op.writes]
    )


def floats(program: Program, line: Line) -> set:
    """The floating point dtypes of a line."""
    specs = [program.specs[slot] for slot in (*line.inputs, *line.outs)]
    return {s.dtype for s in specs if s.dtype.kind == "f"}


def join(program: Program, group: list[Line], outs: tuple) -> Line:
    """One Line for a group, in the order of its lines; outs: which results of theirs are kept."""
    made = {slot for line in group for slot in line.outs}
    read = [slot for line in group for slot in line.inputs if slot not in made]
    inputs = tuple(dict.fromkeys(read))
    place = {slot: i for i, slot in enumerate(inputs)}
    steps: list[tuple] = []
    for line in group:
        own, start = [place[slot] for slot in line.inputs], len(inputs) + len(steps)
        for op, attrs, dtype, places in steps_of(line):  # which count the line's inputs first
            moved = [own[p] if p < len(own) else start + p - len(own) for p in places]
            steps.append((op, attrs, dtype, tuple(moved)))
        place |= {s: start + p for s, p in zip(line.outs, results_of(line), strict=True)}
    results = tuple([place[slot] - len(inputs) for slot in outs])
    values = tuple([program.specs[slot] for slot in (*inputs, *outs)])
    return Line(Chain(tuple(steps), results), inputs, {}, outs, values)
