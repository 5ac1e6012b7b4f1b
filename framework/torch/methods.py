"""The operators and methods of torch.Tensor: bound here, once, to the functions of the table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine import tensor as engine
from framework.torch import autograd, dtypes, functions
from framework.torch.call import call, named, to
from framework.torch.indexing import getitem
from framework.torch.inplace import check_expands, copy_, fill_, in_place, kind, setitem, zero_
from framework.torch.tensor import Tensor, as_array

METHODS = """
abs neg square floor ceil sign relu exp expm1 log log1p sqrt rsqrt reciprocal sin cos tan sinh
cosh tanh erf sigmoid logsumexp mul pow maximum minimum eq ne lt le gt ge remainder transpose
unsqueeze add sub div where clamp sum prod mean var std max min argmax argmin any all cumsum
softmax log_softmax matmul mm bmm dot mv squeeze flatten clone equal allclose isnan isinf
isfinite multiply subtract divide negative clip
""".split()
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "matmul": "matmul", "pow": "pow",
    "mod": "remainder",
}  # fmt: skip
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
CONVERSIONS = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "bool": "bool",
}  # fmt: skip
REFLECTED_TITLES = {
    functions.sub: "RsubBackward1", functions.pow: "PowBackward2",
}  # fmt: skip
OPERANDS = (engine.Tensor, int, float, np.ndarray, np.generic)
IN_PLACE = ("add", "sub", "mul", "div", "pow")
IN_PLACE_UNARY = ("exp", "log", "sqrt", "neg", "abs", "relu", "sigmoid", "tanh", "clamp")


def bits(logical: Any, bitwise: Any) -> Callable:
    """x & y and its like: logical of bools, bit by bit of integers."""

    def method(x: Tensor, y: Any) -> Tensor:
        both = [v for v in (x, y) if isinstance(v, engine.Tensor)]
        for v in both:
            if v.array.dtype.kind == "f":
                raise NotImplementedError(f"\"{bitwise.name}_cpu\" not implemented for '{kind(v)}'")
        of_bools = all([v.array.dtype == bool for v in both]) and (
            len(both) == 2 or type(y) is bool
        )
        return call(logical if of_bools else bitwise, (x, y), {})

    return method


def inverted(x: Tensor) -> Tensor:
    """~x: not x of bools, every bit turned of integers; TypeError for floats."""
    if x.array.dtype.kind == "f":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return call(ops.logical_not if x.array.dtype == bool else ops.bitwise_not, (x,), {})


def shifted_left(x: Tensor, y: Any) -> Tensor:
    """x << y: x times 2 to the power of y."""
    return functions.mul(x, functions.pow(2, y) if isinstance(y, Tensor) else 2**y)


def shifted_right(x: Tensor, y: Any) -> Tensor:
    """x >> y: x divided by 2 to the power of y, rounded down."""
    return floor_divide(x, functions.pow(2, y) if isinstance(y, Tensor) else 2**y)


def compared(function: Callable, otherwise: bool) -> Callable:
    """== or !=: what is no number equals nothing."""

    def method(x: Tensor, y: Any) -> Any:
        if not isinstance(y, OPERANDS):
            return otherwise
        return function(x, y)

    return method


def no_items(x: Tensor, key: Any) -> None:
    """del x[key]"""
    raise TypeError("Tensor does not support deleting items")


def reflected(function: Callable) -> Callable:
    """y . x"""
    title = REFLECTED_TITLES.get(function)
    if title is None:
        return lambda x, y: function(y, x)
    return lambda x, y: named(function(y, x), title)


def dividing(x: Tensor, y: Any) -> Tensor:
    """y / x, which PyTorch computes as (1 / x) y."""
    return functions.mul(functions.reciprocal(x), y)


def raised(x: Tensor, y: Any) -> Tensor:
    """x to the power of y."""
    result = functions.pow(x, y)
    return named(result, "PowBackward1") if isinstance(y, engine.Tensor) else result


def positive(x: Tensor) -> Tensor:
    """+x: x itself; RuntimeError for bools."""
    if x.array.dtype == bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return x


def contiguous(x: Tensor) -> Tensor:
    """x itself, or a copy whose elements lie in memory in the order of the axes."""
    if x.is_contiguous():
        return x
    copied = functions.clone(x)
    copied.array = np.ascontiguousarray(copied.array)
    return copied


def floor_divide(x: Tensor, y: Any) -> Tensor:
    """x // y"""
    return functions.div(x, y, rounding_mode="floor")


def shaped(function: Callable, name: str, word: str) -> Callable:
    """The method of this name, whose shape may be given as one tuple, as several numbers, or by
    keyword."""

    def method(x: Tensor, *sizes: Any, **by_keyword: Any) -> Tensor:
        if by_keyword.keys() == {word} and not sizes:
            sizes = (by_keyword[word],)
        elif by_keyword or not sizes:
            raise TypeError(f'{name}() wants one argument: "{word}"')
        first = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        for i, n in enumerate(first):
            if not hasattr(n, "__index__"):
                raise TypeError(
                    f"{name}(): argument '{word}' failed to unpack the object at pos {i + 1}: "
                    f"must be tuple of ints, not {type(n).__name__}"
                )
        return function(x, tuple(first))

    method.__doc__ = function.__doc__
    return method


def reshaped(x: Tensor, size: tuple) -> Tensor:
    """The same elements in another shape (one dimension may be -1); a view where it can be."""
    known = math.prod([n for n in size if n != -1])
    if size.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if (known != x.array.size) if -1 not in size else (not known or x.array.size % known):
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {x.array.size}")
    return functions.reshape(x, size)


def viewed(x: Tensor, size: tuple) -> Tensor:
    """The same memory in another shape (one dimension may be -1); never a copy."""
    seen = reshaped(x, size)
    if not seen._is_view():
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return seen


def expand(x: Tensor, size: tuple) -> Tensor:
    """x repeated along axes of length 1; -1 keeps a length."""
    shape = x.array.shape
    lead = len(size) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{kind(x)}Tensor{{{list(shape)}}}, size={list(size)}): the number of "
            f"sizes provided ({len(size)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(shape)})"
        )
    if -1 in size[:lead]:
        raise RuntimeError(
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
            f"dimension {size.index(-1)}"
        )
    wanted = tuple([shape[i - lead] if n == -1 else n for i, n in enumerate(size)])
    check_expands(shape, wanted)
    return functions.broadcast_to(x, wanted)


def turned(x: Tensor) -> Tensor:
    """The matrix with its axes exchanged."""
    return named(call(ops.transpose, (x,), {}), "TBackward0")


def reversed_axes(x: Tensor) -> Tensor:
    """The tensor with the order of its axes reversed."""
    return call(ops.transpose, (x,), {})


def converted(x: Tensor, *args: Any, dtype: Any = None, **_ignored: Any) -> Tensor:
    """x in another dtype (or that of another tensor); devices are ignored."""
    for a in args:
        if isinstance(a, engine.Tensor):
            dtype = a.dtype
        elif not isinstance(a, (str, bool)):
            dtype = a
    return x if dtype is None else to(x, dtypes.of(dtype).dtype)


def backward(
    x: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add d x / d leaf to leaf.grad of every leaf behind x."""
    autograd.backward(x, gradient, retain_graph, create_graph, inputs=inputs)


def bind_bits() -> None:
    """Give Tensor & | ^ ~ << >>."""
    for name in ("and", "or", "xor"):
        method = bits(getattr(ops, f"logical_{name}"), getattr(ops, f"bitwise_{name}"))
        setattr(Tensor, f"__{name}__", method)
        setattr(Tensor, f"__r{name}__", reflected(method))
        setattr(Tensor, f"__i{name}__", in_place(method))
    Tensor.__invert__, Tensor.__delitem__ = inverted, no_items
    for name, method in (("lshift", shifted_left), ("rshift", shifted_right)):
        setattr(Tensor, f"__{name}__", method)
        setattr(Tensor, f"__i{name}__", in_place(method))


def bind() -> None:
    """Give Tensor its operators and methods."""
    for name in METHODS:
        setattr(Tensor, name, getattr(functions, name))
    for name, function in BINARY.items():
        setattr(Tensor, f"__{name}__", getattr(functions, function))
        setattr(Tensor, f"__r{name}__", reflected(getattr(functions, function)))
    Tensor.__pow__, Tensor.contiguous = raised, contiguous
    Tensor.__rtruediv__ = dividing
    Tensor.__floordiv__, Tensor.__rfloordiv__ = floor_divide, reflected(floor_divide)
    for name in COMPARE:
        setattr(Tensor, f"__{name}__", getattr(functions, name))
    Tensor.__eq__, Tensor.__ne__ = compared(functions.eq, False), compared(functions.ne, True)
    Tensor.__ifloordiv__, Tensor.__imod__ = in_place(floor_divide), in_place(functions.remainder)
    for name in (*IN_PLACE, *IN_PLACE_UNARY):
        setattr(Tensor, f"{name}_", in_place(getattr(functions, name)))
    for name in IN_PLACE:
        setattr(Tensor, f"__i{name.replace('div', 'truediv')}__", getattr(Tensor, f"{name}_"))
    Tensor.__neg__, Tensor.__abs__, Tensor.__pos__ = functions.neg, functions.abs, positive
    Tensor.__round__ = None  # PyTorch's has none
    Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem
    for name in ("permute", "flip"):
        setattr(Tensor, name, shaped(getattr(functions, name), name, "dims"))
    Tensor.reshape = shaped(reshaped, "reshape", "shape")
    Tensor.view, Tensor.expand = shaped(viewed, "view", "size"), shaped(expand, "expand", "size")
    for name, dtype in CONVERSIONS.items():
        setattr(Tensor, name, lambda x, dtype=dtype: to(x, np.dtype(dtype)))
    Tensor.T = property(reversed_axes)
    Tensor.mT = property(lambda x: functions.transpose(x, -2, -1))
    Tensor.t, Tensor.to, Tensor.type = turned, converted, converted
    Tensor.fill_, Tensor.copy_, Tensor.zero_, Tensor.backward = fill_, copy_, zero_, backward
    Tensor.view_as = lambda x, other: viewed(x, other.shape)
    Tensor.new_tensor = lambda x, data: Tensor(as_array(data, x.dtype))


bind()
bind_bits()
