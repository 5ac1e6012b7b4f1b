"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import activations
from framework.keras.layers.layer import Layer


class Activation(Layer):
    """y = activation(x), elementwise unless it is a softmax."""

    samples = (Sample(((3, 4),), {"activation": "tanh"}),)
    takes_floats = is_shapeless = True

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, x: Any) -> Any:
        """activation(x)"""
        return self.activation(x)


class ReLU(Layer):
    """x where x >= threshold (at most max_value), negative_slope (x - threshold) below."""

    samples = (
        Sample(((3, 4),)),
        Sample(((3, 4),), {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.25}),
    )
    takes_floats = is_shapeless = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if value is not None and value < 0:
                raise ValueError(f"ReLU: {name} is {value}, wanted a number >= 0")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, x: Any) -> Any:
        """relu(x)"""
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x where x > 0, negative_slope x elsewhere."""

    samples = (Sample(((3, 4),)),)
    takes_floats = is_shapeless = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, x: Any) -> Any:
        """leaky_relu(x)"""
        return activations.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """x where x > 0, alpha (exp(x) - 1) elsewhere."""

    samples = (Sample(((3, 4),), {"alpha": 0.5}),)
    takes_floats = is_shapeless = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, x: Any) -> Any:
        """elu(x)"""
        return activations.elu(x, self.alpha)


class PReLU(Layer):
    """x where x > 0, alpha x elsewhere, alpha a weight (shared along `shared_axes`)."""

    samples = (
        Sample(((3, 4),), {"alpha_initializer": "ones"}),
        Sample(((2, 3, 3, 2),), {"shared_axes": [1, 2]}),
    )
    takes_floats = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.take_rules(locals())
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes

    def build(self, input_shape: tuple) -> None:
        """alpha has the shape of one sample, 1 along shared axes."""
        shape = [1 if i in (self.shared_axes or ()) else n for i, n in enumerate(input_shape)][1:]
        self.alpha = self.ruled_weight("alpha", tuple(shape))

    def call(self, x: Any) -> Any:
        """relu(x) - alpha relu(-x)"""
        return ops.relu(x) - self.alpha * ops.relu(-x)


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis`, or along several axes together."""

    samples = (
        Sample(((3, 4),)),
        Sample(((2, 3, 4),), {"axis": 1}),
        Sample(((2, 3, 4),), {"axis": [1, 2]}),
    )
    takes_floats = is_shapeless = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x: Any, mask: Any = None) -> Any:
        """softmax(x); elements where mask is False take no part, and are 0."""
        if mask is not None:
            mask = as_mask(mask, tuple(x.array.shape))
            lowest = ops.ones_like(x) * (-3e4 if x.array.dtype.itemsize == 2 else -1e9)
            x = ops.where(mask, x, lowest)
        y = self._softmax(x)
        return y if mask is None else ops.where(mask, y, ops.zeros_like(y))

    def _softmax(self, x: Any) -> Any:
        axes = list(self.axis) if isinstance(self.axis, (list, tuple)) else [self.axis]
        if len(axes) == 1:
            return activations.softmax(x, axes[0])
        return ops.exp(x - ops.logsumexp(x, axis=tuple(axes), keepdims=True))


def as_mask(mask: Any, shape: tuple) -> Any:
    """A mask of bools; numbers above 0.5 are True. ValueError, in Keras' words, unless it
    broadcasts to `shape` as it is."""
    mask = ops.as_tensor(mask)
    given = tuple(mask.array.shape)
    if len(given) > len(shape):
        raise ValueError(
            "The `mask` must be broadcastable to `inputs` and must not have more dimensions. "
            f"Received: inputs.shape={shape}, mask.shape={given}"
        )
    if any(n not in (1, m) for n, m in zip(given[::-1], shape[::-1])):
        raise ValueError(
            "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match "
            f"the corresponding input dimension. Received: inputs.shape={shape}, "
            f"mask.shape={given}"
        )
    if mask.array.dtype != np.bool_:
        mask = ops.greater(mask, ops.as_tensor(np.asarray(0.5, mask.array.dtype)))
    return mask
