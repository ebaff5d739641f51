"""Fundamental traders: a noisy view of the fundamental value, eq. (9), and its smoothed twin.

A rule fills `demand[w]`; `gap[w]` is P*(t) - P(t-1), `spread` the row of sigma_F, the sd of a
trader's view, and `width` the row of the temperature.
"""

from __future__ import annotations

from numpy import float32

from fastmas.kernel import kernel
from fastmas.random.functions import tanh
from fastmas.random.normal import cdf_thresholds, draw_normals
from fastmas.random.philox import count_below, draw_words

# Agent i of this type owns word i % 4 of slot SLOT + i // 4.
SLOT = 0x30000000
ZERO = float32(0.0)
HALF = float32(0.5)
TWO = float32(2.0)


@kernel
def exact(t, lanes, gap, demand, scratch, words, address, theta, n, spread, width):
    """1{P*_i >= P} - 1{P*_i < P}, eq. (9).

    The view's noise is private, so a trader buys with probability Phi((P* - P) / sigma_F).
    """
    limits = words[4]
    for w in range(lanes):
        demand[w] = ZERO
        scratch[w] = gap[w] / theta[spread, w]
    cdf_thresholds(lanes, scratch, limits)
    count_below(lanes, address, t, SLOT, n, limits, words, demand)
    total = float32(n)
    for w in range(lanes):
        demand[w] = TWO * demand[w] - total


@kernel
def smoothed(t, lanes, gap, demand, scratch, words, address, theta, n, spread, width):
    """Section 4: 2 sigmoid((P*_i - P) / width) - 1 = tanh((P*_i - P) / (2 width))."""
    for w in range(lanes):
        demand[w] = ZERO
    for i in range(n):
        if i % 4 == 0:
            draw_words(lanes, address, t, SLOT + i // 4, words[0], words[1], words[2], words[3])
        draw_normals(lanes, words[i % 4], scratch)
        for w in range(lanes):
            # As in the noise rule: the same word buys under the exact rule.
            view = gap[w] - theta[spread, w] * scratch[w]
            demand[w] += tanh(HALF * view / theta[width, w])
