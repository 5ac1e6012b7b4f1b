"""Layers that pass their input on."""

from __future__ import annotations

from typing import Any

from framework.engine.op import Sample
from framework.keras import regularizers
from framework.keras.layers.layer import Layer


class Identity(Layer):
    """y = x"""

    samples = (Sample(((3, 4),)),)
    is_shapeless = True

    def call(self, x: Any) -> Any:
        """x"""
        return x


class ActivityRegularization(Layer):
    """y = x, and adds l1 sum |x| + l2 sum x^2 to the loss."""

    samples = (Sample(((3, 4),), {"l1": 0.01, "l2": 0.02}),)
    is_shapeless = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, x: Any) -> Any:
        """x"""
        return x

    def get_config(self) -> dict:
        """l1 and l2; the regularizer follows from them."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config
