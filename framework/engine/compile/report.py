"""A Program as a reader wants to see it: its lines, what they cost, and where the time goes."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.compile import cost
from framework.engine.compile.vm import Executable
from framework.engine.program import Line, Program, spec_text

STEPS = 100  # that are timed where nobody says how many


class Report:
    """What an Executable does, line by line, as text.

    executable: the program after all passes, with its memory planned. times: microseconds per line
    of real steps, from Executable.profile; without them the table says what there is to do. calls:
    how often a step calls the kernel of each line.
    """

    def __init__(self, executable: Executable, times: dict[int, float] | None = None):
        self.executable, self.program, self.times = executable, executable.program, times
        self.calls = collections.Counter([id(line) for line, _ in executable.lines])

    @property
    def flops(self) -> int:
        """Floating point operations of a step."""
        return sum([cost.flops(self.program, line) for line in self.program.lines])

    @property
    def traffic(self) -> int:
        """Bytes that the lines of a step read and write, each operand once per line."""
        return sum([cost.traffic(self.program, line) for line in self.program.lines])

    @property
    def lines(self) -> list[Line]:
        """The lines that are shown: all but plain reads of Variables."""
        return [line for line in self.program.lines if not is_read(line)]

    def rows(self) -> list[list[str]]:
        """Cells of the table: result, kernel, operands, bytes, how it runs, MFLOP, layer; and with
        times calls per step, microseconds, share, GFLOP/s and GB/s."""
        names = Names(self.program)
        total = sum(self.times.values()) if self.times else 0.0
        shared, strips, rows = self._shared(), self._strips(), []
        for line in self.lines:
            flops, size = cost.flops(self.program, line), cost.traffic(self.program, line)
            outs = ", ".join([names.of_output(slot) for slot in line.outs])
            operands = ", ".join([names.of(slot) for slot in line.inputs])
            attrs = "".join([f", {k}={v}" for k, v in line.attrs.items() if v not in (None, False)])
            run = how(self.executable, line, id(line) in shared, strips.get(id(line), 0))
            row = [outs or "write", line.op.name, operands + attrs, amount(size), run]
            row += [f"{flops / 1e6:.3g}", self.program.place_of(line)]
            if self.times is not None:
                row.append(str(self.calls[id(line)]))
                row += timing(self.times.get(id(line), 0.0), total, flops, size)
            rows.append(row)
        return rows

    def _strips(self) -> dict[int, int]:
        """How many strips the work of a line is divided into."""
        return {
            id(line): strip.count
            for strip in self.program.strips
            for line in strip.work(self.program)
            if self.calls[id(line)] > 1
        }

    def _shared(self) -> set[int]:
        """Lines that threads share."""
        code = self.executable.code
        pc, until, together = 0, 0, np.zeros(len(code), bool)
        while pc < len(code):
            until = max(until, pc + int(code[pc + 2]))
            together[pc : pc + int(code[pc + 1])] = pc < until
            pc += int(code[pc + 1])
        return {id(line) for line, pc in self.executable.lines if together[pc]}

    def __str__(self) -> str:
        plan = self.executable.plan
        head = ["result", "kernel", "operands", "bytes", "run", "MFLOP", "where"]
        head += ["calls", "us", "share", "GFLOP/s", "GB/s"] if self.times is not None else []
        inputs = [f"in{i}: {spec_text(self.program.specs[s])}"
                  for i, s in enumerate(self.program.inputs)]  # fmt: skip
        lines = [f"program({', '.join(inputs)})", *table([head, *self.rows()])]
        names = ", ".join([Names(self.program).of(slot) for slot in self.program.outputs])
        lines += [f"return {names}"] if names else []
        lines.append(
            f"{self.flops / 1e6:.4g} MFLOP and {amount(self.traffic)} of operands per step; arena "
            f"{amount(plan.size)} (without reuse {amount(plan.naive)})"
        )
        if self.times is not None:
            total = sum(self.times.values())
            rates = f"{self.flops / total / 1e3:.3g} GFLOP/s" if total else ""
            lines.append(f"{total:.4g} us per step, one thread: {rates}")
        return "\n".join(lines)

    __repr__ = __str__


class Names:
    """Readable names of slots, in the order in which they appear."""

    def __init__(self, program: Program):
        self.program = program
        self.names = {slot: f"in{i}" for i, slot in enumerate(program.inputs)}
        variables = program.variables.items()
        self.names |= {slot: getattr(v, "path", v.name) for slot, v in variables}
        count = 0
        for line in program.lines:
            if is_read(line):  # the memory of the Variable: no work, and no name of its own
                self.names[line.outs[0]] = self.names.get(line.inputs[0], "")
            for slot in line.outs:
                if slot not in self.names:
                    self.names[slot] = f"%{count}"
                    count += 1

    def of(self, slot: int) -> str:
        """The name; of a constant its value, or shape."""
        if slot in self.program.constants:
            value = self.program.constants[slot]
            return f"{value:.6g}" if value.ndim == 0 else f"constant{list(value.shape)}"
        return self.names.get(slot, f"slot{slot}")

    def of_output(self, slot: int) -> str:
        """%3: float32[32, 64]"""
        return f"{self.of(slot)}: {spec_text(self.program.specs[slot])}"


def report_of(executable: Executable, steps: Any) -> Report:
    """The report; with the times of `steps` steps, of STEPS for True, without for False and 0."""
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValueError(f"program: profile is {steps!r}, wanted True or a number of steps")
    if not steps:
        return Report(executable)
    return profile(executable, STEPS if isinstance(steps, bool) else int(steps))


def profile(executable: Executable, steps: int = STEPS) -> Report:
    """The report with the times of `steps` real steps, line by line on one thread. What the steps
    write to Variables is put back."""
    variables = list(executable.program.variables.values())
    before = [v.array.copy() for v in variables]
    times: dict[int, float] = {}
    try:
        for microseconds, line in executable.profile(steps):
            times[id(line)] = times.get(id(line), 0.0) + microseconds
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.writable()[...] = value
    return Report(executable, times)


def is_read(line: Line) -> bool:
    """Whether a line gives a Variable's own memory, without work."""
    return line.op is ops.read and line.op.is_view


def how(executable: Executable, line: Line, is_shared: bool, strips: int) -> str:
    """view: no work; NumPy: the op's forward; else a kernel, of one thread or shared by all, and
    in how many strips."""
    if line.op.is_view:
        return "view"
    if any([line is other for other in executable.callouts.values()]):
        return "NumPy"
    return ("threads" if is_shared else "kernel") + (f", {strips} strips" if strips else "")


def timing(microseconds: float, total: float, flops: int, size: int) -> list[str]:
    """Cells: microseconds, share of the step, GFLOP/s, GB/s."""
    if not microseconds:
        return [f"{microseconds:.4g}", "", "", ""]
    share = 100 * microseconds / total
    rates = [f"{amount / microseconds / 1e3:.3g}" for amount in (flops, size)]
    return [f"{microseconds:.4g}", f"{share:.1f} %", *rates]


def amount(size: float) -> str:
    """12 B, 3.4 kB, 5.6 MB"""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def table(rows: list[list[str]]) -> list[str]:
    """Rows of cells, aligned."""
    widths = [max([len(row[i]) for row in rows]) for i in range(len(rows[0]))]
    return [
        "  ".join([cell.ljust(w) for cell, w in zip(row, widths, strict=True)]).rstrip()
        for row in rows
    ]
