"""PyTorch's way to differentiate: `y.backward()` adds d y / d x to `x.grad` of the leaves.

The Lines and rules are those of the tape. What differs is who keeps them: each tensor refers to the
History that made it, so that Lines live exactly as long as tensors which lead to them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.active import ACTIVE, Recorder
from framework.engine.backward import pullback
from framework.engine.op import Op
from framework.engine.program import Line
from framework.engine.slices import dense
from framework.engine.tensor import Spec, Tensor

KINDS = {
    "float16": "Half", "float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int",
    "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
}  # fmt: skip
FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)
# Value i (inputs, then outputs) is read only for the gradient of input j: keep it only if that one
# is wanted.
READ_FOR = {
    "multiply": {0: 1, 1: 0}, "matmul": {0: 1, 1: 0}, "divide": {0: 1}, "power": {2: 1},
}  # fmt: skip


class Mode(threading.local):
    """Whether this thread records histories (torch.no_grad)."""

    is_enabled = True


MODE = Mode()


class History:
    """How a tensor came to be: the Line, and for each input its History, the leaf it is, or None.

    versions: (counter, count, place) of each value that the Line keeps and that may be written.
    retained: {slot: tensor} of outputs that want their gradient (retain_grad); weak references,
    since a tensor refers to its History.
    hooks: {slot: what is called with the gradient of this output, and gives the one to go on with}.
    """

    __slots__ = ("__weakref__", "hooks", "line", "parents", "retained", "title", "versions")

    def __init__(self, line: Line, parents: tuple, versions: list):
        self.line, self.parents, self.versions = line, parents, versions
        self.title = line.op.name
        self.retained: dict[int, Any] = {}
        self.hooks: dict[int, Any] | None = None

    def name(self) -> str:
        """As PyTorch prints it: MulBackward0."""
        return self.title

    @property
    def next_functions(self) -> tuple:
        """The histories of the inputs, as PyTorch lists them."""
        return tuple([(function_of(p), 0) for p in self.parents])

    def free(self) -> None:
        """Forget the values, if there are any; a second backward then raises."""
        line = self.line
        if any([type(v) is not Spec for v in line.values]):
            self.line = Line(line.op, line.inputs, line.attrs, line.outs, ())
            self.versions = []

    def check(self) -> None:
        """Raise if the values are gone or were changed in place."""
        if not self.line.values:  # every Line that was not freed has some
            raise RuntimeError(FREED)
        for counter, count, place in self.versions:
            if counter[0] != count:
                what = self.described(place, *counter[1:])
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: {what} is at version {counter[0]}; expected version "
                    f"{count} instead."
                )

    def described(self, place: int, written: str | None = None) -> str:
        """A value that the Line keeps: dtype, shape, and what computed it. written: the operation
        that wrote it last, if one did that is remembered."""
        value, inputs = self.line.values[place], self.line.inputs
        text = f"[torch.{KINDS[value.dtype.name]}Tensor {list(value.shape)}]"
        made_by = self if place >= len(inputs) else self.parents[place]
        if not isinstance(made_by, History):
            return text
        if made_by is not self and written is not None:
            return f"{text}, which is output 0 of {written.split('Backward')[0]},"
        slot = (*inputs, *self.line.outs)[place]
        outs = made_by.line.outs
        number = outs.index(slot) if slot in outs else 0
        return f"{text}, which is output {number} of {made_by.title.split('Backward')[0]},"

    def __repr__(self) -> str:
        return f"<{self.title} object at {id(self):#x}>"


class AccumulateGrad:
    """Where a gradient ends: the leaf `variable`, to whose grad it is added."""

    __slots__ = ("variable",)
    next_functions = ()

    def __init__(self, variable: Any):
        self.variable = variable

    def name(self) -> str:
        """As PyTorch calls it."""
        return "torch::autograd::AccumulateGrad"


def function_of(source: Any) -> Any:
    """The History, AccumulateGrad or None that a Line's input goes back to."""
    is_leaf = source is not None and not isinstance(source, History)
    return AccumulateGrad(source) if is_leaf else source


def source_of(x: Any) -> Any:
    """What a Line's input goes back to: a History, a leaf that wants a gradient, or None."""
    history = getattr(x, "history", None)
    return history if history is not None else x if getattr(x, "requires_grad", False) else None


def remember(op: Op, inputs: tuple, attrs: dict, outs: tuple, parents: tuple) -> History:
    """The History of an op call whose inputs go back to `parents`."""
    values = list(op.values(inputs, outs))
    needless = READ_FOR.get(op.name)
    if needless is not None:
        for i, j in needless.items():
            if parents[j] is None:
                values[i] = Spec(values[i].shape, values[i].dtype)
    versions = []
    for i, x in enumerate(inputs):
        if type(values[i]) is not Spec and hasattr(x, "version"):
            versions.append((x.version, x.version[0], i))
    line = Line(
        op, tuple([x.id for x in inputs]), attrs, tuple([o.id for o in outs]), tuple(values)
    )
    return History(line, parents, versions)


class HistoryRecorder(Recorder):
    """Stands in ACTIVE.tapes while op calls are remembered: in door functions, in gradient rules.

    known: slot -> what it goes back to, a History or a leaf. writable: tensors with a version whose
    memory calls may see through views of their own.
    """

    def __init__(self, known: dict[int, Any], writable: Sequence = ()):
        self.known, self.writable = known, writable

    def __enter__(self) -> HistoryRecorder:
        self._outer, ACTIVE.tapes = ACTIVE.tapes, (*ACTIVE.tapes, self)
        return self

    def __exit__(self, *_) -> None:
        ACTIVE.tapes = self._outer

    def watches(self, tensors: Any) -> bool:
        """Whether a call on these tensors would be remembered."""
        return any([self.known.get(x.id) is not None for x in tensors])

    def record(self, op: Op, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call."""
        if op.rule is None:
            return
        parents = tuple([self.known.get(x.id) for x in inputs])
        if any([p is not None for p in parents]):
            history = remember(op, inputs, attrs, outs, parents)
            self._watch_memory(history)
            self.known.update({o.id: history for o in outs if o.array.dtype.kind == "f"})

    def _watch_memory(self, history: History) -> None:
        """Let the History notice writes to what it keeps through views."""
        counted = {place for _, _, place in history.versions}
        for place, value in enumerate(history.line.values):
            if type(value) is Spec or place in counted:
                continue
            for x in self.writable:
                if np.may_share_memory(value, x.array):
                    history.versions.append((x.version, x.version[0], place))


def collect(roots: list[Any]) -> tuple[list[History], dict[int, Any]]:
    """All Histories behind the roots in the order they ran; and slot -> History or leaf."""
    found: dict[int, History] = {}
    known: dict[int, Any] = {}
    todo = []
    for root in roots:
        source = source_of(root)
        known[root.id] = source
        if isinstance(source, History):
            todo.append(source)
    while todo:
        history = todo.pop()
        if id(history) in found:
            continue
        found[id(history)] = history
        known.update({slot: history for slot in history.line.outs})
        for slot, parent in zip(history.line.inputs, history.parents, strict=True):
            if isinstance(parent, History):
                todo.append(parent)
            elif parent is not None:
                known[slot] = parent
    return sorted(found.values(), key=lambda h: h.line.outs[0]), known


def ends(histories: list[History], known: dict[int, Any]) -> set[int]:
    """The slots of the leaves, and of computed tensors that retain their gradient."""
    leaves = {slot for slot, s in known.items() if s is not None and not isinstance(s, History)}
    return leaves | {slot for history in histories for slot in history.retained}


def leading_to(sources: set[int], histories: list[History]) -> list[History]:
    """The Histories through which a source is seen: only their values are read, and freed."""
    seen, found = set(sources), []
    for history in histories:
        if not seen.isdisjoint(history.line.inputs):
            seen.update(history.line.outs)
            found.append(history)
    return found


def gradients(
    roots: list[Any],
    cotangents: list[Tensor],
    sources: set[int] | None,
    retain_graph: bool,
    create_graph: bool,
) -> tuple[dict[int, Tensor], dict[int, Any]]:
    """{slot: cotangent} of the slots in `sources` (None: leaves and what retains its gradient).

    The second result is slot -> History or leaf; with create_graph it knows the cotangents' too.
    Frees the values unless retain_graph.
    """
    histories, known = collect(roots)
    if sources is None:
        sources = ends(histories, known)
    else:
        histories = leading_to(sources, histories)
    for history in reversed(histories):  # the one that backward would meet first
        history.check()
    start: dict[int, Tensor] = {}
    known.update({g.id: source_of(g) for g in cotangents})
    with HistoryRecorder(known) if create_graph else contextlib.nullcontext():
        for root, g in zip(roots, cotangents, strict=True):
            start[root.id] = ops.add(start[root.id], g) if root.id in start else g
        found = pullback([h.line for h in histories], start, sources, hook_of(known, create_graph))
    if not retain_graph:
        for history in histories:
            history.free()
    return {slot: dense(found[slot]) for slot in sources if slot in found}, known


def hook_of(known: dict[int, Any], create_graph: bool) -> Callable | None:
    """(slot, gradient) -> the gradient as hooks leave it; None if there are no hooks."""
    hooks = {}
    for slot, source in known.items():
        found = getattr(source, "hooks", None)
        found = found.get(slot) if isinstance(source, History) and found else found
        if found:
            hooks[slot] = found
    if not hooks:
        return None

    def hook(slot: int, g: Any) -> Any:
        return hooks[slot](dense(g), known, create_graph) if slot in hooks else g

    return hook


def accumulate(leaf: Any, gradient: Any, in_place: bool) -> None:
    """leaf.grad += gradient; in place (who holds leaf.grad sees it) unless it has a history."""
    if leaf._grad is None:
        leaf._grad = gradient
    elif in_place:
        leaf._grad.array[...] += gradient.array
        leaf._grad.version[0] += 1
    else:
        leaf._grad = leaf._grad + gradient
