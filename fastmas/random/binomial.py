"""Exact binomial numbers by address: a count of many agents at the price of one.

Inversion where n * min(p, 1 - p) < 10, elsewhere the rejection method BTRS of Hormann 1993, "The
generation of binomial random variates", J. Stat. Comput. Simul. 46. Everything inside is float64,
whatever the lane arrays hold.

Addresses: a try takes the four words of one slot. The first try of a draw has the slot it is called
with, try i has that slot plus i * 2**26: slots below 2**26 are the callers', those above belong to
further tries, and no try meets another draw.
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


def stirling_error(k: int) -> float:
    """log k! less (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2."""
    x = k + 1.0
    return math.lgamma(x) - (x - 0.5) * math.log(x) + x - 0.5 * math.log(2.0 * math.pi)


FIRST_STIRLING_ERRORS = np.array([stirling_error(k) for k in range(10)])


@kernel
def stirling(k):
    """The same error for a whole float64 k >= 0, to 1e-12."""
    if k < 10.0:
        return FIRST_STIRLING_ERRORS[int64(k)]
    x = 1.0 / (k + 1.0)
    y = x * x
    return x * (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0)))


@kernel
def unit(high, low):
    """The midpoint of one of 2**52 cells of (0, 1), from two words; 1 minus it is exact."""
    cell = uint64((high & MASK) << uint64(20)) | uint64((low & MASK) >> uint64(12))
    return (float64(int64(cell)) + 0.5) * 2.0**-52


@kernel
def two_units(w, address, t, slot):
    """Two uniforms from the four words of (path, t, slot) in lane w."""
    a, b, c, keys = address
    e0, e1, e2 = step_part(t, slot, keys[0])
    x0, x1, x2, x3 = last_rounds(a[w] ^ e0, b[w], c[w] ^ e1, e2, keys[1], keys[2])
    return unit(x0, x1), unit(x2, x3)


@kernel
def invert(n, p, u):
    """The smallest k with P(K <= k) >= u, for n * p < 10 and p <= 1/2."""
    odds = p / (1.0 - p)
    k = 0.0
    left = u
    term = math.exp(n * math.log1p(-p))
    # Terms rise from at least 1e-6: a negligible one lies in the upper tail, beyond all rounding of u.
    while left > term > NEGLIGIBLE:
        left -= term
        k += 1.0
        term *= odds * (n - k + 1.0) / k
    return min(k, n)


@kernel
def log_ratio(n, p, mode, k):
    """log P(K = k) - log P(K = mode), to about 1e-11 at n = 1e9."""
    d = k - mode
    stay = d * math.log(p * (n - mode + 1.0) / ((1.0 - p) * (mode + 1.0)))
    stay -= (k + 0.5) * math.log1p(d / (mode + 1.0))
    stay -= (n - k + 0.5) * math.log1p(-d / (n - mode + 1.0))
    return stay + stirling(mode) + stirling(n - mode) - stirling(k) - stirling(n - k)


@kernel
def reject(w, address, t, slot, n, p, sign):
    """BTRS for n * p >= 10 and p <= 1/2; `sign` is that of the first uniform, about its middle."""
    spread = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha = (2.83 + 5.1 / b) * spread
    v_squeeze = 0.92 - 4.2 / b
    mode = float64(int64((n + 1.0) * p))
    for i in range(TRIES):
        u, v = two_units(w, address, t, slot + i * SLOTS)
        u = sign * (u - 0.5)
        edge = 0.5 - abs(u)
        place = (2.0 * a / edge + b) * u + n * p + 0.5
        if not 0.0 <= place < n + 1.0:
            continue
        k = float64(int64(place))
        if edge >= 0.07 and v <= v_squeeze:
            return k
        if math.log(v * alpha / (a / (edge * edge) + b)) <= log_ratio(n, p, mode, k):
            return k
    return mode


@kernel
def binomial(w, address, t, slot, n, p):
    """One Binomial(n, p) number of lane w, int64, at (path, t, slot).

    Exact but for rounding, for whole n up to 2**53: relative errors of probabilities stay near
    1e-11 at n = 1e9. p <= 0 or n <= 0 gives 0, as does NaN; p >= 1 gives n. Within a method the
    first uniform moves the number the same way for every p, above 1/2 too, so that equal addresses
    make common random numbers. `slot` must be below 2**26; further tries use slot + i * 2**26,
    i < 64, and fewer than one draw in 1e20 would need more.
    """
    size, chance = float64(n), float64(p)
    if not (chance > 0.0 and size > 0.0):
        return int64(0)
    if chance >= 1.0:
        return int64(size)
    high = chance > 0.5
    rare = 1.0 - chance if high else chance
    if size * rare < INVERSION_LIMIT:
        u, _ = two_units(w, address, t, slot)
        k = invert(size, rare, 1.0 - u if high else u)
    else:
        k = reject(w, address, t, slot, size, rare, -1.0 if high else 1.0)
    return int64(size - k if high else k)


@kernel
def draw_binomial(lanes, address, t, slot, n, probability, count):
    """Fill count[w] with a Binomial(n, probability[w]) number at (path, t, slot), for every lane.

    `probability` may be float32 or float64. An int64 or float64 `count` holds every number; a
    float32 one is exact up to n = 2**24 and rounds to 24 bits above. Where that matters, as in
    2 * count - n at n = 1e9, call `binomial` and subtract before rounding.
    """
    for w in range(lanes):
        count[w] = binomial(w, address, t, slot, n, probability[w])
