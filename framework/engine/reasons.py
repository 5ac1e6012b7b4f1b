"""Why a gradient is None, in one sentence; and the warning about (N,) and (N, 1)."""

from __future__ import annotations

import warnings
from typing import Any

from framework.engine.backward import reachable
from framework.engine.errors import BroadcastWarning, caller

NOT_NONE = "The gradient is not None"
MANY_CUTS = 1000  # a tape notes so many places where threads were cut
TOLD = 3  # and a sentence names so many
SEEN: set[str] = set()  # places that were warned of


class Cut:
    """Where a watched value went where no gradient comes back from: an op without one, an integer
    result, an assignment; op None: its value was read by NumPy or Python."""

    __slots__ = ("op", "place", "slots")

    def __init__(self, op: Any, slots: list[int], place: str):
        self.op, self.slots, self.place = op, slots, place

    def __str__(self) -> str:
        place = f" at {self.place}" if self.place else ""
        if self.op is None:
            return f"its value was read by NumPy or Python{place}"
        if self.op.writes:
            return f"a Variable was assigned (`{self.op.name}`){place}: no gradient goes into that"
        if self.op.name == "cast":
            return f"it was cast to integers or bools{place}"
        return f"`{self.op.name}` has no gradient{place}"


def watched_too_early(layers: list) -> str:
    """The pitfall of lazily built layers: watch(layer.variables) before there were any."""
    names = ", ".join(f"'{layer.name}'" for layer in layers)
    return (
        f"tape.watch got the variables of layer {names} before the layer was built, when it "
        "had none: nothing was "
        "watched. Call the layer once (or layer.build(input_shape)) before "
        "tape.watch(layer.variables)"
    )


def explain_all(tape: Any, targets: list, source: Any) -> str:
    """`explain` for the sum of several targets: one that depends on the source is enough."""
    said = [explain(tape, target, source) for target in targets]
    return next((text for text in said if text.startswith(NOT_NONE)), said[0])


def nothing_given(sources: Any, targets: list) -> str:
    """One sentence on a call of gradient() without targets or sources."""
    if not targets:
        return "There is no target: gradient() of an empty structure gives None."
    layer = getattr(sources, "layer", None)  # of the empty variables list of a layer
    if layer is None:
        return "There are no sources: the structure is empty, and so is the result."
    return (
        f"Layer '{layer.name}' had no variables when they were asked for: it was not built yet. "
        "Call it once (or layer.build(input_shape)) first."
    )


def explain(tape: Any, target: Any, source: Any) -> str:
    """One sentence: why d target / d source is None, or that it is not."""
    name = getattr(source, "name", None) or f"the source of shape {tuple(source.shape)}"
    if tape._is_spent and source.id not in tape._lost:
        return (
            "The tape is spent: gradient() was called already and freed what it had recorded; "
            "use persistent=True."
        )
    for role, x in (("target", target), ("source", source)):
        if not x.dtype.is_floating:
            return f"The {role} has dtype {x.dtype.name}: only floats have gradients."
    if target.id == source.id:
        return f"{NOT_NONE}: the target is the source."
    if source.id not in tape._slots:
        return never_watched(tape, target, source, name)
    return not_connected(tape, target, source, name)


def not_connected(tape: Any, target: Any, source: Any, name: str) -> str:
    """One sentence: why a watched source does not lead to the target, or that it does."""
    outs = {slot for line, _ in reachable(tape._lines, {source.id}) for slot in line.outs}
    if target.id in outs:
        return f"{NOT_NONE}: the target was computed from the source."
    if said := cut_behind(tape, outs | {source.id}, name):
        return said
    if target.id not in tape._slots:
        return "The target was not computed inside the tape's block from anything that is watched."
    if any(source.id in line.inputs for line in tape._lines):
        return f"{name} was used, but nothing that was computed from it leads to the target."
    return f"{name} is watched, but no op between the source and the target used it."


def cut_behind(tape: Any, slots: set[int], name: str) -> str:
    """One sentence: where values of these slots went where no gradient comes from; or ""."""
    cuts = list(dict.fromkeys([str(c) for c in tape._cuts if not slots.isdisjoint(c.slots)]))
    told = "; ".join(cuts[:TOLD])
    more = f"; and {len(cuts) - TOLD} more" if len(cuts) > TOLD else ""
    return f"The thread from {name} to the target was cut: {told}{more}." if cuts else ""


def never_watched(tape: Any, target: Any, source: Any, name: str) -> str:
    """One sentence: why the tape does not watch `source`, and what to do."""
    mine = [layer for layer in tape._unbuilt if any(v is source for v in layer.variables)]
    if mine:
        return f"{watched_too_early(mine)}."
    if source.id > target.id:  # slots are numbered in the order of time
        return f"{name} was made after the target was computed."
    if said := cut_behind(tape, {source.id}, name):
        return said
    why = "call tape.watch on it inside the block, before it is used"
    if source.is_variable and not source.trainable:
        why = "it is not trainable, so call tape.watch(it) inside the block"
    elif source.is_variable and tape._watches_variables:
        why = "nothing inside the tape's block read it"
    return f"{name} was never watched: {why}."


def warn_of_broadcast(op: Any, a: tuple, b: tuple) -> None:
    """Warn, once per place, of (N,) with (N, 1): the result is (N, N), seldom what is meant."""
    column = a if len(a) > len(b) else b
    if len(a) + len(b) != 3 or column[1:] != (1,) or a[0] != b[0] or a[0] == 1:
        return
    place = caller()
    if place in SEEN:
        return
    SEEN.add(place)
    file, _, line = place.rpartition(":")
    warnings.warn_explicit(
        f"{op.name} of shapes {tuple(a)} and {tuple(b)} gives {(a[0], a[0])}: every element meets "
        "every other; give both the same shape (tf.squeeze or tf.expand_dims)",
        BroadcastWarning,
        file or "unknown",
        int(line or 0),
    )
