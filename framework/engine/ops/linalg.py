"""Matrix products."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.dimension import broadcast_shapes
from framework.engine.op import Sample, op
from framework.engine.ops.broadcast import reshape, unbroadcast
from framework.engine.tensor import Spec, Tensor


def infer_matmul(
    x: np.ndarray | Spec,
    y: np.ndarray | Spec,
    *,
    transpose_x: bool = False,
    transpose_y: bool = False,
) -> Spec:
    for name, z in (("x", x), ("y", y)):
        if z.ndim < 2:
            raise ValueError(
                f"matmul: {name} {tuple(z.shape)} has {z.ndim} axes, wanted at least 2"
            )
    (m, k), (rows, n) = x.shape[-2:], y.shape[-2:]
    m, k = (k, m) if transpose_x else (m, k)
    rows, n = (n, rows) if transpose_y else (rows, n)
    if k != rows:
        raise ValueError(
            f"matmul: x {tuple(x.shape)} and y {tuple(y.shape)} do not fit: {k} != {rows}"
        )
    return Spec((*broadcast_shapes(x.shape[:-2], y.shape[:-2]), m, n), x.dtype)


@op(
    Sample(((3, 4), (4, 2))),
    Sample(((4, 3), (4, 2)), {"transpose_x": True}),
    Sample(((3, 4), (2, 4)), {"transpose_y": True}),
    Sample(((4, 3), (2, 4)), {"transpose_x": True, "transpose_y": True}),
    Sample(((2, 3, 4), (2, 4, 5))),
    Sample(((2, 3, 4), (4, 5))),
    infer=infer_matmul,
    same_dtype=True,
)
def matmul(x, y, *, transpose_x=False, transpose_y=False):
    """x @ y over the last two axes, either read transposed; leading axes broadcast."""
    if y.ndim == 2:
        try:
            if x.ndim == 2:  # the same BLAS call as matmul's, sooner
                return np.dot(x.T if transpose_x else x, y.T if transpose_y else y)
            if transpose_y and not transpose_x and x.ndim > 2:
                return rows_by_turned(x, y)
        except ValueError:
            pass  # said below
    check_fit(x, y, transpose_x, transpose_y)
    return np.matmul(
        x.swapaxes(-1, -2) if transpose_x else x, y.swapaxes(-1, -2) if transpose_y else y
    )


def rows_by_turned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y.T for a stack x: OpenBLAS copies a transposed y, here once and not for each matrix."""
    if not (x.size and x.flags.c_contiguous):
        return np.matmul(x, y.T)
    out = np.dot(x.reshape(-1, x.shape[-1]), y.T)
    return out.reshape(*x.shape[:-1], out.shape[1])


def check_fit(x: np.ndarray, y: np.ndarray, transpose_x: bool, transpose_y: bool) -> None:
    """Raise what infer_matmul says of operands that do not fit; np.matmul takes vectors, too."""
    if min(x.ndim, y.ndim) < 2 or (
        x.shape[-2 if transpose_x else -1] != y.shape[-1 if transpose_y else -2]
    ):
        infer_matmul(x, y, transpose_x=transpose_x, transpose_y=transpose_y)


def as_matrices(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    """One GEMM if y is a matrix and x is one or a stack read row by row;
    else a loop over equal stacks of matrices. BLAS knows floats only.
    """
    (x, y), out = inputs, outs[0]
    if out.dtype not in (np.float32, np.float64):
        return None
    attrs = {"transpose_x": attrs["transpose_x"], "transpose_y": attrs["transpose_y"]}
    if y.ndim == 2 and (x.ndim == 2 or not attrs["transpose_x"]):
        rows = math.prod(x.shape[:-1]) if x.ndim > 2 else x.shape[0]
        return (
            [(1, out.size // max(out.shape[-1], 1), out.shape[-1])],
            [(1, rows, x.shape[-1]), (1, *y.shape)],
            attrs,
        )
    if x.shape[:-2] != y.shape[:-2]:
        return None
    count = math.prod(x.shape[:-2])
    return [(count, *out.shape[-2:])], [(count, *x.shape[-2:]), (count, *y.shape[-2:])], attrs


def flops_of_matmul(outs: list[Spec], inputs: list[Spec], attrs: dict) -> int:
    return 2 * outs[0].size * inputs[0].shape[-2 if attrs.get("transpose_x") else -1]


@matmul.kernel(views=as_matrices, flops=flops_of_matmul)
def _(out, x, y, transpose_x, transpose_y, part, parts):
    for i in range(out.shape[0]):
        gemm(transpose_x, transpose_y, out[i], x[i], y[i], part, parts)


@matmul.vjp("x y")
def _(
    g: Tensor,
    out: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    wants: list[bool],
    transpose_x: bool = False,
    transpose_y: bool = False,
) -> tuple:
    dx = dy = None
    if wants[0]:
        dx = (
            matmul(y, g, transpose_x=transpose_y, transpose_y=True)
            if transpose_x
            else matmul(g, y, transpose_y=not transpose_y)
        )
        dx = unbroadcast(dx, x)
    if wants[1]:
        if (
            g.ndim > 2 and y.ndim == 2 and not transpose_x
        ):  # one product over all rows, no stack of gradients to sum
            x, g = (
                reshape(x, shape=(-1, x.array.shape[-1])),
                reshape(g, shape=(-1, g.array.shape[-1])),
            )
        dy = (
            matmul(g, x, transpose_x=True, transpose_y=transpose_x)
            if transpose_y
            else matmul(x, g, transpose_x=not transpose_x)
        )
        dy = unbroadcast(dy, y)
    return dx, dy
