"""Decompositions of matrices (..., m, n) by LAPACK: Cholesky, QR, singular values, eigenvalues.

Gradients as in TensorFlow, so that they are equal where a decomposition is not unique, too; from
M. B. Giles (2008, see ops/solve.py), for singular vectors J. Townsend, Differentiating the singular
value decomposition (2016), for QR D. Roberts and L. Roberts, arXiv:2009.10071 (2020).
The sign of an eigenvector, or of a pair of singular vectors, is LAPACK's choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.ops.arrange import concatenate, expand_dims
from framework.engine.ops.broadcast import sum_, zeros_like
from framework.engine.ops.constants import number
from framework.engine.ops.diagonal import (
    adjoint,
    band_part,
    diagonal_matrix,
    diagonal_part,
    set_diagonal,
)
from framework.engine.ops.elementwise import add, divide, multiply, square, subtract
from framework.engine.ops.functions import log
from framework.engine.ops.linalg import matmul
from framework.engine.ops.shape import strided_slice
from framework.engine.ops.solve import (
    by_lapack,
    check_matrix,
    cholesky_solve,
    infer_square,
    triangular_solve,
)
from framework.engine.tensor import Spec, Tensor


def definite(x: np.ndarray) -> list[np.ndarray]:
    """Positive definite matrices, with eigenvalues apart."""
    n = x.shape[-1]
    return [x @ x.swapaxes(-1, -2) / n + np.diag(np.arange(1, n + 1)).astype(x.dtype)]


def symmetric_part(x: Tensor) -> tuple:
    """(x + x') / 2"""
    return (multiply(add(x, adjoint(x)), number(0.5, x)),)


def lower_factor(a: np.ndarray) -> np.ndarray:
    """The Cholesky factor; NaN in the lower triangle of matrices that are not positive definite."""
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        if a.ndim > 2:
            return np.stack([lower_factor(part) for part in a])
        return np.tril(np.full_like(a, np.nan))


@op(Sample(((2, 3, 3),), prepare=definite, through=symmetric_part), infer=infer_square("cholesky"))
def cholesky(x):
    """The lower triangular L with L L' = x, of positive definite x; reads the lower triangle only.

    Gradient (x seen as symmetric): the symmetric part of L^-T P(L' g) L^-1, P takes the lower
    triangle and half of the diagonal.  Where x is not positive definite L is NaN.
    """
    check_matrix("cholesky", x)
    return by_lapack(lower_factor, x)


@cholesky.vjp("y")
def _(g, y, x):
    middle = matmul(y, g, transpose_x=True)
    middle = halved_diagonal(band_part(middle, -1, 0))
    left = triangular_solve(y, middle, lower=True, adjoint=True)  # L^-T middle
    whole = adjoint(triangular_solve(y, adjoint(left), lower=True, adjoint=True))
    return symmetric_part(whole)


def halved_diagonal(x: Tensor) -> Tensor:
    """x with half of its diagonal."""
    return set_diagonal(x, multiply(diagonal_part(x), number(0.5, x)))


def logdet(x: Tensor) -> Tensor:
    """log of the determinant of positive definite matrices, 2 sum log diag(L)."""
    total = sum_(log(diagonal_part(cholesky(x))), axis=-1)
    return multiply(total, number(2, x))


def least_squares(x: Tensor, y: Tensor, l2: Tensor | None) -> Tensor:
    """The z that minimizes |x z - y|^2 + l2 |z|^2, by the normal equations; for a wide x the
    smallest z with x z = y (its regularized form)."""
    is_tall = x.array.shape[-2] >= x.array.shape[-1]
    gramian = matmul(x, x, transpose_x=is_tall, transpose_y=not is_tall)
    if l2 is not None:
        size = gramian.array.shape
        eye = Tensor(np.eye(size[-1], dtype=gramian.array.dtype))
        gramian = add(gramian, multiply(l2, eye))
    factor = cholesky(gramian)
    if is_tall:
        return cholesky_solve(factor, matmul(x, y, transpose_x=True))
    return matmul(x, cholesky_solve(factor, y), transpose_x=True)


def infer_qr(x: Spec, *, full_matrices: bool = False) -> tuple[Spec, Spec]:
    check_matrix("qr", x, is_square=False)
    (*lead, m, n) = x.shape
    k = m if full_matrices else min(m, n)
    return Spec((*lead, m, k), x.dtype), Spec((*lead, k, n), x.dtype)


@op(
    Sample(((2, 3, 3),)),
    Sample(((2, 4, 3),)),
    Sample(((2, 3, 4),)),
    Sample(((2, 3, 4),), {"full_matrices": True}),
    infer=infer_qr,
    outs=2,
)
def qr(x, *, full_matrices=False):
    """(q, r): x = q r, q with orthonormal columns, r upper triangular; full_matrices: q square.

    The gradient of a full q is not defined for more rows than columns.
    """
    check_matrix("qr", x, is_square=False)
    mode = "complete" if full_matrices else "reduced"
    return by_lapack(lambda a: tuple(np.linalg.qr(a, mode=mode)), x)


def columns_of(x: Tensor, start: int, stop: int) -> Tensor:
    """x[..., start:stop]"""
    sizes = (*x.array.shape[:-1], stop - start)
    begin = (*[0] * (x.ndim - 1), start)
    return strided_slice(x, begin=begin, sizes=sizes, strides=(1,) * x.ndim, shape=sizes)


def or_zeros(g: Tensor | None, like: Tensor) -> Tensor:
    """A cotangent, zeros where there is none."""
    return zeros_like(like) if g is None else g


def tall_qr_gradient(q: Tensor, r: Tensor, dq: Tensor, dr: Tensor) -> Tensor:
    """q (dr + P(M) r^-T) + (dq - q q' dq) r^-T, M = q' dq - dq' q + r dr' - dr r', P takes the
    lower triangle; for at least as many rows as columns."""

    def divided(x: Tensor) -> Tensor:  # x r^-T
        return adjoint(triangular_solve(r, adjoint(x), lower=False))

    qdq = matmul(q, dq, transpose_x=True)
    rdr = matmul(r, dr, transpose_y=True)
    turn = add(subtract(qdq, adjoint(qdq)), subtract(rdr, adjoint(rdr)))
    first = matmul(q, add(dr, divided(band_part(turn, -1, 0))))
    return add(first, divided(subtract(dq, matmul(q, qdq))))


@qr.vjp("outs x")
def _(g: Any, outs: Any, x: Tensor, *, full_matrices: bool = False) -> tuple:
    q, r = outs
    dq, dr = or_zeros(g[0], q), or_zeros(g[1], r)
    m, n = x.array.shape[-2:]
    if m > n and full_matrices:
        raise NotImplementedError("qr: no gradient for more rows than columns with full_matrices")
    if m >= n:
        return (tall_qr_gradient(q, r, dq, dr),)
    rest, dv = columns_of(x, m, n), columns_of(dr, m, n)  # x = [first, rest], r = [u, v]
    dq = add(dq, matmul(rest, dv, transpose_y=True))
    first = tall_qr_gradient(q, columns_of(r, 0, m), dq, columns_of(dr, 0, m))
    return (concatenate([first, matmul(q, dv)], axis=x.ndim - 1),)


def safe_reciprocal(x: Tensor) -> Tensor:
    """x / (x^2 + 1e-20): 1 / x, finite at 0."""
    return divide(x, add(square(x), number(1e-20, x)))


def inverse_gaps(x: Tensor) -> Tensor:
    """f[i, j] = 1 / (x[j] - x[i]), 0 on the diagonal."""
    gaps = subtract(expand_dims(x, -2), expand_dims(x, -1))
    return set_diagonal(safe_reciprocal(gaps), zeros_like(x))


def times_columns(x: Tensor, numbers: Tensor) -> Tensor:
    """x diag(numbers)"""
    return multiply(x, expand_dims(numbers, -2))


def infer_svd(x: np.ndarray | Spec, *, full_matrices: bool = False) -> tuple[Spec, ...]:
    check_matrix("svd", x, is_square=False)
    *lead, m, n = x.shape
    k = min(m, n)
    u, v = (m, n) if full_matrices else (k, k)
    shapes = (*lead, k), (*lead, m, u), (*lead, n, v)
    return tuple([Spec(shape, x.dtype) for shape in shapes])


def svd_forward(a: np.ndarray, full_matrices: bool) -> tuple[np.ndarray, ...]:
    """NaN where LAPACK finds no singular values."""
    try:
        u, s, vt = np.linalg.svd(a, full_matrices=full_matrices)
        return s, u, np.ascontiguousarray(vt.swapaxes(-1, -2))
    except np.linalg.LinAlgError:
        specs = infer_svd(a, full_matrices=full_matrices)
        return tuple([np.full(s.shape, np.nan, a.dtype) for s in specs])


def spread_values(x: np.ndarray) -> list[np.ndarray]:
    """Matrices with singular values apart."""
    m, n = x.shape[-2:]
    return [x + np.eye(m, n) @ np.diag(np.arange(n) * 3.0 + 1.0).astype(x.dtype)]


SVDS = tuple(Sample(((2, m, n),), prepare=spread_values) for m, n in ((3, 3), (4, 2), (2, 4)))
FULL = Sample(((2, 3, 2),), {"full_matrices": True}, prepare=spread_values)


@op(*SVDS, FULL, infer=infer_svd, outs=3)
def svd(x, *, full_matrices=False):
    """(s, u, v): x = u diag(s) v', s falling, u and v with orthonormal columns (square ones with
    full_matrices=True, then the gradient wants |m - n| < 2)."""
    check_matrix("svd", x, is_square=False)
    return by_lapack(lambda a: svd_forward(a, full_matrices), x)


@svd.vjp("outs")
def _(g: Any, outs: Any, x: Tensor, *, full_matrices: bool = False) -> tuple:
    s, u, v = outs
    ds, du, dv = [or_zeros(part, like) for part, like in zip(g, outs, strict=True)]
    m, n = x.array.shape[-2:]
    if full_matrices and abs(m - n) > 1:
        raise NotImplementedError("svd: no gradient for |m - n| > 1 with full_matrices")
    if m > n:
        return (adjoint(wide_svd_gradient(s, v, u, ds, dv, du)),)
    return (wide_svd_gradient(s, u, v, ds, du, dv),)


def wide_svd_gradient(
    s: Tensor, u: Tensor, v: Tensor, ds: Tensor, du: Tensor, dv: Tensor
) -> Tensor:
    """The gradient for x (m, n) with m <= n, where u is (m, m): with f = 1 / (s_j^2 - s_i^2)

    u (diag(ds) + (F + F') s + s (H + H')) v' + u / s (dv' - dv' v v'), F = f u'du, H = f v'dv
    """
    m, n = s.array.shape[-1], v.array.shape[-1]
    v1, dv1 = (v, dv) if m == n else (columns_of(v, 0, m), columns_of(dv, 0, m))
    f = inverse_gaps(square(s))
    fu = multiply(f, matmul(u, du, transpose_x=True))
    fv = multiply(f, matmul(v1, dv1, transpose_x=True))
    fu, fv = add(fu, adjoint(fu)), add(fv, adjoint(fv))
    middle = add(times_columns(fu, s), multiply(expand_dims(s, -1), fv))
    middle = add(middle, diagonal_matrix(ds))
    out = matmul(u, matmul(middle, v1, transpose_y=True))
    if v.array.shape[-2] == m:
        return out
    turned = adjoint(dv1)
    rest = subtract(turned, matmul(matmul(turned, v1), v1, transpose_y=True))
    if n > m:
        v2, dv2 = columns_of(v, m, n), columns_of(dv, m, n)
        rest = subtract(rest, matmul(matmul(v1, dv2, transpose_x=True), v2, transpose_y=True))
    return add(out, matmul(times_columns(u, safe_reciprocal(s)), rest))


def infer_values(x: Spec) -> Spec:
    check_matrix("singular_values", x, is_square=False)
    return Spec((*x.shape[:-2], min(x.shape[-2:])), x.dtype)


@op(*SVDS, infer=infer_values)
def singular_values(x):
    """The singular values, falling; gradient u diag(g) v'."""
    check_matrix("singular_values", x, is_square=False)
    return by_lapack(lambda a: svd_forward(a, False)[0], x)


@singular_values.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    _, u, v = svd(x)
    return (matmul(times_columns(u, g), v, transpose_y=True),)


def eigh_forward(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """InvalidArgumentError where LAPACK finds no finite eigenvalues."""
    try:
        values, vectors = np.linalg.eigh(a)
    except np.linalg.LinAlgError:
        values = vectors = np.full_like(a, np.nan)
    if np.isnan(vectors).any():
        raise InvalidArgumentError(
            "eigh: Self-adjoint eigen decomposition was not successful. The input might not be "
            "valid."
        )
    return values, vectors


def infer_eigh(x: Spec) -> tuple[Spec, Spec]:
    check_matrix("eigh", x)
    return Spec(tuple(x.shape[:-1]), x.dtype), Spec(tuple(x.shape), x.dtype)


@op(Sample(((2, 3, 3),), prepare=definite), infer=infer_eigh, outs=2)
def eigh(x):
    """(e, v): x v = v diag(e) of symmetric x, e rising; reads the lower triangle only.

    Gradient: the lower triangle of y + y' (its diagonal once), y = v (diag(de) + f v'dv) v',
    f[i, j] = 1 / (e[j] - e[i]).
    """
    check_matrix("eigh", x)
    return by_lapack(eigh_forward, x)


@eigh.vjp("outs")
def _(g: Any, outs: Any, x: Tensor) -> tuple:
    e, v = outs
    middle = None if g[0] is None else diagonal_matrix(g[0])
    if g[1] is not None:
        turn = multiply(inverse_gaps(e), matmul(v, g[1], transpose_x=True))
        middle = turn if middle is None else add(middle, turn)
    whole = matmul(v, matmul(middle, v, transpose_y=True))
    return (lower_of_symmetric(whole),)


def lower_of_symmetric(x: Tensor) -> Tensor:
    """The gradient for the lower triangle, of which x and x' are made."""
    return halved_diagonal(band_part(add(x, adjoint(x)), -1, 0))


def infer_eigvalsh(x: Spec) -> Spec:
    check_matrix("eigvalsh", x)
    return Spec(tuple(x.shape[:-1]), x.dtype)


@op(Sample(((2, 3, 3),), prepare=definite), infer=infer_eigvalsh)
def eigvalsh(x):
    """The eigenvalues of symmetric x, rising; reads the lower triangle only."""
    check_matrix("eigvalsh", x)
    return by_lapack(lambda a: eigh_forward(a)[0], x)


@eigvalsh.vjp("x")
def _(g: Tensor, out: Tensor, x: Tensor) -> tuple:
    _, v = eigh(x)
    return (lower_of_symmetric(matmul(times_columns(v, g), v, transpose_y=True)),)
