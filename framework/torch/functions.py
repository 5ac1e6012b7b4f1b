"""The functions of the torch namespace: a table of names for our ops."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.op import OPS
from framework.engine.tensor import Tensor as EngineTensor
from framework.torch import dtypes
from framework.torch.call import as_float, call, floating, named, numpy_words, promoted, renamed, to
from framework.torch.choices import clamp, clip, where
from framework.torch.products import bmm, cat, concat, dot, matmul, mm, mv, stack
from framework.torch.refusals import check_dim, check_tensor, kind_refused
from framework.torch.singular import flat, nan_mean, power, root
from framework.torch.singular import sqrt as singular_sqrt
from framework.torch.tensor import Tensor

UNARY = "input, *, out=None"
BINARY = "input, other, *, out=None"
PLAIN = "input"

neg = negative = renamed(ops.negative, UNARY)
square = renamed(ops.square, UNARY)
sign = renamed(ops.sign, UNARY)
floor = renamed(flat(ops.floor), UNARY)
ceil = renamed(flat(ops.ceil), UNARY)
isnan = renamed(ops.isnan, PLAIN)
isinf = renamed(ops.isinf, PLAIN)
isfinite = renamed(ops.isfinite, PLAIN)

exp = floating(ops.exp, UNARY)
expm1 = floating(ops.expm1, UNARY)
log = floating(ops.log, UNARY)
log1p = floating(ops.log1p, UNARY)
sqrt = floating(singular_sqrt, UNARY)
rsqrt = floating(ops.rsqrt, UNARY)
reciprocal = floating(ops.reciprocal, UNARY)
sin = floating(ops.sin, UNARY)
cos = floating(ops.cos, UNARY)
tan = floating(ops.tan, UNARY)
sinh = floating(ops.sinh, UNARY)
cosh = floating(ops.cosh, UNARY)
tanh = floating(ops.tanh, UNARY)
asin = arcsin = floating(ops.arcsin, UNARY)
acos = arccos = floating(ops.arccos, UNARY)
atan = arctan = floating(ops.arctan, UNARY)
erf = floating(ops.erf, UNARY)
sigmoid = floating(ops.sigmoid, UNARY)
logsumexp = floating(
    ops.logsumexp, "input, dim, keepdim=False, *, out=None", axis="dim", keepdims="keepdim"
)

mul = multiply = renamed(ops.multiply, BINARY)
pow = renamed(power, "input, exponent, *, out=None")
maximum = renamed(ops.maximum, BINARY, pinned={"ties": "split"})
minimum = renamed(ops.minimum, BINARY, pinned={"ties": "split"})
eq = renamed(ops.equal, BINARY)
ne = renamed(ops.not_equal, BINARY)
lt = renamed(ops.less, BINARY)
le = renamed(ops.less_equal, BINARY)
gt = renamed(ops.greater, BINARY)
ge = renamed(ops.greater_equal, BINARY)
remainder = renamed(ops.mod, BINARY, pinned={"is_exact": True})

reshape = renamed(ops.reshape, "input, shape")
permute = renamed(ops.transpose, "input, dims", axes="dims")
transpose = renamed(ops.swapaxes, "input, dim0, dim1", axis1="dim0", axis2="dim1")
unsqueeze = renamed(ops.expand_dims, "input, dim", axis="dim")
flip = renamed(ops.flip, "input, dims", axis="dims")
broadcast_to = renamed(ops.broadcast_to, "input, size", shape="size")


def abs(input: Tensor, *, out: None = None) -> Tensor:
    """|x|; slope 0 at 0."""
    if isinstance(input, EngineTensor) and input.array.dtype == bool:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return call(ops.abs, (input,), {})


def relu(input: Tensor) -> Tensor:
    """max(x, 0); slope 0 at 0."""
    if isinstance(input, EngineTensor) and input.array.dtype == bool:
        raise RuntimeError("Boolean inputs not supported for relu")
    return call(ops.relu, (input,), {})


def add(input: Any, other: Any, *, alpha: Any = 1, out: None = None) -> Tensor:
    """input + alpha other"""
    return call(ops.add, (input, other if alpha == 1 else mul(other, alpha)), {})


def sub(input: Any, other: Any, *, alpha: Any = 1, out: None = None) -> Tensor:
    """input - alpha other"""
    for x, y in ((input, other), (other, input)):
        if isinstance(x, EngineTensor) and x.array.dtype == bool and isinstance(y, (int, float)):
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
                "trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )
    return call(ops.subtract, (input, other if alpha == 1 else mul(other, alpha)), {})


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: None = None) -> Tensor:
    """input / other, of floats; rounding_mode "floor" rounds down."""
    if rounding_mode == "floor":
        return call(ops.floor_divide, (input, other), {})
    if rounding_mode is not None:
        raise NotImplementedError(f"div: rounding_mode={rounding_mode!r} is not supported")
    input, other = promoted(ops.add, (input, other))
    return call(ops.divide, (as_float(input), as_float(other)), {})


subtract, divide, true_divide = sub, div, div


def over(input: Tensor, dim: Any) -> Any:
    """The axes of a reduction: all for `()`; a tensor without axes has 0 and -1, too."""
    return None if dim in ((), []) or (not input.array.ndim and dim in (0, -1)) else dim


@numpy_words
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim` (None: all); integers and bools are summed as int64."""
    check_tensor("sum", input)
    if dtype is None and input.array.dtype.kind != "f":
        dtype = "int64"
    input = input if dtype is None else to(input, dtypes.of(dtype).dtype)
    return call(ops.sum, (input,), {"axis": over(input, dim), "keepdims": keepdim})


@numpy_words
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over `dim` (None: all); integers and bools are multiplied as int64."""
    if dtype is None and input.array.dtype.kind != "f":
        dtype = "int64"
    input = input if dtype is None else to(input, dtypes.of(dtype).dtype)
    return call(ops.prod, (input,), {"axis": over(input, dim), "keepdims": keepdim})


@numpy_words
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim` (None: all) of floats."""
    check_tensor("mean", input)
    input = input if dtype is None else to(input, dtypes.of(dtype).dtype)
    if input.array.dtype.kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {'Bool' if input.array.dtype == bool else 'Long'}"
        )
    return call(ops.mean, (input,), {"axis": over(input, dim), "keepdims": keepdim})


@numpy_words
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: int | None = None,
) -> Tensor:
    """The variance over `dim` (None: all), with n - correction in the denominator.

    unbiased: an older word for correction: 1 if True, 0 if False.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = int(unbiased) if correction is None else correction
    axes = door.static(range_of(input, dim))
    n = int(np.prod([input.array.shape[a] for a in axes]))
    factor = n / (n - correction) if n > correction else np.inf if n > 1 else np.nan
    result = mul(call(ops.variance, (input,), {"axis": axes, "keepdims": keepdim}), factor)
    return named(result, "VarBackward0")


@numpy_words
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: int | None = None,
) -> Tensor:
    """The square root of the variance."""
    spread = var(input, dim, unbiased, keepdim, correction=correction)
    return named(call(root, (spread,), {}), "StdBackward0")


def range_of(input: Tensor, dim: Any) -> tuple:
    """The axes that `dim` names; None: all."""
    return (
        tuple(range(input.array.ndim)) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    )


Largest = namedtuple("max", ["values", "indices"])
Smallest = namedtuple("min", ["values", "indices"])


def show(pair: Any) -> str:
    """As PyTorch prints the result of max and min."""
    name = type(pair).__name__
    return f"torch.return_types.{name}(\nvalues={pair.values!r},\nindices={pair.indices!r})"


Largest.__repr__ = Smallest.__repr__ = show


@numpy_words
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; with `dim` (values, indices); with a tensor `maximum`."""
    dim = dim if other is None else other
    return extreme(input, dim, keepdim, ops.max, ops.argmax, maximum)


@numpy_words
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; with `dim` (values, indices); with a tensor `minimum`."""
    dim = dim if other is None else other
    return extreme(input, dim, keepdim, ops.min, ops.argmin, minimum)


def check_filled(name: str, input: Tensor, dim: int | None, kind: type) -> None:
    """Raise where the largest or smallest of nothing is wanted."""
    if dim is None and not input.array.size:
        raise kind(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    if dim is not None and input.array.ndim and not input.array.shape[dim]:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def extreme(input: Tensor, dim: Any, keepdim: bool, reduce: Any, find: Any, pair: Any) -> Any:
    """What max and min have in common."""
    check_tensor(reduce.name, input)
    if isinstance(dim, EngineTensor):
        return pair(input, dim)
    if not (dim is None or hasattr(dim, "__index__")):
        raise kind_refused(reduce.name, input, dim)
    if dim is None:
        check_filled(reduce.name, input, None, RuntimeError)
        if input.requires_grad and np.isnan(input.array).any():
            return call(nan_mean, (input,), {})
        return call(reduce, (input,), {"axis": None})
    check_dim(dim, input.array.ndim)
    if not input.array.ndim:  # of one element, without an axis
        indices = call(find, (input,), {"axis": None})
        return (Largest if reduce is ops.max else Smallest)(clone(input), indices)
    check_filled(reduce.name, input, dim, IndexError)
    indices = call(find, (input,), {"axis": dim, "keepdims": True})
    values = call(ops.take_along_axis, (input, indices), {"axis": dim})
    if not keepdim:
        values, indices = squeeze(values, dim), squeeze(indices, dim)
        values._view = indices._view = None  # of memory that nobody else knows
    named(values, "MaxBackward0" if reduce is ops.max else "MinBackward0")
    return (Largest if reduce is ops.max else Smallest)(values, indices)


@numpy_words
def argmax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element."""
    check_dim(dim, input.array.ndim)
    check_filled("argmax", input, dim, IndexError)
    return call(ops.argmax, (input,), {"axis": over(input, dim), "keepdims": keepdim})


@numpy_words
def argmin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element."""
    check_dim(dim, input.array.ndim)
    check_filled("argmin", input, dim, IndexError)
    return call(ops.argmin, (input,), {"axis": over(input, dim), "keepdims": keepdim})


@numpy_words
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True if an element is not 0."""
    return call(
        ops.any, (to(input, np.dtype(np.bool_)),), {"axis": over(input, dim), "keepdims": keepdim}
    )


@numpy_words
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True if no element is 0."""
    return call(
        ops.all, (to(input, np.dtype(np.bool_)),), {"axis": over(input, dim), "keepdims": keepdim}
    )


@numpy_words
def cumsum(input: Tensor, dim: int) -> Tensor:
    """The sums of the elements up to each one along `dim`."""
    return call(ops.cumsum, (input,), {"axis": dim})


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """e^x / sum(e^x) along `dim`."""
    return call(ops.softmax, (input,), {"axis": dim})


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along `dim`."""
    return call(ops.log_softmax, (input,), {"axis": dim})


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without axes of length 1 (None: all of them; `dim`: this one, if it has length 1)."""
    if dim is not None:
        dims = dim if isinstance(dim, tuple) else (dim,)
        for d in dims:
            check_dim(d, input.array.ndim)
        dims = dims if input.array.ndim else ()
        dim = tuple([d for d in dims if input.array.shape[d] == 1])
    return call(ops.squeeze, (input,), {"axis": dim})


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes start_dim to end_dim as one."""
    shape = input.array.shape or (1,)
    first, last = start_dim % len(shape), end_dim % len(shape)
    if first == last and input.array.ndim:
        return input
    return reshape(input, (*shape[:first], -1, *shape[last + 1 :]))


def clone(input: Tensor) -> Tensor:
    """A copy that is remembered."""
    return call(ops.identity, (input,), {})


def equal(input: Tensor, other: Tensor) -> bool:
    """True if shapes and values are the same."""
    return bool(np.array_equal(input.array, other.array))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """True if |input - other| <= atol + rtol |other| everywhere."""
    return bool(np.allclose(input.array, other.array, rtol, atol, equal_nan))


door.named(globals(), __name__)
__all__ = door.public(
    globals(),
    __name__,
    "Largest Smallest show over range_of check_filled extreme",
)
