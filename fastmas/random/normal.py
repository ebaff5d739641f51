"""Uniforms, normals and Bernoulli thresholds from 32-bit words, in float32 and without libm.

One word makes one value, and no branch depends on it, so that loops over lanes vectorise. The
polynomials are our own weighted minimax fits (benchmarks/fit_polynomials.py). The normal follows
the form of Giles 2010, "Approximating the erfinv function": the quantile over 1 - 2u is smooth in
-log(4u(1 - u)). Stated errors are those of compiled code; plain Python cannot fuse multiply and add
and differs by a few units in the last place.
"""

from __future__ import annotations

from numpy import float32, int32, uint32

from fastmas.kernel import kernel

ONE = float32(1.0)
TWO = float32(2.0)
HALF = float32(0.5)
ZERO = float32(0.0)
TWO_32 = float32(4294967296.0)
LAST_THRESHOLD = float32(4294967040.0)
SIGN_BIT = int32(-(2**31))
EXPONENT_BITS = int32(-(2**23))
ROOT_HALF_BITS = int32(0x3F3504F3)
LOG_2_PER_EXPONENT = float32(0.6931471805599453 * 2.0**-23)
CDF_END = float32(5.6312)


@kernel
def uniform(word):
    """Uniform on (0, 1): the midpoint of one of 2**23 cells, symmetric about 1/2, exact in float32."""
    return float32(int32(word >> uint32(9))) * float32(2.0**-23) + float32(2.0**-24)


@kernel
def minus_log(x):
    """-log(x) for x in (0, 1], as exact as `normal` needs it and no more."""
    bits = float32(x).view(int32)
    exponent = int32(int32(bits - ROOT_HALF_BITS) & EXPONENT_BITS)
    f = int32(bits - exponent).view(float32) - ONE
    p = float32(0.118296102)
    p = p * f + float32(-0.189011097)
    p = p * f + float32(0.206036672)
    p = p * f + float32(-0.248814583)
    p = p * f + float32(0.333034039)
    p = p * f + float32(-0.50001961)
    p = p * f + float32(1.00000322)
    return float32(exponent) * -LOG_2_PER_EXPONENT - p * f


@kernel
def normal(word):
    """Standard normal from one word by the inverse distribution function.

    The value is the quantile at u = (2 * (word // 2) + 1) / 2**32: odd about the middle word, never
    infinite, |z| < 6.231. Absolute error at most 1.2e-6 for |z| < 4 and 1.3e-6 over all words.
    """
    signed = uint32(word).view(int32)
    folded = int32(int32(signed ^ int32(signed >> int32(31))) | int32(1))
    v = float32(folded) * float32(2.0**-31)
    a = minus_log(v * (TWO - v))
    b = a * a
    p = float32(3.03317211e-05) * a + float32(0.00118594558)
    p = p * b + (float32(0.0130347842) * a + float32(0.095960103))
    p = p * b + (float32(0.470487684) * a + float32(1.25332034))
    q = float32(1.00211423e-06) * a + float32(0.000186149206)
    q = q * b + (float32(0.00279377424) * a + float32(0.0337149948))
    q = q * b + (float32(0.113629252) * a + ONE)
    lower = p / q * (v - ONE)
    return int32(float32(lower).view(int32) ^ int32(signed & SIGN_BIT)).view(float32)


@kernel
def normal_cdf(x):
    """Standard normal distribution function of a float32.

    Half the fourth power of a polynomial in |x|. Absolute error at most 1.8e-7; exactly 1/2 at 0 and
    1 above 5.632, below 1e-20 under -5.632; it never falls by more than 1.2e-7 as x grows.
    """
    a = min(abs(x), CDF_END)
    p = float32(-4.06937033e-06)
    p = p * a + float32(6.98331351e-05)
    p = p * a + float32(-0.000367616216)
    p = p * a + float32(-3.62272003e-05)
    p = p * a + float32(0.00450531952)
    p = p * a + float32(0.00553628337)
    p = p * a + float32(-0.0596982539)
    p = p * a + float32(-0.199470043)
    p = p * a + ONE
    p = p * p
    h = HALF * (p * p)
    return ONE - h if x >= ZERO else h


@kernel
def threshold(probability):
    """The uint32 below which a word falls with this float32 probability in [0, 1].

    Exact to 2**-32, but at most 1 - 2**-24: certainty is not a threshold.
    """
    return uint32(min(probability * TWO_32, LAST_THRESHOLD))


@kernel
def draw_normals(lanes, words, normals):
    """Fill normals[w] from words[w]."""
    for w in range(lanes):
        normals[w] = normal(words[w])


@kernel
def cdf_thresholds(lanes, x, limits):
    """Fill limits[w], uint32, with the threshold of the probability normal_cdf(x[w])."""
    for w in range(lanes):
        limits[w] = threshold(normal_cdf(x[w]))
