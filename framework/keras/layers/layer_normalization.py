"""LayerNormalization: each sample with mean 0 and variance 1 over its features."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer


class LayerNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over `axis` (Ba et
    al. 2016).
    """

    samples = (
        Sample(((4, 6),)),
        Sample(((2, 3, 4),), {"axis": [1, 2]}),
        Sample(((2, 3, 4),), {"center": False}),
    )
    takes_floats = True

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        rms_scaling: bool = False,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if rms_scaling:
            raise ValueError("LayerNormalization: rms_scaling is not there")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.take_rules(locals())

    def build(self, input_shape: tuple) -> None:
        """gamma and beta of the shape of the normalised axes."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        self._axes = sorted(a % len(input_shape) for a in axes)
        shape = tuple([input_shape[a] for a in self._axes])
        self.gamma = self.ruled_weight("gamma", shape) if self.scale else None
        self.beta = self.ruled_weight("beta", shape) if self.center else None
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={a: input_shape[a] for a in self._axes}
        )

    def call(self, x: Any) -> Any:
        """gamma (x - mean) / sqrt(variance + epsilon) + beta"""
        axes = tuple(self._axes)
        if axes == (x.ndim - 1,) and self.gamma is not None and self.beta is not None:
            return ops.layer_normalization(x, self.gamma, self.beta, epsilon=self.epsilon)
        along = tuple([n if i in axes else 1 for i, n in enumerate(x.array.shape)])
        centred = x - ops.mean(x, axis=axes, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
        y = centred * ops.rsqrt(variance + self.epsilon)
        y = y if self.gamma is None else y * ops.reshape(self.gamma, shape=along)
        return y if self.beta is None else y + ops.reshape(self.beta, shape=along)
