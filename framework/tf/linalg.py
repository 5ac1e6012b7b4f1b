"""tf.linalg: products, norms, diagonals, systems, decompositions."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.tf.call import call, renamed, tensor
from framework.tf.call import tensor as as_tensor
from framework.tf.create import eye
from framework.tf.math import l2_normalize

cholesky = renamed(ops.cholesky, "input, name=None")
solve = renamed(ops.solve, "matrix, rhs, adjoint=False, name=None")
triangular_solve = renamed(
    ops.triangular_solve, "matrix, rhs, lower=True, adjoint=False, name=None"
)
inv = renamed(ops.inv, "input, adjoint=False, name=None")
det = renamed(ops.det, "input, name=None")
logdet = renamed(ops.logdet, "matrix, name=None")
expm = renamed(ops.expm, "input, name=None")
eigvalsh = renamed(ops.eigvalsh, "tensor, name=None")
trace = renamed(ops.trace, "x, name=None")

Qr = collections.namedtuple("Qr", ["q", "r"])
LogMatrixDeterminant = collections.namedtuple(
    "LogMatrixDeterminant", ["sign", "log_abs_determinant"]
)


def pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both as Tensors, of the dtype of the first unless they have one."""
    x = tensor(x, y.dtype if isinstance(y, Tensor) and not hasattr(x, "dtype") else None)
    return x, y if isinstance(y, Tensor) else tensor(y, x.dtype)


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """The matrix product of a (..., n, k) and b (..., k, m), whose leading axes broadcast; either
    may be transposed (adjoint says the same of real numbers).

    a_is_sparse, b_is_sparse: hints of many zeros, which change nothing in the result.
    """
    if output_type is not None or grad_a or grad_b:
        given = {"output_type": output_type, "grad_a": grad_a, "grad_b": grad_b}
        raise NotImplementedError(f"matmul: the arguments {given} are not supported")
    if adjoint_a:
        transpose_a = only_adjoint("a", transpose_a)
    if adjoint_b:
        transpose_b = only_adjoint("b", transpose_b)
    return call(ops.matmul, (a, b), {"transpose_x": transpose_a, "transpose_y": transpose_b})


def only_adjoint(side: str, transposes: bool) -> bool:
    """True; ValueError if the matrix is to be transposed as well."""
    if transposes:
        raise ValueError(
            f"Only one of `transpose_{side}` and `adjoint_{side}` can be True. Received "
            f"`transpose_{side}`=True, `adjoint_{side}`=True."
        )
    return True


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """The sum of products of the inputs that the equation says, as "ij,jk->ik"; "..." are axes
    that broadcast."""
    unknown = set(kwargs) - {"name", "optimize"}
    if unknown:
        raise TypeError(
            f"Invalid keyword arguments for einsum: {', '.join(sorted(unknown))}. Valid arguments: "
            "name, optimize, greedy."
        )
    xs = [tensor(x) for x in inputs]
    for i, x in enumerate(xs):
        if x.dtype != xs[0].dtype:
            raise InvalidArgumentError(
                f"cannot compute Einsum as input #{i}(zero-based) was expected to be a "
                f"{xs[0].dtype.name} tensor but is a {x.dtype.name} tensor"
            )
    return ops.einsum(equation, *xs)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over axes[0] of a and axes[1] of b; a number n: over the last n of a and
    the first n of b."""
    return ops.tensordot(*pair(a, b), axes=door.static(axes))


def diag(
    diagonal: Any,
    name: str = "diag",
    k: Any = 0,
    num_rows: int = -1,
    num_cols: int = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with the diagonal k, or the diagonals k[0] to k[1], given; else padding_value."""
    size = door.static(num_rows), door.static(num_cols)
    return ops.diagonal_matrix(
        tensor(diagonal), door.static(k), *size, door.static(padding_value), align
    )


def diag_part(
    input: Any,
    name: str = "diag_part",
    k: Any = 0,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """The diagonal k of matrices, or the diagonals k[0] to k[1] filled up with padding_value."""
    return ops.diagonal_part(tensor(input), door.static(k), door.static(padding_value), align)


def set_diag(
    input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Matrices with the diagonal k, or the diagonals k[0] to k[1], replaced."""
    return ops.set_diagonal(*pair(input, diagonal), door.static(k), align)


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with 0 beyond num_lower diagonals below the main one, and num_upper above it;
    negative: all are kept."""
    return ops.band_part(tensor(input), int(door.static(num_lower)), int(door.static(num_upper)))


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The vector product of vectors (..., 3)."""
    return ops.cross(*pair(a, b))


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """matrix with its last two axes exchanged."""
    return ops.swapaxes(tensor(matrix), -1, -2)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """The x with L L' x = rhs, L = chol lower triangular."""
    return ops.cholesky_solve(*pair(chol, rhs))


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """(q, r): input = q r, q with orthonormal columns (square if full_matrices), r triangular."""
    return Qr(*ops.qr(tensor(input), full_matrices=full_matrices))


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """(s, u, v): tensor = u diag(s) v', s falling; s alone without compute_uv."""
    x = as_tensor(tensor)
    return ops.svd(x, full_matrices=full_matrices) if compute_uv else ops.singular_values(x)


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """(e, v): tensor v = v diag(e), of symmetric matrices, e rising."""
    return ops.eigh(as_tensor(tensor))


def slogdet(input: Any, name: str | None = None) -> LogMatrixDeterminant:
    """(sign, log |determinant|)"""
    return LogMatrixDeterminant(*ops.slogdet(tensor(input)))


def lstsq(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """The x that minimizes |matrix x - rhs|^2 + l2_regularizer |x|^2, by the normal equations; of
    wide matrices the smallest x."""
    if not fast:
        raise NotImplementedError("lstsq: fast=False is not supported")
    matrix, rhs = pair(matrix, rhs)
    is_plain = not isinstance(l2_regularizer, Tensor) and not l2_regularizer
    return ops.least_squares(
        matrix, rhs, None if is_plain else as_tensor(l2_regularizer, matrix.dtype)
    )


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """a with its last two axes exchanged."""
    a = tensor(a)
    if a.ndim < 2:
        raise ValueError(
            f"Argument `a` should be a (batch) matrix with rank >= 2. Received shape: {a.shape!s}"
        )
    return ops.swapaxes(a, -1, -2)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """a b for matrices a (..., m, n) and vectors b (..., n)."""
    a = tensor(a)
    column = ops.expand_dims(tensor(b, a.dtype), -1)
    return ops.squeeze(ops.matmul(a, column, transpose_x=transpose_a or adjoint_a), -1)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """sqrt of the sum of the squares of all elements of all tensors; None counts as nothing,
    IndexedSlices by their values.
    """
    check_list(t_list)
    given = [x.values if isinstance(x, IndexedSlices) else x for x in t_list if x is not None]
    parts = [ops.sum(ops.square(tensor(x))) for x in given] or [tensor(0.0)]
    total = parts[0]
    for part in parts[1:]:
        total = ops.add(total, part)
    return ops.sqrt(total)


def check_list(t_list: Any) -> None:
    """TypeError unless it is a list, or another sequence, of tensors."""
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise TypeError(f"`t_list` should be a sequence of tensors. Received {type(t_list)}.")


def matrix_norm(x: Tensor, ord: Any, axis: tuple, keepdims: bool) -> Tensor:
    """The norm that the vector norm `ord` induces: the largest sum of absolute values in a column
    (1) or in a row (np.inf), the largest singular value (2)."""
    if ord not in (1, 2, np.inf) or axis[0] == axis[1]:
        raise ValueError(
            "'ord' must be a supported matrix norm in ['euclidean', 'fro', 1, 2, inf] along two "
            f"axes, got {ord} along {axis}"
        )
    rows, columns = [a % x.ndim for a in axis]
    rest = [a for a in range(x.ndim) if a not in (rows, columns)]
    x = ops.transpose(x, axes=(*rest, rows, columns))
    if ord == 2:
        sizes = ops.abs(ops.singular_values(x))
    else:
        sizes = ops.sum(ops.abs(x), axis=-2 if ord == 1 else -1)
    largest = ops.max(sizes, axis=-1)
    return ops.expand_dims(largest, tuple(sorted((rows, columns)))) if keepdims else largest


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, name: Any = None
) -> Tensor:
    """The norm along `axis` (None: of all elements): "euclidean", 1, 2, any p > 0 or np.inf."""
    x, axis, keepdims = as_tensor(tensor), door.static(axis), bool(keepdims)
    is_matrix = isinstance(axis, tuple) and len(axis) == 2
    check_norm(ord, axis, is_matrix)
    if is_matrix and ord not in ("fro", "euclidean"):
        return matrix_norm(x, ord, axis, keepdims)
    if ord in ("euclidean", "fro", 2):
        return ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
    if ord == np.inf:
        return ops.max(ops.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return ops.sum(ops.abs(x), axis=axis, keepdims=keepdims)
    return ops.sum(ops.abs(x) ** float(ord), axis=axis, keepdims=keepdims) ** (1.0 / float(ord))


def check_norm(ord: Any, axis: Any, is_matrix: bool) -> None:
    """ValueError for axes or an order that no norm has."""
    if isinstance(axis, tuple) and (not is_matrix or axis[0] == axis[1]):
        raise ValueError(
            f"'axis' must be None, an integer, or a tuple of 2 unique integers, got {axis}"
        )
    named = ("euclidean", "fro", 1, 2, np.inf) if is_matrix else ("euclidean", 1, 2, np.inf)
    if ord not in named and (is_matrix or not np.isreal(ord) or ord <= 0):
        kind = "matrix" if is_matrix else "vector"
        raise ValueError(f"'ord' must be a supported {kind} norm in {named}, got {ord}")


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(tensor / norm, norm), of `norm` along `axis` with its axes kept."""
    x = as_tensor(tensor)
    length = norm(x, ord, axis, keepdims=True)
    return x / length, length


def tensor_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Of shape s + s: diagonal[i] at [i, i] for all coordinates i, else 0."""
    x = tensor(diagonal)
    return ops.reshape(diag(ops.reshape(x, shape=(-1,))), shape=(*x.shape, *x.shape))


def tensor_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The elements at [i, i] of a tensor of shape s + s, for all coordinates i of s."""
    x = tensor(input)
    half = tuple(x.shape[: x.ndim // 2])
    if x.ndim % 2 or not x.ndim or tuple(x.shape) != half + half:
        raise InvalidArgumentError(f"tensor_diag_part: got shape {tuple(x.shape)}, wanted s + s")
    size = int(np.prod(half))
    return ops.reshape(diag_part(ops.reshape(x, shape=(size, size))), shape=half)


def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """How many singular values are above tol: eps max(m, n) times the largest if not given."""
    a = tensor(a)
    s = ops.singular_values(a)
    if tol is None:
        eps = float(np.finfo(a.array.dtype).eps) * max(a.shape[-2:])
        tol = ops.max(s, axis=-1, keepdims=True) * eps
    return ops.sum(ops.cast(ops.greater(s, tensor(tol, s.dtype)), dtype="int32"), axis=-1)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The pseudo-inverse; singular values below rcond times the largest (10 max(m, n) eps if not
    given) count as 0."""
    a = tensor(a)
    if rcond is None:
        rcond = 10.0 * max(a.shape[-2:]) * float(np.finfo(a.array.dtype).eps)
    s, u, v = ops.svd(a)
    limit = ops.max(s, axis=-1, keepdims=True) * tensor(rcond, s.dtype)
    is_used = ops.greater(s, limit)
    inverse = ops.where(is_used, 1.0 / ops.where(is_used, s, ops.ones_like(s)), ops.zeros_like(s))
    return ops.matmul(v * ops.expand_dims(inverse, -2), u, transpose_y=True)


door.named(globals(), __name__)
__getattr__ = door.lacking(__name__, globals())
