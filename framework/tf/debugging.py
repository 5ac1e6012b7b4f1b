"""tf.debugging: checks that raise. They need values: inside a trace the function runs eagerly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.dtypes import DTYPES, DType
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import renamed, tensor
from framework.tf.numerics import disable_check_numerics, enable_check_numerics
from framework.tf.shapes import (
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_scalar,
    assert_shapes,
    assert_type,
    prefix,
)

check_numerics = renamed(ops.check_numerics, "tensor, message, name=None")
ALL = 10**9


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Tensor:
    """x, if no element is infinite or NaN; else InvalidArgumentError."""
    return check_numerics(x, message)


def shown(x: Any, summarize: int) -> str:
    """A tensor as a flat list of its first elements; anything else as str."""
    if not isinstance(x, Tensor):
        return str(x)
    if not x.ndim:
        return str(x.numpy())
    flat = x.numpy().reshape(-1)
    parts = [str(e) for e in flat[:summarize]]
    return str(parts + ["..."] * (len(parts) < flat.size))


def compared(sym: str, op: Callable, x: Any, y: Any, message: Any, summarize: int | None) -> None:
    """InvalidArgumentError unless op(x, y) holds everywhere."""
    x, y = tensor(x), tensor(y)
    holds = op(x, y)
    if bool(ops.all(holds)):
        return
    summarize = 3 if summarize is None else ALL if summarize < 0 else summarize
    lines = [] if message is None else [str(message)]
    lines.append(f"Condition x {sym} y did not hold.")
    a, b = x.numpy(), y.numpy()
    if summarize and x.shape == y.shape and x.ndim:
        bad = ~holds.numpy()
        count = min(summarize, int(bad.sum()))
        lines += [f"Indices of first {count} different values:", str(np.argwhere(bad)[:count])]
        lines += ["Corresponding x values:", str(a[bad][:count])]
        lines += ["Corresponding y values:", str(b[bad][:count])]
    for name, values in (("x", a), ("y", b)) if summarize else ():
        first = np.reshape(values, -1)[:summarize]
        lines += [f"First {first.size} elements of {name}:", str(first)]
    raise InvalidArgumentError("\n".join(lines))


def assert_equal(
    x: Any, y: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x == y everywhere (shapes broadcast)."""
    if x is not y:
        compared("==", ops.equal, x, y, message, summarize)


def assert_none_equal(
    x: Any, y: Any, summarize: int | None = None, message: Any = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x != y everywhere (shapes broadcast)."""
    compared("!=", ops.not_equal, x, y, message, summarize)


def assert_less(
    x: Any, y: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x < y everywhere (shapes broadcast)."""
    compared("<", ops.less, x, y, message, summarize)


def assert_less_equal(
    x: Any, y: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x <= y everywhere (shapes broadcast)."""
    compared("<=", ops.less_equal, x, y, message, summarize)


def assert_greater(
    x: Any, y: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x > y everywhere (shapes broadcast)."""
    compared(">", ops.greater, x, y, message, summarize)


def assert_greater_equal(
    x: Any, y: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x >= y everywhere (shapes broadcast)."""
    compared(">=", ops.greater_equal, x, y, message, summarize)


def against_zero(sym: str, op: Callable, x: Any, message: Any, summarize: int | None) -> None:
    """InvalidArgumentError unless op(x, 0) holds everywhere."""
    x = tensor(x)
    if bool(ops.all(op(x, ops.zeros_like(x)))):
        return
    summarize = 3 if summarize is None else ALL if summarize < 0 else summarize
    gap = "" if sym == "<= 0" else "\n"  # TensorFlow's text has no line break there
    raise InvalidArgumentError(
        f"{prefix(message)}\nCondition x {sym} did not hold element-wise:{gap}"
        f"x (shape={x.shape!s} dtype={x.dtype.name}) = \n{shown(x, summarize)}"
    )


def assert_positive(
    x: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x > 0 everywhere."""
    against_zero("> 0", ops.greater, x, message, summarize)


def assert_negative(
    x: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x < 0 everywhere."""
    against_zero("< 0", ops.less, x, message, summarize)


def assert_non_negative(
    x: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x >= 0 everywhere."""
    against_zero(">= 0", ops.greater_equal, x, message, summarize)


def assert_non_positive(
    x: Any, message: Any = None, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError unless x <= 0 everywhere."""
    against_zero("<= 0", ops.less_equal, x, message, summarize)


def Assert(
    condition: Any, data: Any, summarize: int | None = None, name: str | None = None
) -> None:
    """InvalidArgumentError with the first elements of each of `data` unless the condition holds."""
    if condition:
        return
    count = 3 if summarize is None else ALL if summarize < 0 else summarize
    parts = []
    for x in data if isinstance(data, (list, tuple)) else [data]:
        if isinstance(x, str):
            parts.append(str(x.encode()))
            continue
        flat = tensor(x).numpy().reshape(-1)
        parts.append(", ".join([str(e) for e in flat[:count]] + ["..."] * (flat.size > count)))
    said = "\n".join(parts)
    raise InvalidArgumentError(f"Expected '{condition!s}' to be true. Summarized data: {said}")


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: Any = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """InvalidArgumentError unless |x - y| < atol + rtol |y| everywhere; both are 10 eps of the
    dtype if they are not given."""
    x = tensor(x)
    y = tensor(y, x.dtype)
    eps = 10 * np.finfo(x.dtype.as_numpy_dtype).eps
    rtol, atol = [tensor(eps if t is None else t, x.dtype) for t in (rtol, atol)]
    holds = ops.all(ops.less(ops.abs(x - y), atol + rtol * ops.abs(y)))
    data = [
        prefix(message),
        f"x and y not equal to tolerance rtol = {rtol!s}, atol = {atol!s}",
        f"x (shape={x.shape!s} dtype={x.dtype.name}) = ",
        x,
        f"y (shape={y.shape!s} dtype={y.dtype.name}) = ",
        y,
    ]
    Assert(holds, data, summarize)


def assert_integer(x: Any, message: Any = None, name: str | None = None) -> None:
    """TypeError unless x is of integers."""
    x = tensor(x)
    if not x.dtype.is_integer:
        kind = "variable" if x.is_variable else "tensor"
        raise TypeError(
            f'{prefix(message)}Expected "x" to be integer type.  Found: {kind} of dtype {x.dtype!s}'
        )


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> DType:
    """The one dtype of floats of all tensors (None among them is passed over): `dtype`, if that is
    given; float32 if nothing is. ValueError if there are several, or it is not of floats."""
    expected, like = None if dtype is None else DTYPES[dtype.name], ""
    for x in tensors or []:
        if x is None:
            continue
        name = x.name if x.is_variable else str(x)
        if expected is None:
            expected, like = x.dtype, f" as {name}"
        elif x.dtype != expected:
            raise ValueError(
                f"{name}, type={x.dtype!s}, must be of the same type ({expected!s}){like}."
            )
    expected = expected or DTYPES["float32"]
    if not expected.is_floating:
        raise ValueError(f"Expected floating point type, got {expected!s}.")
    return expected


def is_numeric_tensor(tensor: Any) -> bool:
    """True for a tensor of numbers, not bools."""
    return isinstance(tensor, Tensor) and tensor.dtype.name != "bool"


def assert_proper_iterable(values: Any) -> None:
    """TypeError if `values` is a tensor, array or text, or cannot be iterated."""
    if isinstance(values, (Tensor, np.ndarray, str, bytes)):
        raise TypeError(
            f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}'
        )
    if not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


door.named(globals(), __name__)
__getattr__ = door.lacking(__name__, globals())
