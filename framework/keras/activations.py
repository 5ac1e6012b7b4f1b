"""Activation functions: elementwise functions of a tensor, and softmax."""

from __future__ import annotations

import weakref
from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import register_function

activation = lambda *aliases: register_function("activation", *aliases)

# id of an output of softmax or sigmoid -> (the output, weakly; its input; the function's name)
LOGITS: dict[int, tuple[weakref.ref, Tensor, str]] = {}


def remember_logits(y: Tensor, x: Tensor, name: str) -> Tensor:
    """y; as long as it lives, `logits_of` knows that it is `name` of x.

    Cross-entropies compute with x: y may have rounded to 0 or 1, where no gradient is left.
    """
    key = id(y)
    died = weakref.ref(y, lambda _, forget=LOGITS.pop: forget(key, None))
    LOGITS[key] = died, x, name
    return y


def logits_of(y: Tensor) -> tuple[Tensor, str] | None:
    """(x, "Softmax" or "Sigmoid") if y itself came out of that activation of x, else None."""
    known = LOGITS.get(id(y))
    return known[1:] if known is not None and known[0]() is y else None


def at_this_moment(x: Tensor) -> Tensor:
    """x; of a Variable its value, which later assignments leave alone."""
    return ops.identity(x) if x.is_variable else x


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
    return ops.relu6(ops.as_tensor(x))


@activation()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, negative_slope x elsewhere."""
    return ops.leaky_relu(ops.as_tensor(x), negative_slope=float(negative_slope))


@activation()
def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))"""
    x = at_this_moment(ops.as_tensor(x))
    return remember_logits(ops.sigmoid(x), x, "Sigmoid")


@activation()
def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent."""
    return ops.tanh(ops.as_tensor(x))


@activation()
def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`."""
    x = at_this_moment(ops.as_tensor(x))
    if x.ndim < 1:
        raise ValueError("softmax: got a tensor of shape (), wanted at least one axis")
    return remember_logits(ops.softmax(x, axis=axis), x, "Softmax")


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
    return ops.elu(ops.as_tensor(x), alpha=float(alpha))


@activation()
def selu(x: Any) -> Tensor:
    """scale elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al.
    2017, eq. 2).
    """
    return ops.selu(ops.as_tensor(x))


@activation()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x P(X <= x), X standard normal (Hendrycks and Gimpel 2016); approximate: with tanh."""
    return ops.gelu(ops.as_tensor(x), approximate=bool(approximate))


@activation()
def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)), in the form that does not overflow: max(x, 0) + log(1 + exp(-|x|))."""
    return ops.softplus(ops.as_tensor(x))


@activation()
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)"""
    return ops.softsign(ops.as_tensor(x))


@activation("swish")
def silu(x: Any) -> Tensor:
    """x sigmoid(x), also called swish."""
    return ops.silu(ops.as_tensor(x))


@activation()
def hard_sigmoid(x: Any) -> Tensor:
    """min(max(x / 6 + 1/2, 0), 1)"""
    return ops.hard_sigmoid(ops.as_tensor(x))


@activation("hard_swish")
def hard_silu(x: Any) -> Tensor:
    """x hard_sigmoid(x), also called hard_swish."""
    return ops.hard_silu(ops.as_tensor(x))


@activation()
def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x))"""
    return ops.log_sigmoid(ops.as_tensor(x))


swish, hard_swish = silu, hard_silu


def applied(activation: Any, x: Any) -> Any:
    """activation(x); x for None, which a user may set to have what a layer's activation sees."""
    return x if activation is None else activation(x)


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
