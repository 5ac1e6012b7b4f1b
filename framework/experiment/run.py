"""`framework train`: one experiment from its file to its run folder."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from framework import distributed, keras
from framework.data import Parts
from framework.engine.compile.progress import SHOWN
from framework.experiment import build, curves
from framework.experiment.check import Plan, check, read_experiment
from framework.experiment.errors import INTERRUPTED, RUN_FAILED, UserError
from framework.experiment.folder import LAST, WEIGHTS, RunFolder
from framework.experiment.record import Record
from framework.experiment.registries import keras_catalog


def train(path: str | Path, settings: Iterable[str] = (), quiet: bool = False) -> int:
    """Run an experiment; returns the exit code. Raises UserError for a mistake of the user."""
    distributed.comm()
    SHOWN["is_quiet"] = quiet
    plan = build.together(lambda: check(read_experiment(path, settings), keras_catalog()))
    parts, model = build.together(lambda: _prepare(plan))
    folder = build.together(lambda: _make_folder(plan) if distributed.is_root() else None)
    place = distributed.comm().broadcast_object(folder.path if folder else None)
    return Run(plan, parts, model, folder, place, quiet).go()


def _prepare(plan: Plan) -> tuple[Parts, keras.Sequential]:
    build.check_world(plan)
    parts = build.load_data(plan)
    return parts, build.build_model(plan, parts)


def _make_folder(plan: Plan) -> RunFolder:
    experiment = plan.experiment
    return RunFolder.create(experiment.output.folder, experiment.name or "", plan.resolved())


class Run:
    """One training with its folder (None but on rank 0) at `place`."""

    def __init__(
        self,
        plan: Plan,
        parts: Parts,
        model: keras.Sequential,
        folder: RunFolder | None,
        place: Path,
        quiet: bool,
    ):
        self.plan, self.parts, self.model = plan, parts, model
        self.folder, self.place, self.quiet = folder, place, quiet
        self.record = Record(folder, lambda: self._result("running"))
        self.started = time.perf_counter()

    def go(self) -> int:
        """Train, evaluate, write everything; returns the exit code."""
        self.say(self._heading())
        self.say(f"writes to {self.place}")
        try:
            self._fit()
        except KeyboardInterrupt:
            return self._ended_early("interrupted", "interrupted", INTERRUPTED)
        except FloatingPointError as error:
            return self._ended_early("nan", str(error), RUN_FAILED)
        except UserError:
            if self.folder is not None and not self.record.epochs:
                self.folder.discard()
            raise
        seconds = self.seconds
        figures = build.evaluate(self.plan, self.model, self.parts)
        self._write_results(figures, seconds)
        self.tell(build.figures(figures) or "no test part: data.test is 0")
        self.tell(f"run folder: {self.place}")
        return 0

    def _fit(self) -> None:
        experiment, callbacks = self.plan.experiment, self.plan.callbacks(self.place)
        if experiment.nan == "raise":
            callbacks.insert(0, keras.callbacks.TerminateOnNaN(error=True))
        has_validation = len(self.parts.validation[0]) > 0
        with build.users_mistake(self.plan, "model"):
            self.model.fit(
                *self.parts.train,
                batch_size=experiment.batch_size,
                epochs=experiment.epochs,
                verbose=0 if self.quiet else "auto",
                callbacks=[*callbacks, self.record],
                validation_data=self.parts.validation if has_validation else None,
            )

    def _write_results(self, figures: dict[str, float], seconds: float) -> None:
        if self.folder is None:
            return
        self.folder.write_history(self.record.history)
        self.folder.write_weights(WEIGHTS, self.model.save_weights)
        self.folder.remove_last()
        hashed = {"weights_sha256": weights_sha256(self.model.get_weights())}
        ended = self._result("finished") | {"seconds": seconds}
        self.folder.write_result(ended | hashed | figures)
        if self.plan.experiment.output.curves and self.record.history:
            title = self.plan.experiment.name or ""
            missing = curves.draw(self.record.history, title, self.place / "curves.png")
            if missing:
                self.tell(missing)

    @property
    def seconds(self) -> float:
        """Since the start, to the millisecond."""
        return round(time.perf_counter() - self.started, 3)

    def _result(self, status: str) -> dict[str, Any]:
        return {
            "status": status,
            "epochs": self.record.epochs,
            "seconds": self.seconds,
            "seed": self.plan.experiment.seed,
            "ranks": distributed.size(),
        }

    def _ended_early(self, status: str, reason: str, code: int) -> int:
        """Keep what there is and say where the last good weights are."""
        if self.folder is None:
            return code
        epochs = self.record.epochs
        kept = f"weights after epoch {epochs}: {self.place / LAST}"
        if not (self.place / LAST).exists():
            kept = f"no epoch was finished; run folder: {self.place}"
        self.folder.write_result(self._result(status) | {"reason": reason})
        if sys.stdout.isatty():
            print()  # a progress line may stand there without its end
        print(f"{reason}; {kept}", file=sys.stderr, flush=True)
        return code

    def _heading(self) -> str:
        experiment = self.plan.experiment
        sizes = [len(x) for x, _ in (self.parts.train, self.parts.validation, self.parts.test)]
        weights = sum(int(np.prod(w.shape)) for w in self.model.trainable_variables)
        ranks = "1 rank" if distributed.size() == 1 else f"{distributed.size()} ranks"
        return (
            f"{experiment.name}: {sizes[0]} training, {sizes[1]} validation, {sizes[2]} test "
            f"samples; {weights:,} weights; seed {experiment.seed}; {ranks}"
        )

    @property
    def say(self) -> Callable[[str], None]:
        """Print on rank 0 unless quiet."""
        return (lambda text: None) if self.quiet else self.tell

    def tell(self, text: str) -> None:
        """Print on rank 0."""
        if distributed.is_root():
            print(text, flush=True)


def weights_sha256(weights: Iterable[np.ndarray]) -> str:
    """SHA-256 over dtype, shape and little-endian bytes of all weights in the model's order."""
    digest = hashlib.sha256()
    for array in weights:
        array = np.ascontiguousarray(array)
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{little.dtype.name}{little.shape}".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
