"""log, exp, tanh and sigmoid in the precision of their argument.

Libm calls keep Numba from vectorising a loop over lanes and differ between machines: float32 values get
plain arithmetic without branches. Polynomials: our own minimax fits (benchmarks/fit_polynomials.py);
reduction of the argument as in Cephes (Moshier 1992). Everything else is taken as float64, by libm, to
within 1e-15 of the value.
"""

from __future__ import annotations

import math

from numpy import float32, float64, int32

from fastmas.kernel import kernel
from fastmas.random.precision import in_precision

ONE = float32(1.0)
TWO = float32(2.0)
ONE_BITS = int32(0x3F800000)
EXPONENT_BITS = int32(-(2**23))
ROOT_HALF_BITS = int32(0x3F3504F3)
PER_EXPONENT = float32(2.0**-23)
# log(2) in two parts; the first has 9 bits, so that its product with an exponent is exact.
LOG_2_HIGH = float32(0.693359375)
LOG_2_LOW = float32(-2.12194440e-4)
PER_LOG_2 = float32(1.4426950408889634)
# Adding it to a small number leaves the nearest whole number in the low bits.
ROUNDING = float32(12582912.0)
EXP_END = float32(87.0)
# tanh(9) is 1 - 3e-8, which is 1 in float32; the argument of the exponential is twice that.
TANH_END = float32(18.0)
# Exponentials of float64 between these ends are normal numbers.
FIRST_EXP, LAST_EXP = -708.0, 709.0


@kernel
def log_single(x):
    """Natural logarithm of a normal float32 x > 0.

    Error at most 9e-8 * max(1, |log x|); exactly 0 at 1. Zero, subnormal, negative and
    non-finite arguments give a wrong finite number.
    """
    bits = float32(x).view(int32)
    exponent = int32(int32(bits - ROOT_HALF_BITS) & EXPONENT_BITS)
    e = float32(exponent) * PER_EXPONENT
    f = int32(bits - exponent).view(float32) - ONE
    p = float32(0.0873197243)
    p = p * f + float32(-0.144409895)
    p = p * f + float32(0.149795204)
    p = p * f + float32(-0.165524915)
    p = p * f + float32(0.199536055)
    p = p * f + float32(-0.250024825)
    p = p * f + float32(0.333342254)
    p = p * f + float32(-0.499999821)
    return e * LOG_2_HIGH + (f + (f * f * p + e * LOG_2_LOW))


@kernel
def exp_parts(x):
    """Powers 2**n and p with exp(x) = 2**n * (1 + p), |p| < 0.42, for |x| <= 87."""
    shifted = x * PER_LOG_2 + ROUNDING
    n = shifted - ROUNDING
    r = x - n * LOG_2_HIGH
    r = r - n * LOG_2_LOW
    p = float32(0.00138210552)
    p = p * r + float32(0.00836867467)
    p = p * r + float32(0.0416682623)
    p = p * r + float32(0.166665211)
    p = p * r + float32(0.49999994)
    p = r * r * p + r
    exponent = int32(float32(shifted).view(int32) << int32(23))
    return int32(exponent + ONE_BITS).view(float32), p


@kernel
def exp_single(x):
    """Exponential of a float32, relative error at most 9e-8; x is clamped to [-87, 87]."""
    power, p = exp_parts(min(max(x, -EXP_END), EXP_END))
    return power * (p + ONE)


@kernel
def tanh_single(x):
    """Hyperbolic tangent of a float32: exactly odd, within [-1, 1].

    Absolute error at most 9e-8, relative error at most 1.9e-7.
    """
    power, p = exp_parts(min(TWO * abs(x), TANH_END))
    e = power * p + (power - ONE)
    t = e / (e + TWO)
    return float32(math.copysign(t, x))


@kernel
def sigmoid_single(x):
    """Logistic function 1 / (1 + exp(-x)) of a float32, relative error at most 1.5e-7."""
    return ONE / (ONE + exp_single(-x))


@kernel
def log_double(x):
    """Natural logarithm of a float64: -inf at zero and NaN below it, in plain Python too."""
    return float64(math.log(x) if x > 0.0 else (-math.inf if x == 0.0 else math.nan))


@kernel
def exp_double(x):
    """Exponential of a float64; x is clamped to [-708, 709]."""
    return float64(math.exp(min(max(x, FIRST_EXP), LAST_EXP)))


@kernel
def tanh_double(x):
    return float64(math.tanh(x))


@kernel
def sigmoid_double(x):
    return 1.0 / (1.0 + exp_double(-x))


@kernel
def log(x):
    """Natural logarithm of x > 0, as `log_single` of a float32 and as `log_double` of all else."""
    return in_precision(x, x, log_single, log_double)


@kernel
def exp(x):
    """Exponential, as `exp_single` of a float32 and as `exp_double` of all else."""
    return in_precision(x, x, exp_single, exp_double)


@kernel
def tanh(x):
    """Hyperbolic tangent, as `tanh_single` of a float32 and by libm of all else."""
    return in_precision(x, x, tanh_single, tanh_double)


@kernel
def sigmoid(x):
    """Logistic function 1 / (1 + exp(-x)), to 1.5e-7 of itself for a float32 and to 1e-15 for all else."""
    return in_precision(x, x, sigmoid_single, sigmoid_double)
