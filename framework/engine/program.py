"""Line: one op call. Program: Lines with static shapes that can be run again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.errors import ForeignTensorError
from framework.engine.operands import refusal
from framework.engine.tensor import Spec, Tensor


class Line:
    """outs = op(*inputs, **attrs), by slot numbers.

    `values` holds, for inputs then outs, the array if the op's vjp needs it, else its Spec. A Line
    never holds
    Tensors, so a kept loss does not keep the chain behind it and an assignment cannot change
    history.
    """

    __slots__ = ("attrs", "inputs", "op", "outs", "values")

    def __init__(self, op: Any, inputs: tuple, attrs: dict, outs: tuple, values: tuple):
        self.op, self.inputs, self.attrs, self.outs, self.values = op, inputs, attrs, outs, values

    def with_inputs(self, inputs: tuple) -> Line:
        """The same call on other slots of the same shapes."""
        return Line(self.op, inputs, self.attrs, self.outs, self.values)

    def __repr__(self) -> str:
        return f"{self.outs} = {self.op.name}{self.inputs} {self.attrs or ''}"


class Program:
    """inputs -> lines -> outputs, by slot. A pass is a function from Program to Program.

    specs: slot -> Spec of every slot; constants: slot -> array; variables: slot -> Variable (read
    and written in place).
    """

    # of a trace: the Sizes if some are open, and what tensors of sizes hold (open_calls.py)
    sizes: Any = None
    known: Any = None
    # of a trace: where() names the layer under way, phase what else is done ("gradient of dense")
    where: Callable[[], str] | None = None
    phase = ""
    strips: Any = ()  # lines that go through the batch together (compile/passes/strips.py)

    def __init__(self, inputs=(), lines=(), outputs=(), specs=None, constants=None, variables=None):
        self.inputs, self.lines, self.outputs = tuple(inputs), list(lines), tuple(outputs)
        self.specs: dict[int, Any] = {} if specs is None else specs
        self.constants: dict[int, np.ndarray] = {} if constants is None else constants
        self.variables: dict[int, Any] = {} if variables is None else variables
        self.made: list[Any] = []  # Variables that were created while this was traced
        self.places: dict[int, str] = {}  # slot -> the layer that made it, where that is known

    def with_lines(self, lines: list[Line], outputs: tuple | None = None) -> Program:
        """A Program with other lines (and outputs) over the same slots."""
        kept = self.outputs if outputs is None else outputs
        made = Program(self.inputs, lines, kept, self.specs, self.constants, self.variables)
        made.places = self.places
        return made

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Append a Line for an op call on Tensors."""
        for x in inputs:
            if x.id not in self.specs:
                if x.is_variable:
                    self.variables[x.id] = x
                elif type(x.array) is Spec:
                    raise ForeignTensorError(
                        f"{op.name}: an input of shape {x.array.shape} comes from another trace"
                    )
                else:
                    self.constants[x.id] = x.array
                self.specs[x.id] = Spec(x.array.shape, x.array.dtype)
        for out in outs:
            self.specs[out.id] = out.array
            if self.where is not None:
                self.places[out.id] = self.phase or self.where()
        slots = tuple([x.id for x in inputs]), tuple([o.id for o in outs])
        values = tuple([self.specs[s] for s in (*slots[0], *slots[1])])
        self.lines.append(Line(op, slots[0], attrs, slots[1], values))

    def enter_gradient_of(self, line: Line) -> None:
        """What is recorded from now on belongs to the gradient of `line`."""
        if self.where is not None:
            self.phase = f"gradient of {self.places.get(line.outs[0]) or 'the loss'}"

    def place_of(self, line: Line) -> str:
        """The layer that a line belongs to, or "gradient of" or "update of" something; "" if that
        is not known."""
        if line.outs:
            return self.places.get(line.outs[0], "")
        written: Any = [self.variables.get(line.inputs[i]) for i in line.op.writes]
        return f"update of {variable_name(written[0])}" if written else ""

    def value_of(self, slot: int) -> np.ndarray | None:
        """The value of a tensor that is made of open sizes alone: the program is then good for
        those that give the same; None for other tensors."""
        known: Any = None if self.known is None else self.known.get(slot)
        if known is None:
            return None
        known = known() if callable(known) else known
        flat = [n.__bool__() if self.specs[slot].dtype.kind == "b" else n.__index__()
                for n in known.reshape(-1).tolist()]  # fmt: skip
        return np.array(flat, self.specs[slot].dtype).reshape(known.shape)

    def users(self) -> dict[int, list]:
        """slot -> the lines that read it; None among them stands for the program's outputs."""
        users: dict[int, list] = {slot: [None] for slot in self.outputs}
        for line in self.lines:
            for slot in line.inputs:
                users.setdefault(slot, []).append(line)
        return users

    def run(self, *feeds: np.ndarray) -> list[np.ndarray]:
        """The reference: every line's NumPy forward, one after the other; writes Variables like
        the VM."""
        values = dict(zip(self.inputs, feeds, strict=True)) | self.constants

        def read(line, position, slot):
            if slot in self.variables:
                variable = self.variables[slot]
                return (
                    variable.writable() if position in line.op.writes else np.array(variable.array)
                )
            return values[slot]

        for line in self.lines:
            if line.op.forward is None:  # a rule of a custom gradient
                continue
            arrays = [read(line, i, s) for i, s in enumerate(line.inputs)]
            try:
                result = line.op.forward(*arrays, **line.attrs)
            except (ValueError, TypeError, MemoryError) as error:
                raise refusal(line.op, arrays, line.attrs, error) from None
            if line.outs:
                results = result if isinstance(result, tuple) else (result,)
                values.update(zip(line.outs, map(np.asarray, results), strict=True))
        return [
            np.array(read(None, -1, s) if s in self.variables else values[s]) for s in self.outputs
        ]

    def __str__(self) -> str:
        names = {slot: f"in{i}" for i, slot in enumerate(self.inputs)}
        names |= {slot: v.name for slot, v in self.variables.items()}

        def show(slot):
            if slot in self.constants:
                value = self.constants[slot]
                return f"{value:.6g}" if value.ndim == 0 else f"constant{value.shape}"
            return names.setdefault(slot, f"%{len(names)}")

        inputs = [f"in{i}:{spec_text(self.specs[s])}" for i, s in enumerate(self.inputs)]
        rows = [f"program({', '.join(inputs)})"]
        for line in self.lines:
            attrs = "".join(
                f", {k}={v}" for k, v in line.attrs.items() if v is not None and v is not False
            )
            outs = ", ".join(f"{show(o)}:{spec_text(self.specs[o])}" for o in line.outs)
            rows.append(
                f"{outs or 'write':28} = {line.op.name}({', '.join(map(show, line.inputs))}{attrs})"
            )
        return "\n".join([*rows, f"return {', '.join(map(show, self.outputs))}"])


@contextlib.contextmanager
def tracing(program: Program | None) -> Iterator[None]:
    """Within this block op calls become lines of `program` (None: they just run); tapes, and a
    trace, from outside are off."""
    outer, tapes = ACTIVE.trace, ACTIVE.tapes
    ACTIVE.trace, ACTIVE.tapes = program, ()
    try:
        yield
    finally:
        ACTIVE.trace, ACTIVE.tapes = outer, tapes


def inner_program(inputs: list[Tensor]) -> Program:
    """A Program with these abstract inputs, whose lines may also read the slots of the trace that
    is active now, if there is one."""
    outer = ACTIVE.trace or Program()
    program = Program(
        [x.id for x in inputs],
        specs=outer.specs | {x.id: x.array for x in inputs},
        constants=dict(outer.constants),
        variables=dict(outer.variables),
    )
    program.made, program.sizes, program.known = outer.made, outer.sizes, outer.known
    return program


def has_rules(program: Program) -> bool:
    """Whether a line is no computation but the rule of a custom gradient."""
    return any([line.op.forward is None for line in program.lines])


def variable_name(variable: Any) -> str:
    """What messages call a Variable: its path if it has one."""
    return getattr(variable, "path", variable.name)


def spec_text(spec: Spec) -> str:
    """float32[3, 4]"""
    return f"{spec.dtype.name}{list(spec.shape)}"
