"""Which blocks of a program threads share, and which of these they run without waiting for each
other."""

from __future__ import annotations

from collections.abc import Iterable

from framework.engine.compile.cost import flops, traffic
from framework.engine.compile.entry import HEADER, Entry
from framework.engine.compile.passes.memory import Plan
from framework.engine.program import Line, Program

# A shared block costs about a microsecond of waiting; these are some ten of work (measured: one
# core does 100 flops and touches 10 to 30 bytes in a nanosecond).
MANY_FLOPS, MANY_BYTES = 1 << 20, 1 << 18


def is_large(program: Program, line: Line) -> bool:
    """Whether a line is worth two threads. A rule of sizes, never a timing: the same program always
    runs in the same way."""
    return flops(program, line) >= MANY_FLOPS or traffic(program, line) >= MANY_BYTES


def groups(program: Program, parts: list, plan: Plan) -> list[int]:
    """For each (line, entry): how many words of blocks threads run together from this one on; 0
    where one thread does the block, or it belongs to a group that began before.

    A block joins the group before it if neither writes what the other touches. What may stop the
    program stands alone, so that the place is known.
    """
    lengths, first, seen = [0] * len(parts), -1, Touched(program, plan)
    for i, (line, entry) in enumerate(parts):
        if not is_for_many(program, line, entry):
            first = -1
            continue
        may_stop = "control" in entry.words
        if first < 0 or may_stop or seen.conflicts(line):
            first, seen = i, Touched(program, plan)
        seen.add(line, may_stop)
        lengths[first] += HEADER + len(entry.words)
    return lengths


def is_for_many(program: Program, line: Line, entry: Entry | None) -> bool:
    """Whether threads share the work of a line."""
    return entry is not None and entry.is_shared and is_large(program, line)


class Touched:
    """The memory that some lines read and write."""

    def __init__(self, program: Program, plan: Plan):
        self.program, self.plan = program, plan
        self.read: list[tuple] = []
        self.written: list[tuple] = []
        self.is_closed = False  # nothing may join

    def add(self, line: Line, is_closed: bool) -> None:
        """One more line."""
        reads, writes = self._places(line)
        self.read += reads
        self.written += writes
        self.is_closed = is_closed

    def conflicts(self, line: Line) -> bool:
        """Whether the line may not join: it writes what these touch, or touches what they write."""
        if self.is_closed:
            return True
        reads, writes = self._places(line)
        return overlap(writes, self.read + self.written) or overlap(reads, self.written)

    def _places(self, line: Line) -> tuple[list, list]:
        written = {line.inputs[i] for i in line.op.writes} | set(line.outs)
        places = {
            slot: (*self.plan.place(slot), self.program.specs[slot].nbytes)
            for slot in (*line.inputs, *line.outs)
        }
        reads = [place for slot, place in places.items() if slot not in written]
        return reads, [places[slot] for slot in written]


def overlap(some: Iterable[tuple], others: Iterable[tuple]) -> bool:
    """Whether two pieces of memory, (owner, first byte, bytes), share a byte."""
    return any(
        [
            a[0] == b[0] and a[1] < b[1] + b[2] and b[1] < a[1] + a[2]
            for a in some for b in others
        ]
    )  # fmt: skip
