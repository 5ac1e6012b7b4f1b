"""The memory of a program: one piece for everything it computes, or an error that says for what."""

from __future__ import annotations

import numpy as np

from framework.engine.compile.passes.memory import Plan
from framework.engine.errors import ResourceExhaustedError
from framework.engine.machine import limit
from framework.engine.program import Program, spec_text
from framework.engine.variable import aligned

MANY = 5  # values that an error names


def allocate(program: Program, plan: Plan) -> np.ndarray:
    """The arena, at an address that vectors like. ResourceExhaustedError if it is more than this
    process may have: Linux would give it, and end the process when it is used."""
    if plan.size <= limit():
        try:
            return aligned((plan.size,), np.uint8)
        except MemoryError:
            pass
    raise ResourceExhaustedError(
        f"a step needs {plan.size / 1e9:.2f} GB for what it computes, and there are "
        f"{limit() / 1e9:.2f} GB; the largest values: {largest(program, plan)}. A smaller batch "
        "needs less"
    )


def largest(program: Program, plan: Plan) -> str:
    """The largest values in the arena: op, layer, dtype and shape."""
    made = [(program.specs[slot], line) for line in program.lines for slot in line.outs
            if slot in plan.offset]  # fmt: skip
    made.sort(key=lambda pair: -pair[0].nbytes)
    texts = [
        f"{line.op.name}{place and ' in '}{place} {spec_text(spec)} ({spec.nbytes / 1e9:.2f} GB)"
        for spec, line in made[:MANY]
        for place in [program.place_of(line)]
    ]
    return ", ".join(texts) or "its inputs"
