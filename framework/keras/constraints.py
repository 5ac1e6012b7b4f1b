"""Constraints: what a weight is set to after each update."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable

EPSILON = 1e-7


class Constraint(Configurable, kind="constraint"):
    """Base: subclasses write `__call__(w)`, which gives the weight's new value."""

    def __call__(self, w: Any) -> Tensor:
        """The weight as it should be."""
        raise NotImplementedError


def norm(w: Tensor, axis: Any) -> Tensor:
    """sqrt(sum w^2) over `axis`, kept."""
    return ops.sqrt(
        ops.sum(ops.square(w), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=True)
    )


class MaxNorm(Constraint):
    """w scaled so that its norm along `axis` is at most max_value."""

    aliases = ("max_norm",)

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        w = ops.as_tensor(w)
        norms = norm(w, self.axis)
        return w * (ops.minimum(norms, float(self.max_value)) / (norms + EPSILON))


class NonNeg(Constraint):
    """max(w, 0)"""

    aliases = ("non_neg",)

    def __call__(self, w: Any) -> Tensor:
        return ops.relu(ops.as_tensor(w))


class UnitNorm(Constraint):
    """w scaled so that its norm along `axis` is 1."""

    aliases = ("unit_norm",)

    def __init__(self, axis: Any = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = ops.as_tensor(w)
        return w / (norm(w, self.axis) + EPSILON)


class MinMaxNorm(Constraint):
    """w scaled to a norm along `axis` between min_value and max_value, by `rate` of the way."""

    aliases = ("min_max_norm",)

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Tensor:
        w = ops.as_tensor(w)
        norms = norm(w, self.axis)
        limited = ops.maximum(ops.minimum(norms, float(self.max_value)), float(self.min_value))
        return w * ((limited * self.rate + norms * (1 - self.rate)) / (norms + EPSILON))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm


def get(identifier: Any) -> Any:
    """The constraint of a name, a config or an object; None stays None."""
    return configurable.get("constraint", identifier)


def serialize(constraint: Any) -> Any:
    """The config dict of a constraint."""
    return configurable.serialize(constraint)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The constraint of what `serialize` gave."""
    return configurable.deserialize(config, "constraint", custom_objects)
