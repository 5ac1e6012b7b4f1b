"""Neighbouring lines that compute a batch row by row go through it in strips.

Note [Strips]  A convolution, what follows it elementwise and a pooling each write some megabytes
that the next one reads: from memory, if each does the whole batch at once. Done for a few rows of
the batch after the other, what one line hands to the next is still in the cache. Threads share the
strips, and need not wait for each other between the lines. No element depends on it: a line's strip
is the same line with fewer rows (Note [Shares] in compile/entry.py).

What is only used within strips has memory for one strip in each of some areas, one per core: an
area's strips come after each other, on one thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from framework.engine import ops
from framework.engine.compile.entry import UNIT, has_kernel
from framework.engine.machine import free_cores
from framework.engine.program import Line, Program

ROOM = 1 << 20  # bytes of a line's operands in a strip: half of a core's cache, or all of it
HANDED = 1 << 20  # bytes that lines must hand to each other to be worth it
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
    while rest:
        found = strip_from(program, rest)
        if found is None:
            lines.append(rest.pop(0))
            continue
        taken, count, cut, whole = found
        ids = {id(line) for line in taken}
        inside = [slot for line in taken for slot in line.outs
                  if all([id(user) in ids for user in users.get(slot, ())])]  # fmt: skip
        stop, areas = len(lines) + len(taken), min(count, free_cores())
        strips.append(Strip(len(lines), stop, count, cut, whole, frozenset(inside) & cut, areas))
        lines += taken
        rest = [line for line in rest if id(line) not in ids]
    made = program.with_lines(lines)
    made.strips = strips
    return made


def strip_from(program: Program, rest: list[Line]) -> tuple | None:
    """(lines, count, cut slots, whole slots) of the strip that begins with the first line."""
    first, most = rest[0], AHEAD
    if not may_begin(program, first):
        return None
    while most > 1:
        group = Group(program)
        all(group.goes_on(line, most) for line in rest[:AHEAD])
        if not group.is_worth_it():
            return None
        count = group.count()
        if count:
            return group.lines, count, frozenset(group.cut), frozenset(group.whole)
        most = len(group.lines) - 1
    return None


def may_begin(program: Program, line: Line) -> bool:
    """Whether a line can be the first one, and makes enough."""
    makes = sum([program.specs[slot].nbytes for slot in line.outs])
    return makes * AHEAD >= HANDED and not line.op.is_view and cut_of(program, line) is not None


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


class Group:
    """Lines that may run strip by strip, found one after the other."""

    def __init__(self, program: Program):
        self.program = program
        self.lines: list[Line] = []
        self.made: set[int] = set()
        self.cut: set[int] = set()
        self.whole: set[int] = set()
        self.left: set[int] = set()  # what lines that stay behind make
        self.handed: set[int] = set()

    def goes_on(self, line: Line, most: int) -> bool:
        """Take the line, or leave it behind; False where nothing may be taken any more."""
        reads = set(line.inputs)
        if is_bound(line):
            return False
        is_free = len(self.lines) < most and reads.isdisjoint(self.left)
        if is_free and line.op.is_view and reads.isdisjoint(self.made):
            self.lines.append(line)  # of something else: it may stand here as well
        elif not (is_free and self._take(line, reads)):
            self.left.update(line.outs)
        return True

    def _take(self, line: Line, reads: set[int]) -> bool:
        """Add the line, if it goes on with what is there."""
        cut = (0,) if is_alias(line) else cut_of(self.program, line)
        if cut is None or (self.made and reads.isdisjoint(self.made)):
            return False
        rows = {line.inputs[i] for i in cut}
        whole = reads - rows
        if whole & (self.made | self.cut) or rows & self.whole:
            return False
        self.lines.append(line)
        self.handed |= rows & self.made
        self.made.update(line.outs)
        self.cut |= rows | set(line.outs)
        self.whole |= whole
        return True

    def is_worth_it(self) -> bool:
        """Whether more passes between the lines than a cache holds."""
        passed = {slot for slot in self.handed if slot not in self.program.constants}
        return sum([self._bytes(slot) for slot in passed]) >= HANDED and self._works() > 1

    def _works(self) -> int:
        return len([line for line in self.lines if not line.op.is_view])

    def _bytes(self, slot: int) -> int:
        return self.program.specs[slot].nbytes

    def count(self) -> int:
        """How many strips; 0 if no number is good: too few rows for the lines that read large
        tables, or fewer strips than cores."""
        shapes = [self.program.specs[slot].shape for slot in self.cut]
        common = math.gcd(*[(*shape, 1)[0] for shape in shapes])
        sizes = [self._sizes(line) for line in self.lines if not line.op.is_view]
        count = first_divisor(common, max([cut for cut, _ in sizes]) / ROOM)
        is_light = all([whole * count <= cut for cut, whole in sizes])
        return count if is_light and has_whole_units(shapes, max(count, 1)) else 0

    def _sizes(self, line: Line) -> tuple[int, int]:
        """Bytes of the operands that are cut, and of the others."""
        slots = {*line.inputs, *line.outs}
        cut = sum([self._bytes(slot) for slot in slots if slot in self.cut])
        return cut, sum([self._bytes(slot) for slot in slots]) - cut


def has_whole_units(shapes: list, count: int) -> bool:
    """Whether strips are cut where threads may cut."""
    return not any([math.prod(shape) // count % UNIT for shape in shapes])


def first_divisor(rows: int, least: float) -> int:
    """The smallest number of strips, `least` or more, that divides the rows and has work for all
    cores; 0 if there is none."""
    cores = free_cores()
    for count in range(max(2, math.ceil(least)), rows + 1):
        if rows % count == 0 and (count % cores == 0 or count >= 4 * cores):
            return count
    return 0
