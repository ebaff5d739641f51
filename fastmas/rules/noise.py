"""Noise traders: a public and a private signal, eqs. (3)-(5), and their smoothed twin (section 4).

A rule fills `demand[w]`, the type's demand on path w. `row` is where the type's own parameters
begin in `theta`, `stride` is 1 if every agent has its own values and 0 if they share one, `spread`
is the row of sigma_I, the sd of private signals, and `width` the row of the temperature.
"""

from __future__ import annotations

from numpy import float32

from fastmas.kernel import kernel
from fastmas.random.functions import tanh
from fastmas.random.normal import cdf_thresholds, draw_normals
from fastmas.random.philox import draw_words

# Agent i of this type owns word i % 4 of slot SLOT + i // 4.
SLOT = 0x10000000
ZERO = float32(0.0)
HALF = float32(0.5)
ONE = float32(1.0)
TWO = float32(2.0)


@kernel
def exact(t, lanes, signal, demand, scratch, words, address, theta, row, n, stride, spread, width):
    """Sign rule (4): agent i buys if b_i S + c_i S_i >= 0 and sells otherwise.

    S_i is normal and read by nobody else, so the decision given S is a Bernoulli with probability
    Phi(kappa_i S / sigma_I), kappa_i = b_i / |c_i|: one word against one threshold. `theta[row]` on
    are the kappa_i.
    """
    limits = words[4]
    for w in range(lanes):
        demand[w] = ZERO
    for i in range(n):
        if i == 0 or stride == 1:  # agents who share their values share the threshold
            for w in range(lanes):
                scratch[w] = theta[row + i, w] * signal[w] / theta[spread, w]
            cdf_thresholds(lanes, scratch, limits)
        if i % 4 == 0:
            draw_words(lanes, address, t, SLOT + i // 4, words[0], words[1], words[2], words[3])
        chosen = words[i % 4]
        for w in range(lanes):
            demand[w] += ONE if chosen[w] < limits[w] else ZERO
    total = float32(n)
    for w in range(lanes):
        demand[w] = TWO * demand[w] - total  # eq. (5)


@kernel
def smoothed(t, lanes, signal, demand, scratch, words, address, theta, row, n, stride, spread, width):
    """Section 4: agent i demands 2 sigmoid(eta_i / width) - 1 = tanh(eta_i / (2 width)).

    `theta[row]` on are the b_i, then the c_i. A width of 1 is the paper's rule; as the width goes
    to zero the rule tends to the exact one.
    """
    second = row + (n if stride == 1 else 1)
    for w in range(lanes):
        demand[w] = ZERO
    for i in range(n):
        if i % 4 == 0:
            draw_words(lanes, address, t, SLOT + i // 4, words[0], words[1], words[2], words[3])
        draw_normals(lanes, words[i % 4], scratch)
        b, c = row + i * stride, second + i * stride
        for w in range(lanes):
            # The private signal is -scratch: then a word that buys under the exact rule demands > 0 here.
            eta = theta[b, w] * signal[w] - theta[c, w] * theta[spread, w] * scratch[w]  # eq. (3)
            demand[w] += tanh(HALF * eta / theta[width, w])
