"""Diagonals and triangles of matrices (..., m, n), made of gather and where: all have kernels.

Diagonal d starts at (0, d) for d >= 0, else at (-d, 0). Several diagonals low .. high are the rows
of an array, the highest first, filled up to the longest one; `align` says on which side the
diagonals above and below the main one stand: "RIGHT_LEFT" is above right, below left.
"""

from __future__ import annotations

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.ops.broadcast import reshape, sum_
from framework.engine.ops.constants import number
from framework.engine.ops.elementwise import multiply, subtract
from framework.engine.ops.index import gather
from framework.engine.ops.logical import where
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Tensor

ALIGNS = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")


def check_matrices(name: str, x: Tensor) -> None:
    """InvalidArgumentError unless x has at least two axes."""
    if x.ndim < 2:
        raise InvalidArgumentError(
            f"{name}: input must be at least 2-dim, received shape: {list(x.array.shape)}"
        )


def adjoint(x: Tensor) -> Tensor:
    """x with its last two axes exchanged."""
    axes = list(range(x.ndim))
    return transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


def bounds_of(name: str, k: int | tuple) -> tuple[int, int]:
    """(low, high) of k, a diagonal or two."""
    low, high = (k, k) if isinstance(k, int) else (k[0], k[-1])
    if low > high:
        raise InvalidArgumentError(
            f"{name}: lower_diag_index must not be larger than upper_diag_index: {low} > {high}"
        )
    return low, high


def length_of(m: int, n: int, d: int) -> int:
    """The number of elements on diagonal d of an m by n matrix."""
    return min(m + min(d, 0), n - max(d, 0))


def places_of(name: str, m: int, n: int, k: tuple, align: str) -> np.ndarray:
    """(diagonals, longest): the elements of the flat m by n matrix, -1 where a row is filled up."""
    low, high = k
    for word, d in (("lower", low), ("upper", high)):
        if d and not -m < d < n:
            raise InvalidArgumentError(
                f"{name}: {word}_diag_index is out of bound: {d}. It must be between {-m} and {n}"
            )
    if align not in ALIGNS:
        raise InvalidArgumentError(
            f"{name}: align: got {align!r}, wanted one of {', '.join(ALIGNS)}"
        )
    above, below = align.split("_")
    longest = min(m + min(high, 0), n - max(low, 0))
    places = np.full((high - low + 1, longest), -1)
    for row, d in enumerate(range(high, low - 1, -1)):
        count = length_of(m, n, d)
        is_left = (d >= 0 and above == "LEFT") or (d <= 0 and below == "LEFT")
        start = 0 if is_left else longest - count
        first = max(d, 0) + max(-d, 0) * n
        places[row, start : start + count] = first + np.arange(count) * (n + 1)
    return places


def picked(x: Tensor, places: np.ndarray, otherwise: Tensor | float) -> Tensor:
    """x[..., places] of the last axis, `otherwise` where the place is -1."""
    taken = gather(x, Tensor(np.maximum(places, 0)), axis=-1)
    if (places >= 0).all():
        return taken
    other = otherwise if isinstance(otherwise, Tensor) else number(otherwise, x)
    return where(Tensor(places >= 0), taken, other)


def diagonal_part(
    x: Tensor, k: int | tuple = 0, padding: float = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """The diagonal k of x, or the diagonals k = (low, high), filled up with `padding`."""
    check_matrices("diag_part", x)
    (*lead, m, n), k = x.array.shape, bounds_of("diag_part", k)
    places = places_of("diag_part", m, n, k, align)
    flat = reshape(x, shape=(*lead, m * n))
    return picked(flat, places[0] if k[0] == k[1] else places, padding)


def matrix_size(longest: int, k: tuple, rows: int, columns: int) -> tuple[int, int]:
    """The size of a matrix whose diagonals k have `longest` elements; -1: as small as possible."""
    least = longest - min(k[1], 0), longest + max(k[0], 0)
    if rows == columns == -1:
        return max(least), max(least)
    size = least[0] if rows == -1 else rows, least[1] if columns == -1 else columns
    for word, got, wanted in zip(("rows", "columns"), size, least, strict=True):
        if got < wanted:
            raise InvalidArgumentError(f"diag: The number of {word} is too small.")
    if size[0] != least[0] and size[1] != least[1]:
        raise InvalidArgumentError(
            "diag: The number of rows or columns is not consistent with the specified d and k."
        )
    return size


def put_places(places: np.ndarray, m: int, n: int) -> np.ndarray:
    """(m, n): where each element of the matrix stands among the flat diagonals, -1: nowhere."""
    found = np.full(m * n, -1)
    used = places.ravel() >= 0
    found[places.ravel()[used]] = np.arange(places.size)[used]
    return found.reshape(m, n)


def flat_diagonals(name: str, diagonals: Tensor, k: tuple) -> tuple[Tensor, tuple]:
    """The diagonals with one axis for all of them, and their shape behind the leading axes."""
    shape = diagonals.array.shape
    axes = 1 if k[0] == k[1] else 2
    if len(shape) < axes or (axes == 2 and shape[-2] != k[1] - k[0] + 1):
        raise InvalidArgumentError(
            f"{name}: The number of diagonals provided in the input does not match the "
            f"lower_diag_index and upper_diag_index range: {list(shape)} for {k[0]} to {k[1]}"
        )
    return reshape(diagonals, shape=(*shape[:-axes], -1)), shape[-axes:]


def diagonal_matrix(
    diagonals: Tensor,
    k: int | tuple = 0,
    rows: int = -1,
    columns: int = -1,
    padding: float = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """The matrix with the diagonal k (or diagonals) given, `padding` elsewhere."""
    k = bounds_of("diag", k)
    flat, (*_, longest) = flat_diagonals("diag", diagonals, k)
    m, n = matrix_size(longest, k, rows, columns)
    return picked(flat, put_places(places_of("diag", m, n, k, align), m, n), padding)


def set_diagonal(
    x: Tensor, diagonals: Tensor, k: int | tuple = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """x with the diagonal k (or diagonals) replaced."""
    check_matrices("set_diag", x)
    (*lead, m, n), k = x.array.shape, bounds_of("set_diag", k)
    places = places_of("set_diag", m, n, k, align)
    wanted = (*lead, *(places.shape if k[0] != k[1] else places.shape[1:]))
    if tuple(diagonals.array.shape) != wanted:
        raise InvalidArgumentError(
            f"set_diag: diagonal has shape {list(diagonals.array.shape)}, wanted {list(wanted)}"
        )
    flat, _ = flat_diagonals("set_diag", diagonals, k)
    return picked(flat, put_places(places, m, n), x)


def trace(x: Tensor) -> Tensor:
    """The sum of the main diagonal."""
    return sum_(diagonal_part(x), axis=-1)


def band_part(x: Tensor, lower: int, upper: int) -> Tensor:
    """x with 0 beyond `lower` diagonals below the main one and `upper` above it; -1: keeps all."""
    check_matrices("band_part", x)
    m, n = x.array.shape[-2:]
    for word, got, most in (("lower", lower, m), ("upper", upper, n)):
        if got > most:
            raise InvalidArgumentError(
                f"band_part: num_{word} must be negative or less or equal to number of "
                f"{'rows' if word == 'lower' else 'columns'} ({most}) got: {got}"
            )
    distance = np.arange(n) - np.arange(m)[:, None]
    kept = ((lower < 0) | (-distance <= lower)) & ((upper < 0) | (distance <= upper))
    return where(Tensor(kept), x, Tensor(np.zeros((), x.array.dtype)))


def cross(x: Tensor, y: Tensor) -> Tensor:
    """The vector product of vectors (..., 3)."""
    if x.array.shape != y.array.shape:
        raise InvalidArgumentError(
            f"cross: Both inputs must be of same shape: {list(x.array.shape)} vs. "
            f"{list(y.array.shape)}"
        )
    if x.ndim < 1 or x.array.shape[-1] != 3:
        raise InvalidArgumentError("cross: Cross-products are only defined for 3-element vectors.")
    after, before = Tensor(np.array([1, 2, 0])), Tensor(np.array([2, 0, 1]))
    x1, x2 = gather(x, after, axis=-1), gather(x, before, axis=-1)
    y1, y2 = gather(y, after, axis=-1), gather(y, before, axis=-1)
    return subtract(multiply(x1, y2), multiply(x2, y1))
