"""Errors of the engine. One message form everywhere: what, got, wanted, where."""

from __future__ import annotations

import os
import sys

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class InvalidArgumentError(ValueError):
    """Values that do not fit together: dtypes that differ, labels out of range, indices out of
    bounds."""


class OutOfRangeError(Exception):
    """An iterator that was asked for one more element has none."""


class BroadcastWarning(UserWarning):
    """Two shapes meet by broadcasting where the same shape was most likely meant."""


class TraceError(TypeError):
    """A value was asked for while tracing, when only shapes and dtypes are known."""


def place_of(error: BaseException) -> str:
    """Where the user's code was when an error came: " (file:line)" of the last frame outside this
    package, or ""."""
    found, trail = "", error.__traceback__
    while trail is not None:
        name = trail.tb_frame.f_code.co_filename
        if not name.startswith(PACKAGE):
            found = f" ({name}:{trail.tb_lineno})"
        trail = trail.tb_next
    return found


def caller() -> str:
    """file:line of the innermost frame outside this package that is running now."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
