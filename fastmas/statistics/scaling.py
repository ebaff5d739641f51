"""Standardisation by the data: increments of the (log) level, and the level itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmas.statistics.tensors import differences, in_float64, log


@dataclass(frozen=True)
class Scaling:
    """Means and sds of the training data; `logarithm` where all of it is positive, as prices are.

    `keeps_level` where the level is what is read step by step, as that of counts is, and not its increments.
    """

    logarithm: bool
    increment_sd: float
    level_mean: float
    level_sd: float
    keeps_level: bool = False

    @classmethod
    def of(cls, x_obs: np.ndarray, *, logarithm: bool | None = None, keeps_level: bool = False) -> Scaling:
        """Fit to training paths (n_paths, n_times); `logarithm` is whether all is positive, unless it is given."""
        if logarithm is None:
            logarithm = bool((x_obs > 0).all())
        level = np.log(x_obs) if logarithm else np.asarray(x_obs, dtype=np.float64)
        return cls(logarithm, float(np.diff(level, axis=-1).std()) or 1.0, float(level.mean()),
                   float(level.std()) or 1.0, keeps_level)

    def level(self, paths: np.ndarray) -> np.ndarray:
        """The standardised (log) level, (..., n_times)."""
        level = log(in_float64(paths)) if self.logarithm else paths
        return (level - self.level_mean) / self.level_sd

    def increments(self, paths: np.ndarray) -> np.ndarray:
        """The (log) increments in units of their sd, (..., n_times - 1)."""
        level = log(in_float64(paths)) if self.logarithm else paths
        return differences(level) / self.increment_sd

    def moves(self, paths: np.ndarray) -> np.ndarray:
        """What is read step by step from the second time on, (..., n_times - 1): the increments, or the level."""
        return self.level(paths)[..., 1:] if self.keeps_level else self.increments(paths)
