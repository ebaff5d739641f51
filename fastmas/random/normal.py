"""Uniforms, normals and Bernoulli thresholds from 32-bit words, in float32 and without libm."""

from __future__ import annotations

from numpy import float32, int32, uint32

from fastmas.kernel import kernel

ONE = float32(1.0)
HALF = float32(0.5)
TWO_32 = float32(4294967296.0)
LAST_THRESHOLD = float32(4294967040.0)
TINY_STEP = float32(2.0**-32)


@kernel
def uniform(word):
    """Uniform on (0, 1) from one word, symmetric about 1/2."""
    return float32(word >> uint32(8)) * float32(2.0**-24) + float32(2.0**-25)


@kernel
def minus_log(x):
    """-log(x) for x in (0, 1]."""
    bits = int32(float32(x).view(int32) - int32(0x3F400000))
    exponent = float32(int32(bits >> int32(23)))
    f = int32(int32(bits & int32(0x7FFFFF)) + int32(0x3F400000)).view(float32) - ONE
    p = float32(0.0793797586)
    p = p * f + float32(-0.166840123)
    p = p * f + float32(0.207780685)
    p = p * f + float32(-0.250926005)
    p = p * f + float32(0.33307197)
    p = p * f + float32(-0.49997357)
    p = p * f + float32(1.00000235)
    return exponent * float32(-0.69314718) - p * f


@kernel
def normal(word):
    """Standard normal from one word by the inverse distribution function."""
    signed = uint32(word).view(int32)
    folded = int32(int32(signed ^ int32(signed >> int32(31))) | int32(1))
    u = float32(folded) * TINY_STEP
    a = minus_log(float32(4.0) * u - float32(4.0) * u * u)
    p = float32(2.98222434e-05)
    p = p * a + float32(0.00108795386)
    p = p * a + float32(0.0124375214)
    p = p * a + float32(0.0927705748)
    p = p * a + float32(0.461010498)
    p = p * a + float32(1.2533162)
    q = float32(1.00784504e-06)
    q = q * a + float32(0.000177635098)
    q = q * a + float32(0.00252469549)
    q = q * a + float32(0.0331900504)
    q = q * a + float32(0.106048033)
    q = q * a + ONE
    z = p / q * (ONE - float32(2.0) * u)
    return z if signed < int32(0) else -z


@kernel
def normal_cdf(x):
    """Standard normal distribution function."""
    a = abs(x) * float32(0.70710678)
    t = float32(0.0000430638)
    t = t * a + float32(0.0002765672)
    t = t * a + float32(0.0001520143)
    t = t * a + float32(0.0092705272)
    t = t * a + float32(0.0422820123)
    t = t * a + float32(0.0705230784)
    t = t * a + ONE
    t = t * t
    t = t * t
    t = t * t
    t = t * t
    h = HALF / t
    return ONE - h if x >= float32(0.0) else h


@kernel
def threshold(probability):
    """The uint32 below which a word falls with this probability, to 2**-32."""
    return uint32(min(probability * TWO_32, LAST_THRESHOLD))


@kernel
def draw_normals(lanes, words, normals):
    """Fill normals[w] from words[w]."""
    for w in range(lanes):
        normals[w] = normal(words[w])


@kernel
def cdf_thresholds(lanes, x, limits):
    """Fill limits[w] with threshold(normal_cdf(x[w]))."""
    for w in range(lanes):
        limits[w] = threshold(normal_cdf(x[w]))
