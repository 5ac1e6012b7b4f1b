"""The blocks of a program for the VM: those of its lines, and strips of several (Note [Strips] in
passes/strips.py)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from framework.engine.compile import cache
from framework.engine.compile.cost import flops, seconds_of_line
from framework.engine.compile.dispatch import VM, run_blocks, run_strips
from framework.engine.compile.entries import blocks_of, entry_of
from framework.engine.compile.entry import HEADER, Address, Entry
from framework.engine.compile.passes.memory import Plan
from framework.engine.compile.passes.strips import Strip
from framework.engine.compile.watched import PIECE_SECONDS
from framework.engine.program import Line, Program


@dataclass
class StripEntry(Entry):
    """Runs `blocks`, those of one strip after those of the other. Its words: the number of strips,
    the words of one, and the blocks as they would stand in a program."""

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


def blocks(program: Program, plan: Plan) -> list[tuple[Line, Entry | None]]:
    """(line, Entry or None) for everything that the VM has to do."""
    found, at = [], 0
    for strip in [*program.strips, None]:
        stop = strip.start if strip else len(program.lines)
        found += plain_blocks(program, plan, program.lines[at:stop])
        if strip:
            lines = program.lines[strip.start : strip.stop]
            found += strips(program, strip, plan) or plain_blocks(program, plan, lines)
            at = strip.stop
    return found


def plain_blocks(
    program: Program, plan: Plan, lines: list[Line] | None = None
) -> list[tuple[Line, Entry | None]]:
    """The same without strips, of some lines or all."""
    wanted = program.lines if lines is None else lines
    return [block for line in wanted for block in blocks_of(program, line, plan)]


def strips(program: Program, strip: Strip, plan: Plan) -> list[tuple[Line, Entry | None]] | None:
    """The blocks that run a Strip: mostly one; None where a line has no kernel for rows."""
    lines, part = strip.work(program), strip.part_of(program)
    entries = [entry_of(part, strip.part_of_line(line), plan) for line in lines]
    known = [entry for entry in entries if entry is not None and entry.is_shared]
    if len(known) < len(lines):
        return None
    whole = one_line(program, lines)
    seconds = sum([seconds_of_line(program, line) for line in lines])
    pieces = min(strip.count, 1 + int(seconds / PIECE_SECONDS))
    made = []
    for piece in range(pieces):
        first, last = (strip.count * i // pieces for i in (piece, piece + 1))
        numbers, pairs = range(first, last), list(zip(lines, known, strict=True))
        rows = [(line, moved(program, strip, entry, i)) for i in numbers for line, entry in pairs]
        made.append((whole, joined(rows, last - first)))
    return made


def one_line(program: Program, lines: list[Line]) -> Line:
    """What some lines read and write together."""
    outs = dict.fromkeys([slot for line in lines for slot in line.outs])
    reads = dict.fromkeys([slot for line in lines for slot in line.inputs])
    inputs = tuple([slot for slot in reads if slot not in outs])
    return Line(StripOp(program, lines), inputs, {}, tuple(outs), ())


def moved(program: Program, strip: Strip, entry: Entry, number: int) -> Entry:
    """The Entry for strip `number`, of the one for the first."""

    def word_for(word: Any) -> Any:
        if not isinstance(word, Address) or word.slot not in strip.cut:
            return word
        size = program.specs[word.slot].nbytes // strip.count
        return Address(word.slot, word.offset + number * size)

    return replace(entry, words=[word_for(word) for word in entry.words])


def joined(rows: list[tuple[Line, Entry]], count: int) -> StripEntry:
    """One Entry for blocks of `count` strips."""
    words, starts = [], []
    for _, entry in rows:
        starts.append(2 + len(words))
        words += [0, HEADER + len(entry.words), 0, *entry.words]
    return StripEntry(
        "def entry(a, part, parts):\n    run_strips(a, part, parts)",
        {"run_blocks": run_blocks, "run_strips": run_strips},
        words=[count, len(words) // count, *words],
        is_shared=True,
        name="strips",
        blocks=rows,
        starts=starts,
    )


def linked(parts: list[tuple[Line, Entry | None]]) -> list[int | None]:
    """The addresses of the VM, and of the entries (0 where there is none); [None] if an entry that
    others call cannot be compiled."""
    called = [each for _, entry in parts if entry for each in (entry, *entry.inner)]
    vm, *found = cache.addresses([VM, *called])
    rest = iter(found)
    functions: list[int | None] = [vm]
    for _, entry in parts:
        functions.append(next(rest) if entry else 0)
        if entry and not entry.link([next(rest) for _ in entry.inner]):
            return [None]
    return functions


def lines_of(line: Line, entry: Entry | None, at: int) -> list[tuple[Line, int]]:
    """(line, place of its block) for a block at place `at`: of strips, those within."""
    if not isinstance(entry, StripEntry):
        return [(line, at)]
    return [(line, at + HEADER + start) for (line, _), start in zip(entry.blocks, entry.starts)]
