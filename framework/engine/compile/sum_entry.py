"""The Entry of a ChainSum: loops over what is summed, with the sums as their innermost result.

Where the result is one run of columns, a piece of them is summed at a time, in memory that only the
kernel knows, and four rows are added to each other before the sums are touched: the additions to
one sum wait for one another. Of the sums of parts (passes/tall.py) threads share the rows.
"""

from __future__ import annotations

import textwrap
from typing import Any

from framework.engine.compile.entry import (
    HEADER,
    UNIT,
    Address,
    Entry,
    calls_of,
    collapse,
    flat_index,
    loop_dtype,
    loop_nest,
    stored_as,
)
from framework.engine.kernels.flags import PIECE, TALL
from framework.engine.program import Line, Program

TOGETHER = 4  # rows


def sum_entry(program: Program, line: Line) -> Entry:
    """Outer loops over the axes that are summed, inner ones over those of the result; a thread has
    its part of the first of the latter."""
    out, inputs = program.specs[line.outs[0]], [program.specs[slot] for slot in line.inputs]
    op: Any = line.op
    kept = op.shape[op.axes :]
    sizes, varies = collapse(op.shape, [*[s.shape for s in inputs], (1,) * op.axes + kept])
    first = next(d for d, pattern in enumerate(varies) if pattern[-1])
    names = {step: f"f{i}" for i, step in enumerate(dict.fromkeys([s for s, *_ in op.steps]))}
    words: list = [Address(line.outs[0]), *[Address(slot) for slot in line.inputs], *sizes]
    words.append(op.count)
    text = ["def entry(a, part, parts):", f"    out = pointer_{stored_as(out)}(a[{HEADER}])"]
    for i, s in enumerate(inputs):
        text.append(f"    x{i} = pointer_{stored_as(s)}(a[{HEADER + 1 + i}])")
    at = HEADER + 1 + len(inputs)
    text += [f"    n{d} = a[{at + d}]" for d in range(len(sizes))]
    text.append(f"    count = a[{at + len(sizes)}]")
    is_run = 0 < first == len(sizes) - 1
    loops = sum_parts if op.is_parted else sum_by_pieces if is_run else sum_in_place
    text.append(f"    first, last = share({things_of(loops, first)}, part, parts)")
    constants, calls = calls_of(op.steps, names, len(inputs), words)
    value = f"v{len(inputs) + len(op.steps) - 1}"
    patterns = [pattern[:-1] for pattern in varies]
    text += [*constants, *loops(inputs, patterns, first, calls, value, stored_as(out))]
    if op.is_mean:
        inner = " * ".join(["1", *[f"n{d}" for d in range(first + 1, len(sizes))]])
        text.append(f"    for i in range(first * ({inner}), last * ({inner})):")
        text.append(f"        out[i] = to_{stored_as(out)}(out[i] / count)")
    functions = {name: step.scalar for step, name in names.items()}
    dtype = loop_dtype(line, [out, *inputs])
    return Entry("\n".join(text), functions, dtype, words, is_shared=True)


def things_of(loops: Any, first: int) -> str:
    """What threads share: how many, and in which units."""
    if loops is sum_parts:
        return f"(n0 + {TALL - 1}) // {TALL}, 1"
    return f"n{first}, {UNIT // 4 if loops is sum_by_pieces else 1}"


def sum_in_place(
    inputs: list, patterns: list, first: int, calls: list[str], value: str, kind: str
) -> list[str]:
    """Loops that add to `out` itself."""
    axes = range(first, len(patterns))
    inner = " * ".join(["1", *[f"n{d}" for d in axes[1:]]])
    text = [f"    for i in range(first * ({inner}), last * ({inner})):", "        out[i] = 0"]
    index = flat_index(axes)
    store = f"out[{index}] = to_{kind}(out[{index}] + {value})"
    return text + loop_nest(inputs, patterns, [*calls, store], first)


def sum_by_pieces(
    inputs: list, patterns: list, first: int, calls: list[str], value: str, kind: str
) -> list[str]:
    """Loops over pieces of the columns, over the rows, and over the columns of a piece."""
    outer, inner, last = [], "", f"n{first - 1}"
    for d in range(first - 1):
        outer.append(f"{inner}for i{d} in range(n{d}):")
        inner += "    "
    body = [
        f"for top in range(0, {last}, {TALL}):",
        f"    end = min(top + {TALL}, {last})",
        *[f"    {t}" for t in sum_of_rows(inputs, patterns, first, calls, value, kind)],
        "    for j in range(wide):",
        "        out[start + j] = out[start + j] + sums[j]",
    ]
    text = [
        "sums = piece_of(out)",
        f"for start in range(first, last, {PIECE}):",
        f"    wide = min({PIECE}, last - start)",
        "    for j in range(wide):",
        f"        out[start + j] = to_{kind}(0)",
        *[f"    {t}" for t in [*outer, *[inner + t for t in body]]],
    ]
    return textwrap.indent("\n".join(text), "    ").split("\n")


def sum_of_rows(
    inputs: list, patterns: list, first: int, calls: list[str], value: str, kind: str
) -> list[str]:
    """sums[0 : wide] = the sums of columns start ... of rows top ... end."""

    def row(number: int, name: str) -> list[str]:
        """The lines that compute an element of row `number` of those that are added together."""
        text = []
        for i, spec in enumerate(inputs):
            index = flat_index([d for d in range(first + 1) if patterns[d][i]])
            index = index.replace(f"i{first - 1}", f"(i{first - 1} + {number})")
            text.append(f"v{i} = x{i}[{index}]{' != 0' if spec.dtype.kind == 'b' else ''}")
        return [*text, *calls, f"{name} = to_{kind}({value})"]

    def over_columns(rows: int, total: str) -> list[str]:
        """The loop over the columns, for so many rows."""
        text = ["for j in range(wide):", f"    i{first} = start + j"]
        text += [f"    {line}" for k in range(rows) for line in row(k, f"r{k}")]
        return [*text, f"    sums[j] += {total}"]

    return [
        "for j in range(wide):",
        f"    sums[j] = to_{kind}(0)",
        f"for i{first - 1} in range(top, end - {TOGETHER - 1}, {TOGETHER}):",
        *[f"    {t}" for t in over_columns(TOGETHER, "(r0 + r1) + (r2 + r3)")],
        f"for i{first - 1} in range(end // {TOGETHER} * {TOGETHER}, end):",
        *[f"    {t}" for t in over_columns(1, "r0")],
    ]


def sum_parts(
    inputs: list, patterns: list, first: int, calls: list[str], value: str, kind: str
) -> list[str]:
    """Loops over parts of the rows, of which each has a row of the result."""
    text = [
        "sums = piece_of(out)",
        "for p in range(first, last):",
        f"    top, end = p * {TALL}, min(p * {TALL} + {TALL}, n0)",
        f"    for start in range(0, n1, {PIECE}):",
        f"        wide = min({PIECE}, n1 - start)",
        *[f"        {t}" for t in sum_of_rows(inputs, patterns, first, calls, value, kind)],
        "        for j in range(wide):",
        "            out[p * n1 + start + j] = sums[j]",
    ]
    return textwrap.indent("\n".join(text), "    ").split("\n")
