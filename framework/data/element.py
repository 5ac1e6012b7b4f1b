"""Elements: what a pipeline passes on. A structure (tuples, dicts) of Tensors, and its specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import nest, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Spec, Tensor, as_array, first_leaf
from framework.engine.tensor_spec import TensorSpec

SIZES = (48, 72)  # stand for an unknown dimension: one of a result that differs is unknown, too


def as_leaf(value: Any) -> Tensor:
    """One value as a Tensor that no one else writes to; a list is one tensor."""
    if type(value) is Tensor:
        return value
    if isinstance(value, Tensor):  # a Variable: what it holds now
        return Tensor(np.array(value.array) if not value.is_abstract else value.array)
    if type(value) is list and isinstance(first_leaf(value), Tensor):
        return ops.stack([as_leaf(x) for x in value])
    array = as_array(value)
    return Tensor(np.array(array) if array is value or array.base is not None else array)


def as_structure(value: Any) -> Any:
    """Structures of values that data sets are made from: lists are tensors, not structures."""
    if isinstance(value, (tuple, dict)):
        return rebuilt(value, as_structure)
    return as_leaf(value)


def as_result(value: Any) -> Any:
    """What a user's function returned, as an element: a list stands for a tuple."""
    if type(value) is Tensor:
        return value
    if type(value) is list:
        value = tuple(value)
    if isinstance(value, (tuple, dict)):
        return rebuilt(value, as_result_part)
    return as_result_part(value)


def as_result_part(value: Any) -> Any:
    """A part of what a function returned; data sets in it stay."""
    if isinstance(value, (tuple, dict)):
        return rebuilt(value, as_result_part)
    return value if hasattr(value, "element_spec") else as_leaf(value)


def rebuilt(value: Any, function: Callable) -> Any:
    """A tuple, namedtuple or dict with `function` applied to its parts."""
    if isinstance(value, dict):
        return type(value)((key, function(part)) for key, part in value.items())
    parts = [function(part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def called(function: Callable, element: Any) -> Any:
    """function(element); the parts of a tuple are its arguments."""
    return function(*element) if type(element) is tuple else function(element)


def spec_of(leaf: Any) -> Any:
    """The TensorSpec of a Tensor, the DatasetSpec of a data set."""
    if isinstance(leaf, Tensor):
        return TensorSpec(leaf.array.shape, leaf.array.dtype)
    return DatasetSpec(leaf.element_spec)


class DatasetSpec:
    """Stands for a data set among the parts of an element (see window)."""

    def __init__(self, element_spec: Any):
        self.element_spec = element_spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and self.element_spec == other.element_spec

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r}, TensorShape([]))"


def stand_ins(spec: Any, size: int) -> list[Spec] | None:
    """Shapes and dtypes to trace with, `size` for unknown dimensions; None if a rank is unknown or
    a part is a data set."""
    leaves = nest.flatten(spec)
    if any(not isinstance(leaf, TensorSpec) or leaf.shape is None for leaf in leaves):
        return None
    return [
        Spec(tuple([size if n is None else n for n in leaf.shape]), leaf.dtype.dtype)
        for leaf in leaves
    ]


def with_axis(spec: Any, count: int | None) -> Any:
    """The specs of `count` elements in a batch."""

    def longer(leaf: Any) -> Any:
        shape = None if leaf.shape is None else (count, *leaf.shape)
        return TensorSpec(shape, leaf.dtype)

    return nest.map_structure(longer, spec)


def without_axis(spec: Any) -> Any:
    """The specs of one element of a batch."""
    return nest.map_structure(
        lambda leaf: TensorSpec(None if leaf.shape is None else leaf.shape[1:], leaf.dtype), spec
    )


def common_spec(first: Any, second: Any) -> Any:
    """What holds of elements of either kind; TypeError if nothing does."""
    a, b = nest.flatten(first), nest.flatten(second)
    if is_like(first, second) and all(x.dtype == y.dtype for x, y in zip(a, b, strict=True)):
        return nest.map_structure(common_leaf, first, second)
    raise TypeError(f"Incompatible dataset elements:\n  {first!r} vs.   {second!r}")


def is_like(first: Any, second: Any) -> bool:
    """Whether two structures have the same form."""
    if isinstance(first, dict) and isinstance(second, dict):
        return set(first) == set(second) and all(is_like(first[k], second[k]) for k in first)
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(is_like, first, second))
    return not nest.is_nested(first) and not nest.is_nested(second)


def common_leaf(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    """Dimensions that differ are unknown."""
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return TensorSpec(None, a.dtype)
    shape = [m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)]
    return TensorSpec(TensorShape(shape), a.dtype)


def stacked(elements: list) -> Any:
    """A batch of elements of equal shapes."""
    first = elements[0]
    if not nest.is_nested(first):
        return stacked_leaves(elements, 0)
    columns = zip(*[nest.flatten(element) for element in elements], strict=True)
    return nest.pack_sequence_as(first, [stacked_leaves(c, i) for i, c in enumerate(columns)])


def stacked_leaves(leaves: Any, component: int) -> Tensor:
    """The leaves behind each other; InvalidArgumentError if their shapes differ."""
    arrays = [leaf.array for leaf in leaves]
    shape = arrays[0].shape
    batch = np.empty((len(arrays), *shape), arrays[0].dtype)
    for i, array in enumerate(arrays):
        if array.shape != shape:
            raise InvalidArgumentError(
                f"Cannot batch tensors with different shapes in component {component}. First "
                f"element had shape {shape_text(shape)} and element {i} had shape "
                f"{shape_text(array.shape)}."
            )
        batch[i] = array
    return Tensor(batch)


def shape_text(shape: tuple) -> str:
    """[2,3]"""
    return f"[{','.join(map(str, shape))}]"


def number(value: Any, name: str) -> int:
    """An integer argument: a Python or NumPy integer, or an int64 tensor of one."""
    if isinstance(value, Tensor) and value.dtype.name != "int64":
        raise ValueError(
            f"{name}: Tensor conversion requested dtype int64 for Tensor with dtype "
            f"{value.dtype.name}: {value!r}"
        )
    if value is None:
        raise ValueError(f"{name}: Attempt to convert a value (None) with an unsupported type")
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype int64")
    return int(value)
