"""Sliding windows of returns with the price level: every window of a path is a sample.

A discriminator on windows has forty samples where one on paths has one, and does not memorise.
"""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.tensors import join, no_samples, sliding_windows

WIDTH = 11  # returns: the longest moving average of the paper's market and the return it decides


def windows(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """n_times - width samples per path; k = width + 1, the level last, before the latest return.

    Of what keeps its level the window is one of levels.
    """
    scaling = scaling or Scaling.of(x_obs)
    width = min(WIDTH, x_obs.shape[-1] - 1)

    def samples(paths: np.ndarray) -> np.ndarray:
        returns = clipped(scaling.moves(paths))
        if returns.shape[-1] < width:
            return no_samples(returns, width + (not scaling.keeps_level))
        if scaling.keeps_level:
            return sliding_windows(returns, width)
        before = clipped(scaling.level(paths))[:, width - 1:-1, None]
        return join([sliding_windows(returns, width), before])

    return samples


STATISTIC = windows
# One sample, in words.
PIECE = f"a window of {WIDTH} returns in a row, or all of a shorter path, with the price level before the last of them"
