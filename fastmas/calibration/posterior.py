"""Draws from the posterior of the parameters under a uniform prior over the search box.

Two ways. Where the data leave a parameter vague, as one series often does, a regression on summaries of simulated data
sets gives the density; it is learned over the box, then again over the part of it where the first one is dense, with
what of the first simulations lies there (a truncated uniform prior is uniform: Deistler, Goncalves and Macke 2022). It
is used only if the data look like data sets simulated at its draws. Else, and where the estimate of many paths is
sharp, the draws are the normal law of the estimate, within the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from fastmas.calibration.budget import PosteriorEffort
from fastmas.calibration.goodness import quadratic_form
from fastmas.calibration.observed import Observed
from fastmas.calibration.regression import Regression, learn, squashed, standard
from fastmas.calibration.simulator import Simulator
from fastmas.distance import means
from fastmas.parameters import ParameterSpace
from fastmas.random.address import Purpose
from fastmas.region import Region
from fastmas.statistics.level_summaries import level_summaries

FIRST_SHARE = 0.5  # of the simulated data sets: those of the first regression
MOST_VALUES = 25_000_000  # simulated values of a regression: about four seconds of summaries
MOST_PARAMETERS = 12  # a regression of more would need more
NARROW = 0.08  # of the box: where all standard errors are below, the linear model of the estimate is trusted
N_NARROWING, WIDENED = 2000, 0.1  # draws that span the part where the second one is learned, and the margin of its box
NARROWER = 0.7  # volume of that part, from which on it is no gain
CANDIDATES, MOST_CANDIDATES = 1 << 14, 1 << 18  # points of a box that are looked at to find those in the part
RARE = 0.01  # share of them from which on the box itself is the part
CHECKS = 3  # data sets for each summary, at least, where they are many
NEAR_RUN, CHECK_RUN = 1 << 20, 1 << 21  # first run numbers of the second simulations and of the check
CHUNK_VALUES = 1 << 22  # values simulated at a time
TRIES = 100  # rounds of draws that must fall into the box
SWEEPS = 20  # over all coordinates, where they do not
ALL_BOX, NEAR, FINAL = range(3)  # streams of random numbers
NORMAL = "the normal law of the estimate and its covariance, within the bounds"
OUTSIDE = "the data are unlike any that the model simulates, and a regression on its simulations does not reach them"


@dataclass(frozen=True)
class Posterior:
    """Draws `z` (n, d) in search coordinates; `method` says how they were made, `warning` what a user must know.

    `is_learned` if a regression made them, and not the covariance of the estimate.
    """

    z: np.ndarray
    method: str
    warning: str | None = None
    is_learned: bool = False

    def by_name(self, space: ParameterSpace) -> dict[str, np.ndarray]:
        """Draws (n,) of each free parameter in natural units."""
        return dict(zip(space.free, space.to_theta(self.z).T, strict=True))


@dataclass(frozen=True)
class Part:
    """Where a regression is at least as dense as at its draws, given summaries x (1, k), inside a box (d,), (d,).

    The `floor` is minus infinity where the box is not much larger than that, or far larger: then it is all of the box.
    """

    regression: Regression
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    floor: float

    @classmethod
    def of(cls, regression: Regression, x: np.ndarray, key: tuple[int, ...]) -> Part:
        """The part for summaries x (k,)."""
        x = x[None]
        spanned = regression.draw(x[0], N_NARROWING, *key)
        margin = WIDENED * np.ptp(spanned, axis=0)
        low = np.maximum(spanned.min(axis=0) - margin, regression.low)
        high = np.minimum(spanned.max(axis=0) + margin, regression.high)
        part = cls(regression, x, low, high, float(regression.log_density(x, spanned).min()))
        share = part.holds(design(low, high, CANDIDATES, key[0])).mean()
        whole = np.prod((high - low) / (regression.high - regression.low))
        if share * whole > NARROWER:
            return cls(regression, x, regression.low, regression.high, -np.inf)
        return part if share > RARE else cls(regression, x, low, high, -np.inf)

    def holds(self, z: np.ndarray) -> np.ndarray:
        """Which of z (n, d) lie in the part, (n,)."""
        inside = np.asarray(((z >= self.low) & (z <= self.high)).all(axis=1))
        if np.isfinite(self.floor):
            inside[inside] = self.regression.log_density(self.x, z[inside]) >= self.floor
        return inside

    def points(self, n: int, seed: int) -> np.ndarray:
        """At most n points (m, d) evenly over it."""
        if not np.isfinite(self.floor):
            return design(self.low, self.high, n, seed)
        tried = design(self.low, self.high, MOST_CANDIDATES, seed)
        found = np.empty((0, len(self.low)))
        for i in range(0, MOST_CANDIDATES, CANDIDATES):
            some = tried[i:i + CANDIDATES]
            found = np.concatenate([found, some[self.holds(some)]])
            if len(found) >= n:
                break
        return found[:n]


@dataclass(frozen=True)
class DataSets:
    """Summaries (n, k) of data sets simulated at z (n, d); none of them ran away."""

    z: np.ndarray
    summaries: np.ndarray

    def within(self, part: Part) -> DataSets:
        inside = part.holds(self.z)
        return DataSets(self.z[inside], self.summaries[inside])

    def and_also(self, others: DataSets) -> DataSets:
        return DataSets(np.concatenate([self.z, others.z]), np.concatenate([self.summaries, others.summaries]))


def posterior(simulator: Simulator, z: np.ndarray, covariance: np.ndarray, n: int,
              effort: PosteriorEffort) -> Posterior:
    """n draws of the posterior; the estimate z (d,) and its covariance (d, d) are for where no regression is used."""
    normal = normal_draws(simulator, z, covariance, n)
    if not simulator.observed.is_series and not is_vague(simulator.region, np.sqrt(np.diag(covariance))):
        return Posterior(normal, NORMAL)
    if n_sets(simulator.observed, effort) < effort.least_sets:
        return Posterior(normal, f"{NORMAL}; simulating enough data sets of this size for a regression takes too long")
    if simulator.space.d > MOST_PARAMETERS:
        return Posterior(normal, f"{NORMAL}; a regression is for at most {MOST_PARAMETERS} free parameters")
    return _by_regression(simulator, n, effort) or Posterior(
        normal, f"{NORMAL}; {OUTSIDE}",
        f"posterior draws: {OUTSIDE}, so the draws are the normal law of the estimate and its covariance")


def is_vague(region: Region, spread: np.ndarray) -> bool:
    """Whether one of these standard errors (d,) is a large part of its bounds."""
    return bool((spread >= NARROW * region.width).any())


def n_sets(observed: Observed, effort: PosteriorEffort) -> int:
    """Data sets that a regression may have."""
    return int(min(effort.most_sets, MOST_VALUES // observed.x_all.size))


def normal_draws(simulator: Simulator, z: np.ndarray, covariance: np.ndarray, n: int) -> np.ndarray:
    """Draws (n, d) around z (d,) that lie in the box: others are drawn again, and moved into it in the end."""
    rng, region = np.random.default_rng([simulator.seed, Purpose.POSTERIOR]), simulator.region
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    kept = np.empty((0, len(z)))
    for _ in range(TRIES):
        drawn = z + rng.standard_normal((n, len(z))) @ root.T
        inside = ((drawn >= region.low) & (drawn <= region.high)).all(axis=1)
        kept = np.concatenate([kept, drawn[inside]])
        if len(kept) >= n:
            return kept[:n]
    return np.concatenate([kept, _moved_within(region, drawn[:n - len(kept)], z, np.linalg.pinv(covariance), rng)])


def _moved_within(region: Region, drawn: np.ndarray, z: np.ndarray, precision: np.ndarray,
                  rng: np.random.Generator) -> np.ndarray:
    """Draws (n, d) of the normal law within the box by Gibbs' sampler (Geweke 1991), from these on.

    Of many vague coordinates one or another is outside in nearly every draw.
    """
    x = region.inside(drawn)
    for _ in range(SWEEPS):
        for j, (low, high) in enumerate(zip(region.low, region.high, strict=True)):
            sd = precision[j, j] ** -0.5
            mean = x[:, j] - (x - z) @ precision[j] * sd**2
            below, above = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
            x[:, j] = np.clip(mean + sd * ndtri(below + (above - below) * rng.random(len(x))), low, high)
    return x


def summaries_of(simulator: Simulator, sets: np.ndarray) -> np.ndarray:
    """Summaries (n, k) of data sets (n, n_paths, n_times): means of moments, and on one series those of its level."""
    observed = simulator.observed

    def features(paths: np.ndarray) -> np.ndarray:
        moments = observed.moments_of(paths)
        if not observed.is_series:
            return moments
        with np.errstate(all="ignore"):
            return np.concatenate([moments, *(level_summaries(view.scaling, view.of_paths(paths), observed.longest)
                                              for view in observed.views if not view.domain.is_coded)], axis=1)

    n, n_paths = sets.shape[:2]
    return means(simulator.workers.each(features, sets.reshape(n * n_paths, *sets.shape[2:])).reshape(n, n_paths, -1))


def simulate_sets(simulator: Simulator, z: np.ndarray, first_run: int) -> DataSets:
    """One data set of the size of the data at each z (n, d), without those that ran away."""
    whole = simulator.observed.x_all
    n_paths, n_times = len(whole), whole.shape[-1]
    size = max(1, CHUNK_VALUES // whole.size)
    parts = []
    for i in range(0, len(z), size):
        some = simulator.simulate(z[i:i + size], n_paths, first_run + i, Purpose.POSTERIOR, common=False,
                                  n_times=n_times)
        parts.append(summaries_of(simulator, some))
    summaries = np.concatenate(parts)
    kept = np.isfinite(summaries).all(axis=1)
    return DataSets(z[kept], summaries[kept])


def design(low: np.ndarray, high: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Points (n, d) evenly over the box."""
    unit = qmc.Sobol(len(low), seed=seed).random_base2(int(np.ceil(np.log2(n))))[:n]
    return low + (high - low) * unit


def over_box(simulator: Simulator, n: int, effort: PosteriorEffort) -> tuple[Regression | None, DataSets]:
    """The regression over the whole box and its data sets; none if nearly all ran away."""
    seed, low, high = simulator.seed, simulator.region.low, simulator.region.high
    sets = simulate_sets(simulator, design(low, high, n, seed), 0)
    if len(sets.z) < effort.least_sets // 2:
        return None, sets
    return learn(sets.summaries, sets.z, low, high, (seed, Purpose.POSTERIOR, ALL_BOX), effort.epochs), sets


def nearer(simulator: Simulator, first: Regression, sets: DataSets, x: np.ndarray, n: int,
           effort: PosteriorEffort) -> Regression:
    """The regression over the part of the box that the first one leaves for summaries x (k,), if that is smaller."""
    seed = simulator.seed
    part = Part.of(first, x, (seed, Purpose.POSTERIOR, NEAR))
    z = part.points(n, seed + 1)
    near = sets.within(part).and_also(simulate_sets(simulator, z, NEAR_RUN))
    if len(near.z) < effort.least_sets // 2:
        return first
    return learn(near.summaries, near.z, part.low, part.high, (seed, Purpose.POSTERIOR, NEAR),
                 effort.epochs)


def is_outside(simulator: Simulator, z: np.ndarray, x: np.ndarray) -> bool:
    """Whether summaries x (k,) are further out than those of all data sets simulated at draws z (n, d).

    Each is judged by the covariance of the others, so that a right model is refused once in a thousand times.
    """
    simulated = simulate_sets(simulator, z, CHECK_RUN).summaries
    if len(simulated) < 2 * len(x):
        return True
    centre, scale = standard(simulated)
    rows = squashed(np.vstack([x, simulated]), centre, scale).astype(np.float64)
    distances = quadratic_form(rows - rows[1:].mean(axis=0))
    return bool(distances[0] > distances[1:].max())


def _by_regression(simulator: Simulator, n_draws: int, effort: PosteriorEffort) -> Posterior | None:
    """None where the data lie outside of what the regression was trained on."""
    observed = simulator.observed
    x, n = summaries_of(simulator, observed.x_all[None])[0], n_sets(observed, effort)
    if not np.isfinite(x).all():
        return None
    first, sets = over_box(simulator, int(FIRST_SHARE * n), effort)
    if first is None:
        return None
    last = nearer(simulator, first, sets, x, n - int(FIRST_SHARE * n), effort)
    n_check = effort.n_check if observed.is_plain else max(effort.n_check, CHECKS * len(x))
    z = last.draw(x, max(n_draws, n_check), simulator.seed, Purpose.POSTERIOR, FINAL)
    if is_outside(simulator, z[:n_check], x):
        return None
    what = "series" if observed.is_series else "data sets"
    return Posterior(z[:n_draws], f"a regression on {len(x)} summaries of {n:,} simulated {what}, over "
                     "the bounds and then nearer by, under a uniform prior over the bounds", is_learned=True)
