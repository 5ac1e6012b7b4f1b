"""Layers that change the shape only."""

from __future__ import annotations

import math
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.layer import Layer


class Flatten(Layer):
    """(batch, a, b, ...) -> (batch, a b ...)"""

    samples = (Sample(((2, 3, 4),)), Sample(((3,),)))

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format or "channels_last"
        if self.data_format != "channels_last":
            raise ValueError(
                f"Flatten: data_format is {data_format!r}; only 'channels_last' is there"
            )

    def call(self, x: Any) -> Any:
        """One row per sample."""
        shape = x.array.shape
        return ops.reshape(x, shape=(shape[0], math.prod(shape[1:])))


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape); one dimension may be -1."""

    samples = (
        Sample(((2, 3, 4),), {"target_shape": (6, 2)}),
        Sample(((2, 3, 4),), {"target_shape": (-1, 2)}),
    )

    def __init__(self, target_shape: tuple, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, x: Any) -> Any:
        """Each sample in target_shape."""
        shape = x.array.shape
        size, known = math.prod(shape[1:]), math.prod([n for n in self.target_shape if n != -1])
        if (
            self.target_shape.count(-1) > 1
            or known == 0
            or size % known
            or (-1 not in self.target_shape and size != known)
        ):
            raise ValueError(
                f"layer '{self.path}' (Reshape): a sample of shape {tuple(shape[1:])} has {size} "
                "elements, "
                f"wanted {self.target_shape}"
            )
        return ops.reshape(
            x, shape=(shape[0], *[size // known if n == -1 else n for n in self.target_shape])
        )


class Permute(Layer):
    """The axes of a sample in another order; dims count from 1, the batch stays first."""

    samples = (Sample(((2, 3, 4),), {"dims": (2, 1)}),)

    def __init__(self, dims: tuple, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims is {dims}, wanted the numbers 1 to {len(self.dims)} in some order"
            )

    def call(self, x: Any) -> Any:
        """The axes (0, *dims)."""
        return ops.transpose(x, axes=(0, *self.dims))


class RepeatVector(Layer):
    """(batch, n) -> (batch, times, n)"""

    samples = (Sample(((2, 3),), {"n": 4}),)

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = n

    def call(self, x: Any) -> Any:
        """Each row n times."""
        rows, width = x.array.shape
        return ops.broadcast_to(ops.reshape(x, shape=(rows, 1, width)), shape=(rows, self.n, width))
