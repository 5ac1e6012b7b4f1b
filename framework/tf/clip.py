"""Names that limit values and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dimension import broadcast_shapes
from framework.engine.errors import InvalidArgumentError
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.linalg import check_list, global_norm


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """max(min(t, clip_value_max), clip_value_min); slope 1 inside and at the bounds, 0 outside."""
    if isinstance(t, IndexedSlices):
        return t.with_values(clip_by_value(t.values, clip_value_min, clip_value_max))
    t = tensor(t)
    bounds = (clip_value_min, clip_value_max)
    if are_plain(t, bounds):
        kind = float if t.dtype.is_floating else int
        return ops.clip(t, x_min=kind(bounds[0]), x_max=kind(bounds[1]))
    # In TensorFlow's order, which decides where low > high: then it is low.
    low, high = [tensor(b, t.dtype) for b in bounds]
    check_shape(t, high)
    below = ops.minimum(t, high)
    check_shape(t, low)
    return ops.maximum(below, low)


def are_plain(t: Tensor, bounds: tuple) -> bool:
    """Whether the bounds are Python numbers in order that t's dtype has: one op limits by them."""
    kinds = (int, float) if t.dtype.is_floating else int
    return all([isinstance(b, kinds) for b in bounds]) and bounds[0] <= bounds[1]


def check_shape(t: Tensor, bound: Tensor) -> None:
    """A bound must broadcast to the tensor, and not make it bigger."""
    try:
        shape = broadcast_shapes(t.array.shape, bound.array.shape)
    except ValueError:
        raise InvalidArgumentError(
            f"Incompatible shapes: {list(t.shape)} vs. {list(bound.shape)}"
        ) from None
    if shape != t.array.shape:
        raise ValueError(f"Shapes {t.shape!s} and {shape} are incompatible")


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """t clip_norm / max(|t|, clip_norm), with the Euclidean norm |t| over `axes`; a negative
    clip_norm counts as 0."""
    if isinstance(t, IndexedSlices):
        return t.with_values(clip_by_norm(t.values, clip_norm, axes))
    t = tensor(t)
    total = ops.sum(ops.square(t), axis=door.static(axes), keepdims=True)
    is_zero = ops.equal(total, ops.zeros_like(total))
    length = ops.sqrt(ops.where(is_zero, ops.ones_like(total), total))  # no NaN gradient at 0
    length = ops.where(is_zero, total, length)
    if np.isscalar(clip_norm):
        clip_norm = tensor(max(clip_norm, 0), t.dtype)
    else:
        clip_norm = tensor(clip_norm, t.dtype)
        clip_norm = ops.maximum(clip_norm, ops.zeros_like(clip_norm))
    return t * clip_norm / ops.maximum(length, clip_norm)


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list, Tensor]:
    """(the tensors scaled so that their global norm is at most clip_norm, the norm before)."""
    check_list(t_list)
    length = global_norm(t_list) if use_norm is None else tensor(use_norm)
    clip_norm = tensor(clip_norm, length.dtype)
    scale = clip_norm * ops.minimum(1.0 / length, 1.0 / clip_norm)
    scale = scale + (length - length)  # NaN where the norm is not finite
    return [scaled(x, scale) for x in t_list], length


def scaled(x: Any, scale: Tensor) -> Any:
    """x scale; of IndexedSlices the values, None stays."""
    if isinstance(x, IndexedSlices):
        return x.with_values(x.values * scale)
    return None if x is None else tensor(x) * scale
