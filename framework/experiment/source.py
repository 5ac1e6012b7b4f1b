"""Where each key of an experiment came from, and problems that are reported with that place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from framework.experiment.errors import UserError

KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """Something wrong at a key path."""

    path: KeyPath
    message: str


@dataclass
class Source:
    """The data read from an experiment file with the origin of every key path.

    `marks` maps a key path to its Mark in the file, or to the text of the command line option that
    set it (`--set epochs=3`).
    """

    name: str
    data: Any
    marks: dict[KeyPath, Mark | str] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> Mark | str:
        """The origin of `path`, or of the nearest path above it that has one."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))

    def report(self, problem: Problem) -> str:
        """One line: `file:line:column: key.path: message`, or `--set ...: key.path: message`."""
        origin = self.origin(problem.path)
        place = origin if isinstance(origin, str) else f"{self.name}:{origin.line}:{origin.column}"
        where = f"{place}: {dotted(problem.path)}" if problem.path else place
        return f"{where}: {problem.message}"

    def error(self, problems: Iterable[Problem]) -> UserError:
        """All problems as one error, in the order of the file, command line options last."""

        def order(problem: Problem) -> tuple:
            origin = self.origin(problem.path)
            return (1, 0, 0) if isinstance(origin, str) else (0, *origin)

        lines = (self.report(problem) for problem in sorted(problems, key=order))
        return UserError("\n".join(dict.fromkeys(lines)))


def dotted(path: KeyPath) -> str:
    """`("model", 0, "Dense")` as `model[0].Dense`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: object) -> str:
    """A value for a message: as YAML would have it, cut if long."""
    text = {None: "nothing", True: "true", False: "false"}.get(value) if _is_atom(value) else None
    text = repr(value) if text is None else text
    return text if len(text) <= 60 else text[:57] + "..."


def _is_atom(value: object) -> bool:
    return value is None or isinstance(value, bool)
