"""BatchRunner: what train_on_batch and test_on_batch do, one batch after the other of one shape."""

from __future__ import annotations

from typing import Any

from framework.engine.variable import Variable
from framework.keras.training.arrays import Rows, likes_of
from framework.keras.training.rehearsal import rehearse, start_together
from framework.keras.training.runner import RowsRunner, kept_steps


def batch_runner(model: Any, kind: str, rows: Rows) -> BatchRunner:
    """The model's runner for batches like this one; KEPT of them are kept."""
    kept = model._batch_runners.setdefault(kind, kept_steps(f"{kind}_on_batch"))
    key = (*likes_of(rows.leaves), tuple([v.trainable for v in model.variables]))
    found = kept.find(key)
    if found is None:
        if not model.run_eagerly:
            kept.tell(key, [*rows.names, "trainable"])
        found = kept.keep(key, BatchRunner(model, kind, rows))
        kept.note(key)
    return found


class BatchRunner:
    """A Runner whose data are Variables that every batch is written to: a program reads what they
    hold when it runs.
    """

    def __init__(self, model: Any, kind: str, rows: Rows):
        self._runner: RowsRunner = model.runner(kind, rows, rows.count)
        self._places = [Variable(leaf, trainable=False) for leaf in rows.leaves]
        self._runner.leaves = list(self._places)
        self._rehearsal = rehearse(model, kind, self._runner)
        start_together(model, self._runner)

    def run(self, rows: Rows) -> tuple[list, RowsRunner]:
        """A step on these rows; (its outputs, the runner)."""
        self._rehearsal.check(rows)
        for place, leaf in zip(self._places, rows.leaves, strict=True):
            place.assign(leaf)
        self._runner.cursor = 0
        return self._runner.run(1), self._runner
