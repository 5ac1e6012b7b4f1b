"""TimeDistributed: one layer for every time step."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.layers.activation import Activation, ReLU
from framework.keras.layers.convolution import Conv1D, Conv2D
from framework.keras.layers.dense import Dense
from framework.keras.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from framework.keras.layers.layer import Layer, training_argument
from framework.keras.layers.layer_normalization import LayerNormalization
from framework.keras.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from framework.keras.layers.reshape import Flatten, Reshape
from framework.keras.layers.wrapper import Wrapper

# What they give for a sample depends on nothing but the sample: all time steps go through at once.
BY_SAMPLE: tuple = (Dense, Activation, ReLU, Conv1D, Conv2D, LayerNormalization, Flatten, Reshape)
BY_SAMPLE += (AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D)
BY_SAMPLE += (GlobalAveragePooling1D, GlobalAveragePooling2D)
BY_SAMPLE += (GlobalMaxPooling1D, GlobalMaxPooling2D)


class TimeDistributed(Wrapper):
    """y[:, i] = layer(x[:, i]) for each time step i;  x (batch, t, ...), y (batch, t, ...)."""

    def __init__(self, layer: Any, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        super().__init__(layer, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer for one time step."""
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions, received: {input_shape}"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Tensor:
        """The layer's `call` for each time step."""
        if mask is not None:
            raise NotImplementedError(
                f"layer '{self.path}' (TimeDistributed): mask: layers take no masks here"
            )
        takes_training = training_argument(type(self.layer))[0] is not None
        options = {"training": training} if takes_training else {}
        if type(self.layer) in BY_SAMPLE:
            batch, steps, *shape = inputs.array.shape
            flat = ops.reshape(inputs, shape=(batch * steps, *shape))
            y = self.layer.call(flat, **options)
            return ops.reshape(y, shape=(batch, steps, *y.array.shape[1:]))
        rows = ops.unstack(inputs, axis=1)
        return ops.stack([self.layer.call(x, **options) for x in rows], axis=1)
