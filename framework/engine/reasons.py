"""Why a gradient is None, in one sentence."""

from __future__ import annotations

from typing import Any

from framework.engine.backward import reachable

NOT_NONE = "The gradient is not None"


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
    if tape._is_spent:
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
        return never_watched(tape, source, name)
    if target.id not in tape._slots:
        return "The target was not computed inside the tape's block from anything that is watched."
    outs = {slot for line, _ in reachable(tape._lines, {source.id}) for slot in line.outs}
    if target.id in outs:
        return f"{NOT_NONE}: the target was computed from the source."
    if any(source.id in line.inputs for line in tape._lines):
        return f"{name} was used, but nothing that was computed from it leads to the target."
    return f"{name} is watched, but no op between the source and the target used it."


def never_watched(tape: Any, source: Any, name: str) -> str:
    """One sentence: why the tape does not watch `source`, and what to do."""
    mine = [layer for layer in tape._unbuilt if any(v is source for v in layer.variables)]
    if mine:
        return f"{watched_too_early(mine)}."
    why = "call tape.watch on it inside the block, before it is used"
    if source.is_variable and not source.trainable:
        why = "it is not trainable, so call tape.watch(it) inside the block"
    elif source.is_variable and tape._watches_variables:
        why = "nothing inside the tape's block read it"
    return f"{name} was never watched: {why}."
