"""NumPy's functions on tensors: which of them stay with us.

    np.array([1.0]) + t     a Tensor, seen by tapes: NumPy hands it over, we compute t's operator
    np.exp(t), under a tape that watches t, or in a trace: our op, so that the gradient flows
    np.exp(t) otherwise     NumPy's result, an array, as in TensorFlow; so np.sum, np.mean ...

TensorFlow gives an array for np.exp(t) under a tape, too, and loses the gradient without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.op import OPS, Op
from framework.engine.ops.constants import operand
from framework.engine.tensor import Tensor

# What ndarray . tensor means: the method of the tensor, which is on the right.
REFLECTED = {
    np.add: "__radd__", np.subtract: "__rsub__", np.multiply: "__rmul__", np.matmul: "__rmatmul__",
    np.true_divide: "__rtruediv__", np.floor_divide: "__rfloordiv__", np.remainder: "__rmod__",
    np.power: "__rpow__", np.bitwise_and: "__rand__", np.bitwise_or: "__ror__",
    np.bitwise_xor: "__rxor__", np.less: "__gt__", np.less_equal: "__ge__", np.greater: "__lt__",
    np.greater_equal: "__le__", np.equal: "__eq__", np.not_equal: "__ne__",
}  # fmt: skip
NAMES = {"absolute": "abs", "remainder": "mod", "rint": "round", "invert": "bitwise_not"}


def op_of(ufunc: np.ufunc) -> Op | None:
    """The op that computes what this ufunc does."""
    name = NAMES.get(ufunc.__name__, ufunc.__name__)
    return OPS.get(name) if ufunc.nout == 1 else None


def is_seen(inputs: tuple) -> bool:
    """True in a trace, and where a tape watches one of the inputs."""
    if ACTIVE.trace is not None:
        return True
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    return any([tape.watches(tensors) for tape in ACTIVE.tapes])


def plain(value: Any) -> Any:
    """A tensor as its array, anything else as it is."""
    return value.__array__() if isinstance(value, Tensor) else value


def array_ufunc(x: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """What NumPy calls when it finds a Tensor among the inputs of a ufunc.

    TypeError if a tensor is to be written (out=): tensors do not change.
    """
    check_out(ufunc, options.get("out", ()))
    if is_operator(ufunc, method, inputs, options):
        return getattr(inputs[1], REFLECTED[ufunc])(inputs[0])
    if method == "__call__" and not options and is_seen(inputs):
        op = op_of(ufunc)
        if op is not None:
            return op(*[operands(y, x.array.dtype) for y in inputs])
    return getattr(ufunc, method)(*map(plain, inputs), **options)


def check_out(ufunc: np.ufunc, outs: tuple) -> None:
    """TypeError if a tensor is to be written."""
    if any([isinstance(out, Tensor) for out in outs]):
        raise TypeError(f"np.{ufunc.__name__}: a Tensor cannot be written, so it cannot be `out`")


def operands(value: Any, like: np.dtype) -> Tensor:
    """A tensor as it is, anything else as one of the dtype `like`."""
    return value if isinstance(value, Tensor) else operand(value, like)


def is_operator(ufunc: np.ufunc, method: str, inputs: tuple, options: dict) -> bool:
    """True for what `array . tensor` asks for."""
    is_plain = method == "__call__" and not options and ufunc in REFLECTED
    return is_plain and not isinstance(inputs[0], Tensor)


def bind() -> None:
    """Give Tensor the method that NumPy looks for."""
    method: Callable = array_ufunc
    setattr(Tensor, "__array_ufunc__", method)  # noqa: B010
