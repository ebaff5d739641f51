"""Whether two times of a process look alike: energy distance, permutation test, autocorrelation time.

Sources: Szekely and Rizzo (2013), Energy statistics, J. Stat. Plan. Inference 143; Sokal (1997), Monte Carlo methods in
statistical mechanics, s. 3 (the window of an autocorrelation time); Phipson and Smyth (2010) for p-values that are
never 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

N_PERMUTATIONS = 999
SOKAL = 5.0  # autocorrelation times that a window is long
N_BLOCKS, LEAST_BLOCK = 8, 5  # of a half of a series, and increments of a block
MOST_CORRELATION, LEAST_DEGREES = 0.8, 1.5  # of neighbouring blocks, and of the test


class Difference(NamedTuple):
    """How far two samples are apart, 0 to 1, and how often chance alone puts them as far."""

    distance: float
    p_value: float


def energy_coefficient(x: np.ndarray, y: np.ndarray) -> float:
    """The energy distance of samples x (n,) and y (m,) as a share of the largest there can be, in [0, 1].

    It is (2 E|X-Y| - E|X-X'| - E|Y-Y'|) / (2 E|X-Y|); two normal laws of one sd whose means are d sds apart have
    about d^2 / 4. Samples that are one constant have 0.
    """
    gaps, n_x, n_below = _pooled(x, y)
    m_x, m_y = len(x), len(y)
    f, g = n_x / m_x, (n_below - n_x) / m_y
    cross = float((gaps * (f * (1 - g) + g * (1 - f))).sum())  # E|X-Y|
    return float((gaps * (f - g) ** 2).sum()) / cross if cross > 0 else 0.0


def permutation_test(x: np.ndarray, y: np.ndarray, n: int = N_PERMUTATIONS) -> Difference:
    """The energy coefficient of independent samples x (n_x,) and y (n_y,), and its p-value among n relabellings.

    The p-value is exact where the values are independent: at most a is as rare as a, whatever their law. The
    relabellings are the same at every call.
    """
    gaps, n_x, n_below = _pooled(x, y)
    both = len(x) + len(y)
    chosen = np.zeros((n, both), dtype=bool)
    chosen[:, :len(x)] = True
    chosen = np.random.default_rng(both).permuted(chosen, axis=1)
    counts = np.concatenate([n_x[None], np.cumsum(chosen, axis=1)[:, :-1]])
    steps = counts / len(x) - (n_below - counts) / len(y)
    seen = (steps**2) @ gaps
    beyond = int((seen[1:] >= seen[0] * (1 - 1e-9)).sum())
    return Difference(energy_coefficient(x, y), (1 + beyond) / (n + 1))


def _pooled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaps between the sorted values of both, and how many of x and of both lie below each, (n + m - 1,)."""
    values = np.concatenate([x, y]).astype(np.float64)
    order = np.argsort(values, kind="stable")
    from_x = (order < len(x)).astype(np.float64)
    return np.diff(values[order]), np.cumsum(from_x)[:-1], np.arange(1.0, len(values))


def autocorrelation_time(x: np.ndarray) -> float:
    """The integrated autocorrelation time of stationary paths x (n_paths, n_times), in steps.

    1 + 2 sum of autocorrelations about the mean of all paths, up to the first lag that is SOKAL such times: so many
    steps tell as much of a mean as one independent value. 1 for constants, infinite where no window closes within
    half a path.
    """
    x = np.asarray(x, dtype=np.float64)
    centred, n = x - x.mean(), x.shape[1]
    spectrum = np.fft.rfft(centred, 2 * n, axis=1)
    covariance = np.fft.irfft((spectrum.real**2 + spectrum.imag**2).mean(axis=0), 2 * n)[:n] / np.arange(n, 0, -1)
    if not covariance[0] > 0:
        return 1.0
    times = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    closed = np.flatnonzero(np.arange(n) >= SOKAL * times)
    closed = closed[closed <= n // 2]
    return max(1.0, float(times[closed[0]])) if closed.size else math.inf


def spread(x: np.ndarray) -> float:
    """The mean distance of values (n,) from their median."""
    return float(np.abs(x - np.median(x)).mean())


class Halves(NamedTuple):
    """Volatility of the second half of a series over that of the first, and its p-value."""

    ratio: float
    p_value: float


def compare_halves(increments: np.ndarray) -> Halves:
    """Whether the increments (n,) of one series have one size in both halves.

    Welch's test of the logs of mean sizes in N_BLOCKS blocks of each half. Neighbouring blocks may go together, as
    where volatility comes in clusters: the error and its degrees of freedom allow for a first-order correlation. p = 1
    where a half has too few increments, or does not move.
    """
    sizes = np.abs(np.asarray(increments, dtype=np.float64))
    length = len(sizes) // (2 * N_BLOCKS)
    if length < LEAST_BLOCK:
        return Halves(1.0, 1.0)
    n = N_BLOCKS * length
    halves = np.stack([sizes[:n], sizes[-n:]])
    blocks = halves.reshape(2, N_BLOCKS, length).mean(axis=2)
    if not (blocks > 0).all():
        return Halves(1.0, 1.0)
    logs = np.log(blocks)
    apart = logs - logs.mean(axis=1, keepdims=True)
    squares = float((apart**2).sum())
    if not squares > 0:
        return Halves(1.0, 1.0)
    # Correlations about a mean of N_BLOCKS values are 1 / N_BLOCKS too low.
    correlation = float((apart[:, 1:] * apart[:, :-1]).sum()) / squares + 1.0 / N_BLOCKS
    correlation = min(max(correlation, 0.0), MOST_CORRELATION)
    inflation = (1.0 + correlation) / (1.0 - correlation)
    error = math.sqrt(squares / (N_BLOCKS - 1) / N_BLOCKS * inflation)
    z = abs(float(logs[1].mean() - logs[0].mean())) / error
    degrees = max(2 * (N_BLOCKS - 1) / inflation, LEAST_DEGREES)
    return Halves(float(halves[1].mean() / halves[0].mean()), float(2 * student.sf(z, degrees)))
