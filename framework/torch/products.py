"""Matrix products, and tensors joined to one: functions of the torch namespace."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.accumulate import KINDS
from framework.engine.op import OPS
from framework.engine.tensor import Tensor as EngineTensor
from framework.torch.call import call, named, numpy_words, promoted
from framework.torch.dtypes import c_name
from framework.torch.refusals import check_joined, check_tensor
from framework.torch.tensor import Tensor

# How PyTorch calls the history of a product, by the numbers of axes.
TITLES = {
    (2, 2): "MmBackward0", (2, 1): "MvBackward0", (1, 2): "SqueezeBackward4",
    (3, 3): "UnsafeViewBackward0",
}  # fmt: skip


def matmul(input: Tensor, other: Tensor, *, out: None = None) -> Tensor:
    """The matrix product; a vector is a row on the left and a column on the right."""
    for x in (input, other):
        check_tensor("matmul", x)
    left, right = input.array.ndim, other.array.ndim
    if not left or not right:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {left}D and {right}D"
        )
    if input.array.dtype != other.array.dtype:
        if left == right == 1:
            raise RuntimeError(
                "dot : expected both vectors to have same dtype, but found "
                f"{KINDS[input.array.dtype.name]} and {KINDS[other.array.dtype.name]}"
            )
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{c_name(input.array)} != {c_name(other.array)}"
        )
    if input.array.dtype == bool:
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'")
    if left == right == 1:
        check_lengths(input.array.size, other.array.size)
        return call(dot_product, (input, other), {})
    return named(call(product, (input, other), {}), TITLES.get((left, right), TITLES[3, 3]))


def check_lengths(n: int, m: int) -> None:
    """RuntimeError for two vectors of different lengths."""
    if n != m:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same "
            f"number of elements, but got {n} and {m} elements respectively"
        )


def dot_product(x: Tensor, y: Tensor) -> EngineTensor:
    """sum(x y)"""
    return ops.sum(ops.multiply(x, y))


def product(x: Tensor, y: Tensor) -> EngineTensor:
    """x y, with vectors seen as matrices."""
    if y.array.ndim == 1:
        return ops.squeeze(ops.matmul(x, ops.expand_dims(y, -1)), -1)
    if x.array.ndim == 1:
        return ops.squeeze(ops.matmul(ops.expand_dims(x, 0), y), -2)
    return ops.matmul(x, y)


bmm = mv = matmul


def mm(input: Tensor, mat2: Tensor, *, out: None = None) -> Tensor:
    """The product of two matrices; RuntimeError for anything else."""
    for name, x in (("self", input), ("mat2", mat2)):
        if x.array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    return matmul(input, mat2)


def dot(input: Tensor, tensor: Tensor, *, out: None = None) -> Tensor:
    """The sum of the products of two vectors of one length; RuntimeError for anything else."""
    dims = input.array.ndim, tensor.array.ndim
    if dims != (1, 1):
        raise RuntimeError(f"1D tensors expected, but got {dims[0]}D and {dims[1]}D tensors")
    return matmul(input, tensor)


@numpy_words
def stack(tensors: Any, dim: int = 0, *, out: None = None) -> Tensor:
    """Tensors of one shape behind each other along a new axis."""
    check_joined("stack", tensors, dim)
    return call(stacked, tuple(promoted(OPS["concatenate"], tuple(tensors))), {"axis": dim})


@numpy_words
def cat(tensors: Any, dim: int = 0, *, out: None = None) -> Tensor:
    """Tensors behind each other along `dim`, in which alone their shapes may differ; tensors of
    shape (0,) are left out.
    """
    check_joined("cat", tensors, dim)
    filled = [x for x in tensors if x.array.shape != (0,)]
    if filled and len(filled) < len(tensors) and filled[0].array.ndim > 1:
        tensors = promoted(OPS["concatenate"], tuple(tensors))
        tensors = [x for x in tensors if x.array.shape != (0,)]
    return call(OPS["concatenate"], tuple(tensors), {"axis": dim})


concat = cat


def stacked(*xs: Tensor, axis: int) -> EngineTensor:
    """ops.stack of tensors one by one."""
    return ops.stack(list(xs), axis=axis)
