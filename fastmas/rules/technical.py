"""Technical traders: the moving-average oscillator, eq. (6), and its smoothed twins (section 4).

Trader i compares the means of the last l1 and l2 prices, M_i = A_i - B_i, and acts from t = l2.
`history` holds running sums of the price in fixed point (2**-24 price units, int64): a window's
sum is one exact subtraction, however long the path. `windows` is where (l1, l2) begin in
`integers`; `extra` is 1 for the paper's literal l + 1 terms over l.
"""

from __future__ import annotations

from numpy import float32

from fastmas.kernel import kernel
from fastmas.random.functions import sigmoid, tanh

ZERO = float32(0.0)
HALF = float32(0.5)
ONE = float32(1.0)
FIXED_POINT = float32(2.0**24)
FIXED_POINT_STEP = float32(2.0**-24)


@kernel
def oscillator(t, lanes, history, mask, base, l1, l2, extra, out):
    """Fill out[w] with M = A - B from the prices up to t - 1; base[w] = P(0) is what the sums leave out.

    The literal reading has l + 1 terms over l, which shifts A by base / l1 and B by base / l2.
    """
    now = (t - 1) & mask
    then_1, then_2 = (t - 1 - l1 - extra) & mask, (t - 1 - l2 - extra) & mask
    per_1, per_2 = FIXED_POINT_STEP / float32(l1), FIXED_POINT_STEP / float32(l2)
    share = float32(extra) * (ONE / float32(l1) - ONE / float32(l2))
    for w in range(lanes):
        c = history[now, w]
        a = float32(c - history[then_1, w]) * per_1
        out[w] = a - float32(c - history[then_2, w]) * per_2
    if extra:
        for w in range(lanes):
            out[w] += share * base[w]


@kernel
def exact(lanes, m, demand, theta, row, width):
    """Add 1{M >= gamma} - 1{M <= -gamma}, eq. (6)."""
    for w in range(lanes):
        gamma = theta[row, w]
        demand[w] += (ONE if m[w] >= gamma else ZERO) - (ONE if m[w] <= -gamma else ZERO)


@kernel
def smoothed(lanes, m, demand, theta, row, width):
    """Add 2 sigmoid(d M) - 1 = tanh(d M / 2), section 4; theta[row] is the sensitivity d."""
    for w in range(lanes):
        demand[w] += tanh(HALF * theta[row, w] * m[w])


@kernel
def relaxed(lanes, m, demand, theta, row, width):
    """Add sigmoid((M - gamma) / width) - sigmoid((-M - gamma) / width): exact as width -> 0."""
    for w in range(lanes):
        gamma, scale = theta[row, w], ONE / theta[width, w]
        demand[w] += sigmoid((m[w] - gamma) * scale) - sigmoid((-m[w] - gamma) * scale)
