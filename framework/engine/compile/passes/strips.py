"""Neighbouring lines that compute a batch row by row go through it in strips.

Note [Strips]  A convolution, what follows it elementwise and a pooling each write some megabytes
that the next one reads: from memory, if each does the whole batch at once. Done for a few rows of
the batch after the other, what one line hands to the next is still in the cache. Threads share the
strips, and need not wait for each other between the lines. No element depends on it: a line's strip
is the same line with fewer rows (Note [Shares] in compile/entry.py).

Measured on Emerald Rapids, one thread: the forward of a convolutional net that hands on 20 MB takes
1.6 instead of 1.95 ms beside its products, and 10,000 rows through a 784-512-512-10 network 99
instead of 107 ms. Where less is handed on, it costs as much as it gains: 4 to 8 MB come from the
third-level cache, and filters are packed once more for each strip.

What is only used within strips has memory for one strip in each of some areas, one per core: an
area's strips come after each other, on one thread.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from framework.engine import ops
from framework.engine.compile.entry import UNIT, has_kernel
from framework.engine.machine import free_cores
from framework.engine.program import Line, Program

ROOM = 1 << 20  # bytes of a value that a strip makes: half of a core's cache, or all of it
HANDED = 12 << 20  # bytes that lines must hand to each other to be worth it
AHEAD = 24  # lines to look through for those that belong together

BY_ROWS = {
    ops.convolution: (0,), ops.convolution_grad_x: (0,),
    ops.window_max: (0,), ops.window_max_grad: (0, 1, 2),
    ops.window_mean: (0,), ops.window_mean_grad: (0,),
}  # fmt: skip


@dataclass(frozen=True)
class Strip:
    """Lines start .. stop of a program, which run `count` times, each time on their part of the
    first axis of the slots `cut`; `whole`: slots of which every strip reads all; `inside`: those
    that nothing else reads."""

    start: int
    stop: int
    count: int
    cut: frozenset[int]
    whole: frozenset[int]
    inside: frozenset[int]
    areas: int

    def work(self, program: Program) -> list[Line]:
        """The lines that do something."""
        return [line for line in program.lines[self.start : self.stop] if not line.op.is_view]

    def part_of(self, program: Program) -> Program:
        """The specs of a strip, as a program without lines."""
        specs = dict(program.specs)
        for slot in self.cut:
            spec = specs[slot]
            specs[slot] = type(spec)((spec.shape[0] // self.count, *spec.shape[1:]), spec.dtype)
        return Program(program.inputs, (), (), specs, program.constants, program.variables)

    def part_of_line(self, line: Line) -> Line:
        """A line for the rows of a strip."""
        whole = line.attrs.get("whole")  # the shape of a gradient
        if whole is None:
            return line
        attrs = line.attrs | {"whole": (whole[0] // self.count, *whole[1:])}
        return Line(line.op, line.inputs, attrs, line.outs, line.values)


def into_strips(program: Program) -> Program:
    """The lines of a strip stand behind each other, those that stood between them behind all."""
    rest, lines, strips, users = list(program.lines), [], [], program.users()
    search = Search(program)
    while rest:
        found = search.strip_from(rest)
        if found is None:
            lines.append(rest.pop(0))
            continue
        strips.append(strip_of(*found, len(lines), search.cores, users))
        taken = [step.line for step in found[0]]
        ids = {id(line) for line in taken}
        lines += taken
        rest = [line for line in rest if id(line) not in ids]
    made = program.with_lines(lines)
    made.strips = strips
    return made


def strip_of(steps: list[Step], count: int, start: int, cores: int, users: dict) -> Strip:
    """The Strip of steps whose lines begin at number `start`."""
    ids = {id(step.line) for step in steps}
    cut = frozenset().union(*[step.cut for step in steps])
    whole = frozenset().union(*[step.whole for step in steps])
    inside = [slot for step in steps for slot in step.line.outs
              if ids.issuperset(map(id, users.get(slot, ())))]  # fmt: skip
    areas = min(count, cores)
    return Strip(start, start + len(steps), count, cut, whole, cut & {*inside}, areas)


class Search:
    """Looks for strips in a program."""

    def __init__(self, program: Program):
        self.program, self.cores = program, free_cores()
        self._memory: dict[int, int] = {}  # slot of a view -> whose memory it is
        self.partial: set[int] = set()  # views of a part of something, which may overlap
        for line in program.lines:
            if line.op.is_view:
                self._memory[line.outs[0]] = self.memory(line.inputs[0])
                if not is_alias(line) or line.inputs[0] in self.partial:
                    self.partial.add(line.outs[0])
        self._cuts: dict[int, tuple | None] = {}

    def memory(self, slot: int) -> int:
        """The slot whose memory this one is."""
        return self._memory.get(slot, slot)

    def cut_of(self, line: Line) -> tuple[int, ...] | None:
        """cut_of, asked once for each line."""
        if id(line) not in self._cuts:
            self._cuts[id(line)] = cut_of(self.program, line)
        return self._cuts[id(line)]

    def strip_from(self, rest: list[Line]) -> tuple[list[Step], int] | None:
        """(steps, count) of the strip that begins with the first line, the longest that is good."""
        first = rest[0]
        makes = sum([self.program.specs[slot].nbytes for slot in first.outs])
        if makes * AHEAD < HANDED or first.op.is_view or self.cut_of(first) is None:
            return None
        group = Group(self)
        all(group.goes_on(line) for line in rest[:AHEAD])
        return group.longest()


def is_alias(line: Line) -> bool:
    """Whether the output is the input's memory, all of it, maybe in another shape."""
    return line.op.is_view and line.op.view_start is None


def cut_of(program: Program, line: Line) -> tuple[int, ...] | None:
    """The inputs of which rows of the output need the same rows; None if it does not work so."""
    if is_bound(line) or not line.outs or not has_kernel(program, line):
        return None
    shapes = [program.specs[slot].shape for slot in line.inputs]
    out = program.specs[line.outs[0]]
    if out.ndim < 2 or out.dtype != np.float32:
        return None
    if line.op.scalar is not None:
        return tuple([i for i, shape in enumerate(shapes) if has_rows_of(shape, out.shape)])
    if line.op is ops.matmul:
        return None if line.attrs.get("transpose_x") else cut_of_product(*map(len, shapes))
    return BY_ROWS.get(line.op)


def is_bound(line: Line) -> bool:
    """Whether a line must stay where it is: it writes a Variable, or draws random numbers."""
    return bool(line.op.writes) or line.op.is_random


def has_rows_of(shape: tuple, out: tuple) -> bool:
    """Whether an elementwise operand has a row for each of the output's."""
    return len(shape) == len(out) and shape[0] == out[0]


def cut_of_product(left: int, right: int) -> tuple[int, ...] | None:
    """cut_of for a product of arrays with so many axes: a matrix is read by all rows."""
    if right == 2:
        return (0,)
    return (0, 1) if left == right else None


@dataclass(frozen=True)
class Step:
    """A line of strips. cut, whole: its slots of which a strip has a part, and all; handed: those
    that earlier lines made; bytes: of the first two; sizes: the elements of those that are cut,
    where they must be whole units; largest: bytes of the largest value that it makes."""

    line: Line
    cut: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()
    handed: frozenset[int] = frozenset()
    bytes: tuple[int, int] = (0, 0)
    sizes: tuple[int, ...] = ()
    rows: int = 0  # common divisor of the lengths of the first axes
    largest: int = 0

    def fits(self, count: int) -> bool:
        """Whether so many strips do not read a large table too often, and are cut where threads
        may cut."""
        cut, whole = self.bytes
        return whole * count <= cut and not any([size // count % UNIT for size in self.sizes])


class Group:
    """Lines that may run strip by strip, found one after the other."""

    def __init__(self, search: Search):
        self.search, self.specs = search, search.program.specs
        self.steps: list[Step] = []
        self.made: set[int] = set()
        self.cut: set[int] = set()  # by memory, as `whole`: one value may have several slots
        self.whole: set[int] = set()
        self.left: set[int] = set()  # what lines that stay behind make

    def goes_on(self, line: Line) -> bool:
        """Take the line, or leave it behind; False where nothing may be taken any more: what is
        left behind would find what it reads no longer in the cache."""
        reads = set(line.inputs)
        is_free = reads.isdisjoint(self.left) and not is_bound(line)
        if is_free and line.op.is_view and reads.isdisjoint(self.made):
            self.steps.append(Step(line))  # of something else: it may stand here as well
            return True
        if is_free and self._take(line, reads):
            return True
        self.left.update(line.outs)
        return not is_bound(line) and reads.isdisjoint(self.made)

    def _take(self, line: Line, reads: set[int]) -> bool:
        """Add the line, if it goes on with what is there."""
        positions = (0,) if is_alias(line) else self.search.cut_of(line)
        if positions is None or (self.made and reads.isdisjoint(self.made)):
            return False
        rows, whole = divided(line.inputs, positions)
        cut_here = set(map(self.search.memory, rows | set(line.outs)))
        whole_here = set(map(self.search.memory, whole))
        cuts, wholes = self.cut | cut_here, self.whole | whole_here
        if cuts & wholes or rows & self.search.partial:
            return False
        self.cut, self.whole = cuts, wholes
        self.steps.append(self._step(line, rows | set(line.outs), whole, rows & self.made))
        self.made.update(line.outs)
        return True

    def _step(self, line: Line, cut: set[int], whole: set[int], handed: set[int]) -> Step:
        specs = [self.specs[slot] for slot in cut]
        rows = math.gcd(*[(*spec.shape, 1)[0] for spec in specs])
        sizes = tuple([spec.size for spec in specs if line.op.scalar is not None])
        if line.op.is_view:
            return Step(line, frozenset(cut), sizes=sizes, rows=rows)
        nbytes = self._bytes(cut), self._bytes(whole)
        largest = max(map(self._bytes, [(out,) for out in line.outs]))
        parts, tables, received = frozenset(cut), frozenset(whole), frozenset(handed)
        return Step(line, parts, tables, received, nbytes, sizes, rows, largest)

    def _bytes(self, slots: Iterable[int]) -> int:
        return sum([self.specs[slot].nbytes for slot in slots])

    def longest(self) -> tuple[list[Step], int] | None:
        """As many of the steps as can be, and in how many strips: None if less passes between them
        than a cache holds."""
        for n in range(len(self.steps), 1, -1):
            steps = self.steps[:n]
            handed = frozenset().union(*[step.handed for step in steps])
            if self._bytes(handed) < HANDED:
                return None
            count = count_of(steps, self.search.cores)
            if count:
                return steps, count
        return None


def count_of(steps: list[Step], cores: int) -> int:
    """How many strips some steps should have; 0 if no number is good."""
    rows = math.gcd(*[step.rows for step in steps])
    least = max([step.largest for step in steps]) / ROOM
    count = first_divisor(rows, max(2, math.ceil(least)), cores)
    return count if all([step.fits(max(count, 1)) for step in steps]) else 0


def divided(inputs: tuple, positions: tuple) -> tuple[set, set]:
    """The inputs at some positions, and at the others; one may be both."""
    others = [slot for i, slot in enumerate(inputs) if i not in positions]
    return {inputs[i] for i in positions}, set(others)


@functools.cache
def first_divisor(rows: int, least: int, cores: int) -> int:
    """The smallest number of strips, `least` or more, that divides the rows and has work for all
    cores; 0 if there is none."""
    for count in range(least, rows + 1):
        if rows % count == 0 and (count % cores == 0 or count >= 4 * cores):
            return count
    return 0
