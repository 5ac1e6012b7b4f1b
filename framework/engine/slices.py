"""IndexedSlices: the gradient of a table of which a few rows were read."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dimension import SIZED, has_dims
from framework.engine.dtypes import DType
from framework.engine.errors import MixedDtypesError
from framework.engine.op import OPS
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor, as_tensor


class IndexedSlices:
    """Rows of a tensor that is zero elsewhere: IndexedSlices(values, indices, dense_shape=None).

    dense[indices[i]] += values[i]: an index may occur several times. values: (n, ...), indices:
    (n,) integers, dense_shape: the shape of the whole, which a conversion to a tensor needs.
    gradient() gives one for what was only read by gather along axis 0 or embedding_lookup. Where a
    tensor is wanted (tf.add, np.asarray ...) it becomes one: `__tf_tensor__`.
    """

    __slots__ = ("__weakref__", "dense_shape", "indices", "values", "whole")

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self.values, self.indices = as_tensor(values), as_tensor(indices)
        if self.indices.array.dtype.kind not in "iu":
            raise MixedDtypesError(f"IndexedSlices: indices have dtype {self.indices.dtype.name}, "
                            "wanted integers")  # fmt: skip
        self.whole: tuple | None = None
        self.dense_shape: Tensor | None = None
        if type(dense_shape) is tuple and has_dims(dense_shape):
            self.whole, self.dense_shape = dense_shape, SIZED[0](dense_shape, "int32")
        elif dense_shape is not None:
            shape = np.asarray(dense_shape)
            self.whole = tuple([int(n) for n in shape])
            is_tensor = isinstance(dense_shape, Tensor)
            self.dense_shape = dense_shape if is_tensor else Tensor(shape.astype(np.int32))

    @property
    def dtype(self) -> DType:
        """The dtype of the values."""
        return self.values.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole; TensorShape(None) if it is not known."""
        return TensorShape(self.whole)

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Tensor:
        """The whole as a Tensor; rows of one index are summed."""
        if self.whole is None:
            raise ValueError(
                f"Tensor conversion requested for IndexedSlices without dense_shape: {self}"
            )
        return as_tensor(OPS["gather_grad"](self.values, self.indices, whole=self.whole), dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.__tf_tensor__(), dtype)

    def with_values(self, values: Tensor) -> IndexedSlices:
        """Other values at the same rows."""
        return same_rows(values, self.indices, self.whole)

    def __neg__(self) -> IndexedSlices:
        return self.with_values(OPS["negative"](self.values))

    def __str__(self) -> str:
        whole = "" if self.dense_shape is None else f", dense_shape={self.dense_shape!s}"
        return f"IndexedSlices(indices={self.indices!s}, values={self.values!s}{whole})"

    __repr__ = __str__


def same_rows(values: Tensor, indices: Tensor, whole: tuple | None) -> IndexedSlices:
    """IndexedSlices of tensors; `whole` is the shape as a tuple."""
    return IndexedSlices(values, indices, whole)


def dense(g: Any) -> Any:
    """A gradient as a tensor: IndexedSlices become one, anything else stays."""
    return g.__tf_tensor__() if type(g) is IndexedSlices else g


def added(a: Any, b: Any) -> Any:
    """The sum of two cotangents: of IndexedSlices the rows of both, of others a tensor."""
    if type(a) is IndexedSlices and type(b) is IndexedSlices:
        join = OPS["concatenate"]
        indices = [s.indices for s in (a, b)]
        if indices[0].dtype != indices[1].dtype:
            indices = [OPS["cast"](i, dtype="int64") for i in indices]
        return same_rows(join(a.values, b.values, axis=0), join(*indices, axis=0), a.whole)
    return OPS["add"](dense(a), dense(b))
