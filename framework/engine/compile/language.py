"""The words that kernel bodies and scalar functions may use. With jit.py the only module that
imports Numba."""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from framework.engine.kernels.gemm import STACK, floats_at, scratch, small_gemm, turn

# No nnan, no ninf: NaN and infinity stay what they are, and a diverging loss is seen.
FAST = {
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"reassoc", "nsz", "arcp", "contract", "afn"},
}
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


@intrinsic
def power_of_two(context, n):
    """2^n for an integral float32 n, written into the exponent bits; through int32: AVX2 has no
    packed float -> int64."""

    def codegen(ctx, b, sig, args):
        i32 = ir.IntType(32)
        bits = b.shl(b.add(b.fptosi(args[0], i32), i32(127)), i32(23))
        return b.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), codegen


F = np.float32


@njit(**FAST)
def exp_float32(x):
    """Cephes expf: |relative error| < 3e-7 for -87 < x < 88, vectorises. Beyond: 0 or inf; NaN
    stays NaN."""
    t = F(-87.0) if not x > F(-87.0) else F(88.0) if x > F(88.0) else x
    n = np.floor(t * F(1.44269504) + F(0.5))
    r = (t - n * F(0.693359375)) - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    y = (p * r * r + r + F(1.0)) * power_of_two(n)
    y = F(np.inf) if x > F(88.7) else F(0.0) if x < F(-87.3) else y
    return y if x == x else x


@njit(**FAST)
def tanh_float32(x):
    """Eigen's rational tanh: odd polynomial of degree 13 over even one of degree 6 on [-7.9, 7.9];
    error < 3e-7."""
    t = F(7.90531110763549805) if x > F(7.90531110763549805) else x
    t = F(-7.90531110763549805) if t < F(-7.90531110763549805) else t
    s = t * t
    p = F(-2.76076847742355e-16)
    p = p * s + F(2.00018790482477e-13)
    p = p * s + F(-8.60467152213735e-11)
    p = p * s + F(5.12229709037114e-08)
    p = p * s + F(1.48572235717979e-05)
    p = p * s + F(6.37261928875436e-04)
    p = p * s + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06)
    q = q * s + F(1.18534705686654e-04)
    q = q * s + F(2.26843463243900e-03)
    q = q * s + F(4.89352518554385e-03)
    y = (
        F(1.0) if x > F(7.90531110763549805) else t * p / q
    )  # exactly 1: gelu multiplies 1 + tanh by a large x
    y = F(-1.0) if x < F(-7.90531110763549805) else y
    return y if x == x else x


@njit(**FAST)
def erf_float32(x):
    """Eigen's rational erf on [-4, 4]; error < 5e-7."""
    t = F(4.0) if x > F(4.0) else x
    t = F(-4.0) if t < F(-4.0) else t
    s = t * t
    p = F(-2.72614225801306e-10)
    p = p * s + F(2.77068142495902e-08)
    p = p * s + F(-2.10102402082508e-06)
    p = p * s + F(-5.69250639462346e-05)
    p = p * s + F(-7.34990630326855e-04)
    p = p * s + F(-2.95459980854025e-03)
    p = p * s + F(-1.60960333262415e-02)
    q = F(-1.45660718464996e-05)
    q = q * s + F(-2.13374055278905e-04)
    q = q * s + F(-1.68282697438203e-03)
    q = q * s + F(-7.37332916720468e-03)
    q = q * s + F(-1.42647390514189e-02)
    return t * p / q if x == x else x


@njit(**FAST)
def copy_into(out, x):
    """out = x, for vectors."""
    for i in range(out.size):
        out[i] = x[i]


@njit(**FAST)
def add_into(out, x):
    """out += x, for vectors."""
    for i in range(out.size):
        out[i] += x[i]


@njit(**FAST)
def zero(x):
    """0 of the dtype of the array x."""
    return x.dtype.type(0)


@njit(**FAST)
def nan(x):
    """NaN of the dtype of the array x."""
    return x.dtype.type(np.nan)


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
    "sin cos tan asin acos atan sinh cosh asinh acosh atanh floor ceil log1p expm1 log2 "
    "log10 lgamma erfc "
    "sqrt log pow atan2 fabs fmod isnan isinf isfinite gamma hypot trunc copysign"
).split()


def language(dtype: np.dtype) -> dict:
    """The words, for float literals of `dtype`: float32 gets vector polynomials, float64 the C
    library."""
    single = dtype.name == "float32"
    real = getattr(types, dtype.name)
    words = {name: getattr(math, name) for name in MATH}
    words |= {f"pointer_{name}": pointer_to(getattr(types, name)) for name in DTYPES}
    words |= {f"to_{name}": getattr(types, name) for name in DTYPES}
    words |= {name: getattr(types, name) for name in DTYPES}
    words |= {
        "pointer_bool": pointer_to(types.boolean),
        "to_bool": bool,
        "sqrt": np.sqrt,
        "log": np.log,
    }
    words |= {
        "isnan": np.isnan,
        "isinf": np.isinf,
        "isfinite": np.isfinite,
        "floor": np.floor,
        "ceil": np.ceil,
    }
    return words | {
        "real": real, "carray": carray, "after": after, "call": call,
        "copy_into": copy_into, "add_into": add_into,
        "zero": zero, "nan": nan, "max": max, "min": min, "range": range, "abs": abs,
        "int": int, "rint": np.rint,
        "round_even": np.rint, "double_of_bits": double_of_bits, "inf": real(np.inf), "pi": math.pi,
        "real_of_bits": njit(**FAST)(lambda word: real(double_of_bits(word))),
        "gemm": gemm_of("sgemm" if single else "dgemm", real),
        "exp": exp_float32 if single else math.exp,
        "tanh": tanh_float32 if single else math.tanh,
        "erf": erf_float32 if single else math.erf,
    }  # fmt: skip
