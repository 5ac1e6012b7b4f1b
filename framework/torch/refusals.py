"""What PyTorch says where a function refuses its inputs: IndexError for a dimension that is not
there, RuntimeError for shapes and dtypes that do not fit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import tensor as engine
from framework.engine.accumulate import KINDS
from framework.engine.operands import broadcast_together
from framework.torch.dtypes import c_name

ADDS_AXIS = {"expand_dims", "stacked"}
NO_BOOLS = {
    "subtract": "Subtraction, the `-` operator, with two bool tensors is not supported. Use the "
    "`^` or `logical_xor()` operator instead.",
    "negative": "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
    "to invert a mask, use the `~` or `logical_not()` operator instead.",
}


def check_dim(dim: Any, ndim: int) -> None:
    """IndexError unless `dim` is one of so many axes; a tensor without axes is taken for one of
    one.
    """
    n = max(ndim, 1)
    if isinstance(dim, int) and not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )


def check_tensor(name: str, value: Any) -> None:
    """TypeError unless the first argument of a function is a tensor."""
    if not isinstance(value, engine.Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}"
        )


def kind_refused(name: str, *values: Any) -> TypeError:
    """For arguments of types that no form of a function takes."""
    kinds = ["Tensor" if isinstance(v, engine.Tensor) else type(v).__name__ for v in values]
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({', '.join(kinds)})"
    )


def check_grad(x: Any, value: Any) -> None:
    """Raise unless `value` can be assigned to x.grad."""
    if value is None:
        return
    if not isinstance(value, engine.Tensor):
        raise TypeError(
            "assigned grad expected to be a Tensor or None but got grad of type "
            f"{type(value).__name__}"
        )
    if value is x:
        raise RuntimeError("can't assign Variable as its own grad")
    if value.array.shape != x.array.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value.array.shape)}' to a tensor of "
            f"size '{list(x.array.shape)}'. Please ensure that the gradient and the tensor are "
            "the same size"
        )
    if value.array.dtype != x.array.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{c_name(value.array)}' to a tensor with "
            f"grad_dtype '{KINDS[x.array.dtype.name]}'. The gradient must match the tensor's "
            "grad_dtype (defaults to the tensor's dtype)."
        )


def check_differentiable(x: Any, requires_grad: bool) -> None:
    """Raise if a tensor that is no float shall require a gradient, TypeError for no bool."""
    if type(requires_grad) is not bool:
        raise TypeError(
            f"argument 'requires_grad' must be bool, not {type(requires_grad).__name__}"
        )
    if requires_grad and x.array.dtype.kind != "f":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


def explained(function: Any, inputs: Any, attrs: dict, error: Exception) -> Exception:
    """The error to raise for one of the engine's."""
    name = function.__name__
    flat = [x for x in inputs if isinstance(x, engine.Tensor)]
    shapes = [x.array.shape for x in flat]
    try:
        check_axes(name, attrs, len(shapes[0]) if shapes else 0)
    except (IndexError, RuntimeError) as found:
        return found
    if name in NO_BOOLS and all([x.array.dtype == bool for x in flat]):
        return RuntimeError(NO_BOOLS[name])
    if name in ("product", "matmul"):
        return product_refused(*shapes)
    if (getattr(function, "same_dtype", False) or name == "where") and not broadcast_together(
        [x.array for x in flat]
    ):
        return broadcast_refused(shapes)
    return in_words_of_torch(name, error)


def in_words_of_torch(name: str, error: Exception) -> Exception:
    """RuntimeError for what the engine calls ValueError and InvalidArgumentError."""
    if "Integer division by zero" in str(error):
        return RuntimeError("ZeroDivisionError")
    if isinstance(error, ValueError):
        return RuntimeError(str(error).removeprefix(f"{name}: "))
    return error


def check_axes(name: str, attrs: dict, ndim: int) -> None:
    """Raise for an axis that is not there or is named twice."""
    for key in ("axis", "axis1", "axis2", "axes"):
        value = attrs.get(key)
        axes = value if isinstance(value, (tuple, list)) else () if value is None else (value,)
        for axis in axes:
            check_dim(axis, ndim + (name in ADDS_AXIS))
        named = [a % max(ndim, 1) for a in axes if isinstance(a, int)]
        twice = [a for i, a in enumerate(named) if a in named[:i]]
        if key == "axes" and axes and len(axes) != ndim:
            raise RuntimeError(
                f"permute(): number of dimensions in the tensor input does not match the length of "
                f"the desired ordering of dimensions i.e. input.dim() = {ndim} is not equal to "
                f"len(dims) = {len(axes)}"
            )
        if twice and key == "axes":
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        if twice:
            raise RuntimeError(f"dim {twice[0]} appears multiple times in the list of dims")


def product_refused(x: tuple, y: tuple) -> RuntimeError:
    """For matrices that do not fit."""
    if len(x) <= 2 and len(y) == 2:
        left = "x".join(map(str, x if len(x) == 2 else (1, *x)))
        right = "x".join(map(str, y))
        return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({left} and {right})")
    if len(x) == 2 and len(y) == 1:
        return RuntimeError(f"size mismatch, got input ({x[0]}), mat ({x[0]}x{x[1]}), vec ({y[0]})")
    if len(x) < 2 or len(y) < 3:  # PyTorch takes the rows of all matrices together
        rows = math.prod(x[:-1])
        if len(y) == 1:
            return RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{x[-1]}), "
                                f"vec ({y[0]})")  # fmt: skip
        return product_refused((rows, x[-1]), y[-2:])
    if not broadcast_together([np.empty(x[:-2]), np.empty(y[:-2])]):
        return broadcast_refused([x[:-2], y[:-2]])
    n, wanted, got = math.prod(y[:-2]), x[-1], y[-2]
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{n}, {wanted}] but got: "
        f"[{n}, {got}]."
    )


def broadcast_refused(shapes: list[tuple]) -> RuntimeError:
    """For shapes that do not broadcast: the first pair, and the last axis where it differs."""
    pairs = [(a, b) for i, a in enumerate(shapes) for b in shapes[i + 1 :]]
    for a, b in pairs:
        for back in range(1, min(len(a), len(b)) + 1):
            if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
                return RuntimeError(
                    f"The size of tensor a ({a[-back]}) must match the size of tensor b "
                    f"({b[-back]}) at non-singleton dimension {max(len(a), len(b)) - back}"
                )
    return RuntimeError(f"the shapes {shapes} do not broadcast")


def check_joined(name: str, tensors: Any, dim: int) -> None:
    """Raise unless torch.cat or torch.stack can join these along `dim`."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    if not isinstance(dim, int):
        raise TypeError(
            f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    for i, x in enumerate(tensors):
        if not isinstance(x, engine.Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    if not tensors:
        if name == "cat":
            raise ValueError("torch.cat(): expected a non-empty list of Tensors")
        raise RuntimeError("stack expects a non-empty TensorList")
    (check_concatenated if name == "cat" else check_stacked)([x.array.shape for x in tensors], dim)


def check_stacked(shapes: list[tuple], dim: int) -> None:
    """Raise unless all shapes are equal."""
    check_dim(dim, len(shapes[0]) + 1)
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 "
                f"and {list(shape)} at entry {i}"
            )


def check_concatenated(shapes: list[tuple], dim: int) -> None:
    """Raise unless the shapes are equal but for the axis `dim`."""
    for i, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    shapes = [(i, shape) for i, shape in enumerate(shapes) if shape != (0,)] or [(0, shapes[0])]
    first = shapes[0][1]
    check_dim(dim, len(first))
    for i, shape in shapes:
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        check_sizes(first, shape, dim % len(first), i)


def check_sizes(first: tuple, shape: tuple, dim: int, number: int) -> None:
    """Raise if another axis than `dim` differs."""
    for axis, (n, m) in enumerate(zip(first, shape)):
        if n != m and axis != dim:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got "
                f"size {m} for tensor number {number} in the list."
            )
