"""Empirical characteristic functions of a path: what the moments miss of the law of a return and of sums of neighbours.

Each is the mean over a path of cos(w v) for increments v, sums of two and of three neighbours and their differences; of
the same weighed by how far off the level is; of products of sines, which see the side to which the level pulls; and of
returns and their squares on either side of the level. The high frequencies see how many agents' decisions a return is
made of. On the exact market the last two lower the standard error of kappa by 13% and that of gamma by 20%.
Under the smoothed market they double the distance between its two basins (27 to 67 against 25 to 30 for the moments
alone, 1,000 paths).

All frequencies are multiples of 1/2 per sd: sine and cosine are computed once, and turned from there.
"""

from __future__ import annotations

import numpy as np
from numpy import float32, uint64

from fastmas.kernel import kernel
from fastmas.statistics.compiled import WIDTH, beyond, bounded

OF_ONE = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 5.0, 8.0, 10.0, 12.0, 14.0)  # frequencies, per sd of an increment
OF_TWO = (0.5, 1.0, 2.0, 3.0)
OF_THREE = (0.5, 1.0, 2.0)
OF_LEVEL = (1.0, 2.0, 4.0)
OF_PAIRS = (1.0, 2.0)
SIDES = (1.0, 2.0)  # slopes of a level's side, per sd
OF_SIDE = ("return", "signed square", "square")
ALONE = (*(f"cos {w:g}" for w in OF_ONE), *(f"cos {w:g} far" for w in OF_LEVEL),
         *(f"sin {w:g} level" for w in OF_LEVEL), *(f"{what} beside {q:g} level" for q in SIDES for what in OF_SIDE))
PAIRS = (*(f"cos {w:g} of two" for w in OF_TWO), *(f"cos {w:g} of a difference" for w in OF_TWO),
         *(f"sines {w:g} of neighbours" for w in OF_PAIRS))
THREES = tuple(f"cos {w:g} of three" for w in OF_THREE)
CHARACTERISTIC = (*ALONE, *PAIRS, *THREES)
LEAST_TIMES = 6  # below it sums of three have too few values to be worth their columns
FAR = float32(9.0)  # squared sds at which the level counts no further
ONE, TWO, QUARTER = float32(1.0), float32(2.0), float32(0.25)


def characteristic_names(n_times: int) -> tuple[str, ...]:
    """Of the columns for paths of `n_times` values: none for fewer than six."""
    return CHARACTERISTIC if n_times >= LEAST_TIMES else ()


def characteristic_counts(n: int) -> np.ndarray:
    """Times over which each column's mean is taken, of n increments."""
    return np.repeat([float(n), n - 1.0, n - 2.0], [len(ALONE), len(PAIRS), len(THREES)])


@kernel
def cos_and_sin(x):
    """Of x / 2 for |x| <= 8, from polynomials on [-2, 2] (Chebyshev fits), errors below 8e-7."""
    y = x * QUARTER
    z = y * y
    p = float32(-2.3192342e-08)
    p = p * z + float32(2.7474598e-06)
    p = p * z + float32(-0.00019839563)
    p = p * z + float32(0.008333317)
    p = p * z + float32(-0.16666666)
    s = y + y * z * p
    q = float32(1.9326500e-09)
    q = q * z + float32(-2.7473044e-07)
    q = q * z + float32(2.4799301e-05)
    q = q * z + float32(-0.0013888857)
    q = q * z + float32(0.041666664)
    c = ONE - z * (float32(0.5) - z * q)
    return twice(c, s)


@kernel
def twice(c, s):
    """Cosine and sine of twice an angle; near 0 no digits are lost."""
    return ONE - TWO * (s * s), TWO * (s * c)


@kernel
def both(c, s, c_more, s_more):
    """Of the sum of two angles."""
    return c * c_more - s * s_more, s * c_more + c * s_more


@kernel
def add_alone(rows, part, j, sums, weights):
    r, level, cosines, sines = rows
    first, last, _ = part
    own = sums[j:]
    for base in range(first, last, WIDTH):
        at, of = uint64(base), beyond(base, last)
        for i in range(WIDTH):
            c_half, s_half = cos_and_sin(r[at + uint64(i)])
            cosines[at + uint64(i)] = c_half
            sines[at + uint64(i)] = s_half
        for i in range(WIDTH):
            before, weight = level[at + uint64(i)], weights[of + uint64(i)]
            c_half, s_half = cosines[at + uint64(i)], sines[at + uint64(i)]
            c_1, s_1 = twice(c_half, s_half)
            c_1_half, s_1_half = both(c_1, s_1, c_half, s_half)
            c_2, s_2 = twice(c_1, s_1)
            c_3, s_3 = twice(c_1_half, s_1_half)
            c_4, s_4 = twice(c_2, s_2)
            c_6, s_6 = twice(c_3, s_3)
            c_5, s_5 = both(c_4, s_4, c_1, s_1)
            c_8, s_8 = twice(c_4, s_4)
            x = r[at + uint64(i)]
            square = x * x
            side, steep = bounded(before), bounded(TWO * before)
            far = min(before * before, FAR)
            own[0, i] += weight * c_half
            own[1, i] += weight * c_1
            own[2, i] += weight * c_1_half
            own[3, i] += weight * c_2
            own[4, i] += weight * c_3
            own[5, i] += weight * c_4
            own[6, i] += weight * c_6
            own[7, i] += weight * c_5
            own[8, i] += weight * c_8
            own[9, i] += weight * (ONE - TWO * (s_5 * s_5))
            own[10, i] += weight * (ONE - TWO * (s_6 * s_6))
            own[11, i] += weight * (c_8 * c_6 - s_8 * s_6)
            own[12, i] += weight * (c_1 * far)
            own[13, i] += weight * (c_2 * far)
            own[14, i] += weight * (c_4 * far)
            own[15, i] += weight * (s_1 * before)
            own[16, i] += weight * (s_2 * before)
            own[17, i] += weight * (s_4 * before)
            own[18, i] += weight * (x * side)
            own[19, i] += weight * (square * side)
            own[20, i] += weight * (square * abs(side))
            own[21, i] += weight * (x * steep)
            own[22, i] += weight * (square * steep)
            own[23, i] += weight * (square * abs(steep))


@kernel
def add_pairs(rows, part, j, sums, weights):
    _, _, cosines, sines = rows
    first, last, lanes = part
    own = sums[j:]
    for base in range(max(first, lanes), last, WIDTH):
        at, before, of = uint64(base), uint64(base - lanes), beyond(base, last)
        for i in range(WIDTH):
            weight = weights[of + uint64(i)]
            c, s = cosines[at + uint64(i)], sines[at + uint64(i)]
            d, t = cosines[before + uint64(i)], sines[before + uint64(i)]
            c_half, s_half = both(c, s, d, t)
            c_1, s_1 = twice(c_half, s_half)
            c_2, s_2 = twice(c_1, s_1)
            own[0, i] += weight * c_half
            own[1, i] += weight * c_1
            own[2, i] += weight * c_2
            own[3, i] += weight * (c_1 * c_2 - s_1 * s_2)
            c_half, s_half = both(c, s, d, -t)
            c_1, s_1 = twice(c_half, s_half)
            c_2, s_2 = twice(c_1, s_1)
            own[4, i] += weight * c_half
            own[5, i] += weight * c_1
            own[6, i] += weight * c_2
            own[7, i] += weight * (c_1 * c_2 - s_1 * s_2)
            s_1, t_1 = TWO * (s * c), TWO * (t * d)
            c_1, d_1 = ONE - TWO * (s * s), ONE - TWO * (t * t)
            own[8, i] += weight * (s_1 * t_1)
            own[9, i] += weight * ((TWO * s_1 * c_1) * (TWO * t_1 * d_1))


@kernel
def add_threes(rows, part, j, sums, weights):
    _, _, cosines, sines = rows
    first, last, lanes = part
    own = sums[j:]
    for base in range(max(first, 2 * lanes), last, WIDTH):
        at, before, of = uint64(base), uint64(base - lanes), beyond(base, last)
        long_before = uint64(base - 2 * lanes)
        for i in range(WIDTH):
            weight = weights[of + uint64(i)]
            c, s = both(cosines[at + uint64(i)], sines[at + uint64(i)],
                        cosines[before + uint64(i)], sines[before + uint64(i)])
            c_half, s_half = both(c, s, cosines[long_before + uint64(i)], sines[long_before + uint64(i)])
            c_1, s_1 = twice(c_half, s_half)
            own[0, i] += weight * c_half
            own[1, i] += weight * c_1
            own[2, i] += weight * (ONE - TWO * (s_1 * s_1))
