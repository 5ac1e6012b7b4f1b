"""Whether functions are compiled: the switch of tf.config.run_functions_eagerly."""

from __future__ import annotations

STATE = {"eager": False}


def is_eager() -> bool:
    """True while functions run as plain Python."""
    return STATE["eager"]


def set_eager(run_eagerly: bool) -> None:
    """Run functions as plain Python (to debug them), or compiled again."""
    STATE["eager"] = bool(run_eagerly)
