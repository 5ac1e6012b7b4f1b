"""The words that kernel bodies and scalar functions may use. With jit.py the only module that
imports Numba."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from framework.engine.compile.entry import UNIT
from framework.engine.kernels import floats, vectors
from framework.engine.kernels.attention import attention_of, product_float32
from framework.engine.kernels.choices import drop_some, keep_all, philox
from framework.engine.kernels.convolution import convolutions_of
from framework.engine.kernels.flags import FAST
from framework.engine.kernels.gemm import gemm_float32
from framework.engine.kernels.pointers import INT64, after, pointer_to, start_of
from framework.engine.kernels.shares import share, shares
from framework.engine.kernels.windows import put_windows_of
from framework.engine.kernels.winograd import winograd, winograd_grad_filters

WORDS = types.CPointer(INT64)
DTYPES = "float32 float64 int64 int32 int16 int8 uint8 uint16 uint32 uint64".split()


@intrinsic
def call(context, address, block, part, parts):
    """Call the kernel at `address` with its block, for one of `parts` threads."""

    def codegen(ctx, b, sig, args):
        kernel = ir.FunctionType(ir.VoidType(), [a.type for a in args[1:]])
        b.call(b.inttoptr(args[0], kernel.as_pointer()), args[1:])
        return ctx.get_dummy_value()

    return types.void(INT64, WORDS, INT64, INT64), codegen


@intrinsic
def load_acquire(context, words, place):
    """words[place], and what its writer wrote before."""

    def codegen(ctx, b, sig, args):
        return b.load_atomic(b.gep(args[0], [args[1]]), "acquire", 8)

    return INT64(WORDS, INT64), codegen


@intrinsic
def store_release(context, words, place, value):
    """words[place] = value, after everything that was written before."""

    def codegen(ctx, b, sig, args):
        b.store_atomic(args[2], b.gep(args[0], [args[1]]), "release", 8)
        return ctx.get_dummy_value()

    return types.void(WORDS, INT64, INT64), codegen


@intrinsic
def take(context, words, place, old, new):
    """Whether words[place] was `old` and is `new` now, at once."""

    def codegen(ctx, b, sig, args):
        place = b.gep(args[0], [args[1]])
        return b.extract_value(b.cmpxchg(place, *args[2:], "acq_rel", "acquire"), 1)

    return types.boolean(WORDS, INT64, INT64, INT64), codegen


@intrinsic
def pause(context):
    """Tell the CPU that this thread spins."""

    def codegen(ctx, b, sig, args):
        if llvm.get_process_triple().startswith(("x86", "i686")):
            kind = ir.FunctionType(ir.VoidType(), [])
            b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.x86.sse2.pause"), [])
        return ctx.get_dummy_value()

    return types.void(), codegen


sched_yield = types.ExternalFunction("sched_yield", types.int32())


@njit(**FAST)
def is_short(rounds):
    """Whether a wait has not lasted long, 0.1 to 0.2 ms: one does nothing but spin."""
    return rounds < 4000


@njit(**FAST)
def rest(rounds):
    """Wait a little, for the given time in a row: long waits leave the core to others."""
    if is_short(rounds):
        pause()
    else:
        sched_yield()


@intrinsic
def invoke(context, address, words):
    """What the C function at `address` returns for a tuple of words."""

    def codegen(ctx, b, sig, args):
        values = cgutils.unpack_tuple(b, args[1])
        function = ir.FunctionType(ir.IntType(64), [v.type for v in values])
        return b.call(b.inttoptr(args[0], function.as_pointer()), values)

    return INT64(INT64, words), codegen


@intrinsic
def double_of_bits(context, word):
    """The float64 whose bits are `word`."""
    return types.float64(INT64), lambda ctx, b, sig, args: b.bitcast(args[0], ir.DoubleType())


def cblas_float64() -> types.ExternalFunction:
    """cblas_dgemm with 64-bit sizes and addresses."""
    i32, real = types.int32, types.float64
    sizes, matrix = (INT64, INT64, INT64), (INT64, INT64)
    return types.ExternalFunction(
        "framework_dgemm",
        types.void(i32, i32, i32, *sizes, real, *matrix, *matrix, real, *matrix),
    )


def product_float64():
    """product_float32 of kernels/attention.py by BLAS: of x and of y one stride is 1."""
    i32, real, cblas = types.int32, types.float64, cblas_float64()

    @njit(**FAST)
    def product(x, row, inner, y, y_inner, column, out, out_stride, m, n, k, adds):
        cblas(
            i32(101), i32(111 if inner == 1 else 112), i32(111 if column == 1 else 112), m, n, k,
            real(1.0), x, row if inner == 1 else inner, y, y_inner if column == 1 else column,
            real(adds != 0), out, out_stride,
        )  # fmt: skip

    return product


@functools.cache
def attention_words(name: str) -> dict:
    """attention(...) and attention_grad(...), see kernels/attention.py; thin_attention(...) and
    thin_attention_grad(...), with dropout."""
    if name == "float32":
        real, exp, log = types.float32, floats.exp_float32, floats.log_float32
        product: Callable = product_float32
    else:
        real, exp, log, product = types.float64, math.exp, math.log, product_float64()
    words = {}
    for prefix, drop in (("", keep_all()), ("thin_", drop_some(real))):
        made = attention_of(real, product, exp, log, drop)
        words |= dict(zip((f"{prefix}attention", f"{prefix}attention_grad"), made, strict=True))
    return words


def gemm_float64():
    """gemm(transpose_x, transpose_y, out, x, y, part, parts): out = x @ y by BLAS (cblas with
    64-bit sizes); a thread computes its share of the rows, or of the columns."""
    i32, real, cblas = types.int32, types.float64, cblas_float64()

    @njit(**FAST)
    def gemm(transpose_x, transpose_y, out, x, y, part, parts):
        m, n = out.shape
        k = x.shape[0] if transpose_x else x.shape[1]
        if n < m:
            rows, columns = share(m, UNIT, part, parts), (0, n)
        else:
            rows, columns = (0, m), share(n, UNIT, part, parts)
        left = x.ctypes.data + 8 * rows[0] * (1 if transpose_x else k)
        right = y.ctypes.data + 8 * columns[0] * (k if transpose_y else 1)
        place = out.ctypes.data + 8 * (rows[0] * n + columns[0])
        if rows[0] < rows[1] and columns[0] < columns[1]:
            cblas(
                i32(101), i32(112 if transpose_x else 111), i32(112 if transpose_y else 111),
                rows[1] - rows[0], columns[1] - columns[0], k, real(1.0), left,
                max(x.shape[1], 1), right, max(y.shape[1], 1), real(0.0), place, n,
            )  # fmt: skip

    return gemm


MATH = (
    "sin cos tan asin acos atan sinh cosh asinh acosh atanh erf log1p expm1 exp log2 log10 lgamma "
    "erfc tanh pow atan2 fabs fmod gamma hypot trunc copysign"
).split()
NUMPY = "sqrt log isnan isinf isfinite floor ceil rint".split()
VECTORS = (
    "alike zero nan total dot dot3 dot_above copy_into add_into largest smallest largest_into "
    "largest_of_four clear add_where divide_into is_within piece_of "
    "sum_runs square_runs total_square"
).split()


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
    if dtype.name in ("float32", "float64"):
        words |= vars(convolutions_of(real)) | {"put_windows": put_windows_of(real)}
        words |= {
            f"depthwise_{name}": word for name, word in vars(convolutions_of(real, True)).items()
        }
    exp = words["exp"]
    return words | {
        "real": real, "carray": carray, "after": after, "start_of": start_of, "call": call,
        "invoke": invoke,
        "max": max, "min": min, "range": range, "abs": abs, "int": int,
        "pointer_bool": pointer_to(types.boolean), "to_bool": bool,
        "double_of_bits": double_of_bits, "inf": real(np.inf), "pi": math.pi,
        "real_of_bits": njit(**FAST)(lambda word: real(double_of_bits(word))),
        "gemm": gemm_float32 if single else gemm_float64(), "share": share, "shares": shares,
        "load_acquire": load_acquire, "store_release": store_release, "rest": rest,
        "is_short": is_short, "take": take,
        "total_exp": vectors.summed(lambda i, x, top: exp(x[i] - top)),
        "philox": philox, "winograd": winograd, "winograd_grad_filters": winograd_grad_filters,
        **attention_words("float32" if single else "float64"),
    }  # fmt: skip
