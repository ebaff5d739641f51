"""What a path has been: past values in a ring, and running sums, from which a mean is one subtraction.

A ring has mask + 1 rows of `history`, a power of two, from row `base` on; time t is in row base + (t & mask).
Running sums hold what a value has above a reference. Every RECENTRE steps the reference becomes the value and
the latest sum zero, so that sums stay small and a mean as exact as the values it is made of, however long the
path. The mean of the values at t - l + 1, ..., t is reference + (sum(t) - sum(t - l)) / l, l <= mask.
"""

from __future__ import annotations

from fastmas.kernel import kernel

RECENTRE = 16


@kernel
def remember_past(t, lanes, history, base, mask, row):
    """Keep row[w], the value of time t, for the next mask steps."""
    now = base + (t & mask)
    for w in range(lanes):
        history[now, w] = row[w]


@kernel
def remember_mean(t, lanes, history, base, mask, row, reference, scratch):
    """Add row[w], the value of time t, to the sums; `reference` is a row of the path's state, `scratch` any row."""
    now, before = base + (t & mask), base + ((t - 1) & mask)
    if t % RECENTRE != 0:
        for w in range(lanes):
            history[now, w] = history[before, w] + (row[w] - reference[w])
        return
    for w in range(lanes):
        scratch[w] = history[before, w] + (row[w] - reference[w])
    for age in range(1, mask + 1):
        then = base + ((t - age) & mask)
        for w in range(lanes):
            shift = reference.dtype.type(age) * (row[w] - reference[w])
            history[then, w] += shift - scratch[w]
    for w in range(lanes):
        reference[w] = row[w]
        history[now, w] = history.dtype.type(0)
