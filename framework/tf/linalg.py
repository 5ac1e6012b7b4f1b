"""tf.linalg: matrix products, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.tensor import Tensor
from framework.tf.call import renamed, tensor
from framework.tf.call import tensor as as_tensor
from framework.tf.create import eye
from framework.tf.math import l2_normalize

matmul = renamed(
    ops.matmul,
    "a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, "
    "a_is_sparse=False, b_is_sparse=False, output_type=None, grad_a=False, grad_b=False, name=None",
    transpose_x="transpose_a",
    transpose_y="transpose_b",
)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """a with its last two axes exchanged."""
    return ops.swapaxes(tensor(a), -1, -2)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """a b for matrices a (..., m, n) and vectors b (..., n)."""
    a = tensor(a)
    column = ops.expand_dims(tensor(b, a.dtype), -1)
    return ops.squeeze(ops.matmul(a, column, transpose_x=transpose_a or adjoint_a), -1)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """sqrt of the sum of the squares of all elements of all tensors; None counts as nothing."""
    parts = [ops.sum(ops.square(tensor(x))) for x in t_list if x is not None]
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    return ops.sqrt(total)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, name: Any = None
) -> Tensor:
    """The norm along `axis` (None: of all elements): "euclidean", 1, 2, any p > 0 or np.inf."""
    x, axis, keepdims = as_tensor(tensor), door.static(axis), bool(keepdims)
    is_matrix = isinstance(axis, tuple) and len(axis) == 2
    if ord == "fro" and not is_matrix:
        raise ValueError("norm: ord='fro' wants two axes")
    if is_matrix and ord not in ("fro", "euclidean"):
        raise NotImplementedError(f"norm: ord={ord!r} of matrices is not supported")
    if ord in ("euclidean", "fro", 2):
        return ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
    if ord == np.inf:
        return ops.max(ops.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return ops.sum(ops.abs(x), axis=axis, keepdims=keepdims)
    return ops.sum(ops.abs(x) ** float(ord), axis=axis, keepdims=keepdims) ** (1.0 / float(ord))


door.named(globals(), __name__)
__getattr__ = door.lacking(__name__, globals())
