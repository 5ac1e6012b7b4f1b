"""An update takes in the elementwise line that makes its gradient: what is clipped, decayed or
scaled for one parameter never stands in memory."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.engine.compile.entry import attrs_of, steps_of
from framework.engine.compile.passes.fuse import Chain
from framework.engine.compile.passes.snapshot import variable_of
from framework.engine.compile.passes.sums import can_move, is_elementwise
from framework.engine.op import Op
from framework.engine.program import Line, Program

SMALL = 4096  # bytes that may live on


class ChainUpdate(Op):
    """An update by what elementwise steps give.

    gradient: steps as a Chain's, of which a place counts the inputs first: what is written, then
    what the chain reads. Behind these stand the single numbers of the update.
    """

    def __init__(self, update: Op, steps: tuple):
        written, singles, inner = len(update.writes), update.singles, Chain(steps)

        def forward(*inputs: Any, **attrs: Any) -> None:
            end = len(inputs) - singles
            gradient = np.array(inner.forward(*inputs[:end]))  # no view of what is written
            update.forward(*inputs[:written], gradient, *inputs[end:], **attrs)

        forward.__name__ = f"{update.name}({inner.name})"
        super().__init__(
            forward, forward, writes=update.writes, infer=lambda *_, **__: (), register=False
        )
        self.gradient, self.element, self.singles = steps, update.element, singles
        self.function = update.function  # whose defaults are those of the attrs


def fuse_updates(program: Program) -> Program:
    """The gradient's line moves into the update's, if nothing else reads it, and no Variable that
    it reads is written in between."""
    owner = variable_of(program)
    lines: list[Line | None] = list(program.lines)
    for at, i in pairs(program, owner):
        chain, update = program.lines[at], program.lines[i]
        read = read_by(program, chain, update, owner)
        if read is not None:
            lines[at], lines[i] = None, join(program, chain, update, read)
    return program.with_lines([line for line in lines if line is not None])


def pairs(program: Program, owner: dict) -> Iterator[tuple[int, int]]:
    """The numbers of lines that make a gradient, and of the updates that alone read it."""
    users = program.users()
    maker = {line.outs[0]: i for i, line in enumerate(program.lines) if makes_one(program, line)}
    updates = [i for i, line in enumerate(program.lines) if line.op.element is not None]
    for i in updates:
        gradient = program.lines[i].inputs[len(program.lines[i].op.writes)]
        at = maker.get(gradient)
        if at is not None and len(users[gradient]) == 1 and can_move(program, at, i, owner):
            yield at, i


def makes_one(program: Program, line: Line) -> bool:
    """Whether a line is a loop over elements with one result."""
    return is_elementwise(program, line) and len(line.outs) == 1


def read_by(program: Program, chain: Line, update: Line, owner: dict) -> list[int] | None:
    """What the chain reads, Variables that the update writes as themselves. None where both are not
    element by element of one shape and dtype, or where more would live on than the gradient."""
    written = update.inputs[: len(update.op.writes)]
    spec, gradient = program.specs[written[0]], program.specs[chain.outs[0]]
    if (spec.shape, spec.dtype) != (gradient.shape, gradient.dtype) or not fits(program, update):
        return None
    read = [owner[slot] if owner.get(slot) in written else slot for slot in chain.inputs]
    is_whole = [program.specs[slot].shape == spec.shape for slot in chain.inputs]
    more = set(itertools.compress(read, is_whole)) - set(owner)
    parts = set(itertools.compress(read, map(operator.not_, is_whole)))
    keeps_more = len(more) > 1 and spec.nbytes > SMALL
    return read if parts.isdisjoint(written) and not keeps_more else None


def fits(program: Program, update: Line) -> bool:
    """Whether the update is one loop over different Variables. Raises InvalidArgumentError for
    shapes that it refuses."""
    specs, count = [program.specs[slot] for slot in update.inputs], len(update.op.writes)
    views: Any = update.op.views
    is_seen = views([], specs, attrs_of(update)) is not None
    return is_seen and len({*update.inputs[:count]}) == count


def join(program: Program, chain: Line, update: Line, read: list[int]) -> Line:
    """One line for both."""
    written = update.inputs[: len(update.op.writes)]
    inputs = tuple(dict.fromkeys([*written, *read]))
    place = [inputs.index(slot) for slot in read]
    place += range(len(inputs), len(inputs) + len(steps_of(chain)))
    steps = tuple([
        (op, attrs, dtype, tuple([place[p] for p in places]))
        for op, attrs, dtype, places in steps_of(chain)
    ])  # fmt: skip
    inputs += update.inputs[len(written) + 1 :]
    values = tuple([program.specs[slot] for slot in inputs])
    return Line(ChainUpdate(update.op, steps), inputs, update.attrs, (), values)
