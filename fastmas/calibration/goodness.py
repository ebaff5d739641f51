"""Statistics of a parametric bootstrap and their p-values.

Row 0 of every array is the data, rows 1 to B are data sets simulated at the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmas.distance import whitening

LEAST_EIGENVALUE = 1e-3  # of the correlation of features
CONSTANT = 1e-9  # an sd below which a feature is the same in every simulated data set
MOST_SDS = 30.0  # that a deviation counts from where no simulated data set deviates
ROUNDING = 1e-12


def standardised(deviations: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Deviations (B + 1, k) in sds of the simulated data sets, which count as at least `least` (k,).

    What is constant in all of them and another constant in the data is MOST_SDS off.
    """
    sd = np.maximum(deviations[1:].std(axis=0), least)
    moved = np.where(np.abs(deviations) > 1e-6, MOST_SDS * np.sign(deviations), 0.0)
    return np.where(sd > CONSTANT, deviations / np.maximum(sd, CONSTANT), moved)


def quadratic_form(deviations: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of each row, (B + 1, k) to (B + 1,).

    The covariance is that of the simulated data sets; each of them is judged by that of the others, as the data are.
    """
    live = deviations[1:].std(axis=0) > CONSTANT
    rows = deviations[:, live]
    w = whitening(np.cov(rows[1:].T), LEAST_EIGENVALUE)
    squared = (((rows - rows[1:].mean(axis=0)) @ w.T) ** 2).sum(axis=1)
    squared[1:] = judged_by_others(squared[1:])
    return squared


def judged_by_others(squared: np.ndarray) -> np.ndarray:
    """Squared distances (n,) in mean and covariance of n rows, as those of the n - 1 others give them, in closed form.

    Left in, a row pulls the covariance its own way and looks less odd than it is.
    """
    n = len(squared)
    left_out = np.minimum(n * squared / (n - 1) ** 2, 0.99)
    return squared * (n / (n - 1)) ** 2 * (n - 2) / (n - 1) / (1.0 - left_out)


def largest(deviations: np.ndarray) -> np.ndarray:
    """The largest standardised deviation of each row, (B + 1, m) to (B + 1,)."""
    return np.abs(deviations).max(axis=1)


def smallest_p(statistics: Sequence[np.ndarray]) -> float:
    """P-value of the smallest p-value of several statistics (B + 1,), by the same bootstrap."""
    lowest = np.min([_ranks(s) for s in statistics], axis=0)
    return float((1 + (lowest[1:] <= lowest[0] + ROUNDING).sum()) / len(lowest))


def _ranks(statistic: np.ndarray) -> np.ndarray:
    """Share of all rows, the data among them, that are at least as far out as each: the same rule for every row."""
    order = np.sort(statistic)
    return 1.0 - np.searchsorted(order, statistic - ROUNDING * np.abs(statistic), "left") / len(order)


def either(p: float, q: float) -> float:
    """P-value of the smaller of two (Sidak 1967)."""
    return 1.0 - (1.0 - min(p, q)) ** 2
