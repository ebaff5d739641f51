"""Paths of the data that are unlike any simulated one.

A path is judged by its Mahalanobis distance among simulated paths, once for its moments and once for its other
features. Beyond a bank's 99% quantile the distance has a generalised Pareto tail (Pickands 1975), by which the
oddest of many paths is judged though no bank holds enough of them. Products and powers of returns have tails so long
that a few paths would decide on the covariance, and 200 on no tail: far values count by their logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import genpareto

from fastmas.calibration.goodness import CONSTANT, LEAST_EIGENVALUE, judged_by_others
from fastmas.distance import whitening

TAIL = 0.01  # share of the bank
MOST_SHAPE = 0.9
REACH = 3.0  # mean absolute deviations of a feature, from where on it grows like its logarithm
ODD = 0.1  # expected odd paths of a data set that is right


class Tail:
    """P(a simulated value >= x): counted, and a generalised Pareto law in the tail."""

    def __init__(self, values: np.ndarray) -> None:
        self.sorted = np.sort(values)
        self.threshold = float(np.quantile(values, 1.0 - TAIL))
        excess = self.sorted[self.sorted > self.threshold] - self.threshold
        self.shape, self.scale = _weighted_moments(excess)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        n = len(self.sorted)
        counted = (1 + n - np.searchsorted(self.sorted, x, "left")) / (n + 1)
        beyond = TAIL * genpareto.sf(x - self.threshold, self.shape, scale=self.scale)
        return np.where(x > self.threshold, beyond, counted)


def _weighted_moments(excess: np.ndarray) -> tuple[float, float]:
    """Shape (at least 0: the distance has no end) and scale by probability-weighted moments (Hosking, Wallis 1987).

    Where excesses are few these are as good as scipy's maximum likelihood, which takes a hundred times as long.
    """
    m = len(excess)
    if not m:  # a few codes leave few distances, and none beyond the threshold
        return 0.0, CONSTANT
    mean = excess.mean()
    weighted = (excess * (1.0 - (np.arange(1, m + 1) - 0.35) / m)).mean()
    shape = min(max(2.0 - mean / (mean - 2.0 * weighted), 0.0), MOST_SHAPE)
    return shape, mean * (1.0 - shape)


def path_p_values(bank: np.ndarray, observed: np.ndarray, groups: Sequence[slice],
                  resolution: np.ndarray) -> np.ndarray:
    """P-value of each path of the data, (n,), from features of simulated (N, k) and observed paths (n, k).

    Each group of features is judged by itself, and the smallest p counts as often as there are groups. An sd
    counts as at least `resolution` (k,).
    """
    bank, observed = _drawn_in(bank, observed, resolution)
    p = np.min([_of_group(bank[:, g], observed[:, g], resolution[g]) for g in groups], axis=0)
    return 1.0 - (1.0 - p) ** len(groups)


def _drawn_in(bank: np.ndarray, observed: np.ndarray, resolution: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with their far values drawn in, reach times arcsinh; shares of steps, which have ends, stay as they are."""
    middle = np.median(bank, axis=0)
    reach = REACH * np.abs(bank - middle).mean(axis=0)
    reach = np.where(reach > 0, reach, 1.0)
    drawn_in, in_observed = (np.where(resolution > 0, x, reach * np.arcsinh((x - middle) / reach))
                             for x in (bank, observed))
    return drawn_in, in_observed


def _of_group(bank: np.ndarray, observed: np.ndarray, resolution: np.ndarray) -> np.ndarray:
    covariance = np.cov(bank.T)
    lacking = np.maximum(resolution**2 - np.diag(covariance), 0.0)
    covariance += np.diag(lacking)
    live = np.diag(covariance) > CONSTANT**2
    w, mean = whitening(covariance[np.ix_(live, live)], LEAST_EIGENVALUE), bank[:, live].mean(axis=0)
    of_bank, of_observed = ((((x[:, live] - mean) @ w.T) ** 2).sum(axis=1) for x in (bank, observed))
    return Tail(judged_by_others(of_bank))(of_observed)


def oddest(p: np.ndarray) -> float:
    """P-value of the oddest of n paths (n,)."""
    return float(-np.expm1(len(p) * np.log1p(-min(p.min(), 1.0 - 1e-12))))


def odd(p: np.ndarray) -> list[int]:
    """Numbers of the paths that a right model gives once in ten data sets at most, all together."""
    return [int(i) for i in np.flatnonzero(p < ODD / len(p))]
