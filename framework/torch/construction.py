"""How values become tensors: numbers, lists, arrays, by PyTorch's rules and with its errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import tensor as engine
from framework.torch import dtypes

TYPED = (np.ndarray, np.generic, engine.Tensor)
NUMBERS = (bool, int, float)


def array_of(data: Any, dtype: Any = None) -> np.ndarray:
    """A fresh array: Python floats are float32, ints int64, arrays keep theirs.

    RuntimeError for what has no dtype and for ints that the dtype does not hold, ValueError and
    TypeError for lists that are not regular.
    """
    first = engine.first_leaf(data)
    data = regular(data, first)
    array = np.array(data.array if isinstance(data, engine.Tensor) else data)
    check_numbers(array, data, first)
    if dtype is None:
        if array.dtype.kind == "u" and array.dtype.itemsize == 8 and not isinstance(first, TYPED):
            raise ValueError("Overflow when unpacking long long")
        has_type = isinstance(first, (np.ndarray, np.generic)) or isinstance(data, TYPED)
        is_float = array.dtype.kind == "f" and not has_type
        return array.astype(np.float32) if is_float else array
    return as_dtype(array, dtypes.of(dtype).dtype, isinstance(first, TYPED))


def regular(data: Any, first: Any) -> Any:
    """What NumPy can make an array of, tensors in lists as the numbers that they hold."""
    if isinstance(data, (list, tuple)):
        check_regular(data)
        if any([isinstance(x, engine.Tensor) for x in (first, *data)]):
            return [number_of(x) for x in data]
    elif not isinstance(data, (*TYPED, *NUMBERS)) and not hasattr(data, "__array__"):
        check_iterable(data)
    return data


def number_of(part: Any) -> np.ndarray:
    """A part of a list: a tensor as the number that it holds."""
    array = array_of(part)
    return array.reshape(()) if isinstance(part, engine.Tensor) else array


def check_numbers(array: np.ndarray, data: Any, first: Any) -> None:
    """Raise for strings, objects, and integers that no dtype holds."""
    if array.dtype == object and isinstance(first, int):
        raise ValueError("Overflow when unpacking long long")
    if array.dtype.kind in "OUSVMm":
        raise TypeError(
            f"can't convert {type(data).__name__} of {array.dtype} to a tensor: the dtypes are "
            f"{', '.join(dtypes.NAMES)}"
        )


def as_dtype(array: np.ndarray, dtype: np.dtype, is_typed: bool) -> np.ndarray:
    """The array in `dtype`; Python numbers must fit."""
    if not is_typed and array.dtype.kind in "if" and dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        low = limits.min if dtype.kind == "i" else -limits.max - 1  # PyTorch lets -1 wrap
        if not (low <= array.min() and array.max() <= limits.max):  # nan does not, either
            raise RuntimeError(
                f"value cannot be converted to type {dtypes.of(dtype).name} without overflow"
            )
    return array.astype(dtype)


def check_iterable(value: Any) -> None:
    """Raise unless NumPy can make numbers of it (a range can)."""
    if isinstance(value, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(value, "__len__") or isinstance(value, (dict, set)):
        raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")


def shape_of(data: Any) -> tuple:
    """The shape that the first elements of nested lists say."""
    shape = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return tuple(shape) if isinstance(data, engine.Tensor) else (*shape, *np.shape(data))


def check_regular(data: Any) -> None:
    """Raise unless all parts of nested lists have the shape of the first."""
    check_part(data, shape_of(data), 0)


def check_part(data: Any, shape: tuple, dim: int) -> None:
    """One level of check_regular."""
    if isinstance(data, engine.Tensor):
        check_number(data, shape, dim)
    elif isinstance(data, (list, tuple, *TYPED)):
        if dim == len(shape) and isinstance(data, (list, tuple)):
            raise TypeError(f"'{type(data).__name__}' object cannot be interpreted as an integer")
        length = len(data) if isinstance(data, (list, tuple)) else (np.shape(data) or (None,))[0]
        if dim < len(shape) and length is not None and length != shape[dim]:
            raise ValueError(
                f"expected sequence of length {shape[dim]} at dim {dim} (got {length})"
            )
        if isinstance(data, (list, tuple)):
            for part in data:
                check_part(part, shape, dim + 1)
    else:
        check_number(data, shape, dim)


def check_number(data: Any, shape: tuple, dim: int) -> None:
    """Raise unless this is a number, or a tensor that holds one, at the depth of numbers."""
    if isinstance(data, engine.Tensor) and data.array.size != 1:
        if data.array.dtype.kind == "f":
            raise ValueError("only one element tensors can be converted to Python scalars")
        raise TypeError("only integer tensors of a single element can be converted to an index")
    if isinstance(data, str):
        raise ValueError(f"too many dimensions '{type(data).__name__}'")
    if not isinstance(data, NUMBERS) and not hasattr(data, "__array__"):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    if dim < len(shape):
        raise TypeError("not a sequence")
