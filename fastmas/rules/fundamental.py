"""Fundamental traders: a noisy view of the fundamental value, eq. (9), and its smoothed twin.

A rule fills `demand[w]`; `gap[w]` is P*(t) - P(t-1), `spread` the row of sigma_F, the sd of a
trader's view, and `width` the row of the temperature.
"""

from __future__ import annotations

from numpy import float32

from fastmas.kernel import kernel
from fastmas.random.functions import tanh
from fastmas.random.normal import cdf_thresholds, draw_normals
from fastmas.rules.votes import LIMITS, WORD, count_few_votes, count_votes, draw_agent, draw_votes

SLOT = 0x40000000  # the next 2**29 + 2**25 slots are these agents', up to 2**31 of them
AGGREGATE_SLOT = 2
ZERO = float32(0.0)
HALF = float32(0.5)


@kernel
def buying_thresholds(lanes, gap, scratch, words, theta, spread):
    """The view's noise is private, so a trader buys with probability Phi((P* - P) / sigma_F)."""
    for w in range(lanes):
        scratch[w] = gap[w] / theta[spread, w]
    cdf_thresholds(lanes, scratch, words[LIMITS])


@kernel
def exact(t, lanes, gap, demand, scratch, words, address, theta, slot, first, n, spread, width):
    """1{P*_i >= P} - 1{P*_i < P}, eq. (9)."""
    buying_thresholds(lanes, gap, scratch, words, theta, spread)
    count_votes(t, lanes, SLOT, n, demand, words, address)


@kernel
def exact_few(t, lanes, gap, demand, scratch, words, address, theta, slot, first, n, spread, width):
    """The same where words[0] to words[7] hold `slot` and the next."""
    buying_thresholds(lanes, gap, scratch, words, theta, spread)
    count_few_votes(t, lanes, slot, first, n, demand, words, address)


@kernel
def aggregate(t, lanes, gap, demand, scratch, words, address, theta, slot, first, n, spread, width):
    """The same, by one number for all."""
    buying_thresholds(lanes, gap, scratch, words, theta, spread)
    draw_votes(t, lanes, AGGREGATE_SLOT, n, demand, words, address)


@kernel
def smoothed(t, lanes, gap, demand, scratch, words, address, theta, slot, first, n, spread, width):
    """Section 4: 2 sigmoid((P*_i - P) / width) - 1 = tanh((P*_i - P) / (2 width))."""
    for w in range(lanes):
        demand[w] = ZERO
    for i in range(n):
        draw_agent(lanes, address, t, slot, first, i, words)
        draw_normals(lanes, words[WORD], scratch)
        for w in range(lanes):
            # As in the noise rule: the same word buys under the exact rule.
            view = gap[w] - theta[spread, w] * scratch[w]
            demand[w] += tanh(HALF * view / theta[width, w])
