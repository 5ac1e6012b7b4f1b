"""RMSNormalization: each sample with mean square 1 over its features."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.layer import Layer


class RMSNormalization(Layer):
    """y = scale x / sqrt(mean(x^2) + epsilon), the mean over `axis`  (Zhang and Sennrich 2019, eq.
    4).
    """

    samples = (Sample(((3, 5),), {"epsilon": 1e-5}), Sample(((2, 3, 4),), {"axis": [1, 2]}))
    takes_floats = True

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: tuple) -> None:
        """scale has the shape of the normalised axes."""
        is_list = isinstance(self.axis, (list, tuple))
        self.axis = sorted(self.axis) if is_list else [self.axis]
        axes: Any = self.axis
        shape = tuple([input_shape[a] for a in axes])
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, x: Any) -> Any:
        """scale x / sqrt(mean(x^2) + epsilon)"""
        axes = tuple(self.axis)
        square = ops.mean(ops.square(x), axis=axes, keepdims=True)
        return x * ops.rsqrt(square + self.epsilon) * self.scale
