"""Regularizers: a penalty on a weight, added to the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable


class Regularizer(Configurable, kind="regularizer"):
    """Base: subclasses write `__call__(x)`, which gives a scalar."""

    def __call__(self, x: Any) -> Tensor:
        """The penalty of x."""
        raise NotImplementedError


class L1(Regularizer):
    """l1 sum |x|"""

    aliases = ("l1",)

    def __init__(self, l1: float = 0.01):
        self.l1 = float(np.float32(0.01 if l1 is None else l1))  # Keras keeps this one as float32

    def __call__(self, x: Any) -> Tensor:
        return ops.sum(ops.abs(ops.as_tensor(x))) * self.l1


class L2(Regularizer):
    """l2 sum x^2"""

    aliases = ("l2",)

    def __init__(self, l2: float = 0.01):
        self.l2 = 0.01 if l2 is None else float(l2)

    def __call__(self, x: Any) -> Tensor:
        return ops.sum(ops.square(ops.as_tensor(x))) * self.l2


class L1L2(Regularizer):
    """l1 sum |x| + l2 sum x^2"""

    aliases = ("l1_l2",)

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)

    def __call__(self, x: Any) -> Tensor:
        x = ops.as_tensor(x)
        return ops.sum(ops.abs(x)) * self.l1 + ops.sum(ops.square(x)) * self.l2


l1, l2, l1_l2 = L1, L2, L1L2


def get(identifier: Any) -> Any:
    """The regularizer of a name, a config or an object; None stays None."""
    return configurable.get("regularizer", identifier)


def serialize(regularizer: Any) -> Any:
    """The config dict of a regularizer."""
    return configurable.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The regularizer of what `serialize` gave."""
    return configurable.deserialize(config, "regularizer", custom_objects)
