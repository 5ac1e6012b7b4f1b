"""In-place operations: what they may write, and how the write is remembered.

A Line never changes: an in-place operation computes its result as any other, copies it into the
tensor's memory, and the tensor goes on as the result (views: see views.py, Note [Views]).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine import tensor as engine
from framework.engine.accumulate import KINDS
from framework.torch import dtypes
from framework.torch.call import call, to
from framework.torch.indexing import check_arrays, parsed, part_of, places_of
from framework.torch.memory import check_inputs, check_repeated, is_same
from framework.torch.tensor import Tensor
from framework.torch.views import Key, continues, may_write, picked, remember_write


def kind(x: engine.Tensor) -> str:
    """What PyTorch calls an element type in its errors."""
    return KINDS[x.array.dtype.name]


def tensors_among(values: Any) -> list:
    """The tensors among the operands."""
    return [v for v in values if isinstance(v, engine.Tensor)]


def in_place(function: Callable) -> Callable:
    """The in-place form: computes from a copy, so that what is remembered keeps the old value."""

    def method(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        others = tensors_among((*args, *kwargs.values()))
        is_remembered = may_write(x, others)
        check_repeated(x.array)
        check_inputs(x.array, others)
        old = x
        if is_remembered:
            history = x.history
            old = Tensor(np.array(x.array), x.id)
            old._history = history
        return write(x, function(old, *args, **kwargs), is_remembered)

    method.__doc__ = f"In place: {function.__doc__}"
    return method


def write(x: Tensor, new: Tensor, is_remembered: bool) -> Tensor:
    """x becomes `new`, in its own memory."""
    check_result(x, new)
    history = new.history
    if history is not None and new.array.dtype == x.array.dtype:
        history.versions = [
            (x.version, x.version[0] + 1, place) if counter is new.version else (counter, n, place)
            for counter, n, place in history.versions
        ]  # a value that its own rule reads is now that of x
    x.array[...] = new.array
    if is_remembered and x._view is not None:
        remember_write(x, to(new, x.array.dtype))
        return x
    x.version[0] += 1
    if is_remembered:
        new = to(new, x.array.dtype)
        x.version[1:] = [new.history.title]
        continues(x, new.history, new.id)
    return x


def check_result(x: Tensor, new: Tensor) -> None:
    """Raise if x cannot hold the result, by its shape or its dtype."""
    if new.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape "
            f"{list(new.array.shape)}"
        )
    if dtypes.RANK[new.array.dtype.kind] > dtypes.RANK[x.array.dtype.kind]:
        raise RuntimeError(
            f"result type {kind(new)} can't be cast to the desired output type {kind(x)}"
        )


def put(x: Tensor, value: Any, shape: tuple, steps: tuple, name: str) -> engine.Tensor:
    """Remember that `value` was put where the steps lead, a place of this shape, if it has to be.

    Gives what there is to write.
    """
    value = value if isinstance(value, engine.Tensor) else Tensor(np.asarray(value))
    if not may_write(x, [value]):
        x.version[0] += 1
        return value
    part = to(value, x.array.dtype)
    if part.array.shape != shape:
        part = call(ops.broadcast_to, (part,), {"shape": shape})
    remember_write(x, part, steps, name)
    return part


def fill_(x: Tensor, value: Any, name: str = "FillBackward2") -> Tensor:
    """One value everywhere, in place."""
    if isinstance(value, engine.Tensor):
        if value.array.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.array.ndim} dimensions."
            )
        check_repeated(x.array)
        name = "FillBackward3"
    x.array[...] = put(x, value, x.array.shape, (), name).array
    return x


def zero_(x: Tensor) -> Tensor:
    """Zeros, in place."""
    return fill_(x, 0, "ZeroBackward0")


def copy_(x: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """The values of src, in place."""
    may_write(x, [src])
    if not is_same(x.array, src.array):
        check_repeated(x.array)
        check_inputs(x.array, [src])
    sizes = list(x.array.shape), list(src.array.shape)
    for i in range(1, min(map(len, sizes)) + 1):
        if sizes[0][-i] != sizes[1][-i] != 1:
            raise RuntimeError(
                f"The size of tensor a ({sizes[0][-i]}) must match the size of tensor b "
                f"({sizes[1][-i]}) at non-singleton dimension {len(sizes[0]) - i}"
            )
    if len(sizes[1]) > len(sizes[0]):
        raise RuntimeError(
            f"output with shape {sizes[0]} doesn't match the broadcast shape {sizes[1]}"
        )
    x.array[...] = put(x, src, x.array.shape, (), "CopyBackwards").array
    return x


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, in place; gradients flow into value, and into what is left of x."""
    if not isinstance(value, (engine.Tensor, int, float, np.generic)):
        what = "numpy.ndarray" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"can't assign a {what} to a torch.{kind(x)}Tensor")
    basic, advanced = parsed(x, key)
    place = x if basic is None else part_of(x, basic)
    may_write(place, tensors_among([value]))
    if advanced is None:
        set_whole(place, value)
    else:
        set_indexed(place, advanced, value)


def set_whole(x: Tensor, value: Any) -> None:
    """x[...] = value"""
    name, check = "CopyBackwards", True
    if isinstance(value, engine.Tensor) and value.array.ndim:
        value = without_lead(value, x.array.ndim)
        check_expands(value.array.shape, x.array.shape)
        if is_same(x.array, np.broadcast_to(value.array, x.array.shape)):
            check = False  # nothing moves
        elif value.array.size == x.array.size:
            check_inputs(x.array, [value])
    else:
        name = "FillBackward3"
    if check:
        check_repeated(x.array)
    x.array[...] = put(x, value, x.array.shape, (), name).array


def without_lead(value: engine.Tensor, ndim: int) -> engine.Tensor:
    """The value without axes of length 1 in front that the place does not have."""
    shape, extra = value.array.shape, max(value.array.ndim - ndim, 0)
    while extra and shape[0] == 1:
        shape, extra = shape[1:], extra - 1
    return value if shape == value.array.shape else call(ops.reshape, (value,), {"shape": shape})


def check_expands(shape: tuple, wanted: tuple) -> None:
    """Raise if a tensor of this shape does not expand to the wanted one."""
    lead = len(wanted) - len(shape)
    for i, n in enumerate(shape):
        if lead < 0 or n not in (1, wanted[i + lead]):
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted[i + lead] if lead >= 0 else wanted}) "
                f"must match the existing size ({n}) at non-singleton dimension {i + lead}.  "
                f"Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )


def set_indexed(x: Tensor, advanced: tuple, value: Any) -> None:
    """x[arrays of integers, masks] = value"""
    check_arrays(x, advanced)
    places = places_of(x, advanced)
    if isinstance(value, engine.Tensor):
        check_inputs(x.array, [value], refused=("part", "full"))
        value = without_lead(value, places.ndim)
        try:
            np.broadcast_to(value.array, places.shape)
        except ValueError:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(value.array.shape)} cannot be "
                f"broadcast to indexing result of shape {list(places.shape)}"
            ) from None
        if value.array.dtype != x.array.dtype and value.array.ndim:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{kind(x)} for the destination and {kind(value)} for the source."
            )
    steps = ((picked, {"places": Key(places)}),)
    x.array[advanced] = put(x, value, places.shape, steps, "IndexPutBackward0").array
