"""What a model with known inputs makes of the tensors it is called with."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import nest, ops
from framework.engine.tensor import Tensor
from framework.keras.symbolic import KerasTensor


def in_order(model: Any, inputs: Any) -> list:
    """What a model is called with, as a list in the order of its Inputs.

    Dicts are matched by key: those of the model's own dict of inputs, or the names of its Inputs;
    further entries mean nothing.
    """
    wanted = model.input
    if isinstance(inputs, dict) and not isinstance(wanted, dict):
        wanted, names = model.inputs, [x.name for x in model.inputs]
        inputs = [x for part in values_of(model, inputs, names) for x in nest.flatten(part)]
    given = matched(model, wanted, inputs)
    if len(given) != len(model.inputs):
        raise ValueError(
            f"model '{model.name}': got {len(given)} inputs, wanted {len(model.inputs)}"
        )
    return given


def matched(model: Any, wanted: Any, given: Any) -> list:
    """The leaves of `given` in the order of those of `wanted`."""
    if isinstance(wanted, dict):
        given = in_order_of_keys(model, wanted, given)
        wanted = [wanted[key] for key in sorted(wanted)]
    if is_list(wanted) and is_list(given) and len(wanted) == len(given):
        return [x for pair in zip(wanted, given) for x in matched(model, *pair)]
    return nest.flatten(given)


def is_list(value: Any) -> bool:
    """True for lists and tuples."""
    return isinstance(value, (list, tuple))


def in_order_of_keys(model: Any, wanted: dict, given: Any) -> Any:
    """What is given for a dict of inputs, by sorted keys; a list must be in that order already."""
    if isinstance(given, dict):
        return values_of(model, given, sorted(wanted))
    if list(wanted) != sorted(wanted):
        raise ValueError(
            f"model '{model.name}': got a {type(given).__name__} for the inputs {list(wanted)}: "
            "pass a dict with these keys"
        )
    return given


def values_of(model: Any, given: dict, keys: list[str]) -> list:
    """The values at `keys`; a ValueError names the first key that is missing."""
    missing = [key for key in keys if key not in given]
    if missing:
        raise ValueError(
            f"model '{model.name}': input '{missing[0]}' is missing among {sorted(given)}, wanted "
            f"{keys}"
        )
    return [given[key] for key in keys]


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
