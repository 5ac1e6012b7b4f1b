"""What is told of a step that is not finite: where it is, where that came from, and what became of
the weights."""

from __future__ import annotations

from framework.engine.compile.explain import kind_of, origin, written
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import NotFinite
from framework.keras.calls import CALLS
from framework.keras.step.finite import FoundLate
from framework.keras.training.runner import Runner

ADVICE = "A smaller learning rate, scaled inputs or clipnorm= usually help"


def failure(error: FloatingPointError, runner: Runner, where: str) -> FloatingPointError:
    """The error to raise for one that came from the check of a step; where: which step it was."""
    executable = getattr(error, "executable", None)
    update = written_eagerly(error) if executable is None else written(executable)
    if update is None:
        why, what = origin_of(runner, error), "the loss is"
        after = "the weights are those before that step"
    else:
        why, what = update, "the weights are" if update else "the loss is"
        after = "that step has written its weights"
    return FloatingPointError(
        f"{what} NaN or infinite in {where}{why and ': '}{why}; {after}. {ADVICE}"
    )


def written_eagerly(error: FloatingPointError) -> str | None:
    """As explain.written, of an eager step."""
    if not isinstance(error, FoundLate):
        return None
    if error.variable is None:
        return ""
    return f"{kind_of(error.variable.array)} came first from the update of {error.variable.path}"


def origin_of(runner: Runner, error: FloatingPointError) -> str:
    """Layer, op and samples of the first value that is not finite; "" if they cannot be found."""
    names, first = runner.rows.names, runner.first_row
    if isinstance(error, NotFinite):
        return origin(error.executable.source, error.feeds, names, first)
    try:  # an eager step is traced: nothing was written, so its lines give the same values again
        call, leaves = runner.last_call()
        return origin(trace(call, *leaves, where=CALLS.place), leaves, names, first)
    except Exception:  # what cannot be traced is told without
        return ""
