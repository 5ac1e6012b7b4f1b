"""Pooling: the largest element or the mean of each window."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.spatial import Spatial, padding_name


class Pooling(Spatial, register=False):
    """Base of pooling layers: subclasses write `pool`."""

    is_shapeless = True

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, name=name, **kwargs)
        self.pool_size = self.per_axis("pool_size", pool_size)
        self.strides = self.per_axis("strides", self.pool_size if strides is None else strides)
        self.padding = padding_name(padding)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def pool(self, x: Any, place: dict) -> Any:
        """Images (n, h, w, c) -> (n, oh, ow, c)."""
        raise NotImplementedError

    def call(self, x: Any) -> Any:
        """One value for each window."""
        self.check_room(tuple(x.array.shape))
        images = self.as_images(x)
        sizes, strides = self.of_images(self.pool_size), self.of_images(self.strides)
        paddings: Any = ((0, 0), (0, 0))
        if self.padding == "same":
            paddings = ops.same_paddings(images.array.shape, sizes, strides, (1, 1))
        place = {"sizes": sizes, "strides": strides, "paddings": paddings}
        return self.as_given(self.pool(images, place))

    def check_room(self, shape: tuple) -> None:
        """ValueError, in Keras' words, if a window does not fit."""
        pairs = zip(self.space_of(shape), self.pool_size, strict=True)
        if self.padding == "valid" and any(n < size for n, size in pairs):
            raise ValueError(
                f"Computed output size would be zero or negative. Received: `inputs.shape={shape}`"
                f", `pool_size={self.pool_size}`, `strides={self.strides}`, "
                f"`padding={self.padding}`."
            )


class MaxPooling(Pooling, register=False):
    """Base of MaxPooling1D and MaxPooling2D."""

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def pool(self, x: Any, place: dict) -> Any:
        """The largest elements."""
        return ops.max_pool(x, **place)


class AveragePooling(Pooling, register=False):
    """Base of AveragePooling1D and AveragePooling2D."""

    takes_floats = True

    def pool(self, x: Any, place: dict) -> Any:
        """The means."""
        return ops.mean_pool(x, **place)


STEPS = (
    Sample(((2, 7, 3),), {"pool_size": 2}),
    Sample(((2, 3, 7),), {"pool_size": 3, "strides": 2, "padding": "same"}
           | {"data_format": "channels_first"}),
)  # fmt: skip
IMAGES = (
    Sample(((2, 6, 5, 3),), {"pool_size": 2}),
    Sample(((2, 5, 6, 2),), {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}),
    Sample(((2, 3, 4, 4),), {"pool_size": 2, "data_format": "channels_first"}),
)


class MaxPooling1D(MaxPooling):
    """The largest element of each window of steps; the first of equal ones takes the gradient."""

    samples, aliases, rank = STEPS, ("MaxPool1D",), 1


class MaxPooling2D(MaxPooling):
    """The largest element of each window of an image; the first of equal ones takes the
    gradient.
    """

    samples, aliases = IMAGES, ("MaxPool2D",)


class AveragePooling1D(AveragePooling):
    """The mean of each window of steps; what "same" puts around does not count."""

    samples, aliases, rank = STEPS, ("AvgPool1D",), 1


class AveragePooling2D(AveragePooling):
    """The mean of each window of an image; what "same" puts around does not count."""

    samples, aliases = IMAGES, ("AvgPool2D",)
