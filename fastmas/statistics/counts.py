"""Sliding windows of counts on the scale on which their noise is even: twice the root of a count (Anscombe 1948).

The mean over all times before stands beside them: of an epidemic it says how much of it is over.
"""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.tensors import in_float32, in_float64, join, no_samples, running_sums, sliding_windows

WIDTH = 11
SHIFT = 0.375
LEAST = -SHIFT  # what lies below has no root


def counts(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """k = width + 1: the mean of the counts up to the last one of a window comes last."""
    width = min(WIDTH, x_obs.shape[-1])
    fitted = Scaling.of(_even(x_obs), logarithm=False, keeps_level=True)

    def samples(paths: np.ndarray) -> np.ndarray:
        level = clipped(fitted.level(_even(paths)))
        if level.shape[-1] < width:
            return no_samples(level, width + 1)
        total = running_sums(level)[:, width:, None]
        times = np.arange(width, level.shape[-1] + 1)[None, :, None]
        mean = total / _like(times, total)
        return in_float32(join([in_float64(sliding_windows(level, width)), mean]))

    return samples


def _even(paths: np.ndarray) -> np.ndarray:
    return 2.0 * (in_float64(paths).clip(LEAST, None) + SHIFT) ** 0.5


def _like(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Numbers as an array or tensor of the same kind."""
    return values.new_tensor(times) if hasattr(values, "new_tensor") else times


STATISTIC = counts
# One sample, in words.
PIECE = f"a window of {WIDTH} counts in a row, with the mean of all before the last of them"
