"""Before the first step: the model is called once on shapes alone.

Lazily built weights are made, and what does not fit (a layer's input, targets of another shape,
labels out of range) is told before a weight changes: the same words for eager and compiled steps
and on every rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framework.engine import nest
from framework.engine.compile.trace import trace_structure
from framework.engine.errors import TraceError
from framework.keras.symbolic import KerasTensor
from framework.keras.training.arrays import Rows
from framework.keras.training.runner import Runner


def rehearse(model: Any, kind: str, runner: Runner) -> Rehearsal:
    """Build the model and hold the targets of the runner's rows against its outputs; ValueError if
    they do not fit.

    kind: "train" or "test"; a step of the user's own may call the model in another way, so nothing
    is said of it.
    """
    step = getattr(type(model), f"{kind}_step")
    is_ours = step.__module__.startswith("framework.") and runner.rows.y is not None
    found = Rehearsal(model, output_shapes(model, runner) if is_ours else None)
    found.check(runner.rows)
    return found


@dataclass(frozen=True)
class Rehearsal:
    """What the call on shapes gave: `output_shapes`, None if they are not known."""

    model: Any
    output_shapes: list[tuple] | None

    def check(self, rows: Rows) -> None:
        """ValueError if the targets of `rows` cannot be meant for these outputs."""
        if self.output_shapes is not None:
            self.model._compiled_loss.check_targets(rows.y, self.output_shapes)


def output_shapes(model: Any, runner: Runner) -> list[tuple] | None:
    """The shapes of the model's outputs; None where only a real batch shows them."""
    outputs = nest.flatten(model.outputs)
    if not all(isinstance(x, KerasTensor) for x in outputs):  # no functional or built Sequential
        try:
            outputs = nest.flatten(call_on_shapes(model, runner))
        except TraceError:
            return None
    return [tuple(x.shape) for x in outputs]


def call_on_shapes(model: Any, runner: Runner) -> Any:
    """What the model returns for a batch of which only shapes and dtypes are known."""
    leaves = [leaf[: runner.batch_size] for leaf in runner.rows.leaves]
    return trace_structure(lambda *x: model(runner.rows.packed(list(x))[0]), *leaves)[1]
