"""What a compiled train step does, for a reader: Trainer.program."""

from __future__ import annotations

from typing import Any

from framework.engine.errors import TraceError
from framework.keras.training.rehearsal import rehearse
from framework.keras.training.runner import Runner


def program_of(model: Any, runner: Runner, steps: int | bool) -> Any:
    """The Report of the step on a whole batch, with the times of `steps` steps (True: 100) if that
    is not 0."""
    from framework.engine.compile.report import report_of

    rehearse(model, "train", runner)
    executable = runner.whole_batch()
    if executable is None:
        raise TraceError("program: this step runs eagerly, so there is no program of it")
    return report_of(executable, steps)
