"""Gradient rules while sizes are open: run later, when a Program is made for some sizes.

A rule is Python that looks at shapes: which axes were broadcast, how many elements a mean has. In a
trace with open sizes (Note [Open dimensions] in dimension.py) it becomes one line of the op
PulledBack, whose outputs have the shapes of the rule's inputs; the rule itself runs for numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from framework.engine import ops
from framework.engine.active import ACTIVE, Recorder
from framework.engine.dimension import at
from framework.engine.open_calls import linear_specs, spec_at
from framework.engine.program import Line, Program, tracing
from framework.engine.slices import IndexedSlices, dense, same_rows
from framework.engine.tensor import Spec, Tensor


class PulledBack:
    """The gradient rule of `op` as an op: inputs are the cotangents that are given (a mask over the
    outputs of op), its inputs (`count` of them) and its outputs."""

    name = "gradient"
    takes_wants, needs = True, ()
    writes, scalar, is_loop = (), None, False

    def __init__(self, op: Any, given: list, wants: list, count: int, pullback: Callable):
        self.op, self.given, self.wants, self.count = op, given, wants, count
        self._pullback = pullback

    def forward(self, *arrays: Any, **attrs: Any) -> Any:
        """Never run: only traces with open sizes have such lines."""
        raise AssertionError("a gradient rule was run before the sizes were known")

    def at(self, numbers: Sequence) -> PulledBack:
        """The same for other sizes."""
        op = self.op.at(numbers) if hasattr(self.op, "at") else self.op
        return PulledBack(op, self.given, self.wants, self.count, self._pullback)

    def gradients(self, tensors: Sequence, attrs: dict) -> list:
        """A gradient for each input of op: a Tensor, IndexedSlices, or None."""
        start = sum(self.given)
        feeds = iter(tensors[:start])
        parts = [next(feeds) if is_given else None for is_given in self.given]
        inputs, outs = tensors[start : start + self.count], tensors[start + self.count :]
        more = {"wants": self.wants} if self.op.takes_wants else {}
        g, out = (parts[0], outs[0]) if len(outs) == 1 else (tuple(parts), tuple(outs))
        found = self.op.rule(g, out, *inputs, **attrs, **more)
        return [x if wanted else None for x, wanted in zip(found, self.wants, strict=True)]

    def __call__(self, *tensors: Tensor, **attrs: Any) -> list[Tensor]:
        """The tensors of the gradients."""
        return leaves(self.gradients(tensors, attrs))

    def record(self, tensors: Sequence, attrs: dict, specs: Sequence) -> list[Tensor]:
        """A line of it in the trace, whose outputs have these specs."""
        outs = tuple([Tensor(spec) for spec in specs])
        ACTIVE.trace.record(self, tuple(tensors), attrs, outs)
        for tape in ACTIVE.tapes:
            tape.record(self, tuple(tensors), attrs, outs)
        return list(outs)

    def values(self, inputs: tuple, outs: tuple) -> tuple:
        """What a tape's Line keeps: Specs, for its own rule runs the first one again."""
        return tuple([Spec(x.array.shape, x.array.dtype) for x in (*inputs, *outs)])

    def rule(self, g: Any, out: Any, *inputs: Tensor, wants: list, **attrs: Any) -> list:
        """The vjp: the lines of the first rule, differentiated."""
        recorder = Lines()
        own = [ops.identity(x) for x in inputs]  # slots of their own: one may be there twice
        outer, ACTIVE.tapes = ACTIVE.tapes, (*ACTIVE.tapes, recorder)
        try:
            made = self(*own, **attrs)
        finally:
            ACTIVE.tapes = outer
        cotangents = summed(made, g if isinstance(g, tuple) else (g,))
        sources = {x.id for x, wanted in zip(own, wants, strict=True) if wanted}
        found = self._pullback(recorder.lines, cotangents, sources)
        return [dense(found.get(x.id)) if x.id in sources else None for x in own]


class Lines(Recorder):
    """In the place of a tape: keeps every line."""

    def __init__(self):
        self.lines: list[Line] = []

    def watches(self, tensors: Any) -> bool:
        """True: all of them."""
        return True

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call."""
        slots = tuple([x.id for x in inputs]), tuple([o.id for o in outs])
        self.lines.append(Line(op, slots[0], attrs, slots[1], op.values(inputs, outs)))


def summed(made: list, parts: tuple) -> dict[int, Any]:
    """The cotangents of tensors by their slots."""
    cotangents: dict[int, Any] = {}
    for x, part in zip(made, parts, strict=True):
        if part is not None:
            known = cotangents.get(x.id)
            cotangents[x.id] = part if known is None else ops.add(known, part)
    return cotangents


def leaves(found: list) -> list[Tensor]:
    """The tensors in a list of gradients."""
    flat: list[Tensor] = []
    for g in found:
        if type(g) is IndexedSlices:
            flat += [g.values, g.indices]
        elif g is not None:
            flat.append(g)
    return flat


def pulled_back(line: Line, g: Any, wants: list, pullback: Callable) -> list:
    """The gradients for a line in a trace with open sizes, by a line of PulledBack."""
    count, sizes = len(line.inputs), ACTIVE.trace.sizes
    parts = g if isinstance(g, tuple) else (g,)
    op = PulledBack(line.op, [p is not None for p in parts], wants, count, pullback)
    slots = (*line.inputs, *line.outs)
    known = [Tensor(value, slot) for slot, value in zip(slots, line.values, strict=True)]
    tensors = [*[p for p in parts if p is not None], *known]

    def probe(numbers: Sequence) -> list:
        fakes = [Tensor(spec_at(x.array, numbers)) if type(x.array) is Spec else x for x in tensors]
        program = Program([x.id for x in fakes], specs={x.id: x.array for x in fakes})
        with tracing(program):
            return op.at(numbers).gradients(fakes, at(line.attrs, numbers))

    specs: list[Spec] = []
    found = probe(sizes.hints)
    for i, (x, gradient) in enumerate(zip(known, found)):
        if type(gradient) is IndexedSlices:
            specs += linear_specs(
                lambda n, i=i: tuple([t.array for t in leaves([probe(n)[i]])]), sizes.hints, sizes
            )
        elif gradient is not None:
            specs.append(Spec(x.array.shape, gradient.array.dtype))
    made = iter(op.record(tensors, line.attrs, specs))
    return [packed(gradient, made, x) for gradient, x in zip(found, known)]


def packed(gradient: Any, made: Any, x: Tensor) -> Any:
    """A gradient of the kind of `gradient`, of the next tensors of `made`."""
    if type(gradient) is IndexedSlices:
        values, indices = next(made), next(made)
        return same_rows(values, indices, None if gradient.whole is None else tuple(x.array.shape))
    return None if gradient is None else next(made)
