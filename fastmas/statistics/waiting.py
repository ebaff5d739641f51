"""How long one waits for a gain or a loss of a given size, Jensen, Johansen and Simonsen (2003)."""

from __future__ import annotations

import numpy as np

LONGEST = 100  # steps that are waited; what takes longer is not counted
SMOOTHED = 5  # neighbouring waits that are counted together: single counts are noisy
TIE = 1e-6  # weight of a count by itself, between waits that share their neighbours


def first_passages(returns: np.ndarray, level: float) -> np.ndarray:
    """Counts (n_paths, LONGEST + 1) of waits by their steps, over all starts of each path.

    A wait ends where the log price is first beyond its start by `level`: above it if `level` is above 0, else below.
    """
    n_paths, n = returns.shape
    sign = 1.0 if level > 0 else -1.0
    price = sign * np.concatenate([np.zeros((n_paths, 1)), np.cumsum(returns, axis=1)], axis=1)
    waiting = np.ones((n_paths, n), dtype=bool)
    counts = np.zeros((n_paths, LONGEST + 1), dtype=np.int64)
    for wait in range(1, min(LONGEST, n) + 1):
        here = waiting[:, :n + 1 - wait]
        passed = here & (price[:, wait:] - price[:, :-wait] >= abs(level))
        counts[:, wait] = passed.sum(axis=1)
        here &= ~passed
    return counts


def usual_wait(returns: np.ndarray, level: float) -> np.ndarray:
    """Return the most frequent wait of each path in steps, (n_paths,); NaN where no wait ends or nothing varies."""
    counts = first_passages(returns, level)
    smooth = np.apply_along_axis(np.convolve, 1, counts, np.ones(SMOOTHED), "same")
    usual = (smooth + TIE * counts).argmax(axis=1).astype(np.float64)
    return np.where(counts.any(axis=1) & (np.ptp(returns, axis=1) > 0), usual, np.nan)
