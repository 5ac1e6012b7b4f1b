"""Lines read backward: the one place where cotangents flow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.active import ACTIVE
from framework.engine.dimension import has_dims
from framework.engine.op import Op
from framework.engine.open_rules import pulled_back
from framework.engine.program import Line
from framework.engine.slices import IndexedSlices, added, dense
from framework.engine.tensor import Spec, Tensor

PASSING = (ops.identity, ops.read)  # their rules give what they get, IndexedSlices too


def pullback(
    lines: list[Line],
    cotangents: dict[int, Tensor],
    sources: set[int],
    hook: Callable | None = None,
) -> dict[int, Tensor]:
    """Carry cotangents {slot: g} from the outputs of `lines` (in the order they ran) to the slots
    in `sources`; some are IndexedSlices.

    hook: (slot, g) -> g, called once with each cotangent that is complete.
    """
    unseen = set(sources)
    trace = ACTIVE.trace
    for line, wants in reversed(reachable(lines, sources)):
        if trace is not None:
            trace.enter_gradient_of(line)
        if hook is not None:
            unseen.difference_update(line.outs)
            call_hooks(hook, line.outs, cotangents)
        g = cotangent_of(line, cotangents, sources)
        if g is None:
            continue
        for slot, wanted, gx in zip(line.inputs, wants, apply_rule(line, g, wants), strict=True):
            if gx is not None and wanted:
                known = cotangents.get(slot)
                cotangents[slot] = gx if known is None else added(gx, known)
    if trace is not None:
        trace.phase = ""
    call_hooks(hook, unseen, cotangents)
    return cotangents


def cotangent_of(line: Line, cotangents: dict[int, Tensor], sources: set[int]) -> Any:
    """The cotangent of a line's output, or a tuple of them; None if there is none. That of one
    output is taken away: nobody else wants it, unless it is a source."""
    outs: Any = line.outs
    if len(outs) > 1:
        parts = tuple([dense(cotangents.get(slot)) for slot in outs])
        return None if all([part is None for part in parts]) else parts
    slot = outs[0]
    g = cotangents.get(slot) if slot in sources else cotangents.pop(slot, None)
    return dense(g) if type(g) is IndexedSlices and line.op not in PASSING else g


def call_hooks(hook: Callable | None, slots: Iterable[int], cotangents: dict[int, Tensor]) -> None:
    """Put what the hook makes of them in the place of the cotangents of these slots."""
    for slot in slots:
        if hook is not None and slot in cotangents:
            cotangents[slot] = hook(slot, cotangents[slot])


def reachable(lines: list[Line], sources: set[int]) -> list[tuple[Line, list[bool]]]:
    """The lines through which a source is seen, with the inputs that lead to one."""
    seen, found = set(sources), []
    for line in lines:
        wants = [slot in seen for slot in line.inputs]
        if line.op.rule is not None and True in wants:
            seen.update(line.outs)
            found.append((line, wants))
    return found


def apply_rule(line: Line, g: Any, wants: list[bool]) -> tuple:
    """The line's vjp on Tensors rebuilt from its slots and values."""
    trace = ACTIVE.trace
    if trace is not None and trace.sizes is not None:
        is_plain = line.op in PASSING or line.op.forward is None  # the user's rule: run once
        if not is_plain and has_dims([v.shape for v in line.values]):
            return tuple(pulled_back(line, g, wants, pullback))
    n = len(line.inputs)
    inputs = [Tensor(value, slot) for slot, value in zip(line.inputs, line.values[:n], strict=True)]
    outs = [Tensor(value, slot) for slot, value in zip(line.outs, line.values[n:], strict=True)]
    op: Op = line.op
    attrs = line.attrs | {"wants": wants} if op.takes_wants else line.attrs
    rule: Any = op.rule  # `reachable` leaves lines without a rule out
    return rule(g, outs[0] if len(outs) == 1 else tuple(outs), *inputs, **attrs)


def filled_like(x: Tensor, value: float) -> Tensor:
    """A tensor of x's shape and dtype with one value everywhere."""
    spec = x.array
    if type(spec) is Spec:
        return ops.broadcast_to(Tensor(np.asarray(value, spec.dtype)), shape=spec.shape)
    return Tensor(np.full(spec.shape, value, spec.dtype))
