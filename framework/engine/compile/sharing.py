"""Which blocks of a program threads share, and which of these they run without waiting for each
other."""

from __future__ import annotations

from collections.abc import Iterable

from framework.engine.compile.cost import flops, traffic
from framework.engine.compile.entry import HEADER
from framework.engine.compile.passes.memory import Plan
from framework.engine.program import Line, Program

# A shared block costs about a microsecond of waiting, and two more for what the other core made;
# these are some ten of work (measured: one core does 100 flops and touches 30 to 90 bytes of a
# cache in a nanosecond; W8b, whose lines touch 0.4 MB: 307 us with 1 << 18, 284 with 1 << 20).
MANY_FLOPS, MANY_BYTES = 1 << 20, 1 << 20
# Estimated seconds of a run that are worth waking helpers for, which takes 50 us or more: a product
# of 0.36 estimated ms takes 148 us alone and 176 with a helper, one of 0.72 takes 281 and 250.
WAKING = 6e-4


def is_large(program: Program, lines: list[Line]) -> bool:
    """Whether lines that do not wait for each other are worth two threads. A rule of sizes, never a
    timing: the same program always runs in the same way."""
    return (
        sum([flops(program, line) for line in lines]) >= MANY_FLOPS
        or sum([traffic(program, line) for line in lines]) >= MANY_BYTES
    )


def groups(program: Program, parts: list, plan: Plan) -> list[int]:
    """For each (line, entry): how many words of blocks threads run together from this one on; 0
    where one thread does the block, or it belongs to a group that began before."""
    lengths = [0] * len(parts)
    for run in runs(program, parts, plan):
        if is_large(program, [parts[i][0] for i in run]):
            lengths[run[0]] = sum([HEADER + len(parts[i][1].words) for i in run])
    return lengths


def runs(program: Program, parts: list, plan: Plan) -> list[list[int]]:
    """The numbers of neighbouring lines that threads may do without waiting for each other, as many
    as possible: the updates of all parameters are one run.

    A line joins those before it if neither writes what the other touches. What may stop the program
    stands alone, so that the place is known.
    """
    found: list[list[int]] = []
    last, seen = -2, Touched(program, plan)
    for i, (line, entry) in enumerate(parts):
        if entry is None or not entry.is_shared:
            continue
        may_stop = "control" in entry.words
        if last != i - 1 or may_stop or seen.conflicts(line):
            seen = Touched(program, plan)
            found.append([])
        seen.add(line, may_stop)
        found[-1].append(i)
        last = i
    return found


class Touched:
    """The memory that some lines read and write: by owner, the pieces (first byte, end)."""

    def __init__(self, program: Program, plan: Plan):
        self.program, self.plan = program, plan
        self.read: dict[int, set] = {}
        self.written: dict[int, set] = {}
        self.is_closed = False  # nothing may join

    def add(self, line: Line, is_closed: bool) -> None:
        """One more line."""
        reads, writes = self._places(line)
        for owner, piece in reads:
            self.read.setdefault(owner, set()).add(piece)
        for owner, piece in writes:
            self.written.setdefault(owner, set()).add(piece)
        self.is_closed = is_closed

    def conflicts(self, line: Line) -> bool:
        """Whether the line may not join: it writes what these touch, or touches what they write."""
        if self.is_closed:
            return True
        reads, writes = self._places(line)
        return (
            overlap(writes, self.read)
            or overlap(writes, self.written)
            or overlap(reads, self.written)
        )

    def _places(self, line: Line) -> tuple[list, list]:
        written = {line.inputs[i] for i in line.op.writes} | set(line.outs)
        places = {slot: self._place(slot) for slot in (*line.inputs, *line.outs)}
        reads = [place for slot, place in places.items() if slot not in written]
        return reads, [places[slot] for slot in written]

    def _place(self, slot: int) -> tuple[int, tuple[int, int]]:
        owner, start = self.plan.place(slot)
        return owner, (start, start + self.program.specs[slot].nbytes)


def overlap(places: Iterable[tuple], touched: dict[int, set]) -> bool:
    """Whether one of the places shares a byte with what is touched."""
    return any(
        [
            start < end and first < stop
            for owner, (first, end) in places for start, stop in touched.get(owner, ())
        ]
    )  # fmt: skip
