"""Dense: every output is a weighted sum of all inputs."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import activations, constraints, initializers, regularizers
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
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint, self.bias_constraint = (
            constraints.get(kernel_constraint),
            constraints.get(bias_constraint),
        )

    def build(self, input_shape: tuple) -> None:
        """kernel (n, units) for inputs (..., n); bias (units,)."""
        n = input_shape[-1]
        if len(input_shape) < 2 or n is None:
            raise ValueError(
                f"layer '{self.path}' (Dense): input shape is {tuple(input_shape)}, wanted "
                "(batch, ..., n)"
            )
        self.kernel = self.add_weight(
            (n, self.units),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, x: Any) -> Any:
        """activation(x @ kernel + bias)"""
        y = ops.matmul(x, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return self.activation(y)
