"""Template: a trace with open sizes, of which Programs for numbers are made without Python.

See Note [Open dimensions] in dimension.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from framework.engine.active import ACTIVE
from framework.engine.compile.open_custom import custom_at
from framework.engine.dimension import at, has_dims
from framework.engine.errors import InvalidArgumentError, OpError, is_users
from framework.engine.op import Op
from framework.engine.open_calls import spec_at
from framework.engine.open_rules import PulledBack
from framework.engine.open_sizes import Sizes
from framework.engine.operands import refusal
from framework.engine.ops.sized import MAKERS
from framework.engine.program import Program, tracing
from framework.engine.tensor import Tensor


class Mismatch(Exception):
    """The shapes of a template are not those that its ops give for some sizes."""


class Template:
    """The trace of a function whose signature leaves sizes open. form: of its result; captured: the
    slots of its constants that were tensors before it was traced; variables: those among the
    arguments that it was traced with."""

    def __init__(
        self, program: Program, form: Any, sizes: Sizes, captured: list[int], variables: list
    ):
        self.program, self.form, self.sizes, self.captured = program, form, sizes, captured
        self.variables = variables

    def admits(self, numbers: Sequence) -> bool:
        """Whether the function, traced for these sizes, would do the same."""
        return self.sizes.hold(numbers)

    def replay(self, numbers: Sequence, inputs: list[Tensor], variables: list) -> list[Tensor]:
        """The results for tensors of these sizes and these Variables, as lines of the trace that is
        active."""
        return replay_at(with_variables(self.program, self.variables, variables), numbers, inputs)

    def at(self, numbers: Sequence) -> Program:
        """The Program for these sizes. Mismatch if the function must be traced for them;
        InvalidArgumentError where an op refuses them."""
        try:
            return program_at(self.program, numbers)
        except OpError:
            raise
        except (ValueError, ZeroDivisionError) as error:
            raise InvalidArgumentError(str(error)) from None


@contextlib.contextmanager
def refused_sizes(fits_others: bool) -> Iterator[None]:
    """Within this block a function is traced for some sizes. If others are known to fit, what an op
    refuses is no mistake in the function: its ValueError becomes InvalidArgumentError."""
    try:
        yield
    except ValueError as error:
        if not fits_others or is_users(error) or isinstance(error, OpError):
            raise
        raise InvalidArgumentError(str(error)) from None


def with_variables(program: Program, before: list, now: list) -> Program:
    """The Program with the Variables `now` in the place of those `before`, one by one."""
    slots = {v.id: w.id for v, w in zip(before, now, strict=True) if v is not w}
    if not slots:
        return program
    lines = [
        line.with_inputs(tuple([slots.get(s, s) for s in line.inputs])) for line in program.lines
    ]
    specs = program.specs | {new: program.specs[old] for old, new in slots.items()
                             if old in program.specs}  # fmt: skip
    others = dict(zip([v.id for v in before], now, strict=True))
    variables = {slots.get(s, s): others.get(s, v) for s, v in program.variables.items()}
    return Program(program.inputs, lines, program.outputs, specs, program.constants, variables)


def program_at(program: Program, numbers: Sequence) -> Program:
    """A Program whose lines hold Dims, for these sizes."""
    inputs = [Tensor(spec_at(program.specs[slot], numbers)) for slot in program.inputs]
    made = Program([x.id for x in inputs], specs={x.id: x.array for x in inputs})
    if has_dims(list(numbers)):
        made.sizes, made.known = ACTIVE.trace.sizes, ACTIVE.trace.known
    with tracing(made):
        outputs = replay_at(program, numbers, inputs)
    made.outputs = tuple([x.id for x in outputs])
    return made


def replay_at(
    program: Program, numbers: Sequence, inputs: list[Tensor], others: dict[int, Any] | None = None
) -> list[Tensor]:
    """Its lines again, for these sizes (numbers, or the Dims of the trace that is active). others:
    tensors in the place of slots that no line of it computes."""
    known: dict[int, Any] = dict(others or {}) | dict(zip(program.inputs, inputs, strict=True))
    known.update({slot: Tensor(value, slot) for slot, value in program.constants.items()})
    known.update(program.variables)
    for line in program.lines:
        op, given = line.op, [known[slot] for slot in line.inputs]
        if op.forward is None:  # a custom gradient; other lines compute the outputs
            outs = tuple([known[slot] for slot in line.outs])
            op = custom_at(program, line, numbers, known, replay_at)
            ACTIVE.trace.record(op, tuple(given), {}, outs)
            continue
        attrs = at(line.attrs, numbers)
        wanted = [spec_at(program.specs[slot], numbers) for slot in line.outs]
        made = line_at(op, given, attrs, numbers, wanted)
        for slot, x, spec in zip(line.outs, made, wanted, strict=True):
            shape = tuple(x.array.shape)
            is_open = has_dims(shape) and not has_dims(spec.shape)  # of an op made for other sizes
            if is_open or shape != spec.shape or x.array.dtype != spec.dtype:
                raise Mismatch
            known[slot] = x
    return [known[slot] for slot in program.outputs]


def line_at(op: Any, given: list, attrs: dict, numbers: Sequence, wanted: list) -> Sequence:
    """The outputs of one line."""
    if type(op) is Op and op in MAKERS:
        return [MAKERS[op](**attrs)]
    fixed = getattr(op, "at", None)
    op = op if fixed is None else fixed(numbers)
    if type(op) is PulledBack and has_dims(list(numbers)):
        return op.record(given, attrs, wanted)
    try:
        made = op(*given, **attrs)
    except (ValueError, TypeError) as error:
        if not isinstance(op, Op):
            raise
        raise refusal(op, [x.array for x in given], attrs, error) from None
    if isinstance(op, Op) and not op.outs:
        return ()
    return made if isinstance(made, (tuple, list)) else (made,)
