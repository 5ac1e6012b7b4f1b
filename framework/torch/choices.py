"""where and clamp: each element is one of several."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.accumulate import KINDS
from framework.engine.tensor import Tensor as EngineTensor
from framework.torch.call import as_float, call, named, promoted, to
from framework.torch.refusals import check_tensor, kind_refused
from framework.torch.singular import between
from framework.torch.tensor import Tensor


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; alone: the indices of true elements."""
    if input is None and other is None:
        return tuple([Tensor(i) for i in np.nonzero(condition.array)])
    if not isinstance(condition, EngineTensor):
        raise kind_refused("where", condition, input, other)
    if condition.array.dtype == np.uint8:
        condition = to(condition, np.dtype(np.bool_))
    if condition.array.dtype != bool:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{KINDS[condition.array.dtype.name]}"
        )
    input, other = promoted(ops.add, (input, other))
    return call(ops.where, (condition, input, other), {})


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: None = None) -> Tensor:
    """input limited to [min, max], either of which may be None; slope 1 at the bounds."""
    check_tensor("clamp", input)
    if isinstance(min, EngineTensor) or isinstance(max, EngineTensor):
        return clamp_by_tensors(input, min, max)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.array.dtype == bool:
        input = to(input, np.dtype(np.int64))
    if isinstance(min, float) or isinstance(max, float):
        input = as_float(input)  # integers meet a float: float32, as in arithmetic
    low, high = bounds(input.array.dtype, min, max)
    return call(ops.clip, (input,), {"x_min": low, "x_max": high})


def clamp_by_tensors(input: Tensor, low: Any, high: Any) -> Tensor:
    """clamp where the limits are tensors, or one of them is."""
    limits = [x for x in (low, high) if x is not None]
    if not all([isinstance(x, EngineTensor) for x in limits]):
        raise kind_refused("clamp", input, low, high)
    attrs = {"has_low": low is not None, "has_high": high is not None}
    return named(call(between, promoted(ops.add, (input, *limits)), attrs), "ClampBackward0")


def bounds(dtype: np.dtype, low: Any, high: Any) -> tuple[Any, Any]:
    """The limits as numbers, None being the end of the dtype; of limits that cross, the upper."""
    if dtype.kind == "f":
        ends = -np.inf, np.inf
    else:
        ends = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    low, high = ends[0] if low is None else low, ends[1] if high is None else high
    return (high, high) if low > high else (low, high)


clip = clamp
