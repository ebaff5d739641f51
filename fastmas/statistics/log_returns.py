"""The whole path of log returns, in units of their sd."""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling


def log_returns(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """One sample per path, k = n_times - 1."""
    fitted = scaling or Scaling.of(x_obs)
    return lambda paths: clipped(fitted.increments(paths))[:, None, :]


STATISTIC = log_returns
PIECE = "all returns of a path"  # one sample, in words
