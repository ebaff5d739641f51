"""How slowly a series forgets: the decay of its autocorrelation, and detrended fluctuation analysis."""

from __future__ import annotations

import numpy as np

N_SCALES = 20
LEAST_SCALE = 10  # steps of the shortest piece
FEWEST = 3  # points of a line


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least-squares slopes of y (n, m) on x (m,) over the finite values of each row, (n,); NaN below three of them."""
    weight = np.isfinite(y).astype(np.float64)
    y = np.where(weight > 0, y, 0.0)
    total = np.maximum(weight.sum(axis=1), 1.0)
    from_mean = x - (weight @ x / total)[:, None]
    squares = (weight * from_mean**2).sum(axis=1)
    enough = (weight.sum(axis=1) >= FEWEST) & (squares > 0)
    return np.where(enough, (weight * from_mean * y).sum(axis=1) / np.where(enough, squares, 1.0), np.nan)


def decay_exponent(correlations: np.ndarray) -> np.ndarray:
    """Return beta of a decay lag^-beta of autocorrelations (n_paths, n_lags), lags from 1.

    It is the slope of a line through logarithms. Lags whose autocorrelation is not above 0 are left out; NaN where
    fewer than three are left.
    """
    logs = np.log(np.where(correlations > 0, correlations, np.nan))
    return -slope(np.log(np.arange(1.0, correlations.shape[1] + 1)), logs)


def fluctuation_exponent(series: np.ndarray) -> np.ndarray:
    """Return the exponent of detrended fluctuation analysis of each path, (n_paths, n) to (n_paths,).

    First order: sums of deviations are cut into pieces of s steps, a line is taken off each, and the root of what is
    left grows as s^H, s from 10 to n/4. Peng et al., Physical Review E 49 (1994) 1685-1689.
    """
    n_paths, n = series.shape
    profile = np.cumsum(series - series.mean(axis=1, keepdims=True), axis=1)
    scales = np.unique(np.geomspace(LEAST_SCALE, n // 4, N_SCALES).astype(int))
    left = np.stack([_left(profile[:, :n - n % s].reshape(n_paths, -1, int(s))) for s in scales], axis=1)
    return slope(np.log(scales.astype(np.float64)), np.log(np.where(left > 0, left, np.nan))) / 2


def _left(pieces: np.ndarray) -> np.ndarray:
    """Mean square (n_paths,) around a line through each of pieces (n_paths, m, s)."""
    s = pieces.shape[2]
    x = np.arange(s) - (s - 1) / 2
    square = (pieces**2).sum(axis=2) - pieces.sum(axis=2) ** 2 / s - (pieces @ x) ** 2 / (x @ x)
    return np.maximum(square, 0.0).mean(axis=1) / s
