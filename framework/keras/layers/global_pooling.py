"""Global pooling: one value of each channel for the whole sample."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.spatial import Spatial


class GlobalPooling(Spatial, register=False):
    """Base of global pooling layers."""

    is_shapeless = True

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes in space."""
        first = 1 if self.is_channels_last else 2
        return tuple(range(first, first + self.rank))


class GlobalMaxPooling(GlobalPooling, register=False):
    """Base of GlobalMaxPooling1D and GlobalMaxPooling2D."""

    def call(self, x: Any) -> Any:
        """max(x) over the axes in space"""
        return ops.max(x, axis=self.axes, keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling, register=False):
    """Base of GlobalAveragePooling1D and GlobalAveragePooling2D."""

    takes_floats = True

    def call(self, x: Any) -> Any:
        """mean(x) over the axes in space"""
        return ops.mean(x, axis=self.axes, keepdims=self.keepdims)


STEPS = (
    Sample(((2, 4, 3),)),
    Sample(((2, 4, 3),), {"data_format": "channels_first", "keepdims": True}),
)
IMAGES = (
    Sample(((2, 4, 3, 2),)),
    Sample(((2, 4, 3, 2),), {"data_format": "channels_first", "keepdims": True}),
)


class GlobalMaxPooling1D(GlobalMaxPooling):
    """(n, steps, channels) -> (n, channels): the largest element of each channel."""

    samples, aliases, rank = STEPS, ("GlobalMaxPool1D",), 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """(n, height, width, channels) -> (n, channels): the largest element of each channel."""

    samples, aliases = IMAGES, ("GlobalMaxPool2D",)


class GlobalAveragePooling1D(GlobalAveragePooling):
    """(n, steps, channels) -> (n, channels): the mean of each channel, over the steps where `mask`
    (n, steps) is not 0.
    """

    samples, aliases, rank = STEPS, ("GlobalAvgPool1D",), 1

    def call(self, x: Any, mask: Any = None) -> Any:
        """sum(x mask) / sum(mask)"""
        if mask is None:
            return super().call(x)
        dtype = x.array.dtype.name
        kept = ops.cast(ops.cast(ops.as_tensor(mask), dtype="bool"), dtype=dtype)
        kept = ops.expand_dims(kept, 2 if self.is_channels_last else 1)
        inside = ops.where(ops.cast(kept, dtype="bool"), x, ops.zeros_like(x))
        options = {"axis": self.axes, "keepdims": self.keepdims}
        return ops.divide(ops.sum(inside, **options), ops.sum(kept, **options))


class GlobalAveragePooling2D(GlobalAveragePooling):
    """(n, height, width, channels) -> (n, channels): the mean of each channel."""

    samples, aliases = IMAGES, ("GlobalAvgPool2D",)
