"""Which Entry a Line has: a loop over elements, a sum of one, or the body of its op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from framework.engine.compile.cost import seconds_of_line
from framework.engine.compile.entry import (
    HEADER,
    Address,
    Entry,
    elementwise_entry,
    has_kernel,
    kernel_entry,
)
from framework.engine.compile.passes.memory import Plan
from framework.engine.compile.sum_entry import sum_entry
from framework.engine.compile.update_entry import update_entry
from framework.engine.compile.watched import PIECE_SECONDS
from framework.engine.program import Line, Program


def blocks_of(program: Program, line: Line, plan: Plan) -> list[tuple[Line, Entry | None]]:
    """(line, Entry or None) for everything the VM has to do for one line: mostly one."""
    if line.op.is_view:
        return []
    if line.op.places is not None:
        return [(line, entry) for entry in packing(program, line, plan)]
    entry = entry_of(program, line, plan)
    count = int(seconds_of_line(program, line) / PIECE_SECONDS)
    return [(line, part) for part in (in_pieces(entry, count) if entry else [None])]


def packing(program: Program, line: Line, plan: Plan) -> list[Entry]:
    """What is left to do where inputs stand behind each other in the output: copies of those that
    were not computed there, and the gaps."""
    out, specs = line.outs[0], [program.specs[slot] for slot in line.inputs]
    starts, parts = line.op.places(specs, **line.attrs), []
    size, item = program.specs[out].size, specs[0].dtype.itemsize
    owner, first = plan.resolve(out)
    for slot, spec, start, stop in zip(line.inputs, specs, starts, [*starts[1:], size]):
        if plan.resolve(slot) != (owner, first + start * item):
            operands = [(Address(out, start * item), spec.size), (Address(slot), spec.size)]
            parts.append(move(copy, item, operands))
        end = start + spec.size
        if end < stop:
            parts.append(move(fill_zero, item, [(Address(out, end * item), stop - end)]))
    return parts


def fill_zero(out):
    """out = 0 (kernel body)"""
    for i in range(out.size):
        out[i] = 0


def copy(out, x):
    """out = x (kernel body)"""
    for i in range(out.size):
        out[i] = x[i]


def move(body: Callable, item: int, operands: list[tuple[Address, int]]) -> Entry:
    """An Entry for `body` on vectors of items of so many bytes, given by address and length."""
    views = [
        f"carray(pointer_uint{8 * item}(a[{HEADER + 2 * i}]), (a[{HEADER + 2 * i + 1}],))"
        for i in range(len(operands))
    ]
    words = [word for operand in operands for word in operand]
    source = f"def entry(a, part, parts):\n    body({', '.join(views)})"
    return Entry(source, {"body": body}, words=words, name=body.__name__)


def entry_of(program: Program, line: Line, plan: Plan | None = None) -> Entry | None:
    """The Entry of a Line whose operands lie as `plan` says; None where only its NumPy forward
    exists."""
    entry = made(program, line, plan) if has_kernel(program, line) else None
    if entry is not None:
        entry.name = line.op.name
    return entry


def made(program: Program, line: Line, plan: Plan | None) -> Entry | None:
    """The same, without its name."""
    if line.op.scalar is not None:
        return elementwise_entry(program, line, overwritten(line, plan))
    if hasattr(line.op, "steps"):
        return sum_entry(program, line)
    if line.op.element is not None:
        return update_entry(program, line)
    return kernel_entry(program, line) if line.op.body is not None else None


def in_pieces(entry: Entry, count: int) -> list[Entry]:
    """The Entry, or `count` of them for one part of its work after the other, so that the VM can be
    stopped in between. A thread's scratch memory is that of the thread, whatever part it does."""
    if count < 2 or not entry.is_shared:
        return [entry]
    head, body = entry.source.split("\n", 1)
    at = HEADER + len(entry.words)
    cut = f"    thread, part, parts = part, part * a[{at}] + a[{at + 1}], parts * a[{at}]"
    source = "\n".join([head, cut, body.replace("part * a[", "thread * a[")])
    return [replace(entry, source=source, words=[*entry.words, count, i]) for i in range(count)]


def overwritten(line: Line, plan: Plan | None) -> list[int | None]:
    """Which input lies where each output of an elementwise line goes; see memory.take_over."""
    if plan is None:
        return [None] * len(line.outs)
    places = {plan.resolve(slot): i for i, slot in reversed(list(enumerate(line.inputs)))}
    return [places.get(plan.resolve(slot)) for slot in line.outs]
