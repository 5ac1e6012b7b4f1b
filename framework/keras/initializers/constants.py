"""Initializers without chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.keras.initializers.initializer import Initializer


class Zeros(Initializer):
    """0"""

    aliases = ("zeros", "zero")

    def draw(self, shape: tuple) -> np.ndarray:
        """Zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """1"""

    aliases = ("ones", "one")

    def draw(self, shape: tuple) -> np.ndarray:
        """Ones."""
        return np.ones(shape)


class Constant(Initializer):
    """One value, or an array that is broadcast to the shape."""

    aliases = ("constant",)

    def __init__(self, value: Any = 0.0):
        self.value = value

    def draw(self, shape: tuple) -> np.ndarray:
        """The value everywhere."""
        return np.broadcast_to(np.asarray(self.value), shape)


class Identity(Initializer):
    """gain times the identity matrix; for matrices only."""

    aliases = ("identity", "IdentityInitializer")

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def draw(self, shape: tuple) -> np.ndarray:
        """gain on the diagonal."""
        if len(shape) != 2:
            raise ValueError(f"Identity: shape is {shape}, wanted two axes")
        return np.eye(*shape) * self.gain

    def get_config(self) -> dict:
        """gain, unless it is 1, as Keras."""
        return {} if self.gain == 1.0 else super().get_config()
