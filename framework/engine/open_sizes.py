"""Sizes: those that a trace leaves open, and what it relies on. See Note [Open dimensions] in
dimension.py.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from framework.engine.active import TRACING

GENERIC = 11  # the hint of a size that is not known yet
APART = 1009  # sizes that are like no other: this one, and from there in steps of STEP
STEP = 102


class Undecided(Exception):
    """A Dim was asked for what depends on the sizes, where no guard may be set."""


class Guard:
    """What was asked of a Dim (`ask`: a function of its value), and the answer."""

    __slots__ = ("answer", "ask", "dim")

    def __init__(self, dim: Any, ask: Callable, answer: bool):
        self.dim, self.ask, self.answer = dim, ask, answer

    def holds(self, sizes: Sequence) -> bool:
        """Whether the answer is the same for these sizes."""
        return bool(self.ask(self.dim.value(sizes), 0)) == self.answer


class Sizes:
    """The open sizes of a trace. hints: one number for each; guards: what the trace relies on."""

    def __init__(self, hints: Sequence[int]):
        self.hints = tuple(hints)
        # What `infer` is to see: sizes that are not equal by chance; or, where an op wants them to
        # be, the hints, but for 0 and 1, which are special.
        self.apart = tuple([APART + STEP * i for i in range(len(self.hints))])
        self.usual = tuple([n if n > 1 else GENERIC for n in self.hints])
        self.guards: list[Guard] = []
        self._seen: tuple | None = None  # in a quiet block: the sizes that answer
        self._is_strict = False

    def note(self, dim: Any, ask: Callable) -> bool:
        """The answer for the hints, which becomes a guard."""
        if self._is_strict:
            raise Undecided
        if self._seen is not None:
            return bool(ask(dim.value(self._seen), 0))
        answer = bool(ask(dim.hint, 0))
        self.guards.append(Guard(dim, ask, answer))
        return answer

    def number(self, dim: Any) -> Any:
        """The number that a Dim is for the hints: from here on it must be."""
        if self._is_strict or self._seen is not None:
            raise Undecided
        self.guards.append(Guard(dim - dim.hint, operator.eq, True))
        return dim.hint

    @contextlib.contextmanager
    def quiet(self, seen: tuple) -> Iterator[None]:
        """Within this block Dims are as if the sizes were `seen`, and nothing is noted: what comes
        of it is compared later. A Dim that must become a number raises Undecided."""
        before, self._seen = self._seen, seen
        try:
            yield
        finally:
            self._seen = before

    @contextlib.contextmanager
    def strict(self) -> Iterator[None]:
        """Within this block what depends on the sizes raises Undecided."""
        before, self._is_strict = self._is_strict, True
        try:
            yield
        finally:
            self._is_strict = before

    @contextlib.contextmanager
    def asked_for(self, hints: Sequence) -> Iterator[list[Guard]]:
        """Within this block other hints answer, and other guards, those of the result, are set."""
        found: list[Guard] = []
        with TRACING:
            before = self.hints, self.guards
            self.hints, self.guards = tuple(hints), found
            try:
                yield found
            finally:
                self.hints, self.guards = before

    def hold(self, sizes: Sequence) -> bool:
        """Whether a trace is valid for these sizes."""
        return hold(self.guards, sizes)


def hold(guards: list[Guard], sizes: Sequence) -> bool:
    """Whether all answers are the same for these sizes."""
    try:
        return all([guard.holds(sizes) for guard in guards])
    except (ValueError, ZeroDivisionError):
        return False
