"""Sliding windows of returns with lagged averages of absolute returns and without the level.

For one long series: its level wanders where the model's does not, and is no evidence about the
rules. The averages over 5, 20 and 50 steps (Corsi 2009) carry volatility clustering.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling

WIDTH = 11
AVERAGES = (5, 20, 50)


def return_windows(x_obs: np.ndarray) -> Statistic:
    """k = width + one per average that fits into half a path; averages end before the latest return."""
    scaling = Scaling.of(x_obs)
    n_returns = x_obs.shape[-1] - 1
    width = min(WIDTH, n_returns)
    spans = [a for a in AVERAGES if a < n_returns // 2]
    first = max([width - 1, *spans])

    def samples(paths: np.ndarray) -> np.ndarray:
        # asinh: a crash day is far out, not ten times as far out as a large one.
        returns = np.arcsinh(clipped(scaling.increments(paths)))
        n = returns.shape[-1]
        if n <= first:
            return np.empty((len(returns), 0, width + len(spans)), dtype=np.float32)
        total = np.cumsum(np.abs(returns), axis=-1, dtype=np.float64)
        total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=-1)
        averages = [((total[:, first:n] - total[:, first - a:n - a]) / a - 0.7)[..., None] for a in spans]
        latest = sliding_window_view(returns, width, axis=-1)[:, first - width + 1:]
        return np.concatenate([latest, *averages], axis=-1).astype(np.float32, copy=False)

    return samples


STATISTIC = return_windows
