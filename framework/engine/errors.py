"""Errors of the engine, under TensorFlow's names. One message form everywhere: what, got, wanted,
where."""

from __future__ import annotations

import os
import sys
from typing import Any

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class OpError(Exception):
    """Base of the errors of ops and files: OpError(message), or TensorFlow's OpError(node_def, op,
    message, error_code).

    message, node_def, op, error_code: what was given; error_code is else that of the class.
    """

    error_code = 2

    def __init__(
        self, node_def: Any = None, op: Any = None, message: Any = None, error_code: Any = None
    ):
        if message is None and op is None:
            node_def, message = None, node_def
        if message is None:
            raise TypeError(f"{type(self).__name__}: wanted message or node_def, op, message")
        self.node_def, self.op, self.message = node_def, op, message
        if error_code is not None:
            self.error_code = error_code
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.message)


class CancelledError(OpError):
    """The work was cancelled."""

    error_code = 1


class UnknownError(OpError):
    """An error of no other class."""

    error_code = 2


class InvalidArgumentError(OpError, ValueError):
    """Values that do not fit together: dtypes that differ, labels out of range, indices out of
    bounds. Also a ValueError, as which Keras knows it."""

    error_code = 3


class DeadlineExceededError(OpError):
    """The work took too long."""

    error_code = 4


class NotFoundError(OpError):
    """A file or thing that was named does not exist."""

    error_code = 5


class AlreadyExistsError(OpError):
    """What was to be made exists already."""

    error_code = 6


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    error_code = 7


class ResourceExhaustedError(OpError, MemoryError):
    """No memory or no space is left. Also a MemoryError, which is what NumPy raises."""

    error_code = 8


class FailedPreconditionError(OpError):
    """The system is not in the state that the work needs."""

    error_code = 9


class AbortedError(OpError):
    """The work was broken off."""

    error_code = 10


class OutOfRangeError(OpError):
    """Reading went past the end: an iterator that was asked for one more element has none."""

    error_code = 11


class UnimplementedError(OpError):
    """The work is not implemented."""

    error_code = 12


class InternalError(OpError):
    """The library is at fault."""

    error_code = 13


class UnavailableError(OpError):
    """The service does not answer at present."""

    error_code = 14


class DataLossError(OpError):
    """Data on disk is damaged."""

    error_code = 15


class UnauthenticatedError(OpError):
    """The caller is not known."""

    error_code = 16


class OperatorNotAllowedInGraphError(TypeError):
    """A Python operator was applied to a tensor that has no value while tracing."""


class MixedDtypesError(InvalidArgumentError, TypeError):
    """Values of one dtype where another is wanted: TensorFlow raises InvalidArgumentError from some
    functions and TypeError from others; scripts may catch either.
    """


class ConversionError(MixedDtypesError):
    """A Python value that is no number of the dtype that is wanted."""


# What type(error).__name__ says, in logs and reports, is TensorFlow's name of the error.
MixedDtypesError.__name__, ConversionError.__name__ = "InvalidArgumentError", "TypeError"


class BroadcastWarning(UserWarning):
    """Two shapes meet by broadcasting where the same shape was most likely meant."""


class TraceError(OperatorNotAllowedInGraphError):
    """A value was asked for while tracing, when only shapes and dtypes are known."""


class ForeignTensorError(TraceError):
    """A tensor of one trace was used in another."""


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


def is_users(error: BaseException) -> bool:
    """Whether code outside this package raised the error (but TypeErrors: Python raises those)."""
    trail = error.__traceback__
    while trail is not None and trail.tb_next is not None:
        trail = trail.tb_next
    is_inside = trail is None or trail.tb_frame.f_code.co_filename.startswith(PACKAGE)
    return not is_inside and not isinstance(error, TypeError)


def caller() -> str:
    """file:line of the innermost frame outside this package that is running now."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
