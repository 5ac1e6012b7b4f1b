"""The recorded answers of the real libraries, and how their snippets are run."""

import contextlib
import inspect
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


@cache
def record(door: str) -> dict:
    """What tests/golden/record_doors.py wrote."""
    return json.loads((HERE / f"{door}.json").read_text())


@cache
def cases(door: str) -> list:
    """[(case, what the real library gave)]"""
    written = json.loads((HERE / f"{door}_cases.json").read_text())["cases"]
    return list(zip(written, record(door)["values"], strict=True))


def snippets(module: ModuleType) -> list[Callable]:
    """The snippets of a module."""
    functions = [f for n, f in vars(module).items() if inspect.isfunction(f) and n[0] != "_"]
    return [f for f in functions if f.__module__ == module.__name__]


def printed(function: Callable, *arguments) -> str:
    """What the snippet prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*arguments)
    return text.getvalue()
