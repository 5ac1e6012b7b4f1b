"""Tensors whose values are sizes that a trace leaves open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.dimension import SIZED, has_dims
from framework.engine.dtypes import as_dtype
from framework.engine.op import Op
from framework.engine.tensor import Spec, Tensor


def sizes(*, values: Any, dtype: str) -> np.ndarray:
    """A number, or nested tuples of them, as an array."""
    return np.array(values, dtype)


def infer_sizes(*, values: Any, dtype: str) -> Spec:
    """Its Spec, also while the values are Dims."""
    return Spec(as_objects(values).shape, np.dtype(dtype))


def as_objects(values: Any) -> np.ndarray:
    """(Nested) tuples of Dims and ints as an array of them."""
    if not isinstance(values, tuple):
        found = np.empty((), object)
        found[()] = values
        return found
    parts = [as_objects(part) for part in values]
    found = np.empty((len(parts), *(parts[0].shape if parts else ())), object)
    for i, part in enumerate(parts):
        found[i] = part[()] if not part.ndim else part
    return found


SIZES = Op(sizes, sizes, infer=infer_sizes, is_differentiable=False, register=False)


def sized(values: Any, dtype: Any) -> Tensor:
    """A tensor of sizes (a number, or nested tuples of them), of which some may be open: Programs
    that are made of the trace hold it as a constant."""
    wanted, trace = as_dtype(dtype), ACTIVE.trace
    values = tuple(values) if isinstance(values, (tuple, list)) else values
    if trace is None or trace.sizes is None or not has_dims(values):
        made = Tensor(np.array(values, wanted.dtype))
        if trace is not None and trace.known is not None:
            trace.known[made.id] = made.array.astype(object)
        return made
    made = SIZES(values=values, dtype=wanted.name)
    if wanted.dtype.kind in "iu":
        trace.known[made.id] = as_objects(values)
    return made


def count_up(*, start: Any, count: Any, step: int, dtype: str) -> np.ndarray:
    """start, start + step ...: `count` numbers."""
    return (start + step * np.arange(count)).astype(dtype)


COUNT = Op(
    count_up,
    count_up,
    infer=lambda *, start, count, step, dtype: Spec((count,), np.dtype(dtype)),
    is_differentiable=False,
    register=False,
)


def counted(start: Any, count: Any, step: int, dtype: Any) -> Tensor:
    """start, start + step ...: `count` numbers, of which some may be open."""
    attrs = {"start": start, "count": count, "step": step, "dtype": as_dtype(dtype).name}
    if ACTIVE.trace is None or ACTIVE.trace.sizes is None or not has_dims(attrs):
        return Tensor(count_up(**attrs))
    return COUNT(**attrs)


MAKERS: dict[Op, Callable] = {SIZES: sized, COUNT: counted}  # lines that become constants


SIZED[0] = sized
