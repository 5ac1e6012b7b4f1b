"""Functions that make tensors. device: there is one, the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import random
from framework.engine import tensor as engine
from framework.engine.machine import made
from framework.torch import dtypes
from framework.torch.refusals import check_differentiable
from framework.torch.tensor import Tensor, as_array, tensor


def sizes(size: tuple, name: str) -> tuple:
    """A shape given as one tuple or as several numbers."""
    if not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    size = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else tuple(size)
    for i, n in enumerate(size):
        if not hasattr(n, "__index__"):
            raise TypeError(
                f"{name}(): argument 'size' (position {i + 1}) must be tuple of ints, not "
                f"{type(n).__name__}"
            )
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {[int(k) for k in size]}"
            )
    return size


def given(shape: tuple, size: Any) -> tuple:
    """The size in numbers or in one tuple, as it was given: by position or by keyword."""
    return shape if size is None else (*shape, size)


def blank(make: Callable, size: tuple, name: str) -> np.ndarray:
    """An array of this size by NumPy's zeros or ones."""
    shape = sizes(size, name)
    return made(lambda: make(shape), shape, "float32")


def leaf(array: np.ndarray, dtype: Any, requires_grad: bool) -> Tensor:
    """A leaf of this array; floats are float32 if no dtype is given."""
    x = Tensor(array.astype("float32" if dtype is None else dtypes.of(dtype).dtype))
    check_differentiable(x, requires_grad)
    x.requires_grad = requires_grad
    return x


def zeros(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Zeros."""
    return leaf(blank(np.zeros, given(shape, size), "zeros"), dtype, requires_grad)


def ones(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Ones."""
    return leaf(blank(np.ones, given(shape, size), "ones"), dtype, requires_grad)


def empty(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Zeros: memory is never handed out with old values."""
    return leaf(blank(np.zeros, given(shape, size), "empty"), dtype, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """One value everywhere."""
    dtype = dtype or dtypes.scalar_dtype(fill_value)
    shape = tuple(size)
    return leaf(made(lambda: np.full(shape, fill_value), shape, "float32"), dtype, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    return leaf(np.zeros_like(input.array), dtype or input.dtype, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Ones of the shape and dtype of `input`."""
    return leaf(np.ones_like(input.array), dtype or input.dtype, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """One value in the shape and dtype of `input`."""
    return leaf(np.full_like(input.array, fill_value), dtype or input.dtype, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Ones on the diagonal, else zeros."""
    return leaf(np.eye(n, m), dtype, requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """start, start + step ... below end; arange(n) starts at 0. Integers give int64."""
    start, end = (0, start) if end is None else (start, end)
    if not step:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None and all([isinstance(v, int) for v in (start, end, step)]):
        dtype = "int64"
    return leaf(np.arange(start, end, step), dtype, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers from start to end, both included, at equal distances."""
    return leaf(np.linspace(start, end, steps), dtype, requires_grad)


def rand(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return leaf(random.uniform(sizes(given(shape, size), "rand")).array, dtype, requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Normal numbers."""
    return leaf(random.normal(sizes(given(shape, size), "randn")).array, dtype, requires_grad)


def manual_seed(seed: int) -> None:
    """Start all random numbers again from `seed`."""
    random.set_seed(seed)


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """`data` as a tensor; arrays and tensors share their memory if the dtype is theirs."""
    if isinstance(data, Tensor) and (dtype is None or data.dtype is dtypes.of(dtype)):
        return data
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtypes.of(dtype).dtype):
        return Tensor(data)
    return Tensor(as_array(data, dtype))


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor over the memory of the array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return Tensor(ndarray)


def is_tensor(obj: Any) -> bool:
    """True for tensors."""
    return isinstance(obj, engine.Tensor)
