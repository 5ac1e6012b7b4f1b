"""DType: NumPy's dtypes under TensorFlow's names."""

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
    def is_unsigned(self) -> bool:
        """True for unsigned integers."""
        return self.dtype.kind == "u"

    @property
    def is_numeric(self) -> bool:
        """True for numbers, not for bool."""
        return self.dtype.kind != "b"

    @property
    def is_complex(self) -> bool:
        """False: there are no complex dtypes."""
        return False

    @property
    def is_quantized(self) -> bool:
        """False: there are no quantized dtypes."""
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        """True: every dtype is one of NumPy's."""
        return True

    @property
    def base_dtype(self) -> DType:
        """The dtype itself: there are no references."""
        return self

    real_dtype = base_dtype

    @property
    def as_datatype_enum(self) -> int:
        """TensorFlow's number of this dtype in its files (types.proto)."""
        return NUMBERS[self.name]

    @property
    def limits(self) -> tuple[Any, Any]:
        """(0, largest) of integers, (0, 1) of floats and (False, True) of bool: the intensities
        that an image of this dtype may have.
        """
        kind = self.dtype.kind
        return (0, int(self.max)) if kind in "iu" else (0, 1) if kind == "f" else (False, True)

    def is_compatible_with(self, other: Any) -> bool:
        """True if `other` is this dtype."""
        return as_dtype(other).name == self.name

    @property
    def size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest number of this dtype; TypeError for bool."""
        if self.is_bool:
            raise TypeError(f"Cannot find minimum value of {self} with type {self}.")
        return np.finfo(self.dtype).min if self.is_floating else np.iinfo(self.dtype).min

    @property
    def max(self) -> Any:
        """The largest number of this dtype; TypeError for bool."""
        if self.is_bool:
            raise TypeError(f"Cannot find maximum value of {self} with type {self}.")
        return np.finfo(self.dtype).max if self.is_floating else np.iinfo(self.dtype).max

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
# DataType of tensorflow/core/framework/types.proto
NUMBERS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "int64": 9,
    "bool": 10, "uint16": 17, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip
ALIASES = {number: DTYPES[name] for name, number in NUMBERS.items()}
ALIASES |= DTYPES | {float: DTYPES["float32"], "float": DTYPES["float32"], int: DTYPES["int32"]}


def as_dtype(value: Any) -> DType:
    """The DType of a name, a NumPy dtype or type, a Python type (float is float32) or a DType."""
    if isinstance(value, DType):
        return value
    if type(value) in (int, type, str) and value in ALIASES:
        return ALIASES[value]
    try:
        if value is None:
            raise TypeError
        return OF_NUMPY[np.dtype(value)]
    except (KeyError, TypeError):
        raise TypeError(f"dtype: got {value!r}, wanted one of {', '.join(NAMES)}") from None
