"""Noise traders: a public and a private signal, eqs. (3)-(5), and their smoothed twin (section 4).

A rule fills `demand[w]`, the type's demand on path w. `row` is where the type's own parameters
begin in `theta`, `stride` is 1 if every agent has its own values and 0 if they share one, `spread`
is the row of sigma_I, the sd of private signals, and `width` the row of the temperature.
"""

from __future__ import annotations

from numpy import float32, uint32

from fastmas.kernel import kernel
from fastmas.random.counting import HALF as HALF_BITS
from fastmas.random.counting import LOW_HALF, NONE, REFINE, half_of, lane_words
from fastmas.random.functions import tanh
from fastmas.random.normal import cdf_thresholds, draw_normals, normal_cdf, threshold
from fastmas.random.parts import combine, n_parts, part_of
from fastmas.random.philox import draw_words
from fastmas.rules.votes import (
    HITS,
    LIMITS,
    PER_SLOT,
    WORD,
    balance,
    count_few_votes,
    count_votes,
    draw_agent,
    draw_votes,
)

SLOT = 0x10000000  # the next 2**29 + 2**25 slots are these agents', up to 2**31 of them
AGGREGATE_SLOT = 1
ZERO = float32(0.0)
HALF = float32(0.5)


@kernel
def buying_thresholds(lanes, signal, scratch, words, theta, row, spread):
    """Thresholds of those who buy if b S + c S_i >= 0.

    S_i is normal and read by nobody else, so the decision given S is a Bernoulli with probability
    Phi(kappa S / sigma_I), kappa = b / |c|.
    """
    for w in range(lanes):
        scratch[w] = theta[row, w] * signal[w] / theta[spread, w]
    cdf_thresholds(lanes, scratch, words[LIMITS])


@kernel
def exact(t, lanes, signal, demand, scratch, words, address, theta, slot, first, row, n, stride, spread, width):
    """Sign rule (4): an agent buys if b S + c S_i >= 0 and sells otherwise; eq. (5). theta[row] is kappa."""
    buying_thresholds(lanes, signal, scratch, words, theta, row, spread)
    count_votes(t, lanes, SLOT, n, demand, words, address)


@kernel
def exact_few(t, lanes, signal, demand, scratch, words, address, theta, slot, first, row, n, stride, spread, width):
    """The same where words[0] to words[3] hold `slot`; leaves the next slot in words[4] to words[7]."""
    draw_words(lanes, address, t, slot + 1, words[4], words[5], words[6], words[7])
    buying_thresholds(lanes, signal, scratch, words, theta, row, spread)
    count_few_votes(t, lanes, slot, first, n, demand, words, address)


@kernel
def exact_own(t, lanes, signal, demand, scratch, words, address, theta, slot, first, row, n, stride, spread, width):
    """The same of agents with a kappa of their own; theta[row] on are the kappa_i."""
    count_owners(t, lanes, signal, scratch, words, address, theta, row, n, spread)
    balance(lanes, words[HITS], n, demand)


@kernel
def aggregate(t, lanes, signal, demand, scratch, words, address, theta, slot, first, row, n, stride, spread, width):
    """The same of agents who share one kappa, by one number for all."""
    buying_thresholds(lanes, signal, scratch, words, theta, row, spread)
    draw_votes(t, lanes, AGGREGATE_SLOT, n, demand, words, address)


@kernel
def owner_threshold(w, kappa, scratch):
    """The threshold of an agent of its own kappa; scratch[w] is the signal over sigma_I."""
    return threshold(normal_cdf(kappa[w] * scratch[w]))


@kernel
def hold(lanes, chosen, i, kappa, scratch, hits):
    """Count an agent of its own by the upper half of its word; return whether a lane is undecided."""
    equal = NONE
    for w in range(lanes):
        half = half_of(i, chosen[w])
        bound = uint32(owner_threshold(w, kappa, scratch) >> HALF_BITS)
        hits[w] = uint32(hits[w] + (uint32(1) if half < bound else NONE))
        equal = uint32(equal | (uint32(1) if half == bound else NONE))
    return equal != NONE


@kernel
def decide(lanes, address, t, slot, chosen, i, kappa, scratch, hits):
    """The lower half of the agent's word, where the upper one is its threshold's."""
    for w in range(lanes):
        limit = owner_threshold(w, kappa, scratch)
        if half_of(i, chosen[w]) == uint32(limit >> HALF_BITS):
            less = half_of(i, lane_words(w, address, t, slot + REFINE)[i // 2]) < uint32(limit & LOW_HALF)
            hits[w] = uint32(hits[w] + (uint32(1) if less else NONE))


@kernel
def count_owners(t, lanes, signal, scratch, words, address, theta, row, n, spread):
    """Fill words[HITS] with the buyers among n agents of their own kappa, whose words are `draw_agent`'s."""
    hits = words[HITS]
    for w in range(lanes):
        scratch[w] = signal[w] / theta[spread, w]
        hits[w] = NONE
    for s in range(part_of(address), (n + PER_SLOT - 1) // PER_SLOT, n_parts(address)):
        draw_words(lanes, address, t, SLOT + s, words[0], words[1], words[2], words[3])
        for i in range(min(n - PER_SLOT * s, PER_SLOT)):
            kappa, chosen = theta[row + PER_SLOT * s + i], words[i // 2]
            if hold(lanes, chosen, i, kappa, scratch, hits):
                decide(lanes, address, t, SLOT + s, chosen, i, kappa, scratch, hits)
    for w in range(lanes):
        hits[w] = combine(address, hits[w])


@kernel
def smoothed(t, lanes, signal, demand, scratch, words, address, theta, slot, first, row, n, stride, spread, width):
    """Section 4: agent i demands 2 sigmoid(eta_i / width) - 1 = tanh(eta_i / (2 width)).

    `theta[row]` on are the b_i, then the c_i. A width of 1 is the paper's rule; as the width goes
    to zero the rule tends to the exact one.
    """
    second = row + (n if stride == 1 else 1)
    for w in range(lanes):
        demand[w] = ZERO
    for i in range(n):
        draw_agent(lanes, address, t, slot, first, i, words)
        draw_normals(lanes, words[WORD], scratch)
        b, c = row + i * stride, second + i * stride
        for w in range(lanes):
            # The private signal is -scratch: then a word that buys under the exact rule demands > 0 here.
            eta = theta[b, w] * signal[w] - theta[c, w] * theta[spread, w] * scratch[w]  # eq. (3)
            demand[w] += tanh(HALF * eta / theta[width, w])
