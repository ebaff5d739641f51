"""The whole path of (log) prices, standardised: the paper's choice, H the identity."""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling


def prices(x_obs: np.ndarray, scaling: Scaling | None = None) -> Statistic:
    """One sample per path, k = n_times."""
    fitted = scaling or Scaling.of(x_obs)
    return lambda paths: clipped(fitted.level(paths))[:, None, :]


STATISTIC = prices
PIECE = "a whole path"  # one sample, in words
