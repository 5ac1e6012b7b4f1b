"""Random numbers as functions of a state: what tf.random, its Generator and stateless_* share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine import random as engine
from framework.engine.dtypes import DType, as_dtype
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.create import sizes_of_shape


def shape_of(shape: Any) -> tuple:
    """A shape given as a tensor or a list."""
    if not isinstance(door.static(shape), tuple):
        raise InvalidArgumentError(f"shape must be a vector of integers, got {shape!r}")
    return sizes_of_shape(shape)


def full_range(shape: Any, dtype: DType, state: Any) -> Tensor:
    """Integers from the whole range of the dtype: 32 random bits, or twice 32."""
    shape = shape_of(shape)
    halves = engine.uniform((2, *shape), dtype="float64", seed=state)
    words = ops.cast(ops.floor(halves * 2.0**32), dtype="int64")
    wide = ops.add(ops.multiply(words[0], Tensor(np.int64(1 << 32))), words[1])
    return ops.cast(wide, dtype=dtype.name)


def between(
    shape: Any, low: Any, high: Any, dtype: Any, state: Callable[[], Any], complaint: str
) -> Tensor:
    """Uniform numbers in [low, high), high None: 1; integers need both, or neither."""
    dtype = as_dtype(dtype)
    if dtype.is_integer and (low is None) != (high is None):
        raise ValueError(complaint.format(str(dtype), low, high))
    if dtype.is_integer and low is None:
        return full_range(shape, dtype, state())
    wide = "float64" if dtype.is_integer else dtype.name
    u = engine.uniform(shape_of(shape), dtype=wide, seed=state())
    low, high = [bound(v, wide) for v in (0 if low is None else low, 1 if high is None else high)]
    if dtype.is_integer:
        check_order(low, high)
    numbers = u * (high - low) + low
    return ops.cast(ops.floor(numbers), dtype=dtype.name) if dtype.is_integer else numbers


def check_order(low: Tensor, high: Tensor) -> None:
    """InvalidArgumentError unless there is an integer in [low, high), two numbers."""
    if low.ndim or high.ndim:
        raise InvalidArgumentError(
            f"minval and maxval must be 0-D, got shapes {low.shape!s} and {high.shape!s}"
        )
    if not (low.is_abstract or high.is_abstract) and low.array >= high.array:
        raise InvalidArgumentError(f"Need minval < maxval, got {low.array} >= {high.array}")


def bound(value: Any, dtype: str) -> Tensor:
    """A bound as a tensor of `dtype`, also if it is one of integers."""
    return ops.cast(tensor(value), dtype=dtype)


def choices(logits: Any, num_samples: Any, dtype: Any, state: Any) -> Tensor:
    """(rows, num_samples) numbers of classes, drawn with the probabilities softmax(logits)."""
    logits = tensor(logits)
    if logits.ndim != 2:
        raise InvalidArgumentError(f"logits should be a matrix, got shape {list(logits.shape)}")
    rows, classes = logits.shape
    ends = ops.cumsum(ops.softmax(ops.cast(logits, dtype="float64")), axis=-1)
    u = engine.uniform((rows, int(door.static(num_samples))), dtype="float64", seed=state)
    u = u * ends[:, -1:]  # the last end is 1 only up to rounding
    passed = ops.greater_equal(ops.expand_dims(u, -1), ops.expand_dims(ends, 1))
    below = ops.sum(ops.cast(passed, dtype="int64"), axis=-1)
    below = ops.minimum(below, Tensor(np.int64(classes - 1)))
    return ops.cast(below, dtype=as_dtype(dtype or "int64").name)
