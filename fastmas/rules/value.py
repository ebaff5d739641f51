"""The fundamental value: a discretised mean-reverting Heston process, eqs. (7) and (8).

Eq. (8) as printed takes the root of a variance that is negative in 46% of paths after one step.
Lord, Koekkoek and van Dijk (2010) write every mend as x(t) = f1(x) + v2 (mu2 - f2(x)) +
sqrt(f3(x)) e2 with sigma = f3(x): full truncation (x, x+, x+), the default; reflection
(|x|, |x|, |x|); absorption (x+, x+, x+).
"""

from __future__ import annotations

import math

from numpy import float32

from fastmas.kernel import kernel

ZERO = float32(0.0)
SCHEMES = ("full-truncation", "reflection", "absorption")


@kernel
def variance_step(lanes, scheme, x, root, noise, v2, mu2):
    """Advance x[w] by eq. (8) and leave sqrt(sigma(t)) in root[w]; enters with sqrt(sigma(t-1))."""
    if scheme == 0:
        for w in range(lanes):
            x[w] = x[w] + v2[w] * (mu2[w] - max(x[w], ZERO)) + root[w] * noise[w]
    elif scheme == 1:
        for w in range(lanes):
            x[w] = abs(abs(x[w]) + v2[w] * (mu2[w] - abs(x[w])) + root[w] * noise[w])
    else:
        for w in range(lanes):
            x[w] = max(max(x[w], ZERO) + v2[w] * (mu2[w] - max(x[w], ZERO)) + root[w] * noise[w], ZERO)
    for w in range(lanes):
        root[w] = math.sqrt(max(x[w], ZERO))


@kernel
def value_step(lanes, value, root, noise, v1, mu1):
    """Advance P*[w] by eq. (7)."""
    for w in range(lanes):
        value[w] = value[w] + v1[w] * (mu1[w] - value[w]) + root[w] * noise[w]
