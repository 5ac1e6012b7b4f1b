"""Names of tf and tf.math that are made of the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dtypes import as_dtype
from framework.engine.operands import check_floats
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.debugging import assert_less, is_numeric_tensor
from framework.tf.math import add_n, divide_no_nan


def pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both as Tensors, of the dtype of the first unless they have one."""
    x = tensor(x)
    return x, y if isinstance(y, Tensor) else tensor(y, x.dtype)


def realdiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y of floats."""
    x, y = pair(x, y)
    check_floats("realdiv", x.array)
    return ops.divide(x, y)


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, rounded towards 0."""
    x, y = pair(x, y)
    if x.dtype.is_floating:
        quotient = ops.divide(x, y)
        return ops.sign(quotient) * ops.floor(ops.abs(quotient))
    rest = truncatemod(x, y)
    return ops.floor_divide(ops.subtract(x, rest), y)


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """What truncatediv leaves: of the sign of x."""
    x, y = pair(x, y)
    rest = ops.mod(x, y)
    zero = ops.zeros_like(rest)
    differs = ops.not_equal(ops.less(x, zero), ops.less(y, zero))
    return ops.where(ops.logical_and(differs, ops.not_equal(rest, zero)), rest - y, rest)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """scalar x, for a scalar of shape ()."""
    x = tensor(x)
    scalar = tensor(scalar, None if isinstance(scalar, Tensor) else x.dtype)
    if scalar.ndim:
        raise ValueError(f"The input scalar must be a 0-D value. Received shape {scalar.shape!s}.")
    return ops.multiply(scalar, x)


def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """The sum of tensors of one shape."""
    total = add_n(inputs)
    if shape is not None and tuple(total.shape) != door.static(shape):
        raise ValueError(f"Shapes {total.shape!s} and {door.static(shape)} are incompatible")
    return total


def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """1 / x; 0 where x is 0."""
    x = tensor(x)
    return divide_no_nan(ops.ones_like(x), x)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part: x itself."""
    return ops.identity(tensor(input))


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate: x itself."""
    return ops.identity(tensor(x))


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part: 0."""
    return ops.zeros_like(tensor(input))


def angle(input: Any, name: str | None = None) -> Tensor:
    """pi where x < 0, else 0."""
    x = tensor(input)
    zero = ops.zeros_like(x)
    return ops.where(ops.less(x, zero), zero + math.pi, zero)


def ndtri(x: Any, name: str | None = None) -> Tensor:
    """The quantile of the normal distribution: sqrt(2) erfinv(2 x - 1)."""
    return ops.erfinv(tensor(x) * 2.0 - 1.0) * math.sqrt(2.0)


def erfcinv(x: Any, name: str | None = None) -> Tensor:
    """The y with erfc(y) = x: erfinv(1 - x)."""
    return ops.erfinv(1.0 - tensor(x))


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """log |B(x)| along the last axis: the sum of log Gamma(x) less log Gamma of the sum."""
    x = tensor(x)
    return ops.sum(ops.lgamma(x), axis=-1) - ops.lgamma(ops.sum(x, axis=-1))


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The part of the elements that are 0."""
    x = tensor(value)
    return ops.mean(ops.cast(ops.equal(x, ops.zeros_like(x)), dtype="float32"))


def nextafter(x1: Any, x2: Any, name: str | None = None) -> Tensor:
    """The next float after x1 towards x2; no gradient."""
    x1, x2 = pair(x1, x2)
    return Tensor(np.nextafter(*[ops.value_of("nextafter", x) for x in (x1, x2)]))


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """value as dtype, limited to its range."""
    x, dtype = tensor(value), as_dtype(dtype)
    if dtype.is_bool or x.dtype.is_bool:
        return ops.cast(x, dtype=dtype.name)
    kind = float if x.dtype.is_floating else int
    low, high = max(kind(dtype.min), kind(x.dtype.min)), min(kind(dtype.max), kind(x.dtype.max))
    if kind is float and dtype.is_integer:  # the largest float that is not beyond the range
        top = x.dtype.as_numpy_dtype(high)
        high = float(np.nextafter(top, x.dtype.as_numpy_dtype(0)) if int(top) > dtype.max else top)
    return ops.cast(ops.clip(x, x_min=low, x_max=high), dtype=dtype.name)


def monotonic(x: Any, op: Callable) -> Tensor:
    """Whether op(next, this) holds for all neighbours of the flat x."""
    flat = ops.reshape(tensor(x), shape=(-1,))
    if not is_numeric_tensor(flat):
        raise TypeError(f"Expected x to be numeric, instead found: {flat!s}")
    return ops.all(op(flat[1:], flat[:-1]))


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element is less than the one before it."""
    return monotonic(x, ops.greater_equal)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether each element is greater than the one before it."""
    return monotonic(x, ops.greater)


def in_top_k(targets: Any, predictions: Any, k: int, name: str | None = None) -> Tensor:
    """Whether predictions[i, targets[i]] is among the k largest of its row; ties count as in."""
    rows, targets = tensor(predictions), tensor(targets)
    own = ops.sum(rows * ops.one_hot(targets, depth=rows.shape[1], dtype=rows.dtype.name), axis=1)
    greater = ops.greater(rows, ops.expand_dims(own, 1))
    count = ops.sum(ops.cast(greater, dtype="int32"), axis=1)
    return ops.logical_and(ops.less(count, Tensor(np.int32(k))), ops.isfinite(own))


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """(n, n): how often label i met prediction j, or the sums of their weights."""
    a, b = [classes_of(x) for x in (labels, predictions)]
    both = (("labels", a), ("predictions", b))
    for what, x in both:
        if (x < 0).any():
            raise ValueError(f"`{what}` contains negative values")
    if num_classes is None:
        num_classes = int(np.max(np.concatenate([a, b]), initial=-1)) + 1
    for what, x in both:
        assert_less(Tensor(x), Tensor(np.int64(num_classes)), f"`{what}` out of bound")
    weights = np.ones(len(a)) if weights is None else tensor(weights).numpy()
    total = np.zeros((int(num_classes), int(num_classes)), as_dtype(dtype).dtype)
    np.add.at(total, (a, b), weights.astype(total.dtype))
    return Tensor(total)


def classes_of(x: Any) -> np.ndarray:
    """Numbers of classes as a vector."""
    return ops.value_of("confusion_matrix", tensor(x)).reshape(-1).astype(np.int64)


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Tensor:
    """How often 0, 1, 2 ... are in arr, or the sums of their weights; along the last axis if axis
    is -1. No gradient.
    """
    if axis not in (None, 0, -1):
        raise ValueError(
            f"Unsupported value for argument axis={axis}. Only 0 and -1 are supported."
        )
    values = ops.value_of("bincount", tensor(arr))
    rows = values.reshape(-1, values.shape[-1]) if axis == -1 else values.reshape(1, -1)
    count = count_of(values, door.static(minlength), door.static(maxlength))
    given = None if weights is None else ops.value_of("bincount", tensor(weights))
    kind = as_dtype(dtype).dtype if given is None else given.dtype
    parts = np.ones(rows.shape, kind) if given is None else given.reshape(rows.shape)
    total, is_in = np.zeros((len(rows), count), kind), rows < count
    places = np.nonzero(is_in)[0], rows[is_in]
    if binary_output:
        total[places] = 1
    else:
        np.add.at(total, places, parts[is_in])
    return Tensor(total.reshape(*values.shape[:-1], count) if axis == -1 else total[0])


def count_of(values: np.ndarray, minlength: int | None, maxlength: int | None) -> int:
    """How many numbers bincount counts."""
    count = max(int(values.max()) + 1 if values.size else 0, int(minlength or 0))
    return count if maxlength is None else min(count, int(maxlength))


door.named(globals(), __name__)
