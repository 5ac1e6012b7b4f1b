"""Names that reduce rows by the number of their segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.tensor import Tensor
from framework.tf.call import renamed, tensor

UNSORTED = "data, segment_ids, num_segments, name=None"

unsorted_segment_sum = renamed(ops.segment_sum, UNSORTED, segments="num_segments")
unsorted_segment_max = renamed(ops.segment_max, UNSORTED, segments="num_segments")
unsorted_segment_min = renamed(ops.segment_min, UNSORTED, segments="num_segments")
unsorted_segment_prod = renamed(ops.segment_prod, UNSORTED, segments="num_segments")


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The mean of the rows of each segment, 0 of none; rows of negative ids are left out."""
    segments = door.static(num_segments)
    return ops.segment_mean(tensor(data), tensor(segment_ids), segments=segments)


def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The sum of the n rows of each segment, divided by sqrt(n)."""
    segments = door.static(num_segments)
    return ops.segment_sqrt_n(tensor(data), tensor(segment_ids), segments=segments)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment, 0 of none; ids in ascending order."""
    return in_order(ops.segment_sum, data, segment_ids, 0)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The mean of the rows of each segment, 0 of none, in the dtype of the data; ids in ascending
    order.
    """
    x = tensor(data)
    return ops.cast(in_order(ops.segment_mean, x, segment_ids, 0), dtype=x.dtype.name)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The largest of the rows of each segment, 0 of none; ids in ascending order."""
    return in_order(ops.segment_max, data, segment_ids, 0)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The smallest of the rows of each segment, 0 of none; ids in ascending order."""
    return in_order(ops.segment_min, data, segment_ids, 0)


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The product of the rows of each segment, 1 of none; ids in ascending order."""
    return in_order(ops.segment_prod, data, segment_ids, 1)


def in_order(op: Callable, data: Any, segment_ids: Any, if_empty: int) -> Tensor:
    """`op` over as many segments as the last id says; needs the ids' values (no trace)."""
    x, ids = tensor(data), tensor(segment_ids)
    values = ops.value_of("segment reduction", ids)
    if values.ndim != 1 or x.array.shape[:1] != values.shape:
        raise InvalidArgumentError(
            f"segment_ids should be a vector of the length of the data's first axis; got "
            f"{values.shape} for data {tuple(x.shape)}"
        )
    if values.dtype.kind not in "iu":
        raise MixedDtypesError(f"segment_ids have dtype {values.dtype}, wanted integers")
    if values.size and (values[0] < 0 or (np.diff(values.astype(np.int64)) < 0).any()):
        raise InvalidArgumentError(
            "segment ids are not increasing, or the first one is negative; there are "
            "unsorted_segment_sum and the like for ids in any order"
        )
    segments = int(values[-1]) + 1 if values.size else 0
    y = op(x, ids, segments=segments)
    is_empty = np.bincount(values, minlength=segments) == 0
    if not is_empty.any():
        return y
    shape = (segments, *[1] * (x.ndim - 1))
    return ops.where(Tensor(is_empty.reshape(shape)), tensor(if_empty, y.dtype), y)


door.named(globals(), __name__)
