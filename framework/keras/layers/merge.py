"""Layers of several inputs: elementwise ones and Concatenate."""

from __future__ import annotations

import functools
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.layer import Layer


class Merge(Layer, register=False):
    """Base of layers that fold a list of inputs with `merge(x, y)`.

    The inputs broadcast; where they have fewer axes than others, axes of 1 come after the batch.
    """

    samples = (Sample(((3, 4), (3, 4), (3, 4))), Sample(((3, 2, 4), (3, 1, 4))))

    def merge(self, x: Any, y: Any) -> Any:
        """Two inputs in one."""
        raise NotImplementedError

    def build(self, input_shape: list) -> None:
        """No weights; the inputs must be a list of one batch size, and broadcast."""
        check_is_list(self, input_shape)
        if len({shape[0] for shape in input_shape if shape} - {None}) > 1:
            raise ValueError(f"{called(self)}: the inputs {input_shape} differ in their batch size")
        rank = max(map(len, input_shape))
        for axis, sizes in enumerate(zip(*[with_rank(s, rank) for s in input_shape])):
            if axis and len(set(sizes) - {None, 1}) > 1:
                raise ValueError(
                    f"{called(self)}: the inputs {input_shape} do not broadcast: axis {axis} has "
                    f"{' and '.join(map(str, sizes))} elements"
                )

    def call(self, inputs: list) -> Any:
        """All inputs in one."""
        return functools.reduce(self.merge, with_same_rank(inputs))


def called(layer: Layer) -> str:
    """How messages call a layer."""
    return f"layer '{layer.path}' ({type(layer).__name__})"


def check_is_list(layer: Layer, shapes: Any) -> None:
    """Raise if a layer got one input instead of a list."""
    lists = (list, tuple)
    if not isinstance(shapes, lists) or not shapes or not isinstance(shapes[0], lists):
        raise ValueError(f"{called(layer)}: wanted a list of inputs, got one")


def with_rank(shape: Any, rank: int) -> tuple:
    """The shape with axes of 1 after the batch."""
    return (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])


def with_same_rank(inputs: Any) -> list:
    """The inputs, all with as many axes as the largest has."""
    rank = max(x.ndim for x in inputs)
    return [
        x if x.ndim == rank else ops.reshape(x, shape=with_rank(x.array.shape, rank))
        for x in inputs
    ]


class Add(Merge):
    """x + y + ..."""

    def merge(self, x: Any, y: Any) -> Any:
        """x + y"""
        return ops.add(x, y)


class Subtract(Merge):
    """x - y"""

    samples = (Sample(((3, 4), (3, 4))),)

    def build(self, input_shape: list) -> None:
        """Two inputs."""
        check_is_list(self, input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"{called(self)}: wanted 2 inputs, got {len(input_shape)}")
        super().build(input_shape)

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

    takes_floats = True

    def call(self, inputs: list) -> Any:
        """The mean of the inputs."""
        return super().call(inputs) * (1.0 / len(inputs))


class Concatenate(Merge):
    """The inputs one after the other along `axis`."""

    samples = (Sample(((3, 4), (3, 2))), Sample(((2, 3, 4), (2, 5, 4)), {"axis": 1}))

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: list) -> None:
        """No weights; the inputs must be a list."""
        check_is_list(self, input_shape)

    def call(self, inputs: list) -> Any:
        """concatenate(inputs)"""
        return ops.concatenate(*inputs, axis=self.axis)
