"""The whole path of (log) prices, standardised: the paper's choice, H the identity."""

from __future__ import annotations

import numpy as np

from fastmas.statistics import Statistic, clipped
from fastmas.statistics.scaling import Scaling


def prices(x_obs: np.ndarray) -> Statistic:
    """One sample per path, k = n_times."""
    scaling = Scaling.of(x_obs)
    return lambda paths: clipped(scaling.level(paths))[:, None, :]


STATISTIC = prices
PIECE = "a whole path"  # one sample, in words
