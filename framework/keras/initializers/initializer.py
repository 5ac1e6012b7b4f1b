"""Initializer: how a weight starts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from framework.engine.dtypes import as_dtype
from framework.engine.tensor import Tensor
from framework.keras.configurable import Configurable


class Initializer(Configurable, kind="initializer"):
    """Base: subclasses write `draw(shape)`, which gives a float64 array."""

    def draw(self, shape: tuple) -> np.ndarray:
        """The values, in float64."""
        raise NotImplementedError

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """A tensor of that shape and dtype (float32)."""
        return Tensor(
            np.asarray(self.draw(tuple(shape))).astype(as_dtype(dtype or "float32").dtype)
        )


class RandomInitializer(Initializer, register=False):
    """Base of those that draw: the same object, or the same seed, gives the same values each time.

    Without a seed one is drawn from Python's `random`, which keras.utils.set_random_seed seeds.
    """

    def __init__(self, seed: int | None = None):
        self.seed = seed
        self._seed = random.randint(1, 10**9) if seed is None else int(seed)

    def generator(self) -> np.random.Generator:
        """A fresh generator in the state of the seed."""
        return np.random.Generator(np.random.Philox(self._seed))
