"""x[key]: what a key says, and reading by it. Writing by it is in inplace.py.

A key is taken in two steps, as in PyTorch: integers, slices, None and `...` give a view; index
tensors and masks then pick from that view.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine import tensor as engine
from framework.torch.call import call
from framework.torch.tensor import Tensor
from framework.torch.views import Key, picked, take

WRONG = (
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
    "indices (got {})"
)
NO_AXES = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
    "to convert a 0-dim tensor to a number"
)
ALL = slice(None)


def plain(part: Any) -> Any:
    """One part of a key as an int, slice, None, `...`, or an array of integers or bools."""
    if part is None or part is Ellipsis or type(part) is int:
        return part
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(part, slice):
        return plain_slice(part)
    if isinstance(part, (list, tuple, range)):
        part = np.asarray(part) if len(part) else np.zeros(0, np.int64)
    array = part.array if isinstance(part, engine.Tensor) else part
    if not isinstance(array, (bool, np.bool_, np.ndarray, np.integer)):
        raise IndexError(WRONG.format(type(part).__name__))
    array = np.asarray(array)
    if array.dtype.kind not in "iub":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if array.dtype == np.uint8:
        array = array.astype(bool)
    return int(array) if array.dtype.kind == "i" and not array.ndim else array


def plain_slice(part: slice) -> slice:
    """A slice whose bounds are ints or None."""
    bounds = [None if b is None else bound(b) for b in (part.start, part.stop, part.step)]
    if bounds[2] == 0:
        raise ValueError("slice step cannot be zero")
    if bounds[2] is not None and bounds[2] < 0:
        raise ValueError("step must be greater than zero")
    return slice(*bounds)


def bound(value: Any) -> int:
    """One bound of a slice; TypeError if it is no integer."""
    if not hasattr(value, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return value.__index__()


def axes_named(part: Any) -> int:
    """How many axes of the tensor a part of a key is about."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def per_axis(key: Any, shape: tuple) -> list:
    """The parts of a key, with a slice for each axis that it does not name."""
    parts = [plain(p) for p in (key if isinstance(key, tuple) else (key,))]
    missing = len(shape) - sum([axes_named(p) for p in parts])
    if missing < 0:
        few = f"too many indices for tensor of dimension {len(shape)}"
        is_number = not shape and len(parts) == 1 and type(parts[0]) is int
        raise IndexError(NO_AXES if is_number else few)
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    at = dots[0] if dots else len(parts)
    return [*parts[:at], *[ALL] * missing, *[p for p in parts[at:] if p is not Ellipsis]]


def parsed(x: Tensor, key: Any) -> tuple[tuple | None, tuple | None]:
    """(integers, slices and None; arrays and slices for what these give), None where there is
    nothing to do.
    """
    basic, advanced, axis = [], [], 0
    for part in per_axis(key, x.array.shape):
        n = axes_named(part)
        is_array = isinstance(part, np.ndarray)
        basic += [ALL] * n if is_array else [part]
        if type(part) is int:
            check_index(part, x.array.shape[axis], axis)
        else:
            advanced.append(part if is_array else ALL)
        axis += n
    has_arrays = any([isinstance(p, np.ndarray) for p in advanced])
    is_whole = all([is_all(p) for p in basic])
    return None if is_whole else tuple(basic), tuple(advanced) if has_arrays else None


def is_all(part: Any) -> bool:
    """True for `:`."""
    return type(part) is slice and part == ALL


def check_index(index: int, n: int, axis: int) -> None:
    """Raise if an index lies outside of its axis."""
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for dimension {axis} with size {n}")


def check_arrays(x: Tensor, advanced: tuple) -> None:
    """Raise if a mask has another shape than what it is for, or an index lies outside."""
    axis = 0
    for part in advanced:
        n = axes_named(part)
        shape = x.array.shape[axis : axis + n]
        if isinstance(part, np.ndarray) and part.dtype != bool:
            for index in part[(part >= shape[0]) | (part < -shape[0])].reshape(-1)[:1]:
                check_index(int(index), shape[0], axis)
        elif isinstance(part, np.ndarray) and part.shape != shape:
            raise IndexError(
                f"The shape of the mask {list(part.shape)} at index {axis} does not match the "
                f"shape of the indexed tensor {list(x.array.shape)} at index {axis}"
            )
        axis += n


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]: integers, slices, None and `...` give a view; index tensors and masks a copy."""
    basic, advanced = parsed(x, key)
    if advanced is None:
        part = part_of(x, basic)
        if isinstance(key, slice) and part._history is not None:
            part._history.title = "SliceBackward0"
        return part
    part = x if basic is None else part_of(x, basic)
    check_arrays(part, advanced)
    return indexed(part, advanced)


def part_of(x: Tensor, basic: tuple | None) -> Tensor:
    """The view x[basic]; None: all of x."""
    key = (ALL,) * x.array.ndim if basic is None else basic
    part = call(take, (x,), {"key": Key(key)})
    if part._history is not None:
        said = [p for p in key if not is_all(p)]
        last = said[-1] if said else ...
        names = {int: "Select", slice: "Slice", type(None): "Unsqueeze"}
        part._history.title = f"{names.get(type(last), 'Alias')}Backward0"
    return part


def indexed(x: Tensor, advanced: tuple) -> Tensor:
    """The elements that arrays of integers or masks name."""
    arrays = [(i, p) for i, p in enumerate(advanced) if isinstance(p, np.ndarray)]
    axis, array = arrays[0]
    if len(arrays) == 1 and array.ndim and (array.dtype != bool or array.ndim == 1):
        index = np.flatnonzero(array) if array.dtype == bool else array.astype(np.int64)
        index = np.where(index < 0, index + x.array.shape[axis], index)
        return call(ops.gather, (x, Tensor(index)), {"axis": axis})
    return call(picked, (x,), {"places": Key(places_of(x, advanced))})


def places_of(x: Tensor, advanced: tuple) -> np.ndarray:
    """Where in the flat x the elements are that arrays of integers or masks name."""
    places = np.arange(x.array.size).reshape(x.array.shape)
    try:
        return places[advanced]
    except IndexError as error:
        shapes = ", ".join([str(list(p.shape)) for p in advanced if isinstance(p, np.ndarray)])
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes " + shapes
        ) from error
