"""Branches and loops that depend on traced values: ops whose attrs are Programs.

A branch, a condition and a body are traced into Programs of their own (Piece). What they read from
around them, Variables too, becomes inputs of the op, so that gradients find their way. They are
pure: the value that a branch or a body assigns to a Variable is one output more (compile/pure.py),
and the assignment stands behind the op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.compile.call import Compiled, depends_on, replay, traced_pullback
from framework.engine.compile.op_by_op import OpByOp, gradient_of, of_floats
from framework.engine.compile.passes.fold import drop_dead
from framework.engine.compile.pure import assigned_by, without_writes
from framework.engine.compile.signature import packed, template
from framework.engine.compile.template import program_at
from framework.engine.errors import TraceError
from framework.engine.op import Op
from framework.engine.ops.constants import CONSTANTS
from framework.engine.program import Program, has_rules, inner_program, tracing
from framework.engine.slices import dense
from framework.engine.tensor import Spec, Tensor


class Piece:
    """A traced function: its Program, the slots that it reads from outside, the form of its
    result."""

    def __init__(self, function: Callable, arguments: list[Tensor], what: str):
        program = inner_program(arguments)
        leaves: list[Tensor] = []
        with tracing(program):
            self.form = template(function(*arguments), leaves, ops.identity)
        program.outputs = tuple([x.id for x in leaves])
        if has_rules(program):
            raise TraceError(f"{what} has a custom gradient")
        self.program, self.what = program, what
        self.specs = [program.specs[slot] for slot in program.outputs]
        self.writes = assigned_by(program)
        self.written: dict[int, int] = {}

    def make_pure(self, carried: dict[int, Tensor]) -> None:
        """Compute what would be assigned to Variables instead (`written`). carried: arguments that
        are the values of Variables at the beginning."""
        start = {slot: x.id for slot, x in carried.items()}
        self.program.inputs = (*self.program.inputs, *start.values())
        self.program.specs.update({x.id: x.array for x in carried.values()})
        self.written = without_writes(self.program, start, self.what)

    def closed(self, outside: dict[int, Tensor], written: Iterable[int] = ()) -> Program:
        """The Program as a function of its arguments and of the tensors in `outside` alone; with
        one output more for the value of each Variable in `written`."""
        program = self.program
        for slot, x in outside.items():
            program.specs.setdefault(slot, Spec(tuple(x.array.shape), x.array.dtype))
        used = {slot for line in program.lines for slot in line.inputs} | set(program.outputs)
        constants = {s: c for s, c in program.constants.items() if s in used and s not in outside}
        inputs = (*program.inputs, *outside)
        outputs = (*program.outputs, *[self.written.get(slot, slot) for slot in written])
        made = [slot for line in program.lines for slot in line.outs]
        # no others: a gradient must not take a constant of the trace around it for one of its own
        specs = {s: program.specs[s] for s in (*inputs, *made, *outputs, *constants)}
        return Program(inputs, program.lines, outputs, specs, constants)

    def reads(self) -> dict[int, Tensor]:
        """The outer tensors that it reads, by slot; Variables as themselves."""
        program = self.program
        made = {o for line in program.lines for o in line.outs} | set(program.inputs)
        read = dict.fromkeys([s for line in program.lines for s in line.inputs if s not in made])
        numbers = {x.id for x in CONSTANTS.values()}
        return {
            s: program.variables[s]
            if s in program.variables
            else Tensor(program.constants.get(s, program.specs[s]), s)
            for s in read
            if not is_fixed(program, s, numbers)
        }


def is_fixed(program: Program, slot: int, numbers: set[int]) -> bool:
    """True for a constant without a gradient (numbers: those in formulas): it stays inside."""
    if slot not in program.constants:
        return False
    return slot in numbers or program.specs[slot].dtype.kind != "f"


def same(specs: list[Spec], others: list[Spec]) -> bool:
    """Whether the shapes and dtypes are equal, one by one."""
    return [(s.shape, s.dtype) for s in specs] == [(s.shape, s.dtype) for s in others]


class Branches(Op):
    """outs = programs[index](*inputs), the last one for an index that is none. The last `written`
    of them are values for Variables, where no gradient comes from."""

    def __init__(self, programs: list[Program], written: int = 0):
        self.programs, self.written = programs, written
        calls = [Compiled(program) for program in programs]
        specs = tuple([programs[0].specs[slot] for slot in programs[0].outputs])

        def branches(index, *values):
            chosen = int(index) if 0 <= int(index) < len(calls) else -1
            found = calls[chosen].run(list(values))
            return found[0] if len(specs) == 1 else tuple(found)

        def infer(index, *others):
            return specs[0] if len(specs) == 1 else specs

        super().__init__(branches, branches, outs=len(specs), infer=infer, register=False)
        self.rule, self.needs, self.takes_wants = self.backward, ("inputs",), True

    def at(self, numbers: Sequence) -> Branches:
        """Of Programs with open sizes: the op for these sizes."""
        return Branches([program_at(p, numbers) for p in self.programs], self.written)

    def backward(self, g: Any, out: Any, index: Tensor, *inputs: Tensor, wants: list) -> list:
        """The vjp: the branch that was taken, differentiated; computes its forward again."""
        parts = g if isinstance(g, tuple) else (g,)
        given = [part is not None for part in parts]
        wants = [False, *[w and p for w, p in zip(wants[1:], self._connected(), strict=True)]]
        if not any(wants):
            return [None] * len(wants)
        programs = [vjp_program(p, given, wants[1:]) for p in self.programs]
        feeds = [*[part for part in parts if part is not None], *inputs]
        programs, feeds = without_unread(programs, feeds)
        made = Branches(programs)(index, *feeds)
        found = iter(made if isinstance(made, tuple) else (made,))
        return [None, *[next(found) if wanted else None for wanted in wants[1:]]]

    def _connected(self) -> list[bool]:
        """For each input whether some branch gives it a gradient."""
        count = len(self.programs[0].outputs) - self.written
        found = [
            traced_pullback(p, [s for s in p.outputs[:count] if is_float(p, s)], list(p.inputs))[1]
            for p in self.programs
        ]
        return [
            any([p.inputs[i] in slots for p, slots in zip(self.programs, found, strict=True)])
            for i in range(len(self.programs[0].inputs))
        ]


def is_float(program: Program, slot: int) -> bool:
    """Whether a slot can have a cotangent."""
    return program.specs[slot].dtype.kind == "f"


def vjp_program(program: Program, given: list, wants: list) -> Program:
    """(cotangents of the given outputs, inputs) -> gradients of the wanted inputs, zeros where
    there is none."""
    targets = [slot for slot, is_given in zip(program.outputs, given, strict=True) if is_given]
    sources = [slot for slot, wanted in zip(program.inputs, wants, strict=True) if wanted]
    back, found = traced_pullback(program, targets, sources)
    gradients, outputs = iter(back.outputs), []
    for slot in sources:
        if slot in found:
            outputs.append(next(gradients))
        else:
            spec = program.specs[slot]
            zeros = Tensor(np.zeros(spec.shape, spec.dtype))
            back.constants[zeros.id], back.specs[zeros.id] = zeros.array, spec
            outputs.append(zeros.id)
    inputs = (*back.inputs, *program.inputs)
    lines = [*program.lines, *back.lines]
    return drop_dead(Program(inputs, lines, tuple(outputs), back.specs, back.constants))


def without_unread(programs: list[Program], feeds: list) -> tuple[list[Program], list]:
    """The programs without the inputs that none of them reads, and the feeds of the others."""
    read = [{slot for line in p.lines for slot in line.inputs}.union(p.outputs) for p in programs]
    kept = [
        i
        for i in range(len(feeds))
        if any([p.inputs[i] in slots for p, slots in zip(programs, read, strict=True)])
    ]
    for program in programs:
        program.inputs = tuple([program.inputs[i] for i in kept])
    return programs, [feeds[i] for i in kept]


def choose_branch(index: Tensor, functions: list[Callable], what: str) -> Any:
    """functions[index](), for a traced index; the last one where there is no such function."""
    pieces = [Piece(function, [], what) for function in functions]
    first = pieces[0]
    for piece in pieces[1:]:
        check_alike(first, piece, what)
    written = {slot: v for piece in pieces for slot, v in piece.writes.items()}
    for piece in pieces:
        piece.make_pure({})
    outside = written | {slot: x for piece in pieces for slot, x in piece.reads().items()}
    if not first.specs and not written:
        return packed(first.form, [])
    op = Branches([piece.closed(outside, written) for piece in pieces], len(written))
    made = op(index, *outside.values())
    outs = assigned(written, list(made) if isinstance(made, tuple) else [made])
    return packed(first.form, outs)


def assigned(written: dict[int, Any], outs: list[Tensor]) -> list[Tensor]:
    """Assign the last of the outs to the Variables; the others."""
    count = len(outs) - len(written)
    for variable, value in zip(written.values(), outs[count:], strict=True):
        ops.assign(variable, value)
    return outs[:count]


def check_alike(first: Piece, other: Piece, what: str) -> None:
    """TypeError for results of different structures or dtypes; TraceError for different shapes,
    which plain Python does not mind."""
    kinds = [(repr(p.form), [s.dtype.name for s in p.specs]) for p in (first, other)]
    if kinds[0] != kinds[1]:
        raise TypeError(
            f"{what} must have the same number, type, and overall structure of return values: got "
            f"dtypes {kinds[0][1]} and {kinds[1][1]}"
        )
    if not same(first.specs, other.specs):
        raise TraceError(f"{what} give tensors of different shapes")


class Loop(Op):
    """outs = variables; as long as condition(*outs, *others): outs = body(*outs, *others)."""

    def __init__(self, condition: Program, body: Program, limit: int | None):
        self.asked, self.round, self.limit = condition, body, limit
        self.count = len(body.outputs)
        self._calls = Compiled(condition), Compiled(body)
        specs = tuple([body.specs[slot] for slot in body.outputs])

        def while_loop(*values):
            found = self.history(list(values))[-1]
            return found[0] if len(specs) == 1 else tuple(found)

        def infer(*inputs):
            return specs[0] if len(specs) == 1 else specs

        super().__init__(while_loop, while_loop, outs=self.count, infer=infer, register=False)
        self.rule, self.needs, self.takes_wants = self.backward, ("inputs",), True

    def at(self, numbers: Sequence) -> Loop:
        """Of Programs with open sizes: the op for these sizes."""
        return Loop(program_at(self.asked, numbers), program_at(self.round, numbers), self.limit)

    def history(self, values: list, keeps_all: bool = False) -> list[list]:
        """The loop variables before each round and after the last one, or only the last."""
        condition, body = self._calls
        current, others = values[: self.count], values[self.count :]
        rounds, done = [current], 0
        while (self.limit is None or done < self.limit) and bool(
            condition.run([*current, *others])[0]
        ):
            current, done = body.run([*current, *others]), done + 1
            rounds = [*rounds, current] if keeps_all else [current]
        return rounds

    def by_rounds(self, *inputs: Any) -> list[Tensor]:
        """The loop op by op, as tapes that are no part of a trace want to see it."""
        current, others = list(inputs[: self.count]), inputs[self.count :]
        done = 0
        while (self.limit is None or done < self.limit) and bool(
            replay(self.asked, [*current, *others])[0]
        ):
            current, done = replay(self.round, [*current, *others]), done + 1
        return current

    def backward(self, g: Any, out: Any, *inputs: Tensor, wants: list) -> list:
        """The vjp: runs the loop again, keeps its rounds, and goes back through them."""
        parts = g if isinstance(g, tuple) else (g,)
        outs = out if isinstance(out, tuple) else (out,)
        floats = [i for i, x in enumerate(outs) if x.array.dtype.kind == "f"]
        seeds = [ops.zeros_like(outs[i]) if parts[i] is None else dense(parts[i]) for i in floats]
        wants = of_floats(wants, inputs)
        made = LoopGrad(self, floats, wants)(*seeds, *inputs)
        found = iter(made if isinstance(made, tuple) else (made,))
        return [next(found) if wanted else None for wanted in wants]


class LoopGrad(Op):
    """(cotangents of a Loop's float outputs, its inputs) -> gradients of the wanted inputs."""

    def __init__(self, loop: Loop, floats: list[int], wants: list):
        body, count = loop.round, loop.count
        kinds = [body.specs[slot].dtype.kind == "f" for slot in body.inputs]
        given = [i in floats for i in range(count)]
        back = vjp_program(body, given, kinds)
        step = Compiled(back)
        self._count = len(floats)
        self._reads = depends_on(back, body)
        specs = tuple(
            [body.specs[s] for s, wanted in zip(body.inputs, wants, strict=True) if wanted]
        )

        def while_loop_grad(*values):
            g, inputs = list(values[: len(floats)]), list(values[len(floats) :])
            others = inputs[count:]
            sums: list = [np.zeros_like(x) for x, k in zip(others, kinds[count:]) if k]
            for current in reversed(loop.history(inputs, keeps_all=True)[:-1]):
                found = step.run([*g, *current, *others])
                g = found[: len(floats)]
                sums = [a + b for a, b in zip(sums, found[len(floats) :], strict=True)]
            both = iter([*g, *sums])
            every = [next(both) if is_float else None for is_float in kinds]
            result = [x for x, wanted in zip(every, wants, strict=True) if wanted]
            return result[0] if len(specs) == 1 else tuple(result)

        def infer(*inputs):
            return specs[0] if len(specs) == 1 else specs

        super().__init__(
            while_loop_grad, while_loop_grad, outs=len(specs), infer=infer, register=False
        )
        self.rule, self.needs, self.takes_wants = self.backward, ("inputs",), True
        self._first = gradient_of(loop.by_rounds, given, wants)

    def backward(self, g: Any, out: Any, *inputs: Tensor, wants: list) -> list:
        """The vjp: that of the same gradient taken op by op. What it does not read has none."""
        wants = [w and (i < self._count or self._reads) for i, w in enumerate(wants)]
        if not any(wants):
            return [None] * len(wants)
        return OpByOp(self._first).backward(g, out, *inputs, wants=wants)


def run_loop(
    condition: Callable, body: Callable, variables: list[Tensor], limit: int | None, may_grow: bool
) -> list:
    """The loop variables (tensors) after the last round, for a condition that is traced."""
    inputs = [Tensor(Spec(tuple(x.array.shape), x.array.dtype)) for x in variables]
    ask = Piece(condition, inputs, "the condition of while_loop")
    again = [Tensor(x.array) for x in inputs]
    work = Piece(body, again, "the body of while_loop")
    check_invariants(work, inputs, may_grow)
    if ask.writes:
        raise TraceError("the condition of while_loop assigns a Variable")
    written = work.writes
    for piece in (ask, work):
        piece.make_pure({s: Tensor(Spec(v.array.shape, v.array.dtype)) for s, v in written.items()})
    outside = ask.reads() | work.reads()
    op = Loop(ask.closed(outside), work.closed(outside, written), limit)
    made = op(*variables, *written.values(), *outside.values())
    return assigned(written, list(made) if isinstance(made, tuple) else [made])


def check_invariants(work: Piece, inputs: list[Tensor], may_grow: bool) -> None:
    """Raise if the body changes the dtype (TypeError) or the shape of a loop variable: ValueError;
    if it `may_grow` TraceError, since plain Python does not mind."""
    for x, y in zip(inputs, work.specs, strict=True):
        if x.array.dtype != y.dtype:
            raise TypeError(
                f"while_loop: a loop variable of dtype {x.dtype.name} has dtype {y.dtype.name} "
                "after one round"
            )
        if tuple(x.array.shape) != tuple(y.shape) and not may_grow:
            raise ValueError(
                f"while_loop: a loop variable of shape {tuple(x.array.shape)} has shape "
                f"{tuple(y.shape)} after one round: say so with shape_invariants"
            )
    if not same(work.specs, [x.array for x in inputs]):
        raise TraceError("the body of while_loop changes the shape of a loop variable")
