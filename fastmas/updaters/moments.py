"""Simulated moments with common random numbers: the start of every game, its last step, and the baseline beside it.

McFadden (1989), Duffie and Singleton (1993), for any features of paths. A scan over the box gives a few points that are
apart from one another, Gauss-Newton goes downhill from each, and what is left of them is compared by simulation: a
distance may have several basins, and valleys that are flat at one end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import qmc

from fastmas.distance import means
from fastmas.errors import SimulationError
from fastmas.evaluation import LOSS, Evaluation
from fastmas.updaters import Search
from fastmas.updaters.differences import differences
from fastmas.updaters.scoring import COMPARING, FIRST_STEP, LOOKING, Problem, compare, linearise, polish

MOST_BASINS = 3
APART, SAME = 0.1, 0.02  # of the box: how far starts are from each other at least, and two ends of one basin at most
WORST = 1e3  # residual, in sds, of a path that ran away
VAGUE = 0.01  # of the box: a standard error that calls for a look along the coordinates
FEW = 4  # coordinates that are looked along at most
HOPELESS, IN_A_ROW = 2.0, 2  # times the least distance, or its expectation, so many values long: no further that way
MODE = 16.0  # of distance: 8 nats, within which another basin is told


@dataclass(frozen=True)
class Stage:
    """Simulated paths of a theta in units of `Problem.n_sim`, difference step in boxes, most iterations."""

    paths: int
    step: float
    iterations: int


@dataclass(frozen=True)
class Effort:
    """Of a fit: thetas of the first look over the box and points to go downhill from, in `stages`.

    `n_profile` values of a coordinate that is looked along, each refined as `profile` says and the lowest as `valley`.
    """

    n_scan: int = 512
    n_starts: int = 4
    stages: tuple[Stage, ...] = (Stage(1, 0.03, 6), Stage(2, 0.015, 4))
    n_profile: int = 24
    profile: Stage = Stage(1, 0.015, 3)
    valley: Stage = Stage(2, 0.015, 20)


EFFORT = Effort()


@dataclass(frozen=True)
class MomentFit:
    """Fitted z (d,), its covariance (d, d), the weighted distance, what chi-square degrees it has, and the misfit tau.

    No degrees are left where there are as many unknowns as figures: the uniform over the box makes such a fit unique.

    `modes` (n, d) are other basins within 8 nats, `mode_distances` (n,) theirs.
    """

    z: np.ndarray
    covariance: np.ndarray
    distance: float
    degrees: int
    tau: float = 0.0
    modes: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    mode_distances: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def spread(self) -> np.ndarray:
        """Standard errors in search coordinates, (d,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_moments(problem: Problem, starts: np.ndarray | None = None, effort: Effort = EFFORT) -> MomentFit:
    """Scan the box, or begin at `starts` (n, d); go downhill from each; compare the ends and polish the best."""
    points = _scan(problem, effort) if starts is None else starts
    for number, stage in enumerate(effort.stages, start=1):
        ends = sorted((_refine(problem, z, stage, number) for z in points), key=lambda end: end[1])
        points = _distinct(problem, [z for z, _ in ends])[:MOST_BASINS]
    if starts is None:
        points = _along_valleys(problem, points, effort)
    else:
        points = points[np.argsort(compare(problem, points).distances, kind="stable")]
    z, local = polish(problem, points[0])
    others = points[1:]
    others = others[np.abs((others - z) / problem.region.width).max(axis=1) > SAME]
    seen = compare(problem, np.vstack([z, others]))
    rise = seen.distances[1:] - seen.distances[0]
    near = np.flatnonzero(rise < MODE)[np.argsort(rise[rise < MODE], kind="stable")]
    degrees = max(0, seen.n_combinations - len(z))
    return MomentFit(z, local.covariance(problem), float(seen.distances[0]), degrees, seen.tau, others[near],
                     seen.distances[1:][near])


def stand_at(problem: Problem, z: np.ndarray) -> MomentFit:
    """What the moments say of a point z (d,) that is not moved: how far it is, and the errors to be expected there."""
    local = linearise(problem, z, FIRST_STEP * problem.region.width, LOOKING)
    seen = compare(problem, z[None])
    return MomentFit(z, local.covariance(problem), float(seen.distances[0]), max(0, seen.n_combinations - len(z)),
                     seen.tau, np.empty((0, len(z))), np.empty(0))


def _scan(problem: Problem, effort: Effort) -> np.ndarray:
    """The best points of a Sobol design over the box, apart from each other, weighing features one by one."""
    unit = qmc.Sobol(problem.region.d, seed=problem.seed).random(effort.n_scan)
    z = problem.region.low + problem.region.width * unit
    parts = [_centre_and_variance(problem.simulated(z[i:i + 64], max(4, problem.n_sim // 16), problem.first_run, True))
             for i in range(0, effort.n_scan, 64)]
    centre, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    if np.isnan(centre).all():
        raise SimulationError("most paths ran away wherever the moment fit looked; check the model and its bounds")
    gap = (centre - problem.observed) / np.sqrt(np.maximum(np.nanmedian(variance, axis=0), 1e-12))
    distance = np.where(np.isfinite(gap), np.minimum(np.abs(gap), WORST), WORST).sum(axis=1)
    chosen: list[int] = []
    for i in np.argsort(distance, kind="stable"):
        if all(np.abs(unit[i] - unit[j]).max() > APART for j in chosen):
            chosen.append(int(i))
        if len(chosen) == effort.n_starts:
            break
    return z[chosen]


def _along_valleys(problem: Problem, points: np.ndarray, effort: Effort) -> np.ndarray:
    """The points, the nearest first, and before them the lowest that is found along what they leave vague.

    Where a coordinate has hardly a slope Gauss-Newton stands still far from the best: each of a few coordinates is put
    to values all over its box, from the point outwards, the others following each time (a profile of the distance).
    """
    points = points[np.argsort(compare(problem, points).distances, kind="stable")]
    local = linearise(problem, points[0], FIRST_STEP * problem.region.width, LOOKING)
    vague = np.flatnonzero((local.spread > VAGUE * problem.region.width) & ~problem.region.integer)
    looked_along = np.flatnonzero(~problem.region.integer) if problem.region.d <= FEW else vague
    if problem.region.d == 1 or not len(vague) > 0 or len(looked_along) > FEW:
        return points
    profile = np.vstack([_profile(problem, points[0], int(j), effort) for j in looked_along])
    seen = compare(problem, np.vstack([points[0], profile]), COMPARING + 1).distances
    if np.argmin(seen) == 0:
        return points
    lowest, _ = _refine(problem, profile[np.argmin(seen[1:])], effort.valley, len(effort.stages))
    return np.vstack([lowest, points])


def _profile(problem: Problem, z: np.ndarray, j: int, effort: Effort) -> np.ndarray:
    values = np.linspace(problem.region.low[j], problem.region.high[j], effort.n_profile)
    order = [values[values <= z[j]][::-1], values[values > z[j]]]
    found, least = [], np.inf
    for side in order:
        rest, n_hopeless = np.delete(z, j), 0
        for value in side:
            try:
                rest, distance = _refine(_without(problem, j, value), rest, effort.profile, len(effort.stages))
            except SimulationError:  # paths run away there, and further on too
                break
            found.append(np.insert(rest, j, value))
            least = min(least, distance)
            n_hopeless = n_hopeless + 1 if distance > HOPELESS * max(least, len(problem.observed)) else 0
            if n_hopeless == IN_A_ROW:
                break
    return np.array(found).reshape(-1, len(z))


def _without(problem: Problem, j: int, value: float) -> Problem:
    """The problem of the other coordinates, the j-th held at a value."""
    def simulated(z: np.ndarray, n_paths: int, run: int, common: bool) -> np.ndarray:
        return problem.simulated(np.insert(z, j, value, axis=1), n_paths, run, common)

    return replace(problem, simulated=simulated, region=problem.region.without(j))


def _centre_and_variance(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centre = means(features)
    return centre, means((features - centre[:, None]) ** 2)


def _distinct(problem: Problem, points: list[np.ndarray]) -> np.ndarray:
    """Without those that ended where another did, (n, d)."""
    kept: list[np.ndarray] = []
    for z in points:
        if all(np.abs((z - other) / problem.region.width).max() > SAME for other in kept):
            kept.append(z)
    return np.stack(kept)


def _refine(problem: Problem, z: np.ndarray, stage: Stage, number: int) -> tuple[np.ndarray, float]:
    """Gauss-Newton from z to where the distance is least, (d,), and the distance there."""
    n_paths = problem.n_sim * stage.paths
    weight, _ = problem.weight(z, n_paths, 2 * number)
    region = problem.region
    step = stage.step * region.width
    step = np.where(region.integer, np.maximum(step, 1.0), step)
    middle, prior = region.middle, np.sqrt(region.precision)

    def residuals(points: np.ndarray, n_paths: int = n_paths, run: int = 2 * number + 1) -> np.ndarray:
        gap = (problem.means(points, n_paths, run) - problem.observed) @ weight.rows.T
        gap = np.where(np.isfinite(gap), np.clip(gap, -WORST, WORST), WORST)
        return np.hstack([gap, (points - middle) * prior])

    def jacobian(point: np.ndarray) -> np.ndarray:
        pairs = differences(point, step, region)
        n_here = pairs.n_paths(n_paths)
        return pairs.slopes(lambda points, run: residuals(points, n_here, run), 2 * number + 1).T

    inside = np.clip(z, region.low + 1e-6 * step, region.high - 1e-6 * step)
    fit = least_squares(lambda p: residuals(p[None, :])[0], inside, jac=jacobian, x_scale=step,
                        bounds=(region.low, region.high), max_nfev=stage.iterations)
    return fit.x, 2.0 * float(fit.cost)


class Stay:
    """No game: the moment fit is the estimate."""

    discriminator = "amortised"
    needs = LOSS
    is_game = False
    is_local = True
    averaged = 1.0

    def start(self, search: Search) -> Search:
        return search

    def ask(self, state: Search) -> np.ndarray:
        return state.start[None, :]

    def tell(self, state: Search, seen: Evaluation) -> Search:
        return state

    def centre(self, state: Any) -> np.ndarray:
        return state.start


UPDATER = Stay()
