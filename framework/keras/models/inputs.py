"""What a model with known inputs makes of the tensors it is called with."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.symbolic import KerasTensor


def match_input(model: Any, x: Any, wanted: KerasTensor) -> Tensor:
    """x in the dtype and rank of an Input; a ValueError names the model, both shapes and the axis
    that differs.
    """
    x = x if isinstance(x, Tensor) else Tensor(np.asarray(x))
    if x.array.dtype.name != wanted.dtype.name:
        x = ops.cast(x, dtype=wanted.dtype.name)
    shape, goal = x.array.shape, tuple(wanted.shape)
    if len(shape) == len(goal) - 1 and goal[-1] == 1:
        x = ops.reshape(x, shape=(*shape, 1))
    elif len(shape) == len(goal) + 1 and shape[-1] == 1:
        x = ops.reshape(x, shape=shape[:-1])
    shape = x.array.shape
    differs = [i for i, (n, m) in enumerate(zip(shape, goal)) if i and m is not None and n != m]
    if len(shape) != len(goal):
        why = f"it has {len(shape)} axes, wanted {len(goal)}"
    elif differs:
        why = f"axis {differs[0]} has {shape[differs[0]]} elements, wanted {goal[differs[0]]}"
    else:
        return x
    text = ", ".join("any" if n is None else str(n) for n in goal)
    raise ValueError(
        f"model '{model.name}': input '{wanted.name}' of shape {tuple(shape)} does not fit "
        f"({text}): {why}"
    )
