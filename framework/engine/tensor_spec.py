"""TensorSpec: the shape and dtype of tensors to come, as the doors and data sets state it."""

from __future__ import annotations

from typing import Any

from framework.engine.dtypes import as_dtype
from framework.engine.open_sizes import GENERIC
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Spec, Tensor, as_array, as_tensor


class TensorSpec:
    """Shape (None: any) and dtype of a tensor: TensorSpec(shape, dtype=tf.float32, name=None)."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None):
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype, self.name = as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Tensor, name: str | None = None) -> TensorSpec:
        """The spec that describes `tensor`."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, value: Any) -> bool:
        """True if `value` (a tensor or spec) has this dtype and fits the shape."""
        if self.dtype != value.dtype:
            return False
        return (
            self.shape is None or value.shape is None or self.shape.is_compatible_with(value.shape)
        )

    def fit(self, value: Any, what: str) -> Tensor:
        """`value` as a tensor of this spec; TypeError, starting with `what`, if it is none.

        Arrays take the dtype, numbers where tf.constant lets them; a Tensor must have it.
        """
        try:
            x = value if isinstance(value, Tensor) else as_tensor(as_array(value, self.dtype))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what} `Can not cast {value!r} to {self!r}`: {error}") from None
        if not self.is_compatible_with(x):
            raise TypeError(f"{what} `Can not cast {TensorSpec.from_tensor(x)!r} to {self!r}`")
        return x

    def example(self) -> Tensor:
        """A tensor of this dtype and shape, with some length in the place of None, without a
        value."""
        if self.shape is None:
            raise ValueError(f"{self!r}: a shape is wanted")
        shape = tuple([GENERIC if n is None else n for n in self.shape.as_list()])
        return Tensor(Spec(shape, self.dtype.dtype))

    def __eq__(self, other: object) -> bool:
        parts = ("shape", "dtype", "name")
        return isinstance(other, TensorSpec) and all(
            getattr(self, p) == getattr(other, p) for p in parts
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        shape = "<unknown>" if self.shape is None else tuple(self.shape)
        return f"TensorSpec(shape={shape}, dtype={self.dtype!r}, name={self.name!r})"
