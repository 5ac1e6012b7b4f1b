"""The BLAS that compiled programs call: numpy's own OpenBLAS, by pointer, and its number of
threads."""

from __future__ import annotations

import ctypes
import functools
import glob
import os

import numpy as np

NAMES = {"framework_sgemm", "framework_dgemm"}  # as compiled code calls them


@functools.cache
def library() -> ctypes.CDLL | None:
    """The OpenBLAS inside numpy's wheel (64-bit sizes); None where numpy was built against another
    BLAS."""
    pattern = os.path.join(
        os.path.dirname(np.__file__), "..", "numpy.libs", "libscipy_openblas64_*"
    )
    found = glob.glob(pattern) + glob.glob(
        os.path.join(os.path.dirname(np.__file__), ".dylibs", "libscipy_openblas64_*")
    )
    return ctypes.CDLL(found[0]) if found else None


def symbols() -> dict[str, int | None]:
    """name -> address of cblas sgemm and dgemm."""
    blas = library()
    if blas is None:
        return fallback()
    return {
        f"framework_{n}": ctypes.cast(getattr(blas, f"scipy_cblas_{n}64_"), ctypes.c_void_p).value
        for n in ("sgemm", "dgemm")
    }


def fallback() -> dict[str, int | None]:
    """np.matmul behind cblas' signature, for a NumPy without a bundled OpenBLAS: right, and slower
    for small matrices."""
    made = {}
    for name, real, dtype in (
        ("sgemm", ctypes.c_float, np.float32),
        ("dgemm", ctypes.c_double, np.float64),
    ):
        KEPT.append(matmul_callback(real, dtype))
        made[f"framework_{name}"] = ctypes.cast(KEPT[-1], ctypes.c_void_p).value
    return made


KEPT: list = []


def matmul_callback(real, dtype):
    """A C function with cblas_?gemm's arguments that calls np.matmul (row major, beta = 0)."""
    i32, i64 = ctypes.c_int32, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(
        None, i32, i32, i32, i64, i64, i64, real, i64, i64, i64, i64, real, i64, i64
    )

    def view(address, rows, columns, stride):
        count = max((rows - 1) * stride + columns, 0)
        flat = np.frombuffer((real * count).from_address(address), dtype)
        steps = stride * flat.itemsize, flat.itemsize
        return np.lib.stride_tricks.as_strided(flat, (rows, columns), steps)

    def run(_order, transpose_x, transpose_y, m, n, k, _alpha, x, ldx, y, ldy, _beta, out, ldout):
        left = view(x, k, m, ldx).T if transpose_x == 112 else view(x, m, k, ldx)
        right = view(y, n, k, ldy).T if transpose_y == 112 else view(y, k, n, ldy)
        view(out, m, n, ldout)[...] = np.matmul(left, right)

    return kind(run)


def set_threads(count: int) -> None:
    """The number of threads of the BLAS that numpy and the programs share."""
    blas = library()
    if blas is not None:
        blas.scipy_openblas_set_num_threads64_(count)


def threads() -> int:
    """The number of threads of that BLAS."""
    blas = library()
    return int(blas.scipy_openblas_get_num_threads64_()) if blas is not None else 1
