"""Dense: every output is a weighted sum of all inputs."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import activations
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer


class Dense(Layer):
    """y = activation(x @ kernel + bias);  x (..., n), kernel (n, units), y (..., units)."""

    samples = (
        Sample(((5, 3),), {"units": 4}),
        Sample(((2, 5, 3),), {"units": 4, "activation": "tanh", "use_bias": False}),
    )
    takes_floats = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        quantization_config: None = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if quantization_config is not None:
            raise ValueError("Dense: quantization_config is not there")
        if not isinstance(units, int) or units <= 0:
            raise ValueError(f"Dense: units is {units!r}, wanted a positive integer")
        self.units, self.use_bias, self.activation = units, use_bias, activations.get(activation)
        self.take_rules(locals())

    def build(self, input_shape: tuple) -> None:
        """kernel (n, units) for inputs (..., n); bias (units,)."""
        n = input_shape[-1] if len(input_shape) > 1 else None
        if n is None:
            raise ValueError(
                f"layer '{self.path}' (Dense): input shape is {tuple(input_shape)}, wanted "
                "(batch, ..., n)"
            )
        self.kernel = self.ruled_weight("kernel", (n, self.units))
        self.bias = self.ruled_weight("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, x: Any) -> Any:
        """activation(x @ kernel + bias)"""
        y = ops.matmul(x, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return activations.applied(self.activation, y)
