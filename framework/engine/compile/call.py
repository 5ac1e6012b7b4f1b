"""Compiled: a Program that is called on Tensors, and differentiated, as if it were one op.

A tape sees a call as one Line. Its rule runs a second Program, traced from the pullback of the
first one's lines; that one is a Compiled too, so derivatives of every order come from here.

Note [Ties]: in TensorFlow every float that the gradient of a function reads, an input or a constant
too, is an output of the function, and a cotangent of one output makes zeros of the others. Hence
the gradient of 2 x depends on x (zeros), that of x + 1, which reads nothing, does not (None). Here
nothing is copied for that: a watched call has one output more, its tie, and the call of its
gradient takes the tie as an input if it reads any such float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.active import ACTIVE
from framework.engine.backward import filled_like, pullback
from framework.engine.compile.template import with_variables
from framework.engine.compile.vm import Executable
from framework.engine.program import Line, Program, has_rules, tracing
from framework.engine.slices import IndexedSlices, dense
from framework.engine.tensor import Spec, Tensor

# So many runs on NumPy before kernels are made ready: a function that is called once, as in a
# test, would wait longer for them than they save.
PATIENCE = 2
MANY = 256  # sets of Variables that a trace was called with; the first is forgotten beyond, for
# each keeps its Variables alive
TIE = np.zeros((), np.float32)


class Compiled:
    """Calls of one Program. `variables`: those of floats that it reads or writes; `captured`:
    constants that were tensors of floats before the trace began, which a tape may watch.

    It runs on NumPy at first, then on the VM; with a tape that watches, a version of it runs that
    also returns what the gradient needs ("residuals": slots of the program).
    """

    name = "function"
    takes_wants = True
    forward = None  # a Line of it is there to be differentiated, not to be run again
    writes, scalar = (), None

    def __init__(self, program: Program, patience: int = PATIENCE, captured: Iterable[int] = ()):
        self.program = program
        constants = [Tensor(program.constants[slot], slot) for slot in captured]
        self.captured = [x for x in constants if x.array.dtype.kind == "f"]
        self.variables = [v for v in program.variables.values() if v.array.dtype.kind == "f"]
        self._patience = {False: patience, True: patience}
        self._executables: dict[bool, Executable] = {}
        self._backward: dict[tuple, Backward] = {}
        self._residuals: tuple | None = None
        self._survey: tuple[set[int], bool] | None = None

    def __call__(self, inputs: list[Tensor], ties: tuple = ()) -> list[Tensor]:
        """The program's outputs for its inputs. ties: of the call that this is the gradient of."""
        if ACTIVE.trace is not None:
            return replay(self.program, inputs)
        seen = (*inputs, *self.variables, *self.captured, *ties)
        is_watched = any([tape.watches(seen) for tape in ACTIVE.tapes])
        outs = tuple([Tensor(a) for a in self._run([x.array for x in inputs], is_watched)])
        if is_watched:
            made = (*outs, Tensor(TIE))
            for tape in ACTIVE.tapes:
                tape.record(self, seen, {}, made)
        return list(outs[: len(self.program.outputs)])

    def run(self, arrays: list) -> list[np.ndarray]:
        """The program's outputs for arrays; no tape is told."""
        return self._run(arrays, False)

    def _run(self, arrays: list, with_residuals: bool) -> list[np.ndarray]:
        if self._patience[with_residuals] > 0:
            self._patience[with_residuals] -= 1
            return self._version(with_residuals).run(*arrays)
        if with_residuals not in self._executables:
            self._executables[with_residuals] = Executable(self._version(with_residuals))
        return self._executables[with_residuals](*arrays)

    def _version(self, with_residuals: bool) -> Program:
        program = self.program
        more = self.residuals if with_residuals else ()
        return program.with_lines(program.lines, (*program.outputs, *more))

    @property
    def residuals(self) -> tuple:
        """The slots whose values some gradient rule on the way may read."""
        if self._residuals is None:
            self._residuals = tuple(residuals_of(self.program, [x.id for x in self.captured]))
        return self._residuals

    def values(self, inputs: tuple, outs: tuple) -> tuple:
        """What a tape's Line keeps: inputs that rules may read, and the residuals."""
        count = len(self.program.outputs)
        fed = [x.array for x in inputs[: len(self.program.inputs)]]
        own = [Spec(x.array.shape, x.array.dtype) for x in inputs[len(fed) :]]
        kept = [Spec(o.array.shape, o.array.dtype) for o in outs[:count]]
        return (*fed, *own, *kept, *[o.array for o in outs[count:]])

    def rule(self, g: Any, out: Any, *inputs: Tensor, wants: list[bool]) -> list:
        """The vjp of one call: None for what no output depends on; zeros for what only outputs
        without a cotangent do, as TensorFlow has it."""
        count = len(self._slots()) - len(out) + 1  # inputs that are no ties
        gradients: list = [Tensor(TIE) if i >= count else None for i in range(len(inputs))]
        # Only a tape that recorded this very call can ask for the next order.
        ties = (out[-1],) if ACTIVE.tapes and self._surveyed()[1] else ()
        parts = self._completed(g[:-1], out) if ties else g[:-1]
        given = tuple([part is not None for part in parts])
        if any(given):
            feeds = (*inputs[:count], *out[:-1])
            gradients[:count] = self._pulled(parts, given, feeds, ties, wants[:count])
        for i, slot in enumerate(self._slots()[:count]):
            if wants[i] and gradients[i] is None and slot in self.connected:
                gradients[i] = filled_like(inputs[i], 0.0)
        return gradients

    def _completed(self, parts: tuple, outs: tuple) -> list:
        """Cotangents with zeros for outputs that have none: the next order depends on them too."""
        floats = [i for i, slot in enumerate(self.program.outputs) if self._is_float(slot)]
        return [
            filled_like(outs[i], 0.0) if part is None and i in floats else part
            for i, part in enumerate(parts)
        ]

    def _is_float(self, slot: int) -> bool:
        return self.program.specs[slot].dtype.kind == "f"

    def _pulled(self, parts: Any, given: tuple, values: tuple, ties: tuple, wants: list) -> list:
        """The gradients of the inputs that the given outputs depend on; values: of all slots."""
        key = given, tuple(wants)
        if key not in self._backward:
            self._backward[key] = self._trace_backward(given, wants)
        backward = self._backward[key]
        known = dict(zip(self._slots(), values, strict=True))
        feeds = [known[slot] for slot in backward.kept]
        cotangents = [part for part, is_given in zip(parts, given) if is_given]
        found = iter(backward.compiled([*cotangents, *feeds], ties))
        return [packed_gradient(found, *part) for part in backward.found]

    @property
    def connected(self) -> set[int]:
        """The slots of inputs, Variables and captured tensors that some output depends on."""
        return self._surveyed()[0]

    def _surveyed(self) -> tuple[set[int], bool]:
        """`connected`, and whether its gradient depends on floats that it reads of this program."""
        if self._survey is None:
            program = self.program
            floats = [slot for slot in program.outputs if self._is_float(slot)]
            own = [v.id for v in (*self.variables, *self.captured)]
            back, found = traced_pullback(program, floats, [*program.inputs, *own])
            self._survey = set(found), depends_on(back, program)
        return self._survey

    def _slots(self) -> list[int]:
        """The program's slots of a Line's inputs and outs."""
        own = [v.id for v in (*self.variables, *self.captured)]
        return [*self.program.inputs, *own, *self.program.outputs, *self.residuals]

    def _trace_backward(self, given: tuple, wants: list[bool]) -> Backward:
        """The Program from cotangents and kept slots to the gradients of what is wanted."""
        program, slots = self.program, self._slots()
        count = len(wants)
        sources = [slot for slot, wanted in zip(slots[:count], wants, strict=True) if wanted]
        targets = [slot for slot, is_given in zip(slots[count:], given, strict=True) if is_given]
        back, found = traced_pullback(program, targets, sources, keeps_slices=True)
        made = {o for line in back.lines for o in line.outs} | set(back.inputs)
        read = {slot for line in back.lines for slot in line.inputs} - made - set(back.constants)
        # A rule of the user's own may read Variables: the values that they have then.
        back.variables.update({s: v for s, v in program.variables.items() if s in read})
        kept = [s for s in dict.fromkeys(slots) if s in read and s not in back.variables]
        lost = read.difference(kept, back.variables)
        if lost:
            raise AssertionError(f"function: the gradient reads slots that are not kept: {lost}")
        back.inputs = (*back.inputs, *kept)
        captured = [x.id for x in self.captured if x.id in back.constants]
        parts = [(slot in found and w, found.get(slot)) for slot, w in zip(slots, wants)]
        return Backward(Compiled(back, captured=captured), kept, parts)


class Trace:
    """What a function does for one signature: a Compiled and the structure of its result; or, if
    it cannot be traced, plain Python. variables: those among the arguments that it was traced
    with."""

    def __init__(self, compiled: Compiled | None, form: Any, key: tuple, variables: Any = ()):
        self.compiled, self.form, self.key, self.variables = compiled, form, key, variables
        self._others: dict[tuple, Compiled | None] = {}  # for other Variables, by their slots

    def compiled_for(self, variables: list, patience: int, again: Callable) -> Any:
        """The Compiled in which these Variables take the place of those of the trace; again() where
        the function must be traced for them."""
        if self.compiled is None or all([v is w for v, w in zip(variables, self.variables)]):
            return self.compiled
        slots = tuple([v.id for v in variables])
        if slots in self._others:
            return self._others[slots]
        if has_rules(self.compiled.program):  # Python that names the Variables themselves
            made = again().compiled
        else:
            program = with_variables(self.compiled.program, self.variables, variables)
            made = Compiled(program, patience, [x.id for x in self.compiled.captured])
        self._keep(slots, made)
        return made

    def _keep(self, slots: tuple, made: Any) -> None:
        if len(self._others) >= MANY:
            self._others.pop(next(iter(self._others)), None)
        self._others[slots] = made


def traced_pullback(
    program: Program, targets: list[int], sources: list[int], keeps_slices: bool = False
) -> tuple[Program, dict[int, tuple | None]]:
    """The lines from cotangents of the slots in `targets` to the gradients of those in `sources`
    that have one (the second result); they may read any slot of the program.

    keeps_slices: IndexedSlices are two outputs, values and indices; their slot is marked with the
    shape of the whole.
    """
    g = [Tensor(program.specs[slot]) for slot in targets]
    back = Program([x.id for x in g], specs=dict(program.specs))
    back.specs.update({x.id: x.array for x in g})
    back.constants.update(program.constants)
    with tracing(back):
        cotangents: dict[int, Any] = {}
        for slot, x in zip(targets, g, strict=True):
            known = cotangents.get(slot)
            cotangents[slot] = x if known is None else ops.add(known, x)
        found = pullback(program.lines, cotangents, set(sources))
        outputs, wholes = [], {}
        for s in [s for s in sources if s in found]:
            made: Any = found[s] if keeps_slices else dense(found[s])
            is_slices = type(made) is IndexedSlices
            parts = (made.values, made.indices) if is_slices else (made,)
            outputs += [ops.identity(x) for x in parts]
            wholes[s] = made.whole if is_slices else None
    back.outputs = tuple([x.id for x in outputs])
    return back, wholes


def depends_on(back: Program, program: Program) -> bool:
    """Whether the gradients that `back` computes depend on floats that it reads of the program."""
    # A number in a formula may be the very one that a rule has in its own.
    declared = {slot for line in program.lines if line.op.rule for slot in read_by_rule(line)}
    read = {slot for line in back.lines for slot in line.inputs}.intersection(declared)
    read = [slot for slot in read if program.specs[slot].dtype.kind == "f"]
    found = traced_pullback(back, list(back.outputs), read)[1] if read else {}
    return not set(found).isdisjoint(read)


class Backward:
    """A traced pullback. kept: the forward slots it reads, behind the cotangents; found: of each
    forward input whether it gives a gradient, and of IndexedSlices the shape of the whole."""

    def __init__(self, compiled: Compiled, kept: list[int], found: list[tuple]):
        self.compiled, self.kept, self.found = compiled, kept, found


def packed_gradient(parts: Iterator[Tensor], is_found: bool, whole: tuple | None) -> Any:
    """The next gradient among the outputs of a Backward, or None."""
    if not is_found:
        return None
    values = next(parts)
    return values if whole is None else IndexedSlices(values, next(parts), whole)


def residuals_of(program: Program, captured: Iterable[int] = ()) -> list[int]:
    """Slots computed by the program that a rule may read the values of."""
    sources = {slot for slot in program.inputs if program.specs[slot].dtype.kind == "f"}
    seen = sources | set(program.variables) | set(captured)
    outside = {*program.inputs, *program.constants, *program.variables}
    found: dict[int, None] = {}
    for line in program.lines:
        if line.op.rule is None or seen.isdisjoint(line.inputs):
            continue
        seen.update(line.outs)
        found.update(dict.fromkeys(read_by_rule(line)))
    if has_rules(program):  # rules of the user's own read anything
        found.update(dict.fromkeys([o for line in program.lines for o in line.outs]))
    return [slot for slot in found if slot not in outside]


def read_by_rule(line: Line) -> list[int]:
    """The slots whose values the rule of a line declares to read."""
    needs = line.op.needs
    slots = list(line.outs) if "outs" in needs else []
    if "inputs" in needs:
        return [*slots, *line.inputs]
    return [*slots, *[slot for i, slot in enumerate(line.inputs) if i in needs]]


def replay(program: Program, inputs: list[Tensor]) -> list[Tensor]:
    """The program's lines, called as ops again, inside another trace; without custom gradients."""
    known: dict[int, Any] = dict(zip(program.inputs, inputs, strict=True))
    known.update({slot: Tensor(value, slot) for slot, value in program.constants.items()})
    known.update(program.variables)
    for line in program.lines:
        made = line.op(*[known[slot] for slot in line.inputs], **line.attrs)
        known.update(zip(line.outs, made if isinstance(made, tuple) else (made,)))
    return [known[slot] for slot in program.outputs]
