"""The run folder `FOLDER/NAME/TIME/`: everything that is left of a run.

    config.yaml           the configuration with all defaults; `framework eval` reads it
    history.csv, .json    one row, one entry per finished epoch
    last.safetensors      weights after the last finished epoch, while the run goes on
    weights.safetensors   weights at the end
    curves.png            loss and metrics over the epochs
    result.json           status, epochs, seconds; at the end also the figures of the test part and
                          the hash of the weights

Files appear whole: they are written under another name and renamed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.experiment.errors import RUN_FAILED, UserError
from framework.experiment.yaml_reader import dump

LAST = "last.safetensors"
WEIGHTS = "weights.safetensors"
CONFIG = "config.yaml"


class RunFolder:
    """Writes the files of one run; made by `create`, on rank 0 only."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def create(cls, root: str | Path, name: str, config: dict[str, Any]) -> RunFolder:
        """A new folder of its own for this moment, with the configuration in it.

        Raises UserError if it cannot be made or written.
        """
        parent = Path(root) / name
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        try:
            parent.mkdir(parents=True, exist_ok=True)
            path = next(made for number in range(1, 1000) if (made := _make(parent, stamp, number)))
            folder = cls(path)
            folder._put(CONFIG, dump(config))
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"output.folder: cannot write a run folder in {parent}: {reason}"
            ) from None
        return folder

    def write_history(self, history: dict[str, list[float]]) -> None:
        """`history` (a list per log, entry per epoch) as CSV and JSON."""
        epochs = max((len(values) for values in history.values()), default=0)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *history])
        for i in range(epochs):
            row = (values[i] if i < len(values) else "" for values in history.values())
            table.writerow([i + 1, *row])
        with _writing():
            self._put("history.csv", text.getvalue())
            self._put("history.json", _json({"epoch": list(range(1, epochs + 1)), **history}))

    def write_result(self, result: dict[str, Any]) -> None:
        """`result.json`."""
        with _writing():
            self._put("result.json", _json(result))

    def write_weights(self, name: str, save: Callable[[str], None]) -> Path:
        """The file `name`, written by `save(path)` under a temporary name; returns its path."""
        path, temporary = self.path / name, self.path / f".part-{name}"
        with _writing():
            try:
                save(str(temporary))
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def remove_last(self) -> None:
        """Drop the weights of the last epoch: the final ones stand beside them."""
        with _writing():
            (self.path / LAST).unlink(missing_ok=True)

    def discard(self) -> None:
        """Take the folder away again: nothing was trained."""
        try:
            (self.path / CONFIG).unlink(missing_ok=True)
            self.path.rmdir()
            self.path.parent.rmdir()
        except OSError:  # there is more in it: it stays
            pass

    def _put(self, name: str, text: str) -> None:
        temporary = self.path / f".part-{name}"
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.path / name)


@contextmanager
def _writing():
    """A disk that fills up or goes away in the middle of a run is told in one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"run folder: cannot write: {error}", RUN_FAILED) from error


def _make(parent: Path, stamp: str, number: int) -> Path | None:
    """The folder made for `stamp`, or None if it exists (two runs may start in one second)."""
    path = parent / (stamp if number == 1 else f"{stamp}-{number}")
    try:
        path.mkdir()
    except FileExistsError:
        return None
    return path


def _json(value: Any) -> str:
    return json.dumps(_plain(value), indent=1) + "\n"


def _plain(value: Any) -> Any:
    """Without NaN and infinity, which JSON does not know: they become null and text."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
