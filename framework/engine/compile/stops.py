"""Up to where a step of a program can be stopped without a trace of it.

Note [Stops]  A step reads, computes, and writes Variables at its end: the weights, the metrics, the
cursor. Stopped before the first of these writes, it has not happened; behind it, it is finished.
Random numbers are the exception: a counter is written where they are drawn, early in a step. Such
an addition of a constant to integers is taken back, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.program import Line

NEVER_WRITES = 2**62  # a place behind all blocks


class Stops:
    """lines: (line, place of its block), as the VM goes through them; variable(slot): the Variable
    whose memory that is, or None. last: the last place where the step can be stopped."""

    def __init__(self, lines: list[tuple[Line, int]], variable: Callable, constants: dict):
        self.last = NEVER_WRITES
        self._counters: list[tuple[int, int, np.ndarray]] = []  # place, slot of the Variable, step
        for line, place in lines:
            slots = [*[line.inputs[i] for i in line.op.writes], *line.outs]
            written = [found for slot in slots if (found := variable(slot)) is not None]
            if written:
                step = constants.get(line.inputs[-1])
                if line.op is not ops.assign_add or step is None or step.dtype.kind not in "iu":
                    self.last = place
                    return
                self._counters.append((place, written[0].id, step))

    def take_back(self, place: int, memory: dict[int, Any]) -> None:
        """Subtract what the lines before `place` added to the memory of Variables, by slot."""
        for at, slot, step in self._counters:
            if at < place:
                memory[slot] -= step
