"""Layers of several inputs: elementwise ones and Concatenate."""

from __future__ import annotations

import functools
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.layer import Layer


class Merge(Layer, register=False):
    """Base of layers that fold a list of inputs, which broadcast, with `merge(x, y)`."""

    samples = (Sample(((3, 4), (3, 4), (3, 4))), Sample(((3, 2, 4), (3, 1, 4))))

    def merge(self, x: Any, y: Any) -> Any:
        """Two inputs in one."""
        raise NotImplementedError

    def build(self, input_shape: list) -> None:
        """No weights; the inputs must be a list."""
        if (
            not isinstance(input_shape, (list, tuple))
            or not input_shape
            or not isinstance(input_shape[0], (list, tuple))
        ):
            raise ValueError(
                f"layer '{self.path}' ({type(self).__name__}): wanted a list of inputs, got one"
            )

    def call(self, inputs: list) -> Any:
        """All inputs in one."""
        return functools.reduce(self.merge, inputs)


class Add(Merge):
    """x + y + ..."""

    def merge(self, x: Any, y: Any) -> Any:
        """x + y"""
        return ops.add(x, y)


class Subtract(Merge):
    """x - y"""

    samples = (Sample(((3, 4), (3, 4))),)

    def merge(self, x: Any, y: Any) -> Any:
        """x - y"""
        return ops.subtract(x, y)


class Multiply(Merge):
    """x y ..."""

    def merge(self, x: Any, y: Any) -> Any:
        """x y"""
        return ops.multiply(x, y)


class Maximum(Merge):
    """The elementwise maximum."""

    def merge(self, x: Any, y: Any) -> Any:
        """max(x, y)"""
        return ops.maximum(x, y)


class Minimum(Merge):
    """The elementwise minimum."""

    def merge(self, x: Any, y: Any) -> Any:
        """min(x, y)"""
        return ops.minimum(x, y)


class Average(Add):
    """(x + y + ...) / n"""

    def call(self, inputs: list) -> Any:
        """The mean of the inputs."""
        return super().call(inputs) * (1.0 / len(inputs))


class Concatenate(Merge):
    """The inputs one after the other along `axis`."""

    samples = (Sample(((3, 4), (3, 2))), Sample(((2, 3, 4), (2, 5, 4)), {"axis": 1}))

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: list) -> Any:
        """concatenate(inputs)"""
        return ops.concatenate(*inputs, axis=self.axis)
