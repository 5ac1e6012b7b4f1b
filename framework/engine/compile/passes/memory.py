"""The memory plan: where every value of a Program lives in one arena."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from framework.engine.program import Line, Program

ALIGN = 64
# Bytes: a larger constant or input is read where it is, see Note [Constants] in vm.py and
# Note [Inputs] in outside.py.
LARGE = 65536


@dataclass
class Plan:
    """home: slot -> (slot that owns its memory, byte offset); offset: owner -> bytes into the
    arena; size of the arena; outside: inputs that are no part of it. parted: owners that have
    memory for some areas only -> the parts in which their values come, and the areas (Note [Strips]
    in strips.py)."""

    home: dict[int, tuple[int, int]] = field(default_factory=dict)
    offset: dict[int, int] = field(default_factory=dict)
    size: int = 0
    outside: frozenset[int] = frozenset()
    naive: int = 0  # bytes if no memory were used twice
    parted: dict[int, tuple[int, int]] = field(default_factory=dict)

    def resolve(self, slot: int) -> tuple[int, int]:
        """The slot that owns the memory of `slot`, and the byte offset in it."""
        offset = 0
        while slot in self.home:
            slot, more = self.home[slot]
            offset += more
        return slot, offset

    def place(self, slot: int) -> tuple[int, int]:
        """(whose memory, byte offset in it): -1 is the arena, where values take turns."""
        owner, offset = self.resolve(slot)
        return (-1, self.offset[owner] + offset) if owner in self.offset else (owner, offset)


def plan(program: Program) -> Plan:
    """First fit by liveness; views share memory, inputs of `pack` are computed inside its
    output."""
    made = Plan()
    for line in program.lines:
        if line.op.is_view:
            start = line.op.view_start(line.attrs) if line.op.view_start else 0
            made.home[line.outs[0]] = (
                line.inputs[0],
                start * program.specs[line.outs[0]].dtype.itemsize,
            )
    place_packed(program, made)
    made.outside = read_in_place(program, made)
    first, last = lifetimes(program, made)
    take_over(program, made, first, last)
    live_through_strips(program, first, last)
    find_parted(program, made)
    first_fit(program, made, first, last)
    return made


def read_in_place(program: Program, made: Plan) -> frozenset[int]:
    """The inputs that are read where the caller has them: large ones. One that is an output, too,
    is not: outputs are there until the next step, the caller's array is not."""
    wanted = {made.resolve(slot)[0] for slot in program.outputs}
    large = [slot for slot in program.inputs if program.specs[slot].nbytes > LARGE]
    return frozenset(large) - wanted


def first_fit(program: Program, made: Plan, first: dict, last: dict) -> None:
    """Give every owner of memory the first gap of the arena that is free while it lives."""
    live: list[tuple[int, int, int]] = []
    for slot in sorted(first, key=lambda slot: first[slot]):
        size = rounded(program.specs[slot].nbytes)
        made.naive += size
        if slot in made.parted:
            count, areas = made.parted[slot]
            size = rounded(program.specs[slot].nbytes // count * areas)
        if slot in made.home:  # computed where an input was
            continue
        live = sorted([block for block in live if block[2] >= first[slot]])
        at = 0
        for start, stop, _ in live:
            if at + size <= start:
                break
            at = max(at, stop)
        live.append((at, at + size, last[slot]))
        made.offset[slot], made.size = at, max(made.size, at + size)


def rounded(nbytes: int) -> int:
    """The bytes that a value takes in the arena."""
    return -(-max(1, nbytes) // ALIGN) * ALIGN


def find_parted(program: Program, made: Plan) -> None:
    """Owners whose memory holds nothing but what is used within the strips of one group."""
    group_of = {slot: strip for strip in program.strips for slot in strip.inside}
    slots = set(program.outputs).union(*[(*line.inputs, *line.outs) for line in program.lines])
    users: dict[int, set] = {}
    for slot in slots:
        users.setdefault(made.resolve(slot)[0], set()).add(group_of.get(slot))
    for owner, groups in users.items():
        strip = groups.pop()
        if strip is not None and not groups:
            made.parted[owner] = strip.count, strip.areas


def live_through_strips(program: Program, first: dict, last: dict) -> None:
    """What a line of strips touches must be there while any other of these lines runs."""
    for strip in program.strips:
        for slot in first:
            if strip.start <= first[slot] < strip.stop:
                first[slot] = strip.start
            if strip.start <= last[slot] < strip.stop:
                last[slot] = strip.stop - 1


def take_over(program: Program, made: Plan, first: dict, last: dict) -> None:
    """Let elementwise lines write over an input that nobody reads afterwards: half the traffic of
    writing, since that memory is in the cache."""
    needed = {i: strip.whole for strip in program.strips for i in range(strip.start, strip.stop)}
    for i, line in enumerate(program.lines):
        for out in line.outs if line.op.scalar is not None else ():
            slot = dying(program, made, line, out, i, last) if first.get(out) == i else None
            if slot is not None and not is_needed(made, slot, needed.get(i, ())):
                made.home[out] = slot, 0
                owner = made.resolve(slot)[0]
                last[owner] = max(last[owner], last[out])


def is_needed(made: Plan, slot: int, whole: Iterable[int]) -> bool:
    """Whether other strips read all of that memory (`whole`: the slots of which they do), while
    the line may have done its part."""
    owner = made.resolve(slot)[0]  # now: an output that took a place over has another one since
    return any([made.resolve(other)[0] == owner for other in whole])


def dying(program: Program, made: Plan, line: Line, out: int, i: int, last: dict) -> int | None:
    """The input of line number i that its output may replace: as large, of the same dtype, read by
    nothing else."""
    spec = program.specs[out]
    owners = [made.resolve(slot)[0] for slot in line.inputs]
    for slot, owner in zip(line.inputs, owners, strict=True):
        x = program.specs[slot]
        fits = x.shape == spec.shape and x.dtype == spec.dtype and owners.count(owner) == 1
        if fits and last.get(owner) == i:
            return slot
    return None


def place_packed(program: Program, made: Plan) -> None:
    """Let the producers of pack's inputs write straight into its output."""
    outs = {o for line in program.lines for o in line.outs}
    fixed = set(program.inputs) | set(program.outputs)
    for line in program.lines:
        if line.op.places is None:
            continue
        specs = [program.specs[slot] for slot in line.inputs]
        for slot, at in zip(line.inputs, line.op.places(specs, **line.attrs), strict=True):
            owner, _ = made.resolve(slot)
            is_whole = math.prod(program.specs[owner].shape) == math.prod(program.specs[slot].shape)
            if owner in outs and owner not in fixed and is_whole and owner != line.outs[0]:
                made.home[owner] = line.outs[0], at * program.specs[slot].dtype.itemsize


def lifetimes(program: Program, made: Plan) -> tuple[dict, dict]:
    """owner -> index of the line that first and last touches its memory (arena slots only)."""
    first, last = {}, {}
    end = len(program.lines)
    elsewhere = {*program.variables, *program.constants, *made.outside}
    for slot in program.inputs:
        if slot not in elsewhere:
            first[slot], last[slot] = -1, end
    for i, line in enumerate(program.lines):
        for slot in (*line.outs, *line.inputs):
            owner, _ = made.resolve(slot)
            if owner not in elsewhere:
                first.setdefault(owner, i)
                last[owner] = max(last.get(owner, 0), i)
    for slot in program.outputs:
        owner, _ = made.resolve(slot)
        if owner in first:
            last[owner] = end
    return first, last
