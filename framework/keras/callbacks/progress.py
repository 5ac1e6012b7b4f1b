"""ProgressLine: what fit shows."""

from __future__ import annotations

import sys
import time
from typing import Any

from framework import distributed
from framework.keras.callbacks.callback import Callback


class ProgressLine(Callback):
    """One line per epoch with the time and the logs; in a terminal it grows while the epoch runs.

    verbose 1 ("auto"): as said; 2: no growing line. Only rank 0 prints.
    """

    def __init__(self, stream: Any = None):
        self.stream = stream

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Look where the text goes."""
        self._out = self.stream or sys.stdout
        self._is_shown = distributed.is_root() and self.params.get("verbose", 1) not in (0, False)
        # Open MPI gives every rank a terminal as stdout, even when mpirun writes to a file.
        screen = self._out if distributed.size() == 1 else sys.stderr
        self._grows = self._is_shown and screen.isatty() and self.params.get("verbose") != 2

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self._epoch, self._start, self._last = epoch, time.perf_counter(), 0.0

    def head(self) -> str:
        """Epoch 3/10"""
        total = self.params.get("epochs", "?")
        return f"Epoch {self._epoch + 1:>{len(str(total))}}/{total}"

    def on_progress(self, done: int, total: int | None) -> None:
        """Redraw the line of a terminal, ten times a second at most; total None: not known."""
        now = time.perf_counter()
        if not getattr(self, "_grows", False) or now - self._last < 0.1:
            return
        self._last = now
        bar = "━" * (20 * done // max(total, 1) if total else 0)
        of = "Unknown" if total is None else total
        self._out.write(f"\r{self.head()} {bar:20} {done}/{of} - {now - self._start:.0f}s")
        self._out.flush()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """The whole line."""
        if not self._is_shown:
            return
        seconds = time.perf_counter() - self._start
        values = " - ".join(f"{name}: {number(value)}" for name, value in first_loss(logs or {}))
        clear = "\r\x1b[K" if self._grows else ""
        self._out.write(f"{clear}{self.head()} - {seconds:.1f}s - {values}\n")
        self._out.flush()

    def get_config(self) -> dict:
        """No arguments: a stream cannot be written down."""
        return {}


def number(value: float) -> str:
    """Four digits after the point, or the exponent form for small numbers."""
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


def first_loss(logs: dict) -> list[tuple[str, float]]:
    """The logs with loss in front, those of validation behind."""
    return sorted(
        logs.items(),
        key=lambda item: (item[0].startswith("val_"), item[0].removeprefix("val_") != "loss"),
    )
