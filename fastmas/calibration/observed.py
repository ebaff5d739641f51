"""The data as a calibration sees them: a training and a held-out part, their samples and their moments."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from fastmas import statistics
from fastmas.calibration.regimes import REGIMES, Regime
from fastmas.data import Observations
from fastmas.errors import DataError, ParameterError
from fastmas.statistics.joint_features import JointFeatures
from fastmas.statistics.joint_moments import JointMoments
from fastmas.statistics.moments import BOUNDED, path_moments
from fastmas.statistics.named_figures import Figure, defined
from fastmas.statistics.path_features import PathFeatures
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.series import series_moments
from fastmas.statistics.views import views_of


class Observed:
    """Observations seen through a statistic.

    Paths are (n_paths, n_times), or (n_paths, k, n_times) for k observables, each of which has a view.
    `real` and `heldout` are samples (n_paths, n_samples, k) of the data; in the regime "series" each is one path, the
    whole training or held-out part. `statistic`, kept as `given`, is a name, or a function of paths (n_paths, n_times).

    Raises
    ------
    ParameterError
        If the statistic gives samples of another size for the held-out part.
    DataError
        If either part has too few of them.
    """

    def __init__(self, observations: Observations, statistic: str | Callable[[np.ndarray], np.ndarray]) -> None:
        self.observations = observations
        self.regime: Regime = REGIMES[observations.regime]
        train, heldout = observations.series_train, observations.series_heldout
        self.x_train = _inside(observations.x_obs if train is None else train[None])
        self.x_heldout = _inside(observations.x_heldout if heldout is None else heldout[None])
        self.views = views_of(self.x_train, observations.names, observations.domains)
        self.is_plain = len(self.views) == 1 and self.views[0].is_plain
        self.given, self.statistic_name = statistic, statistics.name_of(statistic)
        self.statistic: Any = statistics.fit(statistic, self.x_train, self.views)
        self.reads_tensors = not callable(statistic)
        self.real = self.statistic(self.x_train)
        self.heldout = self.statistic(self.x_heldout)
        self._check_samples()

    @property
    def scaling(self) -> Scaling:
        """Of the first observable."""
        return self.views[0].scaling

    @property
    def k(self) -> int:
        """Observables."""
        return len(self.views)

    @property
    def is_series(self) -> bool:
        """Whether the data are one long series."""
        return self.regime.is_series

    @property
    def n(self) -> int:
        """Training paths."""
        return len(self.x_train)

    @property
    def n_times(self) -> int:
        """Values of a path, or of the training series."""
        return self.x_train.shape[-1]

    @property
    def x_all(self) -> np.ndarray:
        """Training and held-out data together, (n_paths, n_times), or one whole series."""
        if self.observations.series is not None:
            return _inside(self.observations.series[None])
        return np.concatenate([self.x_train, self.x_heldout])

    @property
    def longest(self) -> int | None:
        """The `longest` of moments: a held-out part and the whole of a series have the figures of the training part."""
        return self.n_times - 1 if self.is_series else None

    @cached_property
    def n_moments(self) -> int:
        """Moments of a path."""
        return self.moments_of(self.x_train[:1]).shape[-1]

    def samples_of(self, paths: np.ndarray) -> np.ndarray:
        """Samples (n_paths, n_samples, k) of paths (n_paths, n_times); one that ran away looks like nothing real."""
        with np.errstate(all="ignore"):
            samples = self.statistic(paths)
        return samples if np.isfinite(paths).all() else np.nan_to_num(samples, nan=statistics.CLIP)

    def moments_of(self, paths: np.ndarray) -> np.ndarray:
        """Moments of each path, (n_paths, n_times) to (n_paths, k); not finite for one that ran away."""
        if not self.is_plain:
            return self._joint(paths)
        with np.errstate(all="ignore"):
            if self.is_series:
                return series_moments(self.scaling, paths, longest=self.longest)
            return path_moments(self.scaling, paths, level=True, reach=BOUNDED, characteristic=True)

    def soft(self, k: int) -> np.ndarray | None:
        """Which of k features, moments first, a wrong model may miss, (k,), or None."""
        soft = self.regime.soft(k)
        if soft is not None and not self.is_plain:
            soft[:] = True
            soft[:self.n_moments] = ~self._joint.hard(self.n_times)
        return soft

    @cached_property
    def features(self) -> PathFeatures | JointFeatures:
        """What the verdict reads of a path."""
        if self.is_plain:
            return PathFeatures(self.scaling, self.n_times, self.is_series, self.longest, self.views[0].domain)
        return JointFeatures(self.views, self.n_times, self.is_series, self.longest)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Named figures that the verdict can compute."""
        return self.features.figures if isinstance(self.features, JointFeatures) else defined(self.features.names)

    @cached_property
    def _joint(self) -> JointMoments:
        return JointMoments(self.views, self.is_series, self.longest)

    def _check_samples(self) -> None:
        name, k, k_heldout = self.statistic_name, self.real.shape[-1], self.heldout.shape[-1]
        if k != k_heldout:
            raise ParameterError(
                f"statistic {name!r} gives {k} numbers for {self.n_times} prices and {k_heldout} for "
                f"{self.x_heldout.shape[-1]}: one series needs a statistic whose size does not depend on the length, "
                "such as return-windows")
        least = self.regime.least_samples
        for use, samples, paths in (("train on", self.real, self.x_train), ("hold out", self.heldout, self.x_heldout)):
            if samples.shape[1] < least:
                raise DataError(
                    f"{self.observations.source}: {paths.shape[-1]} prices to {use} give {samples.shape[1]} samples of "
                    f"the statistic {name!r}, and {least} are needed; give more prices, or name another statistic")


def _inside(paths: np.ndarray) -> np.ndarray:
    """Public arrays have the observables last; inside a calibration time is last."""
    return paths if paths.ndim == 2 else np.ascontiguousarray(np.swapaxes(paths, 1, 2))
