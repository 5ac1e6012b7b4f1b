"""Custom gradients in a trace with open sizes: rules of the user's, whose Python names tensors of
that trace.

When a Program for some sizes is differentiated, the rule is traced with the tensors that it knows,
and its lines run for the sizes. That trace serves all sizes for which it would be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from framework.engine import ops
from framework.engine.custom import Custom
from framework.engine.open_sizes import Guard, hold
from framework.engine.program import Line, Program, tracing
from framework.engine.slices import dense
from framework.engine.tensor import Tensor


class RuleTrace:
    """The lines of a rule: inputs are the cotangents that are given (a mask). found: which
    gradients there are; guards: what it relies on."""

    def __init__(self, program: Program, given: list, found: list, guards: list[Guard]):
        self.program, self.given, self.found, self.guards = program, given, found, guards


def custom_at(
    program: Program, line: Line, numbers: Sequence, known: dict[int, Any], replay: Callable
) -> Custom:
    """The custom gradient of a line for these sizes. known: the tensors of the Program for them, by
    the slots of the trace; replay: (program, numbers, inputs, known) -> outputs."""

    def rule(g: Any, out: Any, *inputs: Tensor) -> list:
        parts = g if isinstance(g, tuple) else (g,)
        trace = rule_trace(program, line, numbers, [p is not None for p in parts])
        feeds = [p for p in parts if p is not None]
        outputs = iter(replay(trace.program, numbers, feeds, known))
        return [next(outputs) if is_found else None for is_found in trace.found]

    return Custom(rule)


def rule_trace(program: Program, line: Line, numbers: Sequence, given: list) -> RuleTrace:
    """The trace of the rule of a line that serves these sizes."""
    for trace in line.op.traces:
        if trace.given == given and hold(trace.guards, numbers):
            return trace
    outs = [Tensor(program.specs[slot], slot) for slot in line.outs]
    inputs = [tensor_of(program, slot) for slot in line.inputs]
    parts = [Tensor(x.array) if is_given else None for x, is_given in zip(outs, given, strict=True)]
    feeds = [p for p in parts if p is not None]
    made = Program(
        [x.id for x in feeds],
        specs=program.specs | {x.id: x.array for x in feeds},
        constants=dict(program.constants),
        variables=dict(program.variables),
    )
    made.sizes, made.known = program.sizes, program.known
    g, out = (parts[0], outs[0]) if len(outs) == 1 else (tuple(parts), tuple(outs))
    with program.sizes.asked_for(numbers) as guards, tracing(made):
        found = line.op.rule(g, out, *inputs)
        leaves = [ops.identity(dense(x)) for x in found if x is not None]
    made.outputs = tuple([x.id for x in leaves])
    trace = RuleTrace(made, given, [x is not None for x in found], guards)
    line.op.traces.append(trace)
    return trace


def tensor_of(program: Program, slot: int) -> Tensor:
    """The Variable, constant or abstract tensor of a slot."""
    if slot in program.variables:
        return program.variables[slot]
    return Tensor(program.constants.get(slot, program.specs[slot]), slot)
