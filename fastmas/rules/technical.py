"""Technical traders: the moving-average oscillator, eq. (6), and its smoothed twins (section 4).

Trader i compares the means of the last l1 and l2 prices, M_i = A_i - B_i, and acts from t = l2.
`history` holds the running sums of `fastmas.random.sums`: a window's sum is one subtraction. `extra` is 1 for
the paper's literal l + 1 terms over l.

A rule adds the demand of n traders who share their windows, and so M. `row` is where their own
parameters begin in `theta`, one each if `stride` is 1 and one for all if it is 0.
"""

from __future__ import annotations

from numpy import float32, int64, uint32, uint64

from fastmas.kernel import kernel
from fastmas.random.functions import sigmoid, tanh
from fastmas.random.sums import remember_mean

ZERO = float32(0.0)
HALF = float32(0.5)
ONE = float32(1.0)


@kernel
def oscillator(t, lanes, history, mask, reference, l1, l2, extra, out):
    """Fill out[w] with M = A - B from the prices up to t - 1; reference[w] is what the sums leave out.

    The literal reading has l + 1 terms over l, which shifts A by reference / l1 and B by reference / l2.
    """
    now = (t - 1) & mask
    then_1, then_2 = (t - 1 - l1 - extra) & mask, (t - 1 - l2 - extra) & mask
    per_1, per_2 = ONE / out.dtype.type(l1), ONE / out.dtype.type(l2)
    for w in range(lanes):
        c = history[now, w]
        out[w] = (c - history[then_1, w]) * per_1 - (c - history[then_2, w]) * per_2
    if extra:
        for w in range(lanes):
            out[w] += (per_1 - per_2) * reference[w]


@kernel
def remember(t, lanes, history, mask, price, reference, scratch):
    """Add the price of time t to the sums, which are all of the history."""
    remember_mean(t, lanes, history, 0, mask, price, reference, scratch)


@kernel
def rank(lanes, m, theta, row, n, found):
    """Fill found[w] with how many of the n thresholds from theta[row] on, ascending, do not exceed |m[w]|."""
    for w in range(lanes):
        found[w] = uint32(0)
    step = 1
    while 2 * step <= n:
        step *= 2
    while step > 0:
        for w in range(lanes):
            place = int64(found[w]) + step
            below = place <= n and theta[uint64(row + min(place, n) - 1), w] <= abs(m[w])
            found[w] = uint32(place) if below else found[w]
        step >>= 1


@kernel
def exact(lanes, m, demand, words, theta, row, n, stride, width):
    """Add 1{M >= gamma} - 1{M <= -gamma}, eq. (6), of n traders."""
    crowd = m.dtype.type(n)
    for w in range(lanes):
        gamma = theta[row, w]
        demand[w] += crowd * ((ONE if m[w] >= gamma else ZERO) - (ONE if m[w] <= -gamma else ZERO))


@kernel
def exact_own(lanes, m, demand, words, theta, row, n, stride, width):
    """The same of traders with a threshold of their own: theta[row] on, positive, in ascending order."""
    found = words[0]
    rank(lanes, m, theta, row, n, found)
    for w in range(lanes):
        acting = m.dtype.type(found[w])
        demand[w] += acting if m[w] > ZERO else -acting


@kernel
def smoothed(lanes, m, demand, words, theta, row, n, stride, width):
    """Add 2 sigmoid(d M) - 1 = tanh(d M / 2), section 4, of n traders; theta[row] on are the d."""
    crowd = m.dtype.type(1 if stride == 1 else n)
    for i in range(n if stride == 1 else 1):
        for w in range(lanes):
            demand[w] += crowd * tanh(HALF * theta[row + i, w] * m[w])


@kernel
def relaxed(lanes, m, demand, words, theta, row, n, stride, width):
    """Add sigmoid((M - gamma) / width) - sigmoid((-M - gamma) / width): exact as width -> 0."""
    crowd = m.dtype.type(1 if stride == 1 else n)
    for i in range(n if stride == 1 else 1):
        for w in range(lanes):
            gamma, scale = theta[row + i, w], ONE / theta[width, w]
            demand[w] += crowd * (sigmoid((m[w] - gamma) * scale) - sigmoid((-m[w] - gamma) * scale))
