"""Rescaling: a fixed linear map of the inputs."""

from __future__ import annotations

from typing import Any

from framework.engine.op import Sample
from framework.keras.layers.layer import Layer


class Rescaling(Layer):
    """y = x scale + offset, in the layer's dtype: Rescaling(1 / 255) for images."""

    samples = (Sample(((3, 4),), {"scale": 1 / 255, "offset": -0.5}),)
    takes_floats = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, x: Any) -> Any:
        """x scale + offset"""
        return x * self.scale + self.offset
