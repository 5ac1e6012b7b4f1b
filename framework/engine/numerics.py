"""A watch that stops at the first op whose result is infinite or no number."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.active import ACTIVE, Recorder
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Spec

# They only move values, so that the op that made the bad one has been named before.
MOVING = set(
    "concatenate reshape broadcast_to gather maximum minimum strided_slice transpose identity read "
    "pad part check_numerics".split()
)


class Watch(Recorder):
    """Stands among the active tapes of a thread and looks at what each op gives."""

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call: raise InvalidArgumentError if an output is not finite."""
        if op.name in MOVING:
            return
        for slot, out in enumerate(outs):
            array = out.array
            if type(array) is Spec or array.dtype.kind != "f" or np.isfinite(array).all():
                continue
            raise InvalidArgumentError(message(op, inputs, outs, slot))


def message(op: Any, inputs: tuple, outs: tuple, slot: int) -> str:
    """Which op, what it gave and what it was given."""
    array = outs[slot].array
    found = {
        "-Inf": np.isneginf(array).sum(),
        "+Inf": np.isposinf(array).sum(),
        "NaN": np.isnan(array).sum(),
    }
    kinds = [name for name, count in found.items() if count]
    lines = [
        f'\n\n!!! Detected Infinity or NaN in output {slot} of eagerly-executing op "{op.name}" '
        f"(# of outputs: {len(outs)}) !!!",
        f"  dtype: {outs[slot].dtype!s}",
        f"  shape: {outs[slot].shape!s}",
        *[f"  # of {name.replace('NaN', '+NaN')} elements: {found[name]}" for name in kinds],
        "",
    ]
    if len(inputs) == 1:
        lines.append(f"  Input tensor: {inputs[0]!s}")
    else:
        lines.append(f"  Input tensors ({len(inputs)}):")
        lines += [f"         {i}: {x!s}" for i, x in enumerate(inputs)]
    return "\n".join(lines) + f"\n\n : Tensor had {' and '.join(kinds)} values"


WATCH = Watch()


def enable() -> None:
    """Watch the ops of this thread."""
    if WATCH not in ACTIVE.tapes:
        ACTIVE.tapes = (*ACTIVE.tapes, WATCH)


def disable() -> None:
    """Watch no longer."""
    ACTIVE.tapes = tuple([tape for tape in ACTIVE.tapes if tape is not WATCH])
