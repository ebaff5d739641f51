"""Moments of a path of several observables, or of one that is no price: those of each by its domain, and joint ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastmas.statistics.level_figures import FAR, Columns, course, level_figures
from fastmas.statistics.moments import BOUNDED, moment_names, path_moments
from fastmas.statistics.pairs import joint
from fastmas.statistics.series import series_moments, series_names
from fastmas.statistics.views import View


def own_columns(view: View, paths: np.ndarray, *, is_series: bool, longest: int | None) -> Columns:
    """What is read of an observable's paths (n, n_times) beside the moments that prices have, too."""
    yield from ((trait.name, trait.of(paths)) for trait in view.traits)
    if view.domain.keeps_level:
        yield from level_figures(view.scaling, paths, longest) if is_series else course(view.scaling, paths)


def lost(paths: np.ndarray) -> np.ndarray:
    """Which paths (n, n_times) or (n, k, n_times) ran away, (n,)."""
    return ~np.isfinite(paths).reshape(len(paths), -1).all(axis=1)


@dataclass(frozen=True)
class JointMoments:
    """Called with paths, (n, k) in float64: NaN for one that ran away; `longest` is that of `path_moments`."""

    views: tuple[View, ...]
    is_series: bool
    longest: int | None = None

    def __call__(self, paths: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            parts = [self._of_one(view, view.of_paths(paths)) for view in self.views]
            parts += [column[:, None] for _, column in joint(self.views, paths)]
        moments = np.concatenate(parts, axis=1)
        moments[lost(paths)] = np.nan
        return moments

    def hard(self, n_times: int) -> np.ndarray:
        """Which moments are matched before the others where a model is wrong: scales, and shares of codes, (k,)."""
        return np.array([is_hard for view in self.views for _, is_hard in self._names(view, n_times)]
                        + [False] * self._n_joint(n_times))

    def _of_one(self, view: View, paths: np.ndarray) -> np.ndarray:
        parts = [] if view.domain.is_coded else [self._usual(view, paths)]
        own = own_columns(view, paths, is_series=self.is_series, longest=self.longest)
        return np.concatenate([*parts, *(column[:, None] for _, column in own)], axis=1)

    def _usual(self, view: View, paths: np.ndarray) -> np.ndarray:
        if self.is_series:
            return series_moments(view.scaling, paths, longest=self.longest)
        return path_moments(view.scaling, paths, level=True, reach=BOUNDED, characteristic=True)

    def _names(self, view: View, n_times: int) -> Iterator[tuple[str, bool]]:
        """Of the moments of one observable, and whether each is hard."""
        usual = (series_names(n_times, self.longest) if self.is_series
                 else moment_names(n_times, level=True, characteristic=True))
        if not view.domain.is_coded:
            yield from ((name, self.is_series and name == "log sd") for name in usual)
        hard = {*(trait.name for trait in view.traits if trait.is_hard), *FAR}
        nothing = np.ones((1, n_times))
        own = own_columns(view, nothing, is_series=self.is_series, longest=self.longest)
        yield from ((name, name in hard) for name, _ in own)

    def _n_joint(self, n_times: int) -> int:
        return len(list(joint(self.views, np.ones((1, len(self.views), n_times)))))
