"""Before the first step: the model is called once on shapes alone.

Lazily built weights are made, and what does not fit (a layer's input, targets of another shape,
labels out of range) is told before a weight changes: the same words for eager and compiled steps
and on every rank.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework import distributed
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
    found = Rehearsal(model, outputs_of(model, runner) if is_ours else None)
    found.check(runner.rows)
    runner.check = found.check
    return found


@dataclass(frozen=True)
class Rehearsal:
    """What the call on shapes gave: the structure of outputs, None if it is not known."""

    model: Any
    outputs: Any

    def check(self, rows: Rows) -> None:
        """ValueError if the targets of `rows` cannot be meant for these outputs."""
        if self.outputs is not None:
            self.model._compiled_loss.check_targets(rows.y, self.outputs)


def outputs_of(model: Any, runner: Runner) -> Any:
    """The model's outputs, things with a shape; None where only a real batch shows them."""
    known = nest.flatten(model.outputs)
    if all(isinstance(x, KerasTensor) for x in known):  # functional, or a built Sequential
        return model.output
    try:
        return call_on_shapes(model, runner)
    except TraceError:
        return None


def call_on_shapes(model: Any, runner: Runner) -> Any:
    """What the model returns for a batch of which only shapes and dtypes are known."""
    leaves = [leaf[: runner.batch_size] for leaf in runner.rows.leaves]
    return trace_structure(lambda *x: model(runner.rows.packed(list(x))[0]), *leaves)[1]


def start_together(model: Any, runner: Runner) -> None:
    """All ranks begin with the weights and random states of rank 0, after checking that they hold
    the same model and the same data.
    """
    if distributed.size() == 1:
        return
    if not model.built:  # its weights are made now, not in the first step: they must be shared
        build_now(model, runner)
    variables = list(model.variables)
    settings = {
        "batch_size": runner.batch_size,
        "data": [(leaf.shape, leaf.dtype.name, fingerprint(leaf)) for leaf in runner.rows.leaves],
        "optimizer": model.optimizer.get_config() if model.optimizer is not None else None,
        "model": [(v.name, tuple(v.shape), v.dtype.name) for v in variables],
    }
    distributed.check_same("fit (every rank passes all data; batches are shared inside)", settings)
    states = [] if model.optimizer is None else list(model.optimizer.variables)
    distributed.broadcast_variables(variables + states)


def build_now(model: Any, runner: Runner) -> None:
    """Make the weights of a lazy model, by shapes alone if its `call` does not look at values."""
    try:
        call_on_shapes(model, runner)
    except TraceError:
        model(runner.rows.packed([leaf[:1] for leaf in runner.rows.leaves])[0])


def fingerprint(array: np.ndarray, parts: int = 64, size: int = 1 << 14) -> int:
    """A checksum of up to `parts` evenly spaced pieces: cheap for data of any size."""
    memory = array.reshape(-1).view(np.uint8) if array.size else np.zeros(0, np.uint8)
    step = max(size, len(memory) // parts)
    code = 0
    for start in range(0, len(memory), step):
        code = zlib.crc32(memory[start : start + size].tobytes(), code)
    return code
