"""Sliding windows of returns with the price level: every window of a path is a sample.

A discriminator on windows has forty samples where one on paths has one, and does not memorise.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling

WIDTH = 11  # returns: the longest moving average of the paper's market and the return it decides


def windows(x_obs: np.ndarray) -> Statistic:
    """n_times - width samples per path; k = width + 1, the level last, before the latest return."""
    scaling = Scaling.of(x_obs)
    width = min(WIDTH, x_obs.shape[-1] - 1)

    def samples(paths: np.ndarray) -> np.ndarray:
        returns = clipped(scaling.increments(paths))
        if returns.shape[-1] < width:
            return np.empty((len(returns), 0, width + 1), dtype=np.float32)
        before = clipped(scaling.level(paths))[:, width - 1:-1, None]
        return np.concatenate([sliding_window_view(returns, width, axis=-1), before], axis=-1)

    return samples


STATISTIC = windows
