"""Exact binomial numbers by address: a count of many agents at the price of one.

Inversion where n * min(p, 1 - p) < 10, elsewhere the rejection method BTRS of Hormann 1993, "The
generation of binomial random variates", J. Stat. Comput. Simul. 46. Everything inside is float64,
whatever the lane arrays hold, and without libm, so that `fastmas.random.binomial_lanes` can do the
same for many lanes side by side.

Addresses: a try takes the four words of one slot. The first try of a draw has the slot it is called with,
below 2**24, try i has that slot plus i * 2**26. So no try meets another draw whose slots leave out the first
2**24 of every 2**26.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import float64, int64, uint64

from fastmas.kernel import kernel
from fastmas.random.philox import MASK, last_rounds, step_part

SLOTS = int64(2**26)
TRIES = 64
INVERSION_LIMIT = 10.0
NEGLIGIBLE = 2.0**-60
EXPONENT_BITS = int64(-(2**52))
ROOT_HALF_BITS = int64(0x3FE6A09E667F3BCD)
ONE_BITS = int64(0x3FF0000000000000)
MANTISSA = int64(52)
LOG_2 = math.log(2.0)
# log(2) in two parts; the first has 32 bits, so that its product with an exponent is exact.
LOG_2_HIGH = math.floor(LOG_2 * 2.0**32) / 2.0**32
LOG_2_LOW = 1.9082149292705877e-10
# Adding it to a small number leaves the nearest whole number in the low bits.
ROUNDING = 1.5 * 2.0**52


def stirling_error(k: int) -> float:
    """log k! less (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2."""
    x = k + 1.0
    return math.lgamma(x) - (x - 0.5) * math.log(x) + x - 0.5 * math.log(2.0 * math.pi)


FIRST_STIRLING_ERRORS = np.array([stirling_error(k) for k in range(10)])


@kernel
def inverses(a, b, c, d):
    """1/a, 1/b, 1/c and 1/d by one division."""
    ab, cd = a * b, c * d
    whole = 1.0 / (ab * cd)
    per_ab, per_cd = whole * cd, whole * ab
    return per_ab * b, per_ab * a, per_cd * d, per_cd * c


@kernel
def log_parts(x, f):
    """e and r with x = 2**e (1 + r), |r| < 0.42, for normal x > 0; f is x - 1, exactly where x is near 1."""
    bits = float64(x).view(int64)
    exponent = int64(int64(bits - ROOT_HALF_BITS) & EXPONENT_BITS)
    r = f if exponent == 0 else int64(bits - exponent).view(float64) - 1.0
    return float64(exponent) * 2.0**-52, r


@kernel
def join_log(e, r, per):
    """The logarithm of these parts, to 4e-14 of itself, by 2 artanh(r / (2 + r)); `per` is 1 / (2 + r)."""
    s = r * per
    z = s * s
    p = 2.0 / 15.0 * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    return e * LOG_2 + (s * z * p + 2.0 * s)


@kernel
def log1p(f):
    """log(1 + f) for normal 1 + f > 0."""
    e, r = log_parts(1.0 + f, f)
    return join_log(e, r, 1.0 / (2.0 + r))


@kernel
def exp(x):
    """exp(x) for |x| < 700, to 1e-14 of itself."""
    shifted = x * (1.0 / LOG_2) + ROUNDING
    n = shifted - ROUNDING
    r = (x - n * LOG_2_HIGH) - n * LOG_2_LOW
    p = r * (1.0 / 39916800.0) + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return int64(int64(float64(shifted).view(int64) << MANTISSA) + ONE_BITS).view(float64) * p


@kernel
def stirling(x):
    """The same error from x = 1 / (k + 1), for a whole float64 k >= 10, to 1e-12."""
    y = x * x
    return x * (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0))))


@kernel
def any_stirling(k, x):
    """The same for every k >= 0."""
    near = FIRST_STIRLING_ERRORS[uint64(min(k, 9.0))]
    return near if k < 10.0 else stirling(x)


@kernel
def unit(high, low):
    """The midpoint of one of 2**52 cells of (0, 1), from two words; 1 minus it is exact."""
    cell = uint64((high & MASK) << uint64(20)) | uint64((low & MASK) >> uint64(12))
    return (float64(int64(cell)) + 0.5) * 2.0**-52


@kernel
def try_words(w, address, t, slot):
    """Carriers of the four words of (path, t, slot) in lane w."""
    a, b, c, keys = address[0], address[1], address[2], address[3]
    e0, e1, e2 = step_part(t, slot, keys[0])
    return last_rounds(a[w] ^ e0, b[w], c[w] ^ e1, e2, keys[1], keys[2])


@kernel
def invert(n, p, u):
    """The smallest k with P(K <= k) >= u, for n * p < 10 and p <= 1/2."""
    odds = p / (1.0 - p)
    k = 0.0
    left = u
    term = exp(n * log1p(-p))
    # Terms rise from at least 1e-6: a negligible one lies in the upper tail, beyond all rounding of u.
    while left > term > NEGLIGIBLE:
        left -= term
        term = term * (odds * (n - k) * (1.0 / (k + 1.0)))
        k += 1.0
    return min(k, n)


@kernel
def shape(n, p):
    """The spread of Binomial(n, p), p <= 1/2, and the constants b and a of BTRS."""
    spread = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    return spread, b, -0.0873 + 0.0248 * b + 0.01 * p


@kernel
def place(n, p, a, b, u, per_edge):
    """Where BTRS looks for a number, before rounding down; what is outside [0, n + 1) stays outside."""
    return min(max((2.0 * a * per_edge + b) * u + n * p + 0.5, -1.0), n + 1.0)


@kernel
def margin(n, p, k, height):
    """log P(K = k) - log P(K = mode) - log(height), to about 1e-11 at n = 1e9 and 1e-9 at 1e12."""
    q = 1.0 - p
    mode = float64(int64((n + 1.0) * p))
    d = k - mode
    per_mode, per_rest, per_k, per_other = inverses(mode + 1.0, n - mode + 1.0, k + 1.0, n - k + 1.0)
    odd = ((n + 1.0) * p - mode - q) * per_mode / q  # p (n - mode + 1) / (q (mode + 1)) - 1
    up, down = d * per_mode, -d * per_rest
    e0, r0 = log_parts(1.0 + odd, odd)
    e1, r1 = log_parts(1.0 + up, up)
    e2, r2 = log_parts(1.0 + down, down)
    e3, r3 = log_parts(height, height - 1.0)
    per_0, per_1, per_2, per_3 = inverses(2.0 + r0, 2.0 + r1, 2.0 + r2, 2.0 + r3)
    ratio = d * join_log(e0, r0, per_0) - (k + 0.5) * join_log(e1, r1, per_1)
    ratio -= (n - k + 0.5) * join_log(e2, r2, per_2)
    ratio += stirling(per_mode) + stirling(per_rest)
    return ratio - any_stirling(k, per_k) - any_stirling(n - k, per_other) - join_log(e3, r3, per_3)


@kernel
def accept(n, p, u, v):
    """The number of one try of BTRS, or -1; n * p >= 10, p <= 1/2, u is uniform about 0 and v in (0, 1)."""
    spread, b, a = shape(n, p)
    edge = 0.5 - abs(u)
    cover = a + b * edge * edge
    per_edge, per_b, per_cover, _ = inverses(edge, b, cover, 1.0)
    x = place(n, p, a, b, u, per_edge)
    inside = x >= 0.0 and x < n + 1.0
    k = float64(int64(x if inside else n * p))
    height = v * (2.83 + 5.1 * per_b) * spread * edge * edge * per_cover
    return k if inside and margin(n, p, k, height) >= 0.0 else -1.0


@kernel
def reject(w, address, t, slot, n, p, sign):
    """BTRS for n * p >= 10 and p <= 1/2; `sign` is that of the first uniform, about its middle."""
    for i in range(TRIES):
        x0, x1, x2, x3 = try_words(w, address, t, slot + i * SLOTS)
        k = accept(n, p, sign * (unit(x0, x1) - 0.5), unit(x2, x3))
        if k >= 0.0:
            return k
    return float64(int64(n * p))


@kernel
def binomial(w, address, t, slot, n, p):
    """One Binomial(n, p) number of lane w, int64, at (path, t, slot).

    Exact but for rounding, for whole n up to 10**12: relative errors of probabilities stay near
    1e-11 at n = 1e9 and 1e-9 at n = 1e12. p <= 0 or n <= 0 gives 0, as does NaN; p >= 1 gives n. Within
    a method the first uniform moves the number the same way for every p, above 1/2 too, so that equal
    addresses make common random numbers. `slot` must be below 2**26; fewer than one draw in 1e20 would need
    more than 64 tries.
    """
    size, chance = float64(n), float64(p)
    if not (chance > 0.0 and size > 0.0):
        return int64(0)
    if chance >= 1.0:
        return int64(size)
    high = chance > 0.5
    rare = 1.0 - chance if high else chance
    if size * rare < INVERSION_LIMIT:
        x0, x1, _, _ = try_words(w, address, t, slot)
        u = unit(x0, x1)
        k = invert(size, rare, 1.0 - u if high else u)
    else:
        k = reject(w, address, t, slot, size, rare, -1.0 if high else 1.0)
    return int64(size - k if high else k)


@kernel
def draw_binomial(lanes, address, t, slot, n, probability, count):
    """Fill count[w] with a Binomial(n, probability[w]) number at (path, t, slot), for every lane.

    `probability` may be float32 or float64. An int64 or float64 `count` holds every number; a
    float32 one is exact up to n = 2**24 and rounds to 24 bits above. Where that matters, as in
    2 * count - n at n = 1e9, call `binomial` and subtract before rounding. `binomial_below` is many
    times faster where the probabilities are thresholds.
    """
    for w in range(lanes):
        count[w] = binomial(w, address, t, slot, n, probability[w])
