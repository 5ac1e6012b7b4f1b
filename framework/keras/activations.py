"""Activation functions: elementwise functions of a tensor, and softmax."""

from __future__ import annotations

import math
from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import register_function

activation = lambda *aliases: register_function("activation", *aliases)


@activation()
def linear(x: Any) -> Any:
    """x"""
    return x


@activation()
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """x where x > threshold (at most max_value), negative_slope (x - threshold) below."""
    x = ops.as_tensor(x)
    if threshold == 0:
        y = ops.relu(x)
    else:
        y = x * ops.cast(x > threshold, dtype=x.array.dtype.name)
    if max_value is not None:
        y = ops.minimum(y, max_value)
    if negative_slope:
        y = y - ops.relu(threshold - x) * negative_slope
    return y


@activation()
def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6)"""
    return ops.minimum(ops.relu(ops.as_tensor(x)), 6.0)


@activation()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, negative_slope x elsewhere."""
    return relu(x, negative_slope=negative_slope)


@activation()
def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))"""
    return ops.sigmoid(ops.as_tensor(x))


@activation()
def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent."""
    return ops.tanh(ops.as_tensor(x))


@activation()
def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`."""
    x = ops.as_tensor(x)
    if x.ndim < 1:
        raise ValueError("softmax: got a tensor of shape (), wanted at least one axis")
    return ops.softmax(x, axis=axis)


@activation()
def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)) along `axis`."""
    return ops.log_softmax(ops.as_tensor(x), axis=axis)


@activation()
def exponential(x: Any) -> Tensor:
    """exp(x)"""
    return ops.exp(ops.as_tensor(x))


@activation()
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    x = ops.as_tensor(x)
    return ops.relu(x) + ops.expm1(ops.minimum(x, 0.0)) * float(alpha)


@activation()
def selu(x: Any) -> Tensor:
    """scale elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017, eq. 2)."""
    return elu(x, alpha=1.6732632423543772) * 1.0507009873554805


@activation()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x P(X <= x), X standard normal (Hendrycks and Gimpel 2016); approximate: their tanh formula."""
    x = ops.as_tensor(x)
    if approximate:
        return (
            x * 0.5 * (ops.tanh((x + ops.power(x, 3.0) * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)
        )
    return x * 0.5 * (ops.erf(x * math.sqrt(0.5)) + 1.0)


@activation()
def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)), in the form that does not overflow: max(x, 0) + log(1 + exp(-|x|))."""
    return ops.softplus(ops.as_tensor(x))


@activation()
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)"""
    x = ops.as_tensor(x)
    return x / (ops.abs(x) + 1.0)


@activation("swish")
def silu(x: Any) -> Tensor:
    """x sigmoid(x), also called swish."""
    x = ops.as_tensor(x)
    return x * ops.sigmoid(x)


@activation()
def hard_sigmoid(x: Any) -> Tensor:
    """min(max(x / 6 + 1/2, 0), 1)"""
    return relu6(ops.as_tensor(x) + 3.0) * (1 / 6)


swish = silu


def get(identifier: Any) -> Any:
    """The activation function of a name; None is `linear`, a function stays."""
    return linear if identifier is None else configurable.get("activation", identifier)


def serialize(activation: Any) -> Any:
    """The name of an activation function."""
    return configurable.serialize(activation)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The activation function of what `serialize` gave."""
    return (
        get(config)
        if isinstance(config, str)
        else configurable.deserialize(config, "activation", custom_objects)
    )
