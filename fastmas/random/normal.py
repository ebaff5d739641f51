"""Uniforms, normals and Bernoulli thresholds from 32-bit words, in float32 and without libm.

One word makes one value, and no branch depends on it, so that loops over lanes vectorise. The
polynomials are our own weighted minimax fits (benchmarks/fit_polynomials.py). The normal follows
the form of Giles 2010, "Approximating the erfinv function": the quantile over 1 - 2u is smooth in
-log(4u(1 - u)). Stated errors are those of compiled code; plain Python cannot fuse multiply and add
and differs by a few units in the last place. Lane arrays of float64 get values to about 1e-15 instead:
one step of Halley's method from the float32 normal, and the complementary error function.
"""

from __future__ import annotations

import math

from numpy import float32, float64, int32, uint32

from fastmas.kernel import kernel
from fastmas.random.precision import in_precision

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
# Words that fold below it, one in 2,190, lie where -log(4u(1 - u)) exceeds 7.
TAIL = int32(980_300)
CENTRE = float32(3.5)
CDF_END = float32(5.6312)
DOUBLE = 8  # bytes
LAST_OF_DOUBLES = 4294967295.0
ROOT_HALF = math.sqrt(0.5)
ROOT_2_PI = math.sqrt(2.0 * math.pi)


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
def fold(word):
    """1, 3, ... 2**31 - 1 from the ends of the range of words to its middle, the same from both."""
    signed = uint32(word).view(int32)
    return int32(int32(signed ^ int32(signed >> int32(31))) | int32(1))


@kernel
def with_side(word, lower):
    """The normal of a word from that of the lower end's."""
    return int32(float32(lower).view(int32) ^ int32(uint32(word).view(int32) & SIGN_BIT)).view(float32)


@kernel
def normal_centre(word):
    """The normal of a word that does not fold into the tail: an error of 9e-7 without any division."""
    v = float32(fold(word)) * float32(2.0**-31)
    a = minus_log(v * (TWO - v)) - CENTRE
    p = float32(-2.06866524e-09)
    p = p * a + float32(-2.65601248e-08)
    p = p * a + float32(4.46101438e-07)
    p = p * a + float32(-7.6785858e-07)
    p = p * a + float32(-2.22025828e-05)
    p = p * a + float32(0.000225058786)
    p = p * a + float32(-0.000681108388)
    p = p * a + float32(-0.00950034801)
    p = p * a + float32(0.332847416)
    p = p * a + float32(2.46473384)
    return with_side(word, p * (v - ONE))


@kernel
def normal_tail(word):
    """The normal of any word, for those of the tail."""
    v = float32(fold(word)) * float32(2.0**-31)
    a = minus_log(v * (TWO - v))
    b = a * a
    p = float32(3.03317211e-05) * a + float32(0.00118594558)
    p = p * b + (float32(0.0130347842) * a + float32(0.095960103))
    p = p * b + (float32(0.470487684) * a + float32(1.25332034))
    q = float32(1.00211423e-06) * a + float32(0.000186149206)
    q = q * b + (float32(0.00279377424) * a + float32(0.0337149948))
    q = q * b + (float32(0.113629252) * a + ONE)
    return with_side(word, p / q * (v - ONE))


@kernel
def normal(word):
    """Standard normal from one word by the inverse distribution function.

    The value is the quantile at u = (2 * (word // 2) + 1) / 2**32: odd about the middle word, never
    infinite, |z| < 6.231. Absolute error at most 1.2e-6 for |z| < 4 and 1.3e-6 over all words.
    """
    return normal_tail(word) if fold(word) < TAIL else normal_centre(word)


@kernel
def normal_cdf_single(x):
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
def normal_cdf_double(x):
    return float64(0.5 * math.erfc(-x * ROOT_HALF))


@kernel
def normal_cdf(x):
    """Standard normal distribution function, as `normal_cdf_single` of a float32, to 1e-15 of all else."""
    return in_precision(x, x, normal_cdf_single, normal_cdf_double)


@kernel
def threshold_single(probability):
    return uint32(min(max(ZERO, probability * TWO_32), LAST_THRESHOLD))


@kernel
def threshold_double(probability):
    return uint32(min(max(0.0, probability * 4294967296.0), LAST_OF_DOUBLES))


@kernel
def threshold(probability):
    """The uint32 below which a word falls with this probability in [0, 1]; NaN and less than 0 count as 0.

    Exact to 2**-32; but certainty is not a threshold: at most 1 - 2**-24 of a float32, 1 - 2**-32 of all else.
    """
    return in_precision(probability, probability, threshold_single, threshold_double)


@kernel
def normal_double(word):
    """The `normal` of a word in float64, to 4e-15."""
    z = -abs(float64(normal(word)))
    over = 0.5 * math.erfc(-z * ROOT_HALF) - float64(fold(word)) * 2.0**-32
    d = over * ROOT_2_PI * math.exp(0.5 * z * z)
    z -= d / (1.0 + 0.5 * z * d)
    return z if uint32(word).view(int32) >= int32(0) else -z


@kernel
def uniform_double(word):
    return float64(uniform(word))


@kernel
def normal_of(word, like):
    """The normal number of a word in the precision of `like`, a number or an array: as `draw_normals` gives it."""
    return in_precision(like, word, normal, normal_double)


@kernel
def uniform_of(word, like):
    """The `uniform` number of a word in the precision of `like`."""
    return in_precision(like, word, uniform, uniform_double)


@kernel
def draw_normals(lanes, words, normals):
    """Fill normals[w] with the `normal` of words[w], in the array's precision."""
    if normals.itemsize == DOUBLE:  # known when compiled, as the array's dtype is
        for w in range(lanes):
            normals[w] = normal_double(words[w])
        return
    left = int32(0)
    for w in range(lanes):
        normals[w] = normal_centre(words[w])
        left = int32(left + (int32(1) if fold(words[w]) < TAIL else int32(0)))
    w = 0
    while left > int32(0):
        if fold(words[w]) < TAIL:
            normals[w] = normal_tail(words[w])
            left = int32(left - int32(1))
        w += 1


@kernel
def cdf_thresholds(lanes, x, limits):
    """Fill limits[w], uint32, with the threshold of the probability normal_cdf(x[w]), in the precision of x."""
    for w in range(lanes):
        limits[w] = threshold(normal_cdf(x[w]))
