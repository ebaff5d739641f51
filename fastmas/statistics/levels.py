"""Sliding windows of standardised levels, for models with a known fundamental, whose level does not wander.

The change into the last level stands beside them, in units of its own: changes are small against the levels' spread,
and a network would have to find them between two nearly equal numbers.
"""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.tensors import in_float32, join, no_samples, sliding_windows

WIDTH = 11  # levels in a row
BACK = (20, 50)  # steps before the last one


def levels(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """k = width + one for each level further back that fits into half a path + 1, the last change."""
    fitted = scaling or Scaling.of(x_obs)
    n_times = x_obs.shape[-1]
    width = min(WIDTH, n_times - 1)
    back = [b for b in BACK if b < n_times // 2]
    first = max([width - 1, 1, *back])

    def samples(paths: np.ndarray) -> np.ndarray:
        level = clipped(fitted.level(paths))
        n = level.shape[-1]
        if n <= first:
            return no_samples(level, width + len(back) + 1)
        window = sliding_windows(level, width)[:, first - width + 1:]
        earlier = [level[:, first - b:n - b, None] for b in back]
        change = clipped(fitted.increments(paths))[:, first - 1:, None]
        return in_float32(join([window, *earlier, change]))

    return samples


STATISTIC = levels
# One sample, in words.
PIECE = (f"a window of {WIDTH} levels in a row, with those {' and '.join(map(str, BACK))} steps before the last and "
         "the last change")
