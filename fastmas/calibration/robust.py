"""A calibration that wrong ticks hardly move: what the model never gives is replaced, the rest is reckoned with.

What is an outlier depends on the model, which is not known yet: those beyond a robust scale of the data are replaced
and the moments are fitted; the limits are then what simulated paths at that fit do not exceed; and once more. Simulated
paths get additive outliers, as often and as large as those found in the data (more often, by the share that the filter
misses), and go through the same filter. Where ticks are wrong at random, data and paths at the truth are then alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import poisson

from fastmas.calibration.observed import Observed
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.data import Observations
from fastmas.random.address import Purpose
from fastmas.statistics.outliers import OutlierFilter
from fastmas.updaters.moments import fit_moments

N_ROUNDS = 2  # of limits by the model
N_PRICES = 1 << 19  # simulated for the limits: one of so many exceeds them
MOST_SHARE = 0.25  # of prices that are wrong
CHANCE, FAR = 1e-3, 2.0  # of so many by the two limits that simulation has found, none of them so far beyond
N_TOLD = 5


@dataclass(frozen=True)
class Contamination:
    """Additive outliers in a share of all prices, at random, of these sizes (n,) in (log) levels; and their filter.

    It is called with simulated paths (n_paths, n_times) and the key of its random numbers.
    """

    filter: OutlierFilter
    share: float
    sizes: np.ndarray

    @classmethod
    def of(cls, outliers: OutlierFilter, x_obs: np.ndarray, paths: np.ndarray | None = None) -> Contamination:
        """As found in data (n_paths, n_times); `paths` of the model (m, n_times) show what the filter misses."""
        found = outliers.found(x_obs)
        seen = cls(outliers, float(found.mean()), outliers.sizes(x_obs, found))
        if paths is None or not found.any():
            return seen
        by_chance = poisson.isf(CHANCE, 2 * x_obs.size / paths.size)
        if found.sum() <= by_chance and np.abs(seen.sizes).max() < FAR * outliers.inner:
            return replace(seen, share=0.0, sizes=seen.sizes[:0])
        seen = replace(seen, sizes=_without_noise(seen.sizes, outliers.noise(paths)))
        caught = outliers.found(seen.added(paths, (0,))).mean() / seen.share
        return replace(seen, share=min(seen.share / max(float(caught), 1e-3), MOST_SHARE))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], *, logarithm: bool) -> Contamination:
        """Undo `arrays`."""
        inner, outer, share = arrays["limits"].tolist()
        return cls(OutlierFilter(logarithm, inner, outer), share, arrays["sizes"])

    def arrays(self) -> dict[str, np.ndarray]:
        """All that it is, for a checkpoint."""
        return {"limits": np.array([self.filter.inner, self.filter.outer, self.share]), "sizes": self.sizes}

    def __call__(self, paths: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        wrong = self.added(paths, key)
        return self.filter.replaced(wrong, self.filter.found(wrong))

    def added(self, paths: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        """Paths (n_paths, n_times) with outliers."""
        rng = np.random.default_rng([Purpose.OUTLIERS, *key])
        hit = rng.integers(0, paths.size, rng.binomial(paths.size, self.share))
        size = self.sizes[rng.integers(0, len(self.sizes), len(hit))]
        done = paths.copy()
        flat = done.reshape(-1)
        with np.errstate(all="ignore"):
            flat[hit] = flat[hit] * np.exp(size) if self.filter.logarithm else flat[hit] + size
        return done


def _without_noise(sizes: np.ndarray, noise: float) -> np.ndarray:
    """Sizes (n,), drawn towards the mean of their sign by what a path's own moves add to their variance."""
    drawn = sizes.copy()
    for own in (sizes > 0, sizes < 0):
        if (variance := float(sizes[own].var()) if own.any() else 0.0) > 0:
            mean = sizes[own].mean()
            drawn[own] = mean + (sizes[own] - mean) * np.sqrt(max(0.0, 1.0 - noise**2 / variance))
    return drawn


def replace_outliers(simulator: Simulator, settings: Settings,
                     known: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Let a simulator see data and paths through a filter of outliers; nothing changes where the data have none.

    What comes back is what is `known` to a calibration that is resumed.
    """
    raw = simulator.observed
    if known is not None:
        return _see_through(simulator, raw, Contamination.from_arrays(known, logarithm=raw.scaling.logarithm))
    found = _see_through(simulator, raw, Contamination.of(
        OutlierFilter.rough(raw.x_train, logarithm=raw.scaling.logarithm), raw.x_train))
    z = find_start(simulator, settings).z
    for i in range(N_ROUNDS):
        if i > 0:
            z = fit_moments(moment_problem(simulator, settings), z[None], settings.budget.start).z
        simulator.treatment = None
        found = _see_through(simulator, raw, _seen_by_model(simulator, raw, z))
    return found


def outliers_in_words(simulator: Simulator, z: np.ndarray) -> list[str]:
    """A warning of prices that the model at z (d,) never gives, if there are any."""
    observed = simulator.observed
    if observed.k > 1 or observed.views[0].domain.is_coded:
        return []  # a value beside others is judged by the verdict alone
    seen = _seen_by_model(simulator, observed, z)
    if seen.share == 0:
        return []
    told = _told(simulator.observed.observations, seen.filter)
    return [f"{told}; if they are wrong, correct them, or calibrate with robust=True (--robust)"]


def _seen_by_model(simulator: Simulator, raw: Observed, z: np.ndarray) -> Contamination:
    paths = simulator.simulate(z[None], max(1, N_PRICES // raw.n_times), 0, Purpose.OUTLIERS)[0]
    return Contamination.of(OutlierFilter.beyond(paths, logarithm=raw.scaling.logarithm), raw.x_train, paths)


def _see_through(simulator: Simulator, raw: Observed, contamination: Contamination) -> dict[str, np.ndarray]:
    has_any = contamination.share > 0
    simulator.treatment = contamination if has_any else None
    simulator.observed = Observed(_replaced(raw.observations, contamination.filter), raw.given) if has_any else raw
    return contamination.arrays()


def _replaced(observations: Observations, outliers: OutlierFilter) -> Observations:
    def done(paths: np.ndarray) -> np.ndarray:
        return outliers.replaced(paths, outliers.found(paths))

    told = (*observations.warnings, f"robust: {_told(observations, outliers)}; the line between those took their place")
    x_obs, x_heldout = done(observations.x_obs), done(observations.x_heldout)
    if observations.series is None or observations.series_train is None:
        return replace(observations, x_obs=x_obs, x_heldout=x_heldout, warnings=told)
    series, n_train = done(observations.series[None])[0], len(observations.series_train)
    return replace(observations, x_obs=x_obs, x_heldout=x_heldout, series=series, series_train=series[:n_train],
                   series_heldout=series[n_train:], warnings=told)


def _told(observations: Observations, outliers: OutlierFilter) -> str:
    """How many prices are outliers, and the first of them by their place."""
    series = observations.series
    x = np.concatenate([observations.x_obs, observations.x_heldout]) if series is None else series[None]
    found = np.argwhere(outliers.found(x))
    place: Callable[[int, int], str] = (lambda i, t: f"path {i}, time {t}") if series is None else (
        lambda i, t: f"price {t}")
    listed = "; ".join(place(int(i), int(t)) for i, t in found[:N_TOLD]) + ("; ..." if len(found) > N_TOLD else "")
    return (f"{len(found):,} of {x.size:,} {'price lies' if len(found) == 1 else 'prices lie'} further from those on "
            f"either side than the model ever goes: {listed} (from 0)")
