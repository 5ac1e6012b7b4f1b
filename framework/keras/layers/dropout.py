"""Dropout: random inputs are 0 while training."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.engine.random import SeedGenerator
from framework.keras.layers.layer import Layer
from framework.keras.step import shard


class Dropout(Layer):
    """Training: x / (1 - rate), each with probability `rate` 0 instead (Srivastava et al. 2014);
    else x.

    noise_shape: the shape of the choices, 1 along axes that share one. Ranks draw as one process
    would for its rows.
    """

    samples = (Sample(((3, 4),), {"rate": 0.3, "seed": 1}),)
    takes_floats = is_shapeless = True

    def __init__(
        self, rate: float, noise_shape: tuple | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate is {rate!r}, wanted a number between 0 and 1")
        self.rate, self.seed = rate, seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed_generator = SeedGenerator(seed) if rate > 0 else None

    def call(self, x: Any, training: Any = None) -> Any:
        """x with some of its elements 0."""
        if not training or self.seed_generator is None:
            return x
        if self.rate == 1:
            return x * 0.0
        shape = tuple(x.array.shape)
        if self.noise_shape is not None:
            shape = tuple([n if m is None else m for n, m in zip(shape, self.noise_shape)])
        draw = {"shape": shape, "dtype": x.array.dtype.name, "first_row": self._first_row(shape[0])}
        u = ops.random_uniform(self.seed_generator.next(), **draw)
        return ops.dropout(x, u, rate=float(self.rate))

    def _first_row(self, rows: int) -> int:
        """Where this rank's rows of choices start among those of the global batch: a sample may
        have become several rows. Choices that all samples share are the same everywhere.
        """
        if self.noise_shape is not None and self.noise_shape[0] is not None:
            return 0
        return shard.first_row(rows)
