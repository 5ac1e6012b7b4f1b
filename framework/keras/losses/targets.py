"""Whether targets can be meant for outputs of a shape: said before training, by loss and axis."""

from __future__ import annotations

import warnings

import numpy as np

from framework.engine.errors import BroadcastWarning


def check_same_shape(loss: str, y: np.ndarray, outputs: tuple) -> None:
    """Targets of a loss that compares element by element; `outputs` is (batch, ...), None: unknown.

    (batch,) and (batch, 1) are the same, as in Keras. ValueError if the shapes differ, a
    BroadcastWarning if NumPy's broadcasting would make them alike.
    """
    have, want = y.shape[1:], outputs[1:]
    if len(have) == len(want) + 1 and have[-1] == 1:
        have = have[:-1]
    elif len(want) == len(have) + 1 and want[-1] == 1:
        want = want[:-1]
    if len(have) != len(want):
        raise ValueError(
            f"{loss}: the targets have shape {shown(y.shape)}, the model's outputs "
            f"{shown(outputs)}: {len(y.shape)} axes against {len(outputs)}"
        )
    for axis, (a, b) in enumerate(zip(have, want), start=1):
        if b is None or a == b:
            continue
        text = (
            f"{loss}: the targets have shape {shown(y.shape)}, the model's outputs "
            f"{shown(outputs)}: axis {axis} is {a} against {b}"
        )
        if 1 not in (a, b):
            raise ValueError(text)
        warnings.warn(f"{text}; every target meets every output there", BroadcastWarning, 2)


def check_labels(loss: str, y: np.ndarray, classes: int | None, ignored: int | None) -> None:
    """Integer labels must lie in [0, classes); `ignored` is a label that does not count."""
    if classes is None or y.size == 0:
        return
    counted = y if ignored is None else np.where(y == ignored, 0, y)
    low, high = counted.min(), counted.max()
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        row = int(np.argwhere(counted.reshape(len(y), -1) == bad)[0][0])
        raise ValueError(
            f"{loss}: labels out of range: y[{row}] is {bad}, the model's output has {classes} "
            f"classes (0 to {classes - 1})"
        )


def shown(shape: tuple) -> str:
    """`(batch, 3)`: how many rows there are does not matter."""
    return "(" + ", ".join(["batch", *map(str, shape[1:])]) + ")"
