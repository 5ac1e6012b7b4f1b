"""tf.math: a table of names for our ops."""

from __future__ import annotations

import importlib
from typing import Any

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import matching, of_bools, of_floats, of_numbers, renamed, tensor
from framework.tf.segment import (
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_prod,
    unsorted_segment_sqrt_n,
    unsorted_segment_sum,
)
from framework.tf.sorting import top_k

UNARY = "x, name=None"
BINARY = "x, y, name=None"
REDUCTION = "input_tensor, axis=None, keepdims=False, name=None"
SCAN = "x, axis=0, exclusive=False, reverse=False, name=None"
POSITION = "input, axis=None, output_type='int64', name=None"

add = renamed(ops.add, BINARY)
subtract = renamed(ops.subtract, BINARY)
multiply = renamed(ops.multiply, BINARY)
floormod = mod = renamed(ops.mod, BINARY)
pow = renamed(ops.power, BINARY)
maximum = renamed(ops.maximum, BINARY)
minimum = renamed(ops.minimum, BINARY)
squared_difference = renamed(ops.squared_difference, BINARY)

abs = of_numbers(ops.abs, UNARY)
negative = of_numbers(ops.negative, UNARY)
sign = of_numbers(ops.sign, UNARY)
square = of_numbers(ops.square, UNARY)
reciprocal = renamed(ops.reciprocal, UNARY)
sqrt = renamed(ops.sqrt, UNARY)
rsqrt = renamed(ops.rsqrt, UNARY)
floor = of_floats(ops.floor, UNARY)
ceil = of_floats(ops.ceil, UNARY)
rint = of_floats(ops.round, UNARY)
exp = renamed(ops.exp, UNARY)
expm1 = renamed(ops.expm1, UNARY)
log = renamed(ops.log, UNARY)
log1p = renamed(ops.log1p, UNARY)
sin = renamed(ops.sin, UNARY)
cos = renamed(ops.cos, UNARY)
tan = renamed(ops.tan, UNARY)
sinh = renamed(ops.sinh, UNARY)
cosh = renamed(ops.cosh, UNARY)
tanh = renamed(ops.tanh, UNARY)
asin = renamed(ops.arcsin, UNARY)
acos = renamed(ops.arccos, UNARY)
atan = renamed(ops.arctan, UNARY)
acosh = renamed(ops.arccosh, UNARY)
asinh = renamed(ops.arcsinh, UNARY)
atanh = renamed(ops.arctanh, UNARY)
atan2 = renamed(ops.arctan2, "y, x, name=None")
erf = renamed(ops.erf, UNARY)
erfc = renamed(ops.erfc, UNARY)
erfinv = renamed(ops.erfinv, UNARY)
lgamma = renamed(ops.lgamma, UNARY)
digamma = renamed(ops.digamma, UNARY)
polygamma = renamed(ops.polygamma, "a, x, name=None")
xdivy = renamed(ops.xdivy, BINARY)
xlogy = renamed(ops.xlogy, BINARY)
xlog1py = renamed(ops.xlog1py, BINARY)
sigmoid = renamed(ops.sigmoid, UNARY)
log_sigmoid = renamed(ops.log_sigmoid, UNARY)
softplus = renamed(ops.softplus, "features, name=None")

is_nan = of_floats(ops.isnan, UNARY)
is_inf = of_floats(ops.isinf, UNARY)
is_finite = of_floats(ops.isfinite, UNARY)
equal = renamed(ops.equal, BINARY)
not_equal = renamed(ops.not_equal, BINARY)
less = renamed(ops.less, BINARY)
less_equal = renamed(ops.less_equal, BINARY)
greater = renamed(ops.greater, BINARY)
greater_equal = renamed(ops.greater_equal, BINARY)
logical_and = of_bools(ops.logical_and, BINARY)
logical_or = of_bools(ops.logical_or, BINARY)
logical_xor = of_bools(ops.logical_xor, "x, y, name='LogicalXor'")
logical_not = of_bools(ops.logical_not, UNARY)

reduce_sum = of_numbers(ops.sum, REDUCTION)
reduce_mean = of_numbers(ops.mean, REDUCTION)
reduce_max = of_numbers(ops.max, REDUCTION)
reduce_min = of_numbers(ops.min, REDUCTION)
reduce_prod = of_numbers(ops.prod, REDUCTION)
reduce_any = of_bools(ops.any, REDUCTION)
reduce_all = of_bools(ops.all, REDUCTION)
reduce_logsumexp = renamed(ops.logsumexp, REDUCTION)
reduce_variance = renamed(ops.variance, REDUCTION)
reduce_std = renamed(ops.std, REDUCTION)
argmax = renamed(ops.argmax, POSITION, none={"axis": 0}, dtype="output_type")
argmin = renamed(ops.argmin, POSITION, none={"axis": 0}, dtype="output_type")
cumsum = of_numbers(ops.cumsum, SCAN)
cumprod = of_numbers(ops.cumprod, SCAN)
softmax = renamed(ops.softmax, "logits, axis=None, name=None", none={"axis": -1})
log_softmax = renamed(ops.log_softmax, "logits, axis=None, name=None", none={"axis": -1})
softsign = renamed(ops.softsign, "features, name=None")


def round(x: Any, name: str | None = None) -> Tensor:
    """x rounded to the nearest integer, halves to the even one; integers stay."""
    x = tensor(x)
    return ops.identity(x) if x.dtype.is_integer else rint(x)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y; integers are divided as floats."""
    if not isinstance(x, Tensor):
        x = tensor(x, y.dtype if isinstance(y, Tensor) else None)
    return quotient(x, y)


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y; integers are divided as floats."""
    return quotient(tensor(x), y)


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """floor(x / y)"""
    x, y = matching(ops.floor_divide, (x, y))
    return x // y


def quotient(x: Tensor, y: Any) -> Tensor:
    """x / y, of one dtype."""
    if isinstance(y, Tensor) and x.array.dtype != y.array.dtype:
        raise TypeError(f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}.")
    return x / y


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x y, 0 where y is 0, whatever x is."""
    x = tensor(x)
    return ops.multiply_no_nan(x, tensor(y, x.dtype))


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, 0 where y is 0; integers are divided as floats."""
    if isinstance(y, Tensor) and not isinstance(x, Tensor):
        x = tensor(x, y.dtype)
    x = tensor(x)
    y = y if isinstance(y, Tensor) else tensor(y, x.dtype)
    if x.dtype != y.dtype:
        raise TypeError(f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}.")
    if not x.dtype.is_floating:
        wide = "float32" if x.array.dtype.itemsize < 4 else "float64"
        x, y = ops.cast(x, dtype=wide), ops.cast(y, dtype=wide)
    return ops.divide_no_nan(x, y)


def l2_normalize(
    x: Any,
    axis: Any = None,
    epsilon: Any = 1e-12,
    name: str | None = None,
    dim: Any = None,
) -> Tensor:
    """x / sqrt(max(sum(x^2), epsilon)) along `axis` (None: all axes); dim is its former name."""
    if axis is not None and dim is not None:
        raise ValueError("Cannot specify both 'axis' and 'dim'.")
    axis = door.static(dim if axis is None else axis)
    return ops.l2_normalize(tensor(x), axis=axis, epsilon=epsilon)


def polyval(coeffs: list, x: Any, name: str | None = None) -> Tensor:
    """The polynomial in x with these coefficients, highest power first, by Horner's scheme."""
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    x = tensor(x)
    if not coeffs:
        return ops.zeros_like(x)
    value = tensor(coeffs[0])
    for coefficient in coeffs[1:]:
        value = ops.add(tensor(coefficient), ops.multiply(value, x))
    return value


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape."""
    inputs = [tensor(x) for x in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]
    if not inputs:
        raise ValueError("inputs must be an iterable of at least one Tensor with the same shape")
    if len({x.shape for x in inputs}) > 1:
        raise InvalidArgumentError(
            f"add_n: wanted tensors of one shape, got {[tuple(x.shape) for x in inputs]}"
        )
    total = ops.identity(inputs[0])
    for x in inputs[1:]:
        total = ops.add(total, x)
    return total


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = "int64",
    name: str | None = None,
) -> Tensor:
    """How many elements along `axis` differ from 0."""
    counts = ops.cast(ops.cast(tensor(input), dtype="bool"), dtype=door.static(dtype))
    return ops.sum(counts, axis=door.static(axis), keepdims=bool(keepdims))


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """sqrt(sum(x^2)) along `axis`; of integers without its fraction."""
    x = tensor(input_tensor)
    total = ops.sum(ops.square(x), axis=door.static(axis), keepdims=keepdims)
    if not x.dtype.is_integer:
        return ops.sqrt(total)
    return ops.cast(ops.sqrt(ops.cast(total, dtype="float64")), dtype=x.dtype.name)


door.named(globals(), __name__)
MADE = """accumulate_n angle bincount confusion_matrix conj erfcinv imag in_top_k is_non_decreasing
is_strictly_increasing lbeta ndtri nextafter real reciprocal_no_nan scalar_mul
zero_fraction""".split()  # of these names themselves, see arithmetic.py


def __getattr__(name: str) -> Any:
    if name in MADE:
        return getattr(importlib.import_module("framework.tf.arithmetic"), name)
    if name == "invert_permutation":
        return importlib.import_module("framework.tf.indices").invert_permutation
    raise door.missing(__name__, name, __dir__())


def __dir__() -> list[str]:
    own = [n for n, value in globals().items() if callable(value) and not n.startswith("_")]
    return sorted({*own, *MADE, "invert_permutation"} - {"Any", "renamed", "tensor", "Tensor"})
