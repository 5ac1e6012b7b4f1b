"""The Entry of an update: one loop over the elements of what is written, in which the steps that
give its gradient (passes/updates.py) are computed, too."""

from __future__ import annotations

from typing import Any

from framework.engine.compile.entry import (
    HEADER,
    UNIT,
    Address,
    Entry,
    attrs_of,
    calls_of,
    collapse,
    flat_index,
    loop_nest,
    main_dtype,
    scalars,
    stored_as,
    used_attrs,
)
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec


def update_entry(program: Program, line: Line) -> Entry | None:
    """Loops over the Variables that the line writes, with their new elements as innermost results.

    Inputs are those Variables, what the gradient is made of, and single numbers (rate, alpha). None
    where the op leaves these shapes to NumPy.
    """
    op: Any = line.op
    specs = [program.specs[slot] for slot in line.inputs]
    steps = getattr(op, "gradient", ())
    if not steps and op.views([], specs, attrs_of(line)) is None:
        return None
    count = len(specs) - op.singles  # what has elements
    sizes, varies = collapse(specs[0].shape, [s.shape for s in specs[:count]])
    words: list = [Address(slot) for slot in line.inputs] + sizes
    text = ["def entry(a, part, parts):", *pointers(specs, count)]
    text += [f"    n{d} = a[{HEADER + len(specs) + d}]" for d in range(len(sizes))]
    if sizes:
        text.append(f"    first, last = share(n0, {UNIT if len(sizes) == 1 else 1}, part, parts)")
    names = {step: f"f{i}" for i, step in enumerate(dict.fromkeys([s for s, *_ in steps]))}
    constants, calls = calls_of(steps, names, count, words)
    numbers = [f"s{i}" for i in range(count, len(specs))] + attrs_read(line, constants, words)
    calls += stores(specs, len(op.writes), count + len(steps) - 1, numbers, len(sizes))
    text += [*constants, *loop_nest(specs[:count], varies, calls)]
    functions = {name: step.scalar for step, name in names.items()} | {"element": op.element}
    dtype = main_dtype([s.dtype for s in specs[:count]])
    return Entry("\n".join(text), functions, dtype, words, is_shared=bool(sizes))


def pointers(specs: list[Spec], count: int) -> list[str]:
    """The lines that read where the operands are, and the numbers behind the first `count`."""
    kinds = [stored_as(s) for s in specs]
    text = [f"    x{i} = pointer_{kind}(a[{HEADER + i}])" for i, kind in enumerate(kinds)]
    return text + [f"    s{i} = x{i}[0]" for i in range(count, len(specs))]


def attrs_read(line: Line, constants: list, words: list) -> list[str]:
    """The names of the attrs that the update computes with; the lines that read them are appended
    to `constants`, the attrs to `words`. They are read before the loop: what it writes might lie
    there, for all that the compiler knows."""
    element: Any = line.op.element
    found = scalars([name for name, _ in used_attrs(element)], attrs_of(line), words)
    constants += [f"    c{i} = {read}" for i, read in enumerate(found)]
    return [f"c{i}" for i in range(len(found))]


def stores(specs: list[Spec], written: int, gradient: int, numbers: list, axes: int) -> list[str]:
    """The lines that compute and store an element of each of what is written; gradient: the number
    of its value."""
    news, index = [f"u{i}" for i in range(written)], flat_index(range(axes))
    arguments = [*[f"v{i}" for i in range(written)], f"v{gradient}", *numbers]
    text = [f"{', '.join(news)} = element({', '.join(arguments)})"]
    for i, new in enumerate(news):
        text.append(f"x{i}[{index}] = to_{stored_as(specs[i])}({new})")
    return text
