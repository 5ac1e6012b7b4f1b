"""Linear systems (..., m, m), inverses, determinants, the matrix exponential.

Gradients: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.dimension import broadcast_shapes
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.operands import check_floats
from framework.engine.ops.arrange import concatenate
from framework.engine.ops.broadcast import reshape, unbroadcast, zeros_like
from framework.engine.ops.diagonal import adjoint, band_part
from framework.engine.ops.elementwise import multiply, negative
from framework.engine.ops.linalg import matmul
from framework.engine.ops.shape import strided_slice
from framework.engine.tensor import Spec, Tensor


def check_matrix(name: str, x: Any, is_square: bool = True) -> None:
    """InvalidArgumentError unless x (array or Spec) is of matrices of floats."""
    check_floats(name, x)
    if x.ndim < 2:
        raise InvalidArgumentError(f"{name}: Input tensor 0 must have rank >= 2, got {x.ndim}")
    if is_square and x.shape[-1] != x.shape[-2]:
        raise InvalidArgumentError(f"{name}: Input matrix must be square, got {tuple(x.shape)}")


def by_lapack(function: Callable, *arrays: np.ndarray) -> Any:
    """function(*arrays), of float16 in float32: LAPACK has no halves."""
    dtype = arrays[0].dtype
    is_half = dtype == np.float16
    with np.errstate(all="ignore"):
        result = function(*[a.astype(np.float32) if is_half else a for a in arrays])
    if not is_half:
        return result
    if isinstance(result, tuple):
        return tuple([part.astype(dtype) for part in result])
    return np.asarray(result).astype(dtype)


def regular(x: np.ndarray) -> np.ndarray:
    """Matrices far from singular."""
    return x + 4 * np.eye(x.shape[-1], dtype=x.dtype)


def regular_first(x: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    return [regular(x), *others]


def solved(name: str, function: Callable, *arrays: np.ndarray) -> np.ndarray:
    """A result that a singular (or NaN) matrix has not."""
    try:
        result = by_lapack(function, *arrays)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError(f"{name}: Input matrix is not invertible.") from None
    if np.isnan(arrays[0]).any():
        raise InvalidArgumentError(f"{name}: Input matrix is not invertible.")
    return result


def infer_solve(x: np.ndarray | Spec, y: np.ndarray | Spec, *, adjoint: bool = False) -> Spec:
    check_matrix("solve", x)
    if x.ndim != y.ndim:
        raise InvalidArgumentError(
            f"solve: All input tensors must have the same rank: {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if x.shape[:-1] != y.shape[:-1]:
        raise InvalidArgumentError(
            f"solve: Input matrix and rhs are incompatible: {tuple(x.shape)}, {tuple(y.shape)}"
        )
    return Spec(tuple(y.shape), x.dtype)


@op(
    Sample(((2, 3, 3), (2, 3, 2)), prepare=regular_first),
    Sample(((2, 3, 3), (2, 3, 1)), {"adjoint": True}, prepare=regular_first),
    infer=infer_solve,
    same_dtype=True,
)
def solve(x, y, *, adjoint=False):
    """The z with x z = y, or x' z = y with adjoint=True, by LU decomposition.

    Gradients: x^-T g for y, -(x^-T g) z' for x.  A singular x raises InvalidArgumentError.
    """
    infer_solve(x, y, adjoint=adjoint)
    return solved("solve", np.linalg.solve, x.swapaxes(-1, -2) if adjoint else x, y)


def outer_gradient(z: Tensor, dy: Tensor, is_adjoint: bool) -> Tensor:
    """The gradient for the matrix of a system with the solution z."""
    first, second = (z, dy) if is_adjoint else (dy, z)
    return negative(matmul(first, second, transpose_y=True))


@solve.vjp("z x")
def _(
    g: Tensor, z: Tensor, x: Tensor, y: Tensor, *, wants: list[bool], adjoint: bool = False
) -> tuple:
    dy = solve(x, g, adjoint=not adjoint)
    return outer_gradient(z, dy, adjoint) if wants[0] else None, dy


def infer_triangular(
    x: np.ndarray | Spec, y: np.ndarray | Spec, *, lower: bool = True, adjoint: bool = False
) -> Spec:
    check_matrix("triangular_solve", x)
    if y.ndim < 2:
        raise InvalidArgumentError(f"triangular_solve: In[1] ndims must be >= 2: {y.ndim}")
    if x.shape[-1] != y.shape[-2]:
        raise InvalidArgumentError(
            f"triangular_solve: In[0] mismatch In[1] shape: {tuple(x.shape)}, {tuple(y.shape)}"
        )
    lead = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return Spec((*lead, *y.shape[-2:]), x.dtype)


@op(
    Sample(((2, 3, 3), (2, 3, 2)), prepare=regular_first),
    Sample(((2, 3, 3), (3, 2)), {"adjoint": True}, prepare=regular_first),
    Sample(((3, 3), (2, 3, 1)), {"lower": False}, prepare=regular_first),
    Sample(((1, 3, 3), (2, 3, 2)), {"lower": False, "adjoint": True}, prepare=regular_first),
    infer=infer_triangular,
    same_dtype=True,
)
def triangular_solve(x, y, *, lower=True, adjoint=False):
    """The z with x z = y (x' z = y) by substitution; the other triangle of x is not read, leading
    axes broadcast.

    Gradients: as those of solve, for the triangle only.  A 0 on the diagonal gives inf or NaN.
    """
    spec = infer_triangular(x, y, lower=lower, adjoint=adjoint)
    x = x.swapaxes(-1, -2) if adjoint else x
    z = np.broadcast_to(y, spec.shape).astype(np.result_type(x.dtype, np.float32))
    n, is_lower = x.shape[-1], lower != adjoint
    for i in range(n) if is_lower else reversed(range(n)):
        known = slice(0, i) if is_lower else slice(i + 1, n)
        row = z[..., i, :] - (x[..., i : i + 1, known] @ z[..., known, :])[..., 0, :]
        z[..., i, :] = row / x[..., i, i, None]
    return z.astype(x.dtype)


@triangular_solve.vjp("z x")
def _(
    g: Tensor,
    z: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    wants: list[bool],
    lower: bool = True,
    adjoint: bool = False,
) -> tuple:
    dy = triangular_solve(x, g, lower=lower, adjoint=not adjoint)
    dx = None
    if wants[0]:
        whole = outer_gradient(z, dy, adjoint)
        dx = unbroadcast(band_part(whole, *((-1, 0) if lower else (0, -1))), x)
    return dx, unbroadcast(dy, y) if wants[1] else None


def cholesky_solve(factor: Tensor, y: Tensor) -> Tensor:
    """The z with L L' z = y."""
    half = triangular_solve(factor, y, lower=True)
    return triangular_solve(factor, half, lower=True, adjoint=True)


def infer_square(name: str) -> Callable:
    def infer(x: Spec, **attrs: Any) -> Spec:
        check_matrix(name, x)
        return Spec(tuple(x.shape), x.dtype)

    return infer


@op(
    Sample(((2, 3, 3),), prepare=regular_first),
    Sample(((2, 3, 3),), {"adjoint": True}, prepare=regular_first),
    infer=infer_square("inv"),
)
def inv(x, *, adjoint=False):
    """x^-1, or its transpose; gradient -x^-T g x^-T.  A singular x raises InvalidArgumentError."""
    check_matrix("inv", x)
    return solved("inv", np.linalg.inv, x.swapaxes(-1, -2) if adjoint else x)


@inv.vjp("y")
def _(g: Tensor, y: Tensor, x: Tensor, *, adjoint: bool = False) -> tuple:
    right = matmul(g, y, transpose_x=adjoint, transpose_y=not adjoint)
    return (negative(matmul(y, right, transpose_x=not adjoint)),)


def infer_det(x: Spec) -> Spec:
    check_matrix("det", x)
    return Spec(tuple(x.shape[:-2]), x.dtype)


@op(Sample(((2, 3, 3),), prepare=regular_first), infer=infer_det)
def det(x):
    """The determinant; gradient det(x) x^-T, of singular matrices InvalidArgumentError."""
    check_matrix("det", x)
    return by_lapack(np.linalg.det, x)


@det.vjp("y x")
def _(g: Tensor, y: Tensor, x: Tensor) -> tuple:
    return (multiply(spread_numbers(multiply(g, y)), inv(x, adjoint=True)),)


def spread_numbers(g: Tensor) -> Tensor:
    """Numbers (...) as matrices (..., 1, 1)."""
    return reshape(g, shape=(*g.array.shape, 1, 1))


def infer_slogdet(x: Spec) -> tuple[Spec, Spec]:
    check_matrix("slogdet", x)
    spec = Spec(tuple(x.shape[:-2]), x.dtype)
    return spec, spec


@op(Sample(((2, 3, 3),), prepare=regular_first), infer=infer_slogdet, outs=2)
def slogdet(x):
    """(sign, log |determinant|); gradients 0 and x^-T."""
    check_matrix("slogdet", x)
    return tuple(by_lapack(lambda a: tuple(np.linalg.slogdet(a)), x))


@slogdet.vjp("x")
def _(g: Any, outs: Any, x: Tensor) -> tuple:
    dy = zeros_like(outs[1]) if g[1] is None else g[1]
    return (multiply(spread_numbers(dy), inv(x, adjoint=True)),)


# Coefficients of the [13/13] Pade approximant of exp, and the norm up to which it is exact in
# float64: N. J. Higham, The scaling and squaring method for the matrix exponential revisited
# (2005), table 2.3 and section 2.
PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
PADE_NORM = 5.371920351148152


def expm_forward(x: np.ndarray) -> np.ndarray:
    """exp(x) = r(x / 2^s)^(2^s), r the Pade approximant; in float64."""
    a = x.astype(np.float64)
    norm = np.abs(a).sum(axis=-2).max(axis=-1, initial=0.0)[..., None, None]
    if not np.isfinite(norm).all():
        return np.full(x.shape, np.nan, x.dtype)
    squarings = np.ceil(np.log2(np.maximum(norm / PADE_NORM, 1.0)))
    a = a / 2.0**squarings
    a2 = a @ a
    power = np.broadcast_to(np.eye(x.shape[-1]), a.shape)
    odd, even = PADE[1] * power, PADE[0] * power
    for k in range(2, 14, 2):
        power = power @ a2
        odd, even = odd + PADE[k + 1] * power, even + PADE[k] * power
    odd = a @ odd
    result = np.linalg.solve(even - odd, even + odd)
    for i in range(int(squarings.max(initial=0.0))):
        result = np.where(i < squarings, result @ result, result)
    return result.astype(x.dtype)


@op(Sample(((2, 3, 3),)), infer=infer_square("expm"))
def expm(x):
    """The matrix exponential, 1 + x + x^2 / 2! + ...; NaN everywhere if x is not finite.

    Gradient: the upper right block of exp([[x', g], [0, x']]) (I. Najfeld and T. F. Havel,
    Derivatives of the matrix exponential and their computation, 1995).
    """
    check_matrix("expm", x)
    return expm_forward(x)


@expm.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    n, turned = x.array.shape[-1], adjoint(x)
    upper = concatenate([turned, g], axis=x.ndim - 1)
    lower = concatenate([zeros_like(x), turned], axis=x.ndim - 1)
    whole = expm(concatenate([upper, lower], axis=x.ndim - 2))
    shape = tuple(x.array.shape)
    begin = (*[0] * (len(shape) - 2), 0, n)
    ones = (1,) * len(shape)
    return (strided_slice(whole, begin=begin, sizes=shape, strides=ones, shape=shape),)
