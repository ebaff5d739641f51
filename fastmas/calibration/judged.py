"""What a verdict is given on: whatever simulates paths beside the data, a model at z or a network that has no z."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fastmas.calibration.observed import Observed
from fastmas.calibration.workers import Workers
from fastmas.region import Region


class Judged(Protocol):
    """`simulate` and `sample` are those of `fastmas.calibration.simulator.Simulator`.

    `region` is that of z (d,): the verdict takes one step of the fit within it, and none where d = 0.
    """

    observed: Observed
    workers: Workers
    seed: int
    region: Region

    def simulate(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
                 n_times: int | None = None) -> np.ndarray:
        """Paths (n_theta, n_paths, n_times) for z (n_theta, d)."""

    def sample(self, z: np.ndarray, n_paths: int, run: int, purpose: int, *, common: bool = True,
               n_times: int | None = None) -> np.ndarray:
        """Samples of the statistic (n_theta, n_paths, n_samples, k)."""
