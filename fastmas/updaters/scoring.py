"""Features of simulated paths near a point: their distance from the data, their slopes, and the steps that follow.

The last steps hold the derivatives fixed: central differences over several standard errors, since under exact rules
narrow ones see the jumps of the random numbers and not the slope. Products of derivatives leave out those of a group of
paths with itself, whose noise would count as information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastmas.distance import Weight, means, weigh
from fastmas.errors import SimulationError
from fastmas.region import Region
from fastmas.updaters.differences import differences, without_noise

N_POLISH = 8  # linearisations of the last steps at most
STAYS = 0.3  # standard errors: a step so short is the last one
N_SOLVE = 3  # steps under each
N_GROUPS = 8  # of paths, for the noise of derivatives
FIRST_STEP = 0.015  # of the box: half a difference where nothing is known of standard errors
WIDE, LEAST_STEP, MOST_STEP = 3.0, 0.002, 0.1  # half a difference: standard errors, and its ends in boxes
CHUNK = 1 << 22  # features held at a time
# Runs of a problem, from its first on: the moment fit has those below 8.
COMPARING, LOOKING, POLISHING, JUDGING = 8, 12, 16, 64

Features = Callable[[np.ndarray, int, int, bool], np.ndarray]


@dataclass(frozen=True)
class Problem:
    """What to fit.

    `simulated(z (n, d), n_paths, run, common)` gives the features of each path (n, n_paths, k);
    `observed` (k,) are the data's means over `n_observed` paths; `n_sim` paths are simulated for
    each theta at the least effort and `n_polish` in the last steps, for covariances at least `n_weigh`; `soft` (k,)
    marks features that a wrong model may miss; runs count from `first_run`; slopes are taken anew at most
    `n_linearised` times in the last steps.
    """

    simulated: Features
    observed: np.ndarray
    n_observed: int
    n_sim: int
    n_polish: int
    n_weigh: int
    region: Region
    seed: int
    soft: np.ndarray | None = None
    ridge: float = 0.0
    first_run: int = 0
    n_linearised: int = N_POLISH

    def means(self, z: np.ndarray, n_paths: int, run: int) -> np.ndarray:
        """Mean features (n, k) of z (n, d) under common random numbers; NaN where most paths ran away."""
        several = max(1, CHUNK // (n_paths * len(self.observed)))
        return np.concatenate([means(self.simulated(z[i:i + several], n_paths, self.first_run + run, True))
                               for i in range(0, len(z), several)])

    def weight(self, z: np.ndarray, n_paths: int, run: int) -> tuple[Weight, np.ndarray]:
        """The weight as it is at z (d,) for means over `n_paths`, and the features (n, k) of paths there."""
        n_here = max(n_paths, self.n_weigh)
        features = self.simulated(z[None, :], n_here, self.first_run + run, True)[0]
        finite = features[np.isfinite(features).all(axis=1)]
        if len(finite) < 2:
            raise SimulationError(f"{n_here - len(finite)} of {n_here} paths ran away at the best parameters that the "
                                  "moment fit found; check the model, or narrow its bounds")
        share = 1.0 / self.n_observed + 1.0 / n_paths
        gap = finite.mean(axis=0) - self.observed
        return weigh(finite, share, ridge=self.ridge, gap=gap, soft=self.soft), finite


@dataclass(frozen=True)
class Comparison:
    """Distances (n,) of points by simulation, all in the metric of the nearest, its tau and number of combinations."""

    distances: np.ndarray
    tau: float
    n_combinations: int


@dataclass(frozen=True)
class Local:
    """A linear model of the features at a point: whitened `slopes` (m, d) and their `precision` (d, d) without noise.

    `spread` (d,) are the standard errors that follow, a uniform over the box being known.
    """

    weight: Weight
    slopes: np.ndarray
    precision: np.ndarray
    spread: np.ndarray

    def covariance(self, problem: Problem) -> np.ndarray:
        """Of a point that solves slopes' gap = 0, (d, d), if the weight is right."""
        return self.sandwich(problem, np.eye(len(self.slopes)))

    def sandwich(self, problem: Problem, noise: np.ndarray) -> np.ndarray:
        """The same if whitened gaps have this covariance (m, m); no direction is vaguer than the box."""
        prior = np.diag(problem.region.precision)
        bread = np.linalg.inv(self.precision + prior)
        covariance = bread @ (self.slopes.T @ noise @ self.slopes + prior) @ bread
        box = np.outer(problem.region.width, problem.region.width)
        values, vectors = np.linalg.eigh(covariance / box)
        return (vectors * np.minimum(values, 1.0 / 12.0)) @ vectors.T * box


def compare(problem: Problem, points: np.ndarray, run: int = COMPARING) -> Comparison:
    """The distance of each point (n, d), by `n_polish` paths with common random numbers."""
    n_paths = problem.n_polish
    weights, gaps = [], []
    for z in points:
        try:
            weight, features = problem.weight(z, n_paths, run)
        except SimulationError:
            weight, features = None, np.full((1, len(problem.observed)), np.inf)
        weights.append(weight)
        gaps.append(features.mean(axis=0) - problem.observed)
    sound = [(w.tau, float(w.distance(g)), w) for w, g in zip(weights, gaps, strict=True) if w is not None]
    if not sound:
        raise SimulationError("most paths ran away at every point that was compared; check the model and its bounds")
    metric = min(sound, key=lambda one: one[:2])[2]
    distances = [np.inf if w is None else float(metric.distance(g)) for w, g in zip(weights, gaps, strict=True)]
    return Comparison(np.array(distances), metric.tau, len(metric.rows))


def polish(problem: Problem, z: np.ndarray, rounds: int | None = None,
           run: int = POLISHING) -> tuple[np.ndarray, Local]:
    """The point (d,) that solves slopes' gap = 0 from z on, and the last slopes.

    They are taken anew until the point stays, at most `rounds` times, or as often as the problem says.
    """
    rounds, width = problem.n_linearised if rounds is None else rounds, problem.region.width
    step = FIRST_STEP * width
    for number in range(rounds):
        local = linearise(problem, z, step, run + 4 * number)
        before, z = z, _solve(problem, local, z, run + 4 * number + 2)
        moved = np.abs((z - before) / local.spread).max()
        if moved == 0.0 and (step > LEAST_STEP * width).any() and number + 1 < rounds:
            step = np.minimum(step, MOST_STEP * width) / 3.0  # a valley that bends more than its slopes told
            continue
        if number > 0 and moved < STAYS:
            break
        step = WIDE * local.spread
    return z, local


def linearise(problem: Problem, z: np.ndarray, step: np.ndarray, run: int) -> Local:
    """Differences over +- `step` (d,), kept between LEAST_STEP and MOST_STEP of the box, weighed as at z."""
    weight, _ = problem.weight(z, problem.n_polish, run)
    region = problem.region
    step = np.clip(step, LEAST_STEP * region.width, MOST_STEP * region.width)
    step = np.where(region.integer, np.maximum(np.ceil(step), 1.0), step)  # or rounding would hide the difference
    pairs = differences(z, step, region)
    n_paths = pairs.n_paths(problem.n_polish)
    slopes = pairs.slopes(lambda points, run: _group_means(problem, points, n_paths, run), run + 1)
    slopes = np.where(np.isfinite(slopes), slopes, 0.0) @ weight.rows.T  # (d, groups, m)
    if pairs.is_shared:
        mean = without_noise(slopes * step[:, None, None]) / step[:, None]
        precision = mean @ mean.T
    else:
        mean, precision = _means_and_precision(slopes)
    precision = _positive(precision, region.width)
    spread = np.sqrt(np.diag(np.linalg.inv(precision + np.diag(region.precision))))
    return Local(weight, mean.T, precision, spread)


def covariance_at(problem: Problem, z: np.ndarray, run: int = JUDGING) -> np.ndarray:
    """Of the fit that stands at z, (d, d): J^-1 S J^-T, with the noise of simulation and slopes (Godambe 1960).

    The features' covariance S is that of other paths than the weight's.
    """
    local = linearise(problem, z, FIRST_STEP * problem.region.width, run)
    for number in range(1, 3):
        local = linearise(problem, z, WIDE * local.spread, run + 4 * number)
    _, features = problem.weight(z, problem.n_polish, run + 12)
    share = 1.0 / problem.n_observed + 1.0 / problem.n_polish
    noise = np.cov(features.T).reshape(features.shape[1], -1) * share
    if problem.soft is not None:
        noise = noise + local.weight.tau**2 * np.diag(problem.soft * np.diag(noise))
    return local.sandwich(problem, local.weight.rows @ noise @ local.weight.rows.T)


def _means_and_precision(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of slopes (d, groups, m): (d, m), and products (d, d) of different groups, whose noise has nothing in common."""
    n = slopes.shape[1]
    mean = slopes.mean(axis=1)
    own = np.einsum("igm,jgm->ij", slopes, slopes) / n**2
    return mean, mean @ mean.T if n == 1 else (mean @ mean.T - own) * n / (n - 1)


def _solve(problem: Problem, local: Local, z: np.ndarray, run: int) -> np.ndarray:
    """The nearest of N_SOLVE scoring steps from z under common random numbers; one that leads up is halved."""
    middle = problem.region.middle
    bread = np.linalg.inv(local.precision + np.diag(problem.region.precision))

    def height_and_step(at: np.ndarray) -> tuple[float, np.ndarray]:
        gap = problem.means(at[None, :], problem.n_polish, run)[0] - problem.observed
        height = float(local.weight.distance(gap) + (problem.region.precision * (at - middle) ** 2).sum())
        step = -bread @ (local.slopes.T @ (local.weight.rows @ gap) + problem.region.precision * (at - middle))
        return height, step / max(1.0, np.abs(step / (WIDE * local.spread)).max())

    least, step = height_and_step(z)
    for _ in range(N_SOLVE):
        trial = problem.region.inside(z + step)
        height, onward = height_and_step(trial)
        if height < least:
            z, least, step = trial, height, onward
        else:
            step = step / 3.0
    return z


def _group_means(problem: Problem, points: np.ndarray, n_paths: int, run: int) -> np.ndarray:
    """Means over each of N_GROUPS groups of paths, (n, groups, k)."""
    n_groups = min(N_GROUPS, n_paths)
    size = n_paths // n_groups
    parts, several = [], max(1, CHUNK // (n_paths * len(problem.observed)))
    for i in range(0, len(points), several):
        features = problem.simulated(points[i:i + several], n_groups * size, problem.first_run + run, True)
        n, _, k = features.shape
        parts.append(means(features.reshape(n * n_groups, size, k)).reshape(n, n_groups, k))
    return np.concatenate(parts)


def _positive(precision: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The nearest matrix, in boxes, in which no direction has a negative precision."""
    values, vectors = np.linalg.eigh(precision * np.outer(width, width))
    return (vectors * np.maximum(values, 0.0)) @ vectors.T / np.outer(width, width)
