"""tf.print, and texts of tensors."""

from __future__ import annotations

import builtins
import logging
import sys
from typing import Any

from framework.engine import ops, printing
from framework.engine.active import ACTIVE

LOG = logging.getLogger("framework")
LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def print(*inputs: Any, **kwargs: Any) -> None:
    """Print tensors, structures of them and anything else: print(*inputs, output_stream=sys.stderr,
    summarize=3, sep=" ", end="\\n", name=None).

    summarize: how many elements are shown at both ends of each axis; -1: all. output_stream:
    sys.stdout, sys.stderr, a level or function of `logging`, or "file://path", to which is
    appended. In a tf.function it prints at each call, where it stands among assignments.
    """
    stream = kwargs.pop("output_stream", sys.stderr)
    summarize, sep = kwargs.pop("summarize", 3), kwargs.pop("sep", " ")
    end = kwargs.pop("end", "\n")
    kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    if not isinstance(end, str):
        raise TypeError(f"Expected string for argument 'end' not {end}.")
    parts, tensors = printing.template(inputs, sep)
    name = {id(sys.stdout): "stdout", id(sys.stderr): "stderr"}.get(id(stream))

    def put(*arrays: Any) -> None:
        out = stream if name is None else getattr(sys, name)  # as it is when this is called
        write(out, printing.filled(parts, arrays, summarize) + end)

    if ACTIVE.trace is None:
        put(*[x.__array__() for x in tensors])
    else:
        check_stream(stream)
        ops.hand_over(*tensors, to=put)


def write(stream: Any, text: str) -> None:
    """Put the text out, where output_stream says."""
    if isinstance(stream, str) and stream.startswith("file://"):
        with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(text)
        return
    level = check_stream(stream)
    if level is None:
        builtins.print(text, end="", file=stream, flush=True)
    else:
        LOG.log(level, "%s", text.rstrip("\n"))


def check_stream(stream: Any) -> int | None:
    """The level of a stream that is one of `logging`, else None; ValueError for what is none."""
    if stream in (sys.stdout, sys.stderr) or str(stream).startswith("file://"):
        return None
    name = getattr(stream, "__name__", "")
    is_logger = getattr(stream, "__module__", "") == "logging" and name in LEVELS
    level = LEVELS[name] if is_logger else stream
    if level not in LEVELS.values():
        raise ValueError(
            f"Unsupported output stream, logging level, or file.{stream}. Supported streams are "
            "sys.stdout, sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error. File "
            "needs to be in the form of 'file://<filepath>'."
        )
    return level
