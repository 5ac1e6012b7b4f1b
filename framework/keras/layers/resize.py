"""Layers that make steps or images longer or shorter: zeros around, borders away, repetition."""

from __future__ import annotations

from typing import Any, ClassVar

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import configurable
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.spatial import Spatial, integers

ORDER = ("1st", "2nd")


class Resize(Spatial, register=False):
    """Base of the layers of this module."""

    is_shapeless = True
    knows_formats: ClassVar[bool] = True  # False: channels last, and no word of it in the config

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        if data_format is not None and not self.knows_formats:
            configurable.refuse(self, {"data_format": data_format})
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        config = super().get_config()
        if not self.knows_formats:
            del config["data_format"]
        return config

    def borders(self, name: str, value: Any) -> tuple:
        """(before, after) for each axis in space, of a number, a number each, or pairs."""
        if self.rank == 1:
            return (integers(name, value, 2, least=0),)
        if isinstance(value, int):
            value = (value, value)
        if not hasattr(value, "__len__"):
            raise ValueError(
                f"`{name}` should be either an int, a tuple of 2 ints or a tuple of 2 tuples of 2 "
                f"ints. Received: {name}={value}."
            )
        if len(value) != 2:
            raise ValueError(f"`{name}` should have two elements. Received: {name}={value}.")
        return tuple(
            [integers(f"{nth} entry of {name}", v, 2, least=0) for nth, v in zip(ORDER, value)]
        )

    def around(self, pairs: tuple) -> tuple:
        """Pairs for all axes of the input."""
        none = (0, 0)
        return (none, *pairs, none) if self.is_channels_last else (none, none, *pairs)


class ZeroPadding(Resize, register=False):
    """Base of ZeroPadding1D and ZeroPadding2D."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        pairs = self.borders("padding", padding)
        self.padding = pairs if self.rank == 2 else pairs[0]

    def call(self, x: Any) -> Any:
        """x with zeros around."""
        pairs: Any = self.padding if self.rank == 2 else (self.padding,)
        return ops.pad(x, paddings=self.around(pairs))


class ZeroPadding1D(ZeroPadding):
    """(n, steps, channels) with zeros before and after the steps: a number, or one each."""

    samples = (Sample(((2, 4, 3),)), Sample(((2, 3, 4),), {"padding": (0, 2)}))
    rank = 1


class ZeroPadding2D(ZeroPadding):
    """(n, height, width, channels) with zeros around: a number, (rows, columns), or ((top, bottom),
    (left, right)).
    """

    samples = (
        Sample(((2, 4, 3, 2),)),
        Sample(((1, 2, 3, 3),), {"padding": ((1, 0), (2, 1)), "data_format": "channels_first"}),
    )


class Cropping(Resize, register=False):
    """Base of Cropping1D and Cropping2D."""

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format=data_format, **kwargs)
        if isinstance(cropping, int) and cropping < 0:
            raise ValueError(f"`cropping` cannot be negative. Received: cropping={cropping}.")
        pairs = self.borders("cropping", cropping)
        self.cropping = pairs if self.rank == 2 else pairs[0]

    def call(self, x: Any) -> Any:
        """x without its borders."""
        shape = tuple(x.array.shape)
        pairs: Any = self.cropping if self.rank == 2 else (self.cropping,)
        if any(sum(pair) >= n for n, pair in zip(self.space_of(shape), pairs, strict=True)):
            raise ValueError(
                "Values in `cropping` argument should be smaller than the corresponding spatial "
                f"dimension of the input. Received: inputs.shape={shape}, cropping={self.cropping}"
            )
        key = [slice(a, n - b) for n, (a, b) in zip(shape, self.around(pairs), strict=True)]
        return x[tuple(key)]


class Cropping1D(Cropping):
    """(n, steps, channels) without some steps at both ends: a number, or one each."""

    samples = (Sample(((2, 5, 3),), {"cropping": 1}), Sample(((2, 5, 3),), {"cropping": (0, 2)}))
    rank, knows_formats = 1, False

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, **kwargs)


class Cropping2D(Cropping):
    """(n, height, width, channels) without its borders: a number, (rows, columns), or ((top,
    bottom), (left, right)).
    """

    samples = (
        Sample(((2, 4, 5, 2),), {"cropping": ((1, 0), (2, 1))}),
        Sample(((1, 2, 5, 4),), {"cropping": 1, "data_format": "channels_first"}),
    )

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(cropping, data_format, **kwargs)


class UpSampling1D(Resize):
    """(n, steps, channels): each step `size` times."""

    samples = (Sample(((2, 3, 2),), {"size": 3}),)
    rank, knows_formats = 1, False

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = int(size)

    def call(self, x: Any) -> Any:
        """Each step `size` times."""
        return ops.repeat(x, self.size, axis=1)


class UpSampling2D(Resize):
    """(n, height, width, channels): each row size[0] times, each column size[1] times."""

    samples = (
        Sample(((2, 3, 2, 2),)),
        Sample(((2, 2, 3, 2),), {"size": (3, 2), "data_format": "channels_first"}),
    )

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.size = self.per_axis("size", size)
        self.interpolation = str(interpolation).lower()
        if self.interpolation != "nearest":
            raise NotImplementedError(
                f"UpSampling2D: interpolation is {interpolation!r}; only 'nearest' is there"
            )

    def call(self, x: Any) -> Any:
        """Each element size[0] x size[1] times."""
        axis = 1 if self.is_channels_last else 2
        return ops.repeat(ops.repeat(x, self.size[0], axis=axis), self.size[1], axis=axis + 1)
