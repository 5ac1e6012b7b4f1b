"""TensorFlow's dialect: how values enter an op. The first input's dtype decides, strictly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dtypes import as_dtype
from framework.engine.errors import InvalidArgumentError, MixedDtypesError
from framework.engine.op import Op
from framework.engine.operands import check_floats
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor, as_array, as_tensor

BOOL = np.dtype(bool)
ONE_BY_ONE = (ops.add, ops.matmul)


def tensor(value: Any, dtype: Any = None) -> Tensor:
    """`value` as a Tensor; a list with tensors in it is stacked, so that tapes see it. Arrays are
    copied: their owner may write to them, a Tensor never changes."""
    if type(value) is Tensor and dtype is None:
        return value
    if isinstance(value, Tensor) or hasattr(value, "__tf_tensor__"):
        return as_tensor(value, dtype)
    if isinstance(value, (list, tuple)):
        if isinstance(value, TensorShape):
            return shape_tensor(value, dtype)
        if has_tensor(value):
            return stacked(value, dtype)
    array = as_array(value, dtype)
    return Tensor(np.array(array) if is_shared(array, value) else array)


def is_shared(array: np.ndarray, value: Any) -> bool:
    """Whether the array may be the memory of `value`, or of something that `value` holds."""
    is_foreign = not isinstance(value, np.ndarray) and hasattr(value, "__array__")
    return array is value or array.base is not None or is_foreign


def shape_tensor(shape: TensorShape, dtype: Any) -> Tensor:
    """A shape as a tensor of int32, or of int64."""
    if shape.rank is None or any([n is None for n in shape]):
        raise ValueError(f"Cannot convert a partially known TensorShape {shape} to a Tensor.")
    wanted = as_dtype(dtype or "int32")
    if wanted.name not in ("int32", "int64"):
        raise TypeError(
            f"Cannot convert TensorShape {shape} to dtype {wanted}. Allowed dtypes are tf.int32 "
            "and tf.int64."
        )
    return ops.sized(tuple(shape), wanted)


def stacked(values: list | tuple, dtype: Any) -> Tensor:
    """The values, tensors among them, behind each other."""
    like = dtype or next((x.dtype for x in values if isinstance(x, Tensor)), None)
    return ops.stack([tensor(x, like) for x in values])


def has_tensor(value: list | tuple) -> bool:
    """True if a Tensor is somewhere in a nested list."""
    return any(
        [isinstance(x, Tensor) or (isinstance(x, (list, tuple)) and has_tensor(x)) for x in value]
    )


def call(op: Callable, inputs: tuple, attrs: dict) -> Any:
    """op(*inputs, **attrs), of Tensors of one dtype (the first input's) where the op wants that."""
    for x in inputs:
        if not isinstance(x, Tensor):
            inputs = matching(op, inputs)
            break
    for key, value in attrs.items():
        if type(value) not in door.PLAIN:
            attrs[key] = door.static(value)
    return op.apply(inputs, attrs) if type(op) is Op else op(*inputs, **attrs)


def matching(op: Callable, inputs: tuple) -> tuple:
    """The inputs as Tensors; where the op wants one dtype, values take that of the first Tensor;
    those of ONE_BY_ONE that of the first input, if they can.
    """
    if not inputs:
        raise ValueError(f"{op.__name__}: got an empty list of tensors")
    if op in ONE_BY_ONE:
        first = tensor(inputs[0])
        return first, convert_to_tensor(inputs[1], dtype_hint=first.dtype)
    has_one_dtype, like = getattr(op, "same_dtype", False), None
    if has_one_dtype:
        like = next((x.array.dtype for x in inputs if isinstance(x, Tensor)), None)
    first = inputs[0] if isinstance(inputs[0], Tensor) else tensor(inputs[0], like)
    like = first.array.dtype if has_one_dtype else None
    return (first, *[x if isinstance(x, Tensor) else tensor(x, like) for x in inputs[1:]])


def call_bools(op: Callable, inputs: tuple, attrs: dict) -> Any:
    """`call` for functions of truth values: numbers are refused, not taken for them."""
    return call(op, tuple([bools(op.__name__, x) for x in inputs]), attrs)


def bools(name: str, value: Any) -> Tensor:
    """`value` as a tensor of bools, which NumPy's arrays become; MixedDtypesError for other
    numbers.
    """
    x = tensor(value.astype(bool) if isinstance(value, (np.ndarray, np.generic)) else value)
    if x.array.dtype != bool and x.array.size:
        raise MixedDtypesError(
            f"{name}: Cannot convert {value!r} to EagerTensor of dtype bool: expected to be a bool "
            f"tensor but is a {x.array.dtype.name} tensor"
        )
    return x


def call_numbers(op: Callable, inputs: tuple, attrs: dict) -> Any:
    """`call` for functions of numbers: NumPy would take bools for them, and give bools."""
    x = inputs[0]
    if not isinstance(x, Tensor):
        x = tensor(x)
        inputs = (x, *inputs[1:])
    if x.array.dtype is BOOL:
        raise InvalidArgumentError(f"{op.__name__}: got dtype bool, wanted numbers; cast it")
    return call(op, inputs, attrs)


def call_floats(op: Callable, inputs: tuple, attrs: dict) -> Any:
    """`call` for functions of floats that NumPy has of integers, too."""
    inputs = tuple([tensor(x) for x in inputs])
    check_floats(op.__name__, inputs[0].array)
    return call(op, inputs, attrs)


def dtype_among(inputs: tuple) -> Any:
    """The dtype of the first tensor, which those that are no tensors take; None if there is none"""
    return next((x.array.dtype for x in inputs if isinstance(x, Tensor)), None)


renamed = door.Door(call, takes_tensors=True).renamed
of_bools = door.Door(call_bools).renamed
of_numbers = door.Door(call_numbers).renamed
of_floats = door.Door(call_floats).renamed


def shaped(array: np.ndarray, shape: Any, value: Any) -> np.ndarray:
    """The array in this shape, a single value repeated; TypeError where the counts differ."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if array.size != 1 and array.size != math.prod(shape):
        raise TypeError(
            f"Eager execution of tf.constant with unsupported shape. Tensor {array} (converted "
            f"from {value}) has {array.size} elements, but got `shape` {shape} with "
            f"{math.prod(shape)} elements)."
        )
    return np.full(shape, array) if array.size == 1 else array.reshape(shape)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = "Const") -> Tensor:
    """A Tensor of `value`: Python floats are float32, ints int32 (or int64), arrays keep theirs.

    shape: the shape to give the values; a single value is repeated.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, Tensor) and wanted is not None and value.dtype != wanted:
        raise TypeError(f"Expected tensor {value} with dtype {wanted!r}, but got {value.dtype!r}.")
    if isinstance(value, Tensor) and not value.is_variable and shape is None:
        return value
    if isinstance(value, (list, tuple)) and has_tensor(value):
        value = stacked(value, dtype)
        return value if shape is None else ops.reshape(value, shape=door.static(shape))
    array = np.array(as_array(value, dtype))  # the caller may write to his array
    array = array if shape is None else shaped(array, door.static(shape), value)
    return Tensor(array)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: Any = None
) -> Tensor:
    """`value` as a Tensor; a Tensor passes through, but must have `dtype` if one is given.

    dtype_hint: the dtype to try first.
    """
    if dtype is None and dtype_hint is not None and not isinstance(value, Tensor):
        try:
            return tensor(value, dtype_hint)
        except (TypeError, ValueError):
            pass
    if isinstance(value, np.ndarray):
        return constant(value, dtype)
    return (
        tensor(value, dtype)
        if not getattr(value, "is_variable", False)
        else ops.identity(tensor(value, dtype))
    )
