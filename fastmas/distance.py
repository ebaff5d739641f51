"""The squared distance of features, in units of the error that the model itself gives them.

Over the span of the features this is the inner maximum of eq. (1) in the form of Fisher GAN (Mroueh and Sercu 2017),
and the criterion of simulated moments (McFadden 1989). A covariance taken from the data is correlated with the features
and biases a fit; one series has none at all. Under a wrong model some features are further off than chance allows: the
soft ones then get an extra variance, tau^2 times their own, so that no combination that the model happens to know
precisely decides alone, and the others are matched as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

LEAST_EIGENVALUE = 1e-5  # of the correlation of features: below it a combination is left out
LEAST_VARIANCE = 1e-24  # below it a feature does not vary but by rounding
ROUNDING = 1e-6  # of a mean feature, sd: one that is constant here and another constant in the data is far off
LEVEL = 0.999  # of chi-square, beyond which the model counts as wrong
MOST_TAU = 1e4


@dataclass(frozen=True)
class Weight:
    """`rows` (m, k) turn gaps of features into m standard errors; `tau` is the misfit beside chance, in sds."""

    rows: np.ndarray
    tau: float = 0.0

    def distance(self, gap: np.ndarray) -> np.ndarray:
        """Squared distances of gaps (..., k)."""
        return np.square(gap @ self.rows.T).sum(axis=-1)


def weigh(features: np.ndarray, share: float, *, ridge: float = 0.0, gap: np.ndarray | None = None,
          soft: np.ndarray | None = None) -> Weight:
    """The weight of features whose paths (n, k) are these and whose means have `share` of a path's variance.

    Parameters
    ----------
    share
        1 / n_observed + 1 / n_simulated.
    ridge
        Added to the correlation's diagonal where few paths must give the covariance of many features.
    gap, soft
        Gap of means (k,) and which features may be off (k,): with both, tau is what brings a distance that is
        too large down to the number of features.
    """
    k = features.shape[1]
    covariance = np.cov(features.T).reshape(k, k) * share + ROUNDING**2 * np.eye(k)
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd) + ridge * np.eye(len(sd))
    tau = 0.0 if gap is None or soft is None or not soft.any() else _tau(correlation, gap / sd, soft)
    rows = _whitener(correlation + tau**2 * np.diag(np.zeros(len(sd)) if soft is None else soft.astype(float)))
    return Weight(rows / sd, tau)


def means(features: np.ndarray) -> np.ndarray:
    """Means over the paths that did not run away, (n, n_paths, k) to (n, k); NaN where most did."""
    finite = np.isfinite(features).all(axis=2)
    if finite.all():
        return features.mean(axis=1)
    count = finite.sum(axis=1)[:, None]
    total = np.where(finite[:, :, None], features, 0.0).sum(axis=1)
    return np.where(count > features.shape[1] / 2, total / np.maximum(count, 1), np.nan)


def whitening(covariance: np.ndarray, least: float = LEAST_EIGENVALUE) -> np.ndarray:
    """Rows (r, k) that make the identity of a covariance (k, k).

    Combinations whose eigenvalue in the correlation is not above `least` are left out.
    """
    variance = np.diag(covariance)
    sd = np.where(variance > LEAST_VARIANCE, np.sqrt(np.maximum(variance, 0.0)), np.inf)  # rounding weighs nothing
    return _whitener(covariance / np.outer(sd, sd), least) / sd


def _whitener(correlation: np.ndarray, least: float = LEAST_EIGENVALUE) -> np.ndarray:
    eigenvalues, vectors = np.linalg.eigh(correlation)
    kept = eigenvalues > least
    return (vectors[:, kept] / np.sqrt(eigenvalues[kept])).T


def _tau(correlation: np.ndarray, gap: np.ndarray, soft: np.ndarray) -> float:
    k = int(soft.sum())
    if not np.isfinite(gap).all():
        return 0.0
    # What the hard features say of the soft ones is taken off; the rest is diagonal for every tau at once.
    across = correlation[np.ix_(soft, ~soft)]
    hard = _whitener(correlation[np.ix_(~soft, ~soft)])
    told = across @ hard.T @ hard
    values, vectors = np.linalg.eigh(correlation[np.ix_(soft, soft)] - told @ across.T)
    kept = values > LEAST_EIGENVALUE
    fixed = float(np.square(hard @ gap[~soft]).sum())
    along = np.square(vectors.T @ (gap[soft] - told @ gap[~soft]))

    def distance(tau: float) -> float:
        return fixed + float((along[kept] / (values[kept] + tau**2)).sum())

    if distance(0.0) <= chi2.ppf(LEVEL, k):
        return 0.0
    low, high = 0.0, 0.1
    while distance(high) > k and high < MOST_TAU:
        low, high = high, 2.0 * high
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (middle, high) if distance(middle) > k else (low, middle)
    return high
