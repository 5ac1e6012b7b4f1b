"""torch.float32 and its like, sizes, and PyTorch's promotion."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from framework.engine.dtypes import DType, as_dtype


class dtype(DType):
    """An element type as PyTorch prints it: torch.float32."""

    __slots__ = ()

    @property
    def is_floating_point(self) -> bool:
        """True for float16, float32 and float64."""
        return self.is_floating

    @property
    def is_signed(self) -> bool:
        """True for numbers below 0: all but unsigned integers and bool."""
        return self.dtype.kind in "if"

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.size

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    __str__ = __repr__

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self):
        return of, (self.name,)


NAMES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
DTYPES = {name: dtype(name) for name in NAMES}
OF_NUMPY = {d.dtype: d for d in DTYPES.values()}
RANK = {"b": 0, "u": 1, "i": 1, "f": 2}
DEFAULT_FLOAT, LONG = np.dtype(np.float32), np.dtype(np.int64)


def of(value: Any) -> dtype:
    """The torch dtype of a name, a NumPy dtype or a Python type (float: float32, int: int64)."""
    if value is int:
        return DTYPES["int64"]
    return DTYPES[as_dtype(value).name]


C_NAMES = {
    "float16": "c10::Half", "float32": "float", "float64": "double", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char",
}  # fmt: skip


def c_name(x: Any) -> str:
    """What PyTorch's compiled half calls the element type of an array."""
    return C_NAMES.get(x.dtype.name, x.dtype.name)


def wanted(function: str, value: Any) -> dtype:
    """A dtype as a user gives it: one of ours, or float, int, bool; TypeError for others."""
    if value is float:
        return DTYPES["float64"]
    if isinstance(value, dtype) or value in (int, bool):
        return of(value)
    raise TypeError(
        f"{function}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}"
    )


class Size(tuple):
    """A shape: torch.Size([2, 3])."""

    __slots__ = ()

    def __new__(cls, sizes: Any = ()):
        for i, n in enumerate(made := tuple(sizes)):
            if not hasattr(n, "__index__"):
                raise TypeError(
                    f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')"
                )
        return tuple.__new__(cls, made)

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: tuple) -> Size:
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, n: int) -> Size:
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def numel(self) -> int:
        """The number of elements."""
        return int(np.prod(self, dtype=np.int64))

    def __getitem__(self, key):
        part = tuple.__getitem__(self, key)
        return Size(part) if isinstance(key, slice) else part

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


def scalar_dtype(value: Any) -> np.dtype:
    """The dtype of a Python number."""
    return (
        np.dtype(bool)
        if isinstance(value, bool)
        else LONG
        if isinstance(value, int)
        else DEFAULT_FLOAT
    )


def result_dtype(arrays: list, numbers: list) -> np.dtype:
    """PyTorch's promotion: tensors with axes, then those without, then numbers; a higher kind wins.

    arrays: of the tensors; numbers: the Python numbers among the inputs.
    """
    best = None
    for group in (
        [a.dtype for a in arrays if a.ndim],
        [a.dtype for a in arrays if not a.ndim],
        [scalar_dtype(v) for v in numbers],
    ):
        if group:
            found = functools.reduce(wider, group)
            if best is None or RANK[found.kind] > RANK[best.kind]:
                best = found
    return best


def wider(x: np.dtype, y: np.dtype) -> np.dtype:
    """The dtype that holds both; a float of any width holds every integer."""
    if RANK[x.kind] != RANK[y.kind]:
        return x if RANK[x.kind] > RANK[y.kind] else y
    return np.promote_types(x, y)
