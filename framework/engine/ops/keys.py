"""What the key of x[key] says, part by part."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dimension import Dim, largest, smallest
from framework.engine.errors import InvalidArgumentError, TraceError
from framework.engine.open_calls import size_or_value

WRONG_KEY = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
    "tf.int32/tf.int64 tensors are valid indices"
)


def as_bound(value: Any) -> Any:
    """A bound of a slice, or an index, as an int."""
    if value is None:
        return None
    try:
        return size_or_value(value)
    except TraceError:
        raise
    except (AttributeError, TypeError):
        raise TypeError(f"{WRONG_KEY}, got {value!r}") from None


def parts_of(key: Any, ndim: int) -> list:
    """The key as one int or slice per axis, with None where an axis is put in."""
    parts = list(key) if isinstance(key, (tuple, list)) else [key]
    given = sum([part is not None and part is not Ellipsis for part in parts])
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise InvalidArgumentError("Multiple ellipses in slice spec not allowed")
    if given > ndim:
        beyond = f"Index out of range using input dim {ndim}; input has only {ndim} dims"
        raise InvalidArgumentError({0: "Attempting to slice scalar input."}.get(ndim, beyond))
    missing = [slice(None)] * (ndim - given)
    at = dots[0] if dots else len(parts)
    return [*parts[:at], *missing, *parts[at + 1 :]]


BOUNDS = {int, type(None)}
PLAIN_PARTS = {int, type(None), type(Ellipsis)}


def plain_part(x: Any, key: Any) -> np.ndarray | None:
    """x[key] by NumPy, which means the same by a key of Python's ints and slices of them; None for
    other keys and for those that NumPy refuses."""
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice:
            if not (
                type(part.start) in BOUNDS
                and type(part.stop) in BOUNDS
                and type(part.step) in BOUNDS
            ):
                return None
        elif type(part) not in PLAIN_PARTS:
            return None
    try:
        found = x[key]
    except (IndexError, ValueError):
        return None
    return found if type(found) is np.ndarray else np.asarray(found)


NO_MASKS = {int, slice, tuple}


def is_mask(key: Any) -> bool:
    """True for boolean arrays and tensors."""
    if type(key) in NO_MASKS:
        return False
    if isinstance(key, (bool, np.generic)):
        return isinstance(key, bool)
    if isinstance(key, list):
        return bool(key) and all([isinstance(k, bool) for k in key])
    dtype = getattr(key, "dtype", None)
    return dtype is not None and dtype == "bool"


def run_of(part: slice, n: int, axis: int) -> tuple[int, int, int]:
    """(start, step, count) of a slice of n elements."""
    if part.start is None and part.stop is None and part.step is None:
        return 0, 1, n
    bounds = [
        b if b is None or type(b) is int else as_bound(b)
        for b in (part.start, part.stop, part.step)
    ]
    if bounds[2] == 0:
        raise InvalidArgumentError(f"strides[{axis}] must be non-zero")
    if type(n) is Dim or type(bounds[0]) is Dim or type(bounds[1]) is Dim:
        return open_run(bounds[0], bounds[1], bounds[2] or 1, n)
    start, stop, step = slice(*bounds).indices(n)
    count = len(range(start, stop, step))
    return start if count else 0, step, count


def open_run(start: Any, stop: Any, step: Any, n: Any) -> tuple:
    """run_of where n or a bound is an open size."""
    if step < 0:
        return backward_run(start, stop, step, n)
    first = 0 if start is None else bound_within(start, n)
    last = n if stop is None else bound_within(stop, n)
    count = largest(last - first, 0)
    return first, step, count if step == 1 else (count + step - 1) // step


def backward_run(start: Any, stop: Any, step: Any, n: Any) -> tuple:
    """open_run for a step below 0."""
    if start is None and stop is None:
        return largest(n - 1, 0), step, (n - step - 1) // -step
    start, stop, step = slice(start, stop, step).indices(n)
    return start, step, len(range(start, stop, step))


def from_start(i: Any, n: Any) -> Any:
    """An index, counted from the end where it is negative, as one from the start."""
    return i + n if i < 0 else i


def bound_within(bound: Any, n: Any) -> Any:
    """A bound of a slice, counted from the end where it is negative, within [0, n]."""
    return largest(bound + n, 0) if bound < 0 else smallest(bound, n)
