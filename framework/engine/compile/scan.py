"""A loop over the rows of tensors whose body is a Program: a trace of it does not grow with them.

The body is traced once (a Piece, see control.py). What it computes of things that no round changes,
such as parts of weights, is computed before the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.active import ACTIVE
from framework.engine.compile.call import Compiled, depends_on, replay
from framework.engine.compile.control import Piece, same, vjp_program
from framework.engine.compile.cost import flops
from framework.engine.compile.op_by_op import OpByOp, gradient_of, of_floats
from framework.engine.compile.template import program_at
from framework.engine.errors import TraceError
from framework.engine.op import Op
from framework.engine.program import Program
from framework.engine.slices import dense
from framework.engine.tensor import Spec, Tensor


class Scan(Op):
    """(states (t, ...), one for each state, after every round) of (*xs (t, ...), *states, *others):
    states = body(*[x[i] for x in xs], *states, *others). fed: how many xs there are."""

    def __init__(self, body: Program, fed: int):
        self.round, self.count, self.fed = body, len(body.outputs), fed
        call = Compiled(body, patience=0)  # all rounds by the same kernels

        def scan(*values):
            xs, states, others = self.parts_of(values)
            outs = [np.empty((len(xs[0]), *s.shape), s.dtype) for s in states]
            for i, row in enumerate(zip(*xs, strict=True)):
                states = call.run([*row, *states, *others])
                for out, state in zip(outs, states, strict=True):
                    out[i] = state
            return outs[0] if self.count == 1 else tuple(outs)

        super().__init__(scan, scan, outs=self.count, infer=self.specs_of, register=False)
        self.rule, self.needs, self.takes_wants = self.backward, ("outs", "inputs"), True
        self.flops = flops_of(body, 0)

    def parts_of(self, values: Sequence) -> tuple:
        """(xs, states, others)"""
        end = self.fed + self.count
        return values[: self.fed], values[self.fed : end], values[end:]

    def specs_of(self, *values: Any) -> Any:
        """The shapes of the outs."""
        xs, states, _ = self.parts_of(values)
        found = [Spec((xs[0].shape[0], *s.shape), s.dtype) for s in states]
        return found[0] if self.count == 1 else tuple(found)

    def at(self, numbers: Sequence) -> Scan:
        """Of a Program with open sizes: the op for these sizes."""
        return Scan(program_at(self.round, numbers), self.fed)

    def by_rounds(self, *values: Tensor) -> list[Tensor]:
        """The loop op by op, as tapes that are no part of a trace want to see it."""
        (xs, states, others), found = self.parts_of(values), []
        for row in zip(*[ops.unstack(x) for x in xs], strict=True):
            states = replay(self.round, [*row, *states, *others])
            found.append(states)
        return [ops.stack(states) for states in zip(*found, strict=True)]

    def backward(self, g: Any, out: Any, *inputs: Tensor, wants: list) -> list:
        """The vjp: goes back through the rounds, each of which is computed again."""
        parts, outs = [x if isinstance(x, tuple) else (x,) for x in (g, out)]
        seeds = [ops.zeros_like(y) if d is None else dense(d) for d, y in zip(parts, outs)]
        wants = of_floats(wants, inputs)
        made = ScanGrad(self, wants)(*seeds, *outs, *inputs)
        found = iter(made if isinstance(made, tuple) else (made,))
        return [next(found) if wanted else None for wanted in wants]


class ScanGrad(Op):
    """(cotangents of a Scan's outs, its outs, its inputs) -> gradients of the wanted inputs."""

    def __init__(self, scan: Scan, wants: list):
        self.scan, self.wants, count = scan, wants, scan.count
        kinds = [w or scan.fed <= i < scan.fed + count for i, w in enumerate(wants)]
        back = vjp_program(scan.round, [True] * count, kinds)
        self._step, self._reads = Compiled(back, patience=0), depends_on(back, scan.round)

        def scan_grad(*values):
            seeds, outs, inputs = values[:count], values[count : 2 * count], values[2 * count :]
            made = self.sums(seeds, outs, inputs)
            return made[0] if len(made) == 1 else tuple(made)

        def infer(*specs):
            made = [s for s, wanted in zip(specs[2 * count :], wants, strict=True) if wanted]
            made = [Spec(s.shape, s.dtype) for s in made]
            return made[0] if len(made) == 1 else tuple(made)

        super().__init__(scan_grad, scan_grad, outs=sum(wants), infer=infer, register=False)
        self.rule, self.needs, self.takes_wants = self.backward, ("inputs",), True
        self.flops = flops_of(back, 2 * count)

    def at(self, numbers: Sequence) -> ScanGrad:
        """Of a Program with open sizes: the op for these sizes."""
        return ScanGrad(self.scan.at(numbers), self.wants)

    def sums(self, seeds: tuple, outs: tuple, inputs: tuple) -> list:
        """The gradients of the wanted inputs."""
        xs, states, others = self.scan.parts_of(inputs)
        wants_x, wants_state, wants_other = self.scan.parts_of(self.wants)
        of_xs = [np.empty_like(x) for x, w in zip(xs, wants_x, strict=True) if w]
        sums = [np.zeros_like(y) for y, w in zip(others, wants_other, strict=True) if w]
        g = [np.zeros_like(s) for s in states]
        for i in reversed(range(len(xs[0]))):
            g = [d + seed[i] for d, seed in zip(g, seeds, strict=True)]
            before = [out[i - 1] for out in outs] if i else states
            found = iter(self._step.run([*g, *[x[i] for x in xs], *before, *others]))
            for rows in of_xs:
                rows[i] = next(found)
            g = [next(found) for _ in states]
            for total in sums:
                total += next(found)
        return [*of_xs, *[d for d, w in zip(g, wants_state, strict=True) if w], *sums]

    def backward(self, g: Any, out: Any, *inputs: Tensor, wants: list) -> list:
        """The vjp: that of the same gradient taken op by op. What it does not read has none."""
        count = self.scan.count
        fed, given = inputs[2 * count :], [True] * count
        first = gradient_of(self.scan.by_rounds, given, self.wants)
        needed = [*wants[:count], *[w and self._reads for w in wants[2 * count :]]]
        if not any(needed):
            return [None] * len(wants)
        found = OpByOp(first).backward(g, out, *inputs[:count], *fed, wants=needed)
        return [*found[:count], *[None] * count, *found[count:]]


def flops_of(program: Program, place: int) -> Callable:
    """Op.flops of a loop whose rounds are a Program: as many as the input at `place` has rows."""

    def count(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
        return inputs[place].shape[0] * sum([flops(program, line) for line in program.lines])

    return count


def scanned(step: Callable, xs: list[Tensor], states: list[Tensor]) -> list[Tensor] | None:
    """For each state its values (t, ...) after every round of states = step(*[x[i] for x in xs],
    *states), as one line of the trace that is active; None where a round does more than to compute
    them, or changes their shapes."""
    row = [Tensor(Spec(tuple(x.array.shape[1:]), x.array.dtype)) for x in xs]
    inputs = [Tensor(Spec(tuple(s.array.shape), s.array.dtype)) for s in states]
    try:
        piece = Piece(lambda *values: step(*values), [*row, *inputs], "a step over time")
    except TraceError:
        return None
    if piece.writes or not same(piece.specs, [s.array for s in inputs]):
        return None
    piece.make_pure({})
    before = computed_before(piece)
    outside = {slot: before.get(slot, value) for slot, value in piece.reads().items()}
    made = Scan(piece.closed(outside), len(xs))(*xs, *states, *outside.values())
    return list(made) if isinstance(made, tuple) else [made]


def computed_before(piece: Piece) -> dict[int, Tensor]:
    """Take the lines that no argument changes out of a Piece: what they give, by slot, as lines of
    the trace that is active."""
    program, changing = piece.program, set(piece.program.inputs)
    inner, known = [], dict[int, Any](piece.reads())
    for line in program.lines:
        is_told = not line.outs or not set(program.outputs).isdisjoint(line.outs)
        if is_told or not changing.isdisjoint(line.inputs):
            changing.update(line.outs)
            inner.append(line)
            continue
        for slot in set(line.inputs).difference(known):
            known[slot] = Tensor(program.constants[slot], slot)
        made = line.op(*[known[slot] for slot in line.inputs], **line.attrs)
        known.update(zip(line.outs, made if isinstance(made, tuple) else (made,), strict=True))
    program.lines = inner
    return known


def is_tracing() -> bool:
    """Whether ops are recorded into a Program now."""
    return ACTIVE.trace is not None
