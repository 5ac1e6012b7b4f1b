"""Ops that bring values in: read a Variable, write one, convert a dtype, stop a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dtypes import as_dtype
from framework.engine.op import READ, Sample, elementwise, op
from framework.engine.tensor import Spec, Tensor


@op(Sample(((3, 4),)), infer=lambda x: Spec(x.shape, x.dtype), is_view=True)
def read(x):
    """The value of a Variable at this moment: in a program every read is a line,
    so writes around it cannot confuse.
    """
    return x


@read.vjp()
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (g,)


READ[0] = read


@elementwise(lambda x: x, Sample(((3, 4),)))
def identity(x: float) -> float:
    """x, as a new tensor."""
    return x


@identity.vjp()
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    return (g,)


@elementwise(lambda x: x, Sample(((3, 4),)), is_differentiable=False)
def stop_gradient(x: float) -> float:
    """x, treated as a constant by tapes."""
    return x


@elementwise(
    lambda x, *, dtype: x.astype(as_dtype(dtype).dtype),
    Sample(((3, 4),), {"dtype": "float32"}),
    Sample(((3, 4),), {"dtype": "float64"}, dtypes=(np.int32,)),
    infer=lambda x, *, dtype: Spec(x.shape, as_dtype(dtype).dtype),
)
def cast(x: float, *, dtype: Any) -> float:
    """x converted to `dtype`; the gradient is converted back (None through integers)."""
    return x


@cast.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, dtype: Any) -> tuple:
    return (cast(g, dtype=x.array.dtype.name) if x.array.dtype.kind == "f" else None,)


@op(Sample(((3, 4), (3, 4))), writes=(0,), infer=lambda v, value: (), same_dtype=True)
def assign(v, value):
    """v = value, in place."""
    v[...] = value


@op(Sample(((3, 4), (3, 4))), writes=(0,), infer=lambda v, value: (), same_dtype=True)
def assign_add(v, value):
    """v += value, in place."""
    v += value


@op(Sample(((3, 4), (3, 4))), writes=(0,), infer=lambda v, value: (), same_dtype=True)
def assign_sub(v, value):
    """v -= value, in place."""
    v -= value


def as_vectors(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """See every operand as a vector; operands that broadcast are left to the NumPy forward."""
    if len({s.shape for s in inputs}) > 1:
        return None
    return [(o.size,) for o in outs], [(s.size,) for s in inputs], attrs


@assign.by_element(as_vectors)
def _(v, value):
    return value


@assign_add.by_element(as_vectors)
def _(v, value):
    return v + value


@assign_sub.by_element(as_vectors)
def _(v, value):
    return v - value
