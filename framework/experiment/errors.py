"""Mistakes of the user: they end the program with one message and an exit code, no traceback."""

from __future__ import annotations

import signal

USER_MISTAKE = 2
RUN_FAILED = 1
INTERRUPTED = 130
OUTPUT_CLOSED = 141

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class UserError(Exception):
    """What is wrong, in words for the user.

    `code` becomes the exit code of the program; `shared` says that every rank raises this error.
    """

    def __init__(self, message: str, code: int = USER_MISTAKE, shared: bool = False):
        super().__init__(message)
        self.code, self.shared = code, shared
