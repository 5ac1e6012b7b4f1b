"""The Entry of a ChainSum: loops over what is summed, with the sums as their innermost result."""

from __future__ import annotations

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
from framework.engine.program import Line, Program


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
    unit = UNIT // 4 if first == len(sizes) - 1 else 1
    text.append(f"    first, last = share(n{first}, {unit}, part, parts)")
    text.append(
        "    inner = " + " * ".join(["1", *[f"n{d}" for d in range(first + 1, len(sizes))]])
    )
    every = "    for i in range(first * inner, last * inner):"
    text += [every, "        out[i] = 0"]
    constants, calls = calls_of(op.steps, names, len(inputs), words)
    index = flat_index(range(first, len(sizes)))
    result = f"v{len(inputs) + len(op.steps) - 1}"
    store = f"out[{index}] = to_{stored_as(out)}(out[{index}] + {result})"
    patterns = [pattern[:-1] for pattern in varies]
    text += [*constants, *loop_nest(inputs, patterns, [*calls, store], first)]
    if op.is_mean:
        text += [every, f"        out[i] = to_{stored_as(out)}(out[i] / count)"]
    functions = {name: step.scalar for step, name in names.items()}
    dtype = loop_dtype(line, [out, *inputs])
    return Entry("\n".join(text), functions, dtype, words, is_shared=True)
