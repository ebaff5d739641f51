"""Sliding windows of returns with lagged averages of absolute returns and without the level.

For one long series: its level wanders where the model's does not, and is no evidence about the
rules. The averages over 5, 20 and 50 steps (Corsi 2009) carry volatility clustering.
"""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.tensors import asinh, in_float32, join, no_samples, running_sums, sliding_windows

WIDTH = 11
AVERAGES = (5, 20, 50)


def return_windows(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """k = width + one per average that fits into half a path; averages end before the latest return.

    Of what keeps its level the levels stand in the place of returns.
    """
    scaling = scaling or Scaling.of(x_obs)
    n_returns = x_obs.shape[-1] - 1
    width = min(WIDTH, n_returns)
    spans = [a for a in AVERAGES if a < n_returns // 2]
    first = max([width - 1, *spans])

    def samples(paths: np.ndarray) -> np.ndarray:
        # asinh: a crash day is far out, not ten times as far out as a large one.
        returns = asinh(clipped(scaling.moves(paths)))
        n = returns.shape[-1]
        if n <= first:
            return no_samples(returns, width + len(spans))
        total = running_sums(abs(returns))
        averages = [((total[:, first:n] - total[:, first - a:n - a]) / a - 0.7)[..., None] for a in spans]
        latest = sliding_windows(returns, width)[:, first - width + 1:]
        return in_float32(join([latest, *averages]))

    return samples


STATISTIC = return_windows
# One sample, in words.
PIECE = (f"a window of {WIDTH} returns in a row, with the mean sizes of the {', '.join(map(str, AVERAGES))} returns "
         "before the last of them")
