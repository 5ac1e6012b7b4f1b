"""The blocks of a program for the VM: those of its lines, and strips of several (Note [Strips] in
passes/strips.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from framework.engine.compile import cache
from framework.engine.compile.cost import flops, seconds_of_line
from framework.engine.compile.dispatch import VM, run_blocks, run_strips
from framework.engine.compile.entries import blocks_of, entry_of
from framework.engine.compile.entry import HEADER, Address, Entry
from framework.engine.compile.passes.memory import Plan, plan
from framework.engine.compile.passes.strips import Strip
from framework.engine.compile.watched import PIECE_SECONDS
from framework.engine.program import Line, Program


class NoStrips(Exception):
    """A line of strips cannot be compiled, so the program must do without them."""


@dataclass
class StripEntry(Entry):
    """Runs `blocks`, those of one strip after those of the other. Its words: the number of strips,
    that of areas, the words of one strip, and the blocks as they would stand in a program."""

    blocks: list[tuple[Line, Entry]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # where each block begins among the words

    @property
    def inner(self) -> list[Entry]:
        """The entries that are called."""
        return [entry for _, entry in self.blocks]

    @property
    def scratch(self) -> int:
        """The bytes of scratch memory that a thread needs: strips come one after the other."""
        return max([entry.scratch for entry in self.inner])

    def link(self, addresses: list[int]) -> bool:
        """Put in where the entries were compiled to; False if one could not be."""
        for start, address in zip(self.starts, addresses, strict=True):
            self.words[start] = address
        return all(addresses)


class StripOp:
    """What the line of a StripEntry says: what its lines read, write and cost."""

    writes: tuple = ()
    is_view, scalar, places = False, None, None

    def __init__(self, program: Program, lines: list[Line]):
        self.name = "strips of " + ", ".join([line.op.name for line in lines])
        self._flops = sum([flops(program, line) for line in lines])

    def flops(self, outs: Any, inputs: Any, attrs: Any) -> int:
        """Of all lines together."""
        return self._flops


def assembled(program: Program, link: Callable) -> tuple[Program, Plan, list, list[int]]:
    """(program, plan, what the VM has to do, link(that)): without strips where one of their lines
    cannot be compiled."""
    try:
        made = plan(program)
        parts = blocks(program, made)
        return program, made, parts, link(parts)
    except NoStrips:
        return assembled(program.with_lines(program.lines), link)


def blocks(program: Program, plan: Plan) -> list[tuple[Line, Entry | None]]:
    """(line, Entry or None) for everything that the VM has to do. Raises NoStrips."""
    found, at = [], 0
    for strip in [*program.strips, None]:
        stop = strip.start if strip else len(program.lines)
        for line in program.lines[at:stop]:
            found += blocks_of(program, line, plan)
        if strip:
            found += strips(program, strip, plan)
            at = strip.stop
    return found


def strips(program: Program, strip: Strip, plan: Plan) -> list[tuple[Line, Entry | None]]:
    """The blocks that run a Strip: mostly one. Raises NoStrips where a line has no kernel."""
    lines, part = strip.work(program), strip.part_of(program)
    entries = [entry_of(part, strip.part_of_line(line), plan) for line in lines]
    known = [entry for entry in entries if entry is not None and entry.is_shared]
    if len(known) < len(lines):
        raise NoStrips
    whole = one_line(program, lines)
    seconds = sum([seconds_of_line(program, line) for line in lines])
    pieces = min(strip.count, 1 + int(seconds / PIECE_SECONDS))
    made = []
    for piece in range(pieces):
        first, last = (strip.count * i // pieces for i in (piece, piece + 1))
        rows = []
        for i in range(first, last):
            area = ((i - first + 1) * strip.areas - 1) // (last - first)
            where = Where(program, strip, plan, i, area)
            rows += [(line, where.moved(e)) for line, e in zip(lines, known, strict=True)]
        made.append((whole, joined(rows, last - first, strip.areas)))
    return made


def one_line(program: Program, lines: list[Line]) -> Line:
    """What some lines read and write together."""
    outs = dict.fromkeys([slot for line in lines for slot in line.outs])
    reads = dict.fromkeys([slot for line in lines for slot in line.inputs])
    inputs = tuple([slot for slot in reads if slot not in outs])
    return Line(StripOp(program, lines), inputs, {}, tuple(outs), ())


@dataclass(frozen=True)
class Where:
    """Where strip `number`, in an area, has its operands."""

    program: Program
    strip: Strip
    plan: Plan
    number: int
    area: int

    def moved(self, entry: Entry) -> Entry:
        """The Entry for this strip, of the one for the first."""
        return replace(entry, words=[self._word(word) for word in entry.words])

    def _word(self, word: Any) -> Any:
        if not isinstance(word, Address) or word.slot not in self.strip.cut:
            return word
        size = self.program.specs[word.slot].nbytes // self.strip.count
        is_parted = self.plan.resolve(word.slot)[0] in self.plan.parted
        return Address(word.slot, word.offset + size * (self.area if is_parted else self.number))


def joined(rows: list[tuple[Line, Entry]], count: int, areas: int) -> StripEntry:
    """One Entry for blocks of `count` strips."""
    words, starts = [], []
    for _, entry in rows:
        starts.append(3 + len(words))
        words += [0, HEADER + len(entry.words), 0, *entry.words]
    return StripEntry(
        "def entry(a, part, parts):\n    run_strips(a, part, parts)",
        {"run_blocks": run_blocks, "run_strips": run_strips},
        words=[count, areas, len(words) // count, *words],
        is_shared=True,
        name="strips",
        blocks=rows,
        starts=starts,
    )


def entries_of(parts: list[tuple[Line, Entry | None]]) -> list[Entry]:
    """All entries, also those that others call."""
    return [each for _, entry in parts if entry for each in (entry, *entry.inner)]


def linked(parts: list[tuple[Line, Entry | None]]) -> list[int]:
    """The addresses of the VM, and of the entries (0 where there is none). Raises NoStrips."""
    vm, *found = cache.addresses([VM, *entries_of(parts)])
    rest = iter(found)
    functions = [vm]
    for _, entry in parts:
        functions.append(next(rest) if entry else 0)
        if entry and not entry.link([next(rest) for _ in entry.inner]):
            raise NoStrips
    return functions


def lines_of(line: Line, entry: Entry | None, at: int) -> list[tuple[Line, int]]:
    """(line, place of its block) for a block at place `at`: of strips, those within."""
    if not isinstance(entry, StripEntry):
        return [(line, at)]
    return [(line, at + HEADER + start) for (line, _), start in zip(entry.blocks, entry.starts)]
