"""Standardisation by the data: increments of the (log) level, and the level itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmas.statistics.tensors import differences, in_float64, log


@dataclass(frozen=True)
class Scaling:
    """Means and sds of the training data; `logarithm` where all of it is positive, as prices are."""

    logarithm: bool
    increment_sd: float
    level_mean: float
    level_sd: float

    @classmethod
    def of(cls, x_obs: np.ndarray) -> Scaling:
        """Fit to training paths (n_paths, n_times)."""
        logarithm = bool((x_obs > 0).all())
        level = np.log(x_obs) if logarithm else np.asarray(x_obs, dtype=np.float64)
        return cls(logarithm, float(np.diff(level, axis=-1).std()) or 1.0, float(level.mean()),
                   float(level.std()) or 1.0)

    def level(self, paths: np.ndarray) -> np.ndarray:
        """The standardised (log) level, (..., n_times)."""
        level = log(in_float64(paths)) if self.logarithm else paths
        return (level - self.level_mean) / self.level_sd

    def increments(self, paths: np.ndarray) -> np.ndarray:
        """The (log) increments in units of their sd, (..., n_times - 1)."""
        level = log(in_float64(paths)) if self.logarithm else paths
        return differences(level) / self.increment_sd
