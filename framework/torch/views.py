"""Views: tensors that show the memory of another one, and what a write through them means.

Note [Views]  A view knows its base, the tensor that the memory belongs to, and the steps (ops and
their attrs) that lead from there to what it shows. All of them count their writes in one version.
A write through a view is a write to a part of the base: a `copy_slices` Line goes on top of the
base's history. A view whose own history is older than the version takes its steps once more, from
the base as it is now, when it is used next. So there is one chain of Lines per memory, and what a
view does is always at its end. PyTorch: torch/csrc/autograd/variable.h, "Gradient Edges and
View + Inplace".
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.accumulate import MODE, History, HistoryRecorder, remember, source_of
from framework.engine.op import op
from framework.engine.ops.broadcast import zeros_like
from framework.engine.tensor import Spec, Tensor
from framework.torch.memory import check_repeated, shows

SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by an "
    "out-of-place one."
)
NO_GRAD = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the no_grad block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF = f"a view of {LEAF}"


class Key:
    """An index, handed through as an attr."""

    __slots__ = ("key",)

    def __init__(self, key: Any):
        self.key = key


def take(x: Tensor, *, key: Key) -> Tensor:
    """x[key] of integers, slices and None."""
    return Tensor.__getitem__(x, key.key)


def picked(x: Tensor, *, places: Key) -> Tensor:
    """The elements of x at these places of the flat x."""
    return ops.gather(ops.reshape(x, shape=(-1,)), Tensor(places.key), axis=0)


VIEWS = {
    *(take, ops.reshape, ops.transpose, ops.swapaxes, ops.expand_dims, ops.squeeze),
    ops.broadcast_to,
}


def taken(x: Tensor, steps: tuple) -> Tensor:
    """What the steps lead to from x."""
    for function, attrs in steps:
        x = function(x, **attrs)
    return x


@op(register=False, infer=lambda x, part, *, steps: Spec(x.shape, x.dtype))
def copy_slices(x, part, *, steps):
    """A copy of x in which `part` stands where the steps lead."""
    whole = np.array(x, order="C")
    seen = steps[:-1] if steps and steps[-1][0] is picked else steps
    places = taken(Tensor(np.arange(x.size).reshape(x.shape)), seen)
    check_repeated(places.array)  # PyTorch differentiates no write to a repeated element
    places = taken(places, steps[len(seen) :]).array
    whole.reshape(-1)[places] = part
    return whole


@copy_slices.vjp()
def _(g, out, x, part, *, wants, steps):
    rest = inner = None
    if wants[0]:
        rest = copy_slices(g, zeros_like(part), steps=steps) if steps else zeros_like(x)
    if wants[1]:
        inner = taken(g, steps)
    return rest, inner


class View:
    """What makes a tensor a view: base, steps, and which version its history is of.

    made_in: "no_grad", "several" (one of the views that iteration gives) or "": such a view cannot
    be written where operations are remembered. number: which of the several.
    """

    __slots__ = ("base", "made_in", "number", "seen", "steps")

    def __init__(self, base: Any, steps: tuple, made_in: str = "", number: int = 0):
        self.base, self.steps, self.made_in, self.number = base, steps, made_in, number
        self.seen = base.version[0]

    def renew(self, x: Any) -> None:
        """The history of the view x, taken from the base as it is now."""
        source = source_of(self.base)
        if source is None and x._history is None:
            self.seen = x.version[0]
            return
        self.check(x, "its base or another view of its base has been")
        self.seen = x.version[0]
        known = {self.base.id: source}
        with HistoryRecorder(known):
            now = taken(self.base, self.steps)
        history = known.get(now.id)
        if isinstance(history, History):
            history.title = "AsStridedBackward0"
            continues(x, history, now.id)

    def check(self, x: Any, what: str) -> None:
        """Raise if the view must not follow a write."""
        if not self.made_in:
            return
        made_by = None if x._history is None else x._history.title.split("Backward")[0]
        if self.made_in == "several" and made_by:
            text = f"Output {self.number} of {made_by} is a view and {what} modified inplace."
        else:
            of_view = f"Output {self.number} of {made_by} is a view of a view which was created in"
            made = of_view if made_by else "A view was created in"
            text = f"{made} no_grad mode and {what} modified inplace with grad mode enabled."
        raise RuntimeError(f"{text} {SEVERAL if self.made_in == 'several' else NO_GRAD}")


def see(x: Any, out: Any, function: Any, attrs: dict) -> None:
    """Let `out`, which function(x, **attrs) gave, be a view of x if it shows the memory of x."""
    if function is take:  # with `...` NumPy gives a view of a single element, too
        out.array = x.array[(*attrs["key"].key, ...)]
    if not (shows(out.array, x.array) or not out.array.size):
        if out._history is not None:  # a reshape that had to copy
            out._history.title = "UnsafeViewBackward0"
        return
    if not out.array.flags.writeable and x.array.flags.writeable:  # NumPy's broadcast_to
        out.array = np.lib.stride_tricks.as_strided(x.array, out.array.shape, out.array.strides)
    made_in = "" if MODE.is_enabled else "no_grad"
    before, step = x._view, ((function, attrs),)
    out.version = x.version
    if before is None:
        out._view = View(x, step, made_in)
    else:
        out._view = View(before.base, before.steps + step, made_in or before.made_in)


def continues(x: Any, history: History, slot: int) -> None:
    """x goes on as the output `slot` of this history; it still retains its gradient if it did."""
    before = x._history
    if before is not None and before.retained.pop(x.id, None) is not None:
        history.retained[slot] = weakref.ref(x)
    x._history, x.id = history, slot


def may_write(x: Any, inputs: list) -> bool:
    """True if an in-place operation on x has to be remembered; raises where it is forbidden."""
    if not MODE.is_enabled or x.array.dtype.kind != "f":
        return False
    if not (x.requires_grad or any([source_of(y) is not None for y in inputs])):
        return False
    if x._view is not None:
        x._view.check(x, "is being")
        if x.requires_grad and x._view.base.is_leaf:
            raise RuntimeError(VIEW_OF_LEAF)
    if x.requires_grad and x.is_leaf:
        raise RuntimeError(LEAF)
    for y in inputs:
        source_of(y)  # raises for a view that must not be used any more
    return True


def remember_write(x: Any, part: Tensor, steps: tuple = (), name: str = "CopySlices") -> None:
    """Count a write to x, and give x its new history: `part` is written where the steps lead."""
    base, view = x, x._view
    if view is not None:
        base, steps, name = view.base, view.steps + steps, "CopySlices"
    parents = source_of(base), source_of(part)  # as they are before the write
    x.version[0] += 1
    if parents[0] is None and parents[1] is None:
        return
    now = Tensor(base.array)
    history = remember(copy_slices, (base, part), {"steps": steps}, (now,), parents)
    history.title = name
    x.version[1:] = ["torch::autograd::CopySlices" if name == "CopySlices" else name]
    continues(base, history, now.id)
    if view is not None:
        view.renew(x)
