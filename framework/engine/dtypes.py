"""DType and TensorShape: NumPy's dtypes and shapes under TensorFlow's names."""

from __future__ import annotations

from typing import Any

import numpy as np


class DType:
    """A dtype: `name`, `as_numpy_dtype`, `is_floating` ...; equals its name and NumPy's dtype."""

    __slots__ = ("dtype", "name")

    def __init__(self, name: str):
        self.name = name
        self.dtype = np.dtype(name)  # the attribute NumPy looks for: np.zeros(3, tf.float32)

    @property
    def as_numpy_dtype(self) -> type:
        """The NumPy scalar type, e.g. np.float32."""
        return self.dtype.type

    @property
    def is_floating(self) -> bool:
        """True for float16, float32 and float64."""
        return self.dtype.kind == "f"

    @property
    def is_integer(self) -> bool:
        """True for signed and unsigned integers, not for bool."""
        return self.dtype.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """True for bool."""
        return self.dtype.kind == "b"

    @property
    def size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest number of this dtype."""
        return np.finfo(self.dtype).min if self.is_floating else np.iinfo(self.dtype).min

    @property
    def max(self) -> Any:
        """The largest number of this dtype."""
        return np.finfo(self.dtype).max if self.is_floating else np.iinfo(self.dtype).max

    @property
    def base_dtype(self) -> DType:
        """The dtype itself."""
        return self

    real_dtype = base_dtype

    @property
    def is_complex(self) -> bool:
        """False: there are no complex dtypes."""
        return False

    @property
    def is_unsigned(self) -> bool:
        """True for integers without a sign."""
        return self.dtype.kind == "u"

    @property
    def limits(self) -> tuple:
        """(lowest, highest) of images: (0, 1) of floats, (0, largest) of integers."""
        return (0, 1) if self.is_floating else (max(0, int(self.min)), int(self.max))

    def is_compatible_with(self, other: Any) -> bool:
        """True if `other` is the same dtype."""
        return self == as_dtype(other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self.name == other.name
        try:
            return as_dtype(other).name == self.name
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self):
        return as_dtype, (self.name,)


NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
DTYPES = {name: DType(name) for name in NAMES}
OF_NUMPY = {d.dtype: d for d in DTYPES.values()}


def as_dtype(value: Any) -> DType:
    """The DType of a name, a NumPy dtype or type, a Python type (float is float32) or a DType."""
    if isinstance(value, DType):
        return value
    if value is float:
        return DTYPES["float32"]
    if value is int:
        return DTYPES["int32"]
    try:
        if value is None:
            raise TypeError
        return OF_NUMPY[np.dtype(value)]
    except (KeyError, TypeError):
        raise TypeError(f"dtype: got {value!r}, wanted one of {', '.join(NAMES)}") from None


class TensorShape(tuple):
    """A shape: a tuple of ints (None: unknown) with TensorFlow's words."""

    __slots__ = ()

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    ndims = rank

    def as_list(self) -> list:
        """The dimensions as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """The number of elements, None if a dimension is unknown."""
        return None if None in self else int(np.prod(self, dtype=np.int64))

    def is_fully_defined(self) -> bool:
        """True if no dimension is None."""
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """True if one shape could stand for the other: equal rank, equal or unknown dimensions."""
        other = tuple(other)
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a == b or None in (a, b) for a, b in pairs)

    def __getitem__(self, key):
        part = tuple.__getitem__(self, key)
        return TensorShape(part) if isinstance(key, slice) else part

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other)) if isinstance(other, (tuple, list)) else False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)
