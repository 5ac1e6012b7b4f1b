"""Spatial: base of layers that slide a window over steps (n, w, c) or images (n, h, w, c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from framework.engine import ops
from framework.keras.layers.layer import Layer

AXES = {1: "steps", 2: "height, width"}


def integers(name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """`value`, a number or one per axis, as `count` integers >= least; a ValueError names it."""
    said = f"The `{name}` argument must be a tuple of {count} integers. Received {name}={value}"
    parts = (value,) * count if isinstance(value, int) else value
    try:
        parts = tuple([int(n) for n in parts])
    except (TypeError, ValueError):
        raise ValueError(said) from None
    if len(parts) != count:
        raise ValueError(said)
    if min(parts) < least:
        wrong = {n for n in parts if n < least}
        wanted = "> 0" if least == 1 else ">= 0"
        raise ValueError(f"{said}, including values {wrong} that do not satisfy `value {wanted}`")
    return parts


def padding_name(value: Any, *others: str) -> str:
    """ "valid", "same" or one of `others`, in small letters."""
    name, known = str(value).lower(), ("valid", "same", *others)
    if name not in known:
        raise ValueError(f"The `padding` argument must be one of {known}. Received: {value}")
    return name


class Spatial(Layer, register=False):
    """Base of layers over `rank` axes in space; ops see images (n, h, w, c), of which steps have
    one row.

    data_format "channels_first": inputs and outputs are (n, c, w) or (n, c, h, w).
    """

    rank: ClassVar[int] = 2

    def __init__(self, *, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = str(data_format or "channels_last").lower()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(
                "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
                f"Received: data_format={data_format}"
            )

    @property
    def is_channels_last(self) -> bool:
        """False: the channels stand behind the batch."""
        return self.data_format == "channels_last"

    @property
    def channel_axis(self) -> int:
        """Where the channels are."""
        return -1 if self.is_channels_last else 1

    def space_of(self, shape: Sequence) -> tuple:
        """The lengths of the axes in space."""
        return tuple(shape[1:-1] if self.is_channels_last else shape[2:])

    def per_axis(self, name: str, value: Any, least: int = 1) -> tuple[int, ...]:
        """A constructor's argument as one integer per axis in space."""
        return integers(name, value, self.rank, least)

    def check_rank(self, shape: Sequence) -> None:
        """ValueError unless the shape is that of a batch of steps or images with known channels."""
        space, is_known = AXES[self.rank], len(shape) == self.rank + 2
        if not is_known or shape[self.channel_axis] is None:
            inside = f"{space}, channels" if self.is_channels_last else f"channels, {space}"
            raise ValueError(
                f"layer '{self.path}' ({type(self).__name__}): input shape is {tuple(shape)}, "
                f"wanted (batch, {inside})"
            )

    def as_images(self, x: Any) -> Any:
        """The input as (n, h, w, c)."""
        if not self.is_channels_last:
            x = ops.transpose(x, axes=(0, *range(2, self.rank + 2), 1))
        if self.rank == 1:
            n, w, c = x.array.shape
            x = ops.reshape(x, shape=(n, 1, w, c))
        return x

    def as_given(self, y: Any) -> Any:
        """Images (n, h, w, c) in the form of the layer's inputs."""
        if self.rank == 1:
            n, _, w, c = y.array.shape
            y = ops.reshape(y, shape=(n, w, c))
        if not self.is_channels_last:
            y = ops.transpose(y, axes=(0, self.rank + 1, *range(1, self.rank + 1)))
        return y

    def of_images(self, parts: tuple, alone: Any = 1) -> tuple:
        """One number per axis in space as (down, across): steps have `alone` downwards."""
        return (alone,) * (2 - self.rank) + tuple(parts)
