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
    "forceinline": True,  # a call inside a loop keeps it from being vectorised
}
# Where the order of operations is the point: no reassociation, no approximate division.
PRECISE = FAST | {"fastmath": {"contract"}}
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


@intrinsic
def bits_of(context, x):
    """The bits of a float32, as an int32."""
    return types.int32(types.float32), lambda ctx, b, sig, args: b.bitcast(args[0], ir.IntType(32))


@intrinsic
def float_of(context, bits):
    """The float32 with these bits."""
    return types.float32(types.int32), lambda ctx, b, sig, args: b.bitcast(args[0], ir.FloatType())


@njit(**PRECISE)
def log_float32(x):
    """Cephes logf: x = m 2^n with m in [sqrt(1/2), sqrt(2)); relative error < 2e-7."""
    is_tiny = x < F(1.17549435e-38)  # denormal numbers are scaled by 2^23
    y = x * F(8388608.0) if is_tiny else x
    n = (bits_of(y) - np.int32(0x3F3504F3)) >> np.int32(23)
    f = float_of(np.int32(bits_of(y) - (n << np.int32(23)))) - F(1.0)
    e = F(n) - (F(23.0) if is_tiny else F(0.0))
    p = F(7.0376836292e-2)
    p = p * f + F(-1.1514610310e-1)
    p = p * f + F(1.1676998740e-1)
    p = p * f + F(-1.2420140846e-1)
    p = p * f + F(1.4249322787e-1)
    p = p * f + F(-1.6668057665e-1)
    p = p * f + F(2.0000714765e-1)
    p = p * f + F(-2.4999993993e-1)
    p = p * f + F(3.3333331174e-1)
    z = f * f
    r = f + (p * f * z + e * F(-2.12194440e-4) - F(0.5) * z) + e * F(0.693359375)
    r = F(-np.inf) if x == F(0.0) else r if x > F(0.0) else F(np.nan)
    return x if x == F(np.inf) or x != x else r


@njit(**PRECISE)
def log1p_float32(x):
    """Kahan's log(1 + x): the rounding error of u = 1 + x is divided out."""
    u = F(1.0) + x
    d = u - F(1.0)
    y = log_float32(u) * (x / d)  # before the choice: a branch around it would not be vectorised
    y = x if d == F(0.0) else y
    return x if x == F(np.inf) else y


@njit(**PRECISE)
def expm1_float32(x):
    """2^n (e^r - 1) + (2^n - 1) with the polynomial of exp_float32; relative error < 3e-7."""
    t = F(-87.0) if not x > F(-87.0) else F(88.0) if x > F(88.0) else x
    n = np.floor(t * F(1.44269504) + F(0.5))
    r = (t - n * F(0.693359375)) - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    s = power_of_two(n)
    y = (p * r * r + r) * s + (s - F(1.0))
    y = F(np.inf) if x > F(88.7) else y
    return y if x == x else x


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
def largest(row):
    """The largest element of a vector, NaN passed over, in eight chains that do not wait."""
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = row[0]
    for i in range(row.size // 8):
        part = row[8 * i : 8 * i + 8]
        m0 = max(m0, part[0])
        m1 = max(m1, part[1])
        m2 = max(m2, part[2])
        m3 = max(m3, part[3])
        m4 = max(m4, part[4])
        m5 = max(m5, part[5])
        m6 = max(m6, part[6])
        m7 = max(m7, part[7])
    for i in range(row.size // 8 * 8, row.size):
        m0 = max(m0, row[i])
    return max(max(max(m0, m1), max(m2, m3)), max(max(m4, m5), max(m6, m7)))


@njit(**FAST)
def smallest(row):
    """The smallest element of a vector, NaN passed over, in eight chains that do not wait."""
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = row[0]
    for i in range(row.size // 8):
        part = row[8 * i : 8 * i + 8]
        m0 = min(m0, part[0])
        m1 = min(m1, part[1])
        m2 = min(m2, part[2])
        m3 = min(m3, part[3])
        m4 = min(m4, part[4])
        m5 = min(m5, part[5])
        m6 = min(m6, part[6])
        m7 = min(m7, part[7])
    for i in range(row.size // 8 * 8, row.size):
        m0 = min(m0, row[i])
    return min(min(min(m0, m1), min(m2, m3)), min(min(m4, m5), min(m6, m7)))


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
        "expm1": expm1_float32 if single else math.expm1,
        "log": log_float32 if single else np.log,
        "log1p": log1p_float32 if single else math.log1p,
        "philox": philox,
        "largest": largest,
        "smallest": smallest,
    }  # fmt: skip
