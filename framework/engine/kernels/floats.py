"""Functions of float32 by polynomials, which vectorise: exp, log, tanh, erf and their like.

Results smaller than the smallest normal number (1.2e-38) may be flushed to 0.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from framework.engine.kernels.flags import FAST

F = np.float32


@intrinsic
def bits_of(context, x):
    """The bits of a float32, as an int32."""
    return types.int32(types.float32), lambda ctx, b, sig, args: b.bitcast(args[0], ir.IntType(32))


@intrinsic
def float_of(context, bits):
    """The float32 with these bits."""
    return types.float32(types.int32), lambda ctx, b, sig, args: b.bitcast(args[0], ir.FloatType())


@intrinsic
def scaled(context, x, n):
    """x 2^n for an integral float32 n, added to the exponent bits: x and the result are normal.

    Through int32: AVX2 has no packed float -> int64.
    """

    def codegen(ctx, b, sig, args):
        i32 = ir.IntType(32)
        steps = b.shl(b.fptosi(args[1], i32), i32(23))
        return b.bitcast(b.add(b.bitcast(args[0], i32), steps), ir.FloatType())

    return types.float32(types.float32, types.float32), codegen


@njit(**FAST)
def expm1_of_rest(r):
    """e^r - 1 for |r| <= log(2) / 2 by Cephes' polynomial."""
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    return p * (r * r) + r


@njit(**FAST)
def rest_of(x, n):
    """x - n log(2), with log(2) in two parts: the product of n and the first one is exact."""
    return (x - n * F(0.693359375)) - n * F(-2.12194440e-4)


# The ends of e^x: the largest x whose e^x is finite, the smallest whose e^x is a normal number.
EXP_MAX, EXP_MIN = F(88.72283172607422), F(-87.33654022216797)


@njit(**FAST)
def exp_float32(x):
    """Cephes expf, e^x = 2^n e^r: |relative error| < 1e-7; inf above 88.72, 0 below -87.33 (where
    e^x is no normal number); NaN stays NaN."""
    t = EXP_MAX if x > EXP_MAX else x
    t = t if t > EXP_MIN else EXP_MIN  # NaN, too: it has no integral n
    n = np.floor(t * F(1.44269504) + F(0.5))
    y = scaled(expm1_of_rest(rest_of(t, n)) + F(1.0), n)
    y = F(0.0) if x < EXP_MIN else y
    return y if x <= EXP_MAX else x * F(np.inf)


@njit(**FAST)
def expm1_float32(x):
    """2^n (e^r - 1) + (2^n - 1), at half its size so that 2^128 fits; relative error < 3e-7; inf
    above 88.72, -1 below -20."""
    t = EXP_MAX if x > EXP_MAX else x
    t = t if t > F(-20.0) else F(-20.0)
    n = np.floor(t * F(1.44269504) + F(0.5))
    half = scaled(F(0.5), n)
    y = F(2.0) * (expm1_of_rest(rest_of(t, n)) * half + (half - F(0.5)))
    y = x if x == F(0.0) else y  # -0.0
    return y if x <= EXP_MAX else x * F(np.inf)


@njit(**FAST)
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


@njit(**FAST)
def log1p_float32(x):
    """Kahan's log(1 + x): the rounding error of u = 1 + x is divided out."""
    u = F(1.0) + x
    d = u - F(1.0)
    y = log_float32(u) * (x / d)  # before the choice: a branch around it would not be vectorised
    y = x if d == F(0.0) else y
    return x if x == F(np.inf) else y


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
