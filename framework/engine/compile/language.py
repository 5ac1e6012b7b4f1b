"""The words that kernel bodies and scalar functions may use. With jit.py the only module that
imports Numba."""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from framework.engine.kernels import floats, vectors
from framework.engine.kernels.flags import FAST
from framework.engine.kernels.gemm import STACK, floats_at, scratch, small_gemm, turn

INT64 = types.int64
WORDS = types.CPointer(INT64)
DTYPES = "float32 float64 int64 int32 int16 int8 uint8 uint16 uint32 uint64".split()


def pointer_to(dtype):
    """int64 address -> typed pointer."""
    result = types.CPointer(dtype)

    @intrinsic
    def pointer(context, address):
        return result(INT64), lambda ctx, b, sig, args: b.inttoptr(
            args[0], ctx.get_value_type(result)
        )

    return pointer


@intrinsic
def after(context, pointer, words):
    """pointer + words"""
    return pointer(pointer, words), lambda ctx, b, sig, args: b.gep(args[0], [args[1]])


@intrinsic
def call(context, address, block):
    """Call the kernel at `address` with its block."""

    def codegen(ctx, b, sig, args):
        kernel = ir.FunctionType(ir.VoidType(), [args[1].type])
        b.call(b.inttoptr(args[0], kernel.as_pointer()), [args[1]])
        return ctx.get_dummy_value()

    return types.void(INT64, WORDS), codegen


@intrinsic
def double_of_bits(context, word):
    """The float64 whose bits are `word`."""
    return types.float64(INT64), lambda ctx, b, sig, args: b.bitcast(args[0], ir.DoubleType())


@njit(**FAST)
def philox(block, seed, counter):
    """Philox4x32-10: the four random words (uint64 below 2^32) of a block; see ops/random.py."""
    u, low, half = np.uint64, np.uint64(0xFFFFFFFF), np.uint64(32)
    k0, k1 = u(seed) & low, u(seed) >> half
    c0, c1, c2, c3 = u(block) & low, u(block) >> half, u(counter) & low, u(counter) >> half
    for _ in range(10):
        p0, p1 = c0 * u(0xD2511F53), c2 * u(0xCD9E8D57)
        c0, c2 = (p1 >> half) ^ c1 ^ k0, (p0 >> half) ^ c3 ^ k1
        c1, c3 = p1 & low, p0 & low
        k0, k1 = (k0 + u(0x9E3779B9)) & low, (k1 + u(0xBB67AE85)) & low
    return c0, c1, c2, c3


SMALL = 128**3  # multiply-adds up to which our own tile is faster than BLAS, which packs first


def gemm_of(name: str, real):
    """gemm(transpose_x, transpose_y, out, x, y): out = x @ y by BLAS (cblas with 64-bit sizes) or,
    if small, by our tile."""
    i32 = types.int32
    cblas = types.ExternalFunction(
        f"framework_{name}",
        types.void(
            i32, i32, i32, INT64, INT64, INT64, real, INT64, INT64, INT64, INT64, real, INT64, INT64
        ),
    )

    @njit(**FAST)
    def blas(transpose_x, transpose_y, out, x, y, m, n, k):
        cblas(
            i32(101), i32(112 if transpose_x else 111), i32(112 if transpose_y else 111),
            m, n, k, real(1.0), x.ctypes.data, max(x.shape[1], 1),
            y.ctypes.data, max(y.shape[1], 1), real(0.0), out.ctypes.data, n,
        )  # fmt: skip

    @njit(**FAST)
    def double(transpose_x, transpose_y, out, x, y):
        m, n = out.shape
        if m > 0 and n > 0:
            blas(
                transpose_x, transpose_y, out, x, y, m, n, x.shape[0] if transpose_x else x.shape[1]
            )

    @njit(**FAST)
    def single(transpose_x, transpose_y, out, x, y):
        m, n = out.shape
        k = x.shape[0] if transpose_x else x.shape[1]
        if n >= 8 and m * n * k <= SMALL and (not transpose_y or n * k <= STACK):
            row_stride, k_stride = (1, m) if transpose_x else (k, 1)
            left, right, place = (
                floats_at(x.ctypes.data),
                floats_at(y.ctypes.data),
                floats_at(out.ctypes.data),
            )
            if transpose_y:
                right = scratch()
                turn(floats_at(y.ctypes.data), right, n, k)
            small_gemm(left, row_stride, k_stride, right, place, m, n, k)
        elif m > 0 and n > 0:
            blas(transpose_x, transpose_y, out, x, y, m, n, k)

    return single if name == "sgemm" else double


MATH = (
    "sin cos tan asin acos atan sinh cosh asinh acosh atanh erf log1p expm1 exp log2 log10 lgamma "
    "erfc tanh pow atan2 fabs fmod gamma hypot trunc copysign"
).split()
NUMPY = "sqrt log isnan isinf isfinite floor ceil rint".split()
VECTORS = ("alike zero nan total dot dot3 dot_above copy_into add_into largest smallest").split()


def language(dtype: np.dtype) -> dict:
    """The words, for float literals of `dtype`: float32 gets vector polynomials, float64 the C
    library."""
    single = dtype.name == "float32"
    real = getattr(types, dtype.name)
    words = {name: getattr(math, name) for name in MATH}
    words |= {name: getattr(np, name) for name in NUMPY}
    words |= {name: getattr(vectors, name) for name in VECTORS}
    words |= {f"pointer_{name}": pointer_to(getattr(types, name)) for name in DTYPES}
    words |= {f"to_{name}": getattr(types, name) for name in DTYPES}
    words |= {name: getattr(types, name) for name in DTYPES}
    if single:
        words |= {
            name: getattr(floats, f"{name}_float32")
            for name in ("exp", "tanh", "erf", "expm1", "log", "log1p")
        }
    exp = words["exp"]
    return words | {
        "real": real, "carray": carray, "after": after, "call": call,
        "max": max, "min": min, "range": range, "abs": abs, "int": int,
        "pointer_bool": pointer_to(types.boolean), "to_bool": bool,
        "double_of_bits": double_of_bits, "inf": real(np.inf), "pi": math.pi,
        "real_of_bits": njit(**FAST)(lambda word: real(double_of_bits(word))),
        "gemm": gemm_of("sgemm" if single else "dgemm", real),
        "total_exp": vectors.summed(lambda i, x, top: exp(x[i] - top)),
        "philox": philox,
    }  # fmt: skip
