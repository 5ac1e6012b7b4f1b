"""The operators of Tensor: strict, as TensorFlow's. Numbers and arrays take the tensor's dtype, tensors must have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.op import Op
from framework.engine.tensor import Tensor, as_tensor

CONSTANTS: dict[tuple, Tensor] = {}  # the numbers of formulas, made once
BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "matmul": "matmul",
    "floordiv": "floor_divide", "mod": "mod", "pow": "power",
}  # fmt: skip
COMPARE = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}
LOGICAL = {"and": "logical_and", "or": "logical_or", "xor": "logical_xor"}
UNARY = {"neg": "negative", "abs": "abs", "invert": "logical_not"}


def operand(value: Any, like: np.dtype) -> Tensor:
    """The other operand, as a Tensor of the dtype `like`."""
    if type(value) is float or type(value) is int:
        key = (value, type(value), like)
        known = CONSTANTS.get(key)
        if known is None:
            known = as_tensor(value, like)
            if len(CONSTANTS) < 4096 and value == value:
                CONSTANTS[key] = known
        return known
    return as_tensor(value, None if isinstance(value, Tensor) else like)


def binary(op: Op) -> tuple[Callable, Callable]:
    """x . y and its reflected form."""

    def forward(x, y):
        return op(x, y if isinstance(y, Tensor) else operand(y, x.array.dtype))

    def reflected(x, y):
        return op(operand(y, x.array.dtype), x)

    return forward, reflected


def compare(op: Op, if_none: bool | None) -> Callable:
    """A comparison; None equals nothing."""

    def forward(x, y):
        if y is None and if_none is not None:
            return if_none
        return op(x, y if isinstance(y, Tensor) else operand(y, x.array.dtype))

    return forward


def bind(ops: dict[str, Op]) -> None:
    """Give Tensor the operators whose ops exist."""
    for name, op in {**BINARY, **LOGICAL}.items():
        if op in ops:
            forward, reflected = binary(ops[op])
            setattr(Tensor, f"__{name}__", forward)
            setattr(Tensor, f"__r{name}__", reflected)
    for name, op in COMPARE.items():
        if op in ops:
            setattr(Tensor, f"__{name}__", compare(ops[op], {"eq": False, "ne": True}.get(name)))
    for name, op in UNARY.items():
        if op in ops:
            setattr(Tensor, f"__{name}__", lambda x, op=ops[op]: op(x))
    if "getitem" in ops:
        from framework.engine.ops.index import getitem_of

        Tensor.__getitem__ = getitem_of
