"""Simulated moments with common random numbers: the start of every game and the baseline beside it.

McFadden (1989), Duffie and Singleton (1993). The distance between the data's pooled moments and the
simulated ones is weighed, for many paths, by the covariance that the model itself gives them at the
present fit: one taken from the data is correlated with the moments and biases the fit. For one real
series no model is true, and that weighting would chase whatever the model has least variance in;
there the moments are weighed one by one by the data's own long-run variance. Derivatives are
central differences under common random numbers, wide enough to see over the jumps of exact rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import qmc

from fastmas.errors import SimulationError
from fastmas.updaters import Search

N_SCAN = 512  # thetas of the first look over the box
N_STARTS = 3
WORST = 1e3  # residual, in sds, of a path that ran away
LEAST_EIGENVALUE = 1e-5  # of the correlation of moments: below it a combination is left out

Moments = Callable[[np.ndarray, int, int, bool], np.ndarray]


@dataclass(frozen=True)
class Stage:
    """Simulated paths per theta in units of `Problem.n_sim`, difference step in boxes, most iterations."""

    effort: int
    step: float
    iterations: int


STAGES = (Stage(1, 0.03, 6), Stage(2, 0.015, 4), Stage(4, 0.01, 4))


@dataclass(frozen=True)
class Problem:
    """What to fit.

    `simulated(z (n, d), n_paths, run, common)` gives the moments of each path (n, n_paths, k);
    `observed` (k,) are the data's means over `n_observed` paths; `n_sim` paths are simulated for
    each theta at the least effort; `variance` (k,) is that of `observed` over data sets like it, if the
    moments are to be weighed one by one; `integer` (d,) marks whole numbers.
    """

    simulated: Moments
    observed: np.ndarray
    n_observed: int
    n_sim: int
    variance: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    integer: np.ndarray
    seed: int


@dataclass(frozen=True)
class MomentFit:
    """Fitted z (d,), its covariance (d, d), the weighted distance and what chi-square degrees it has."""

    z: np.ndarray
    covariance: np.ndarray
    distance: float
    degrees: int

    @property
    def spread(self) -> np.ndarray:
        """Standard errors in search coordinates, (d,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_moments(problem: Problem) -> MomentFit:
    """Scan the box, refine from the best few points, then from the best one with ever more paths."""
    starts = _scan(problem)
    first = [_refine(problem, z, STAGES[0], 1) for z in starts]
    z, _, _ = min(first, key=lambda fit: fit[1])
    for number, stage in enumerate(STAGES[1:], start=2):
        z, distance, jacobian = _refine(problem, z, stage, number)
    covariance = _covariance(problem, z, jacobian)
    return MomentFit(z, covariance, float(distance), len(jacobian) - len(z))


def _scan(problem: Problem) -> np.ndarray:
    """The best points of a Sobol design over the box, (N_STARTS, d), weighing moments one by one."""
    unit = qmc.Sobol(len(problem.low), seed=problem.seed).random(N_SCAN)
    z = problem.low + (problem.high - problem.low) * unit
    moments = problem.simulated(z, max(4, problem.n_sim // 16), 0, True)
    means = _means(moments)
    if np.isnan(means).all():
        raise SimulationError("most paths ran away wherever the moment fit looked; check the model and its bounds")
    variance = np.nanmedian(_means((moments - means[:, None]) ** 2), axis=0)
    gap = (means - problem.observed) / np.sqrt(np.maximum(variance, 1e-12))
    distance = np.where(np.isfinite(gap), np.minimum(np.abs(gap), WORST), WORST).sum(axis=1)
    return z[np.argsort(distance, kind="stable")[:N_STARTS]]


def _refine(problem: Problem, z: np.ndarray, stage: Stage, number: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Gauss-Newton from z: the fit, its distance and the whitened Jacobian (k, d)."""
    n_paths = problem.n_sim * stage.effort
    whitener = _whitener(problem, _moments_at(problem, z, n_paths, 2 * number))
    step = stage.step * (problem.high - problem.low)
    step = np.where(problem.integer, np.maximum(step, 1.0), step)  # or rounding would hide the difference

    def residuals(points: np.ndarray) -> np.ndarray:
        means = _means(problem.simulated(points, n_paths, 2 * number + 1, True))
        gap = (means - problem.observed) @ whitener.T
        return np.where(np.isfinite(gap), np.clip(gap, -WORST, WORST), WORST)

    def jacobian(point: np.ndarray) -> np.ndarray:
        above, below, apart = both_sides(point, step, problem.low, problem.high)
        values = residuals(np.vstack([above, below]))
        d = len(point)
        return ((values[:d] - values[d:]) / apart[:, None]).T

    inside = np.clip(z, problem.low + 1e-6 * step, problem.high - 1e-6 * step)
    fit = least_squares(lambda p: residuals(p[None, :])[0], inside, jac=jacobian, x_scale=step,
                        bounds=(problem.low, problem.high), max_nfev=stage.iterations)
    return fit.x, 2.0 * fit.cost, jacobian(fit.x)


def _means(moments: np.ndarray) -> np.ndarray:
    """Means over the paths that did not run away, (n, n_paths, k) to (n, k); NaN where most did."""
    finite = np.isfinite(moments).all(axis=2)
    if finite.all():
        return moments.mean(axis=1)
    count = finite.sum(axis=1)[:, None]
    total = np.where(finite[:, :, None], moments, 0.0).sum(axis=1)
    return np.where(count > moments.shape[1] / 2, total / np.maximum(count, 1), np.nan)


def _moments_at(problem: Problem, z: np.ndarray, n_paths: int, run: int) -> np.ndarray:
    moments = problem.simulated(z[None, :], n_paths, run, True)[0]
    finite = moments[np.isfinite(moments).all(axis=1)]
    if len(finite) < 2:
        raise SimulationError(f"{n_paths - len(finite)} of {n_paths} paths ran away at the best parameters that the "
                              "moment fit found; check the model, or narrow its bounds")
    return finite


def _whitener(problem: Problem, moments: np.ndarray) -> np.ndarray:
    """Rows that turn the gap of mean moments into units of its standard error."""
    n_paths = len(moments)
    if problem.variance is not None:
        return np.diag(1.0 / np.sqrt(np.maximum(problem.variance + moments.var(axis=0) / n_paths, 1e-300)))
    return whitening(np.cov(moments.T) * (1.0 / problem.n_observed + 1.0 / n_paths))


def both_sides(z: np.ndarray, step: np.ndarray, low: np.ndarray,
               high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (d, d) a step (d,) above and below z (d,) along each coordinate, inside the box; how far apart, (d,)."""
    above, below = np.minimum(z + np.diag(step), high), np.maximum(z - np.diag(step), low)
    return above, below, np.diag(above - below)


def whitening(covariance: np.ndarray, least: float = LEAST_EIGENVALUE) -> np.ndarray:
    """Rows (r, k) that make the identity of a covariance (k, k).

    Combinations whose eigenvalue in the correlation is not above `least` are left out.
    """
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    eigenvalues, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
    kept = eigenvalues > least
    return (vectors[:, kept] / np.sqrt(eigenvalues[kept])).T / sd


def _covariance(problem: Problem, z: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Of the fit, (d, d): the sandwich, with the moments' covariance over data sets simulated at it."""
    moments = _moments_at(problem, z, problem.n_sim * STAGES[-1].effort, 2 * len(STAGES) + 2)
    whitener = _whitener(problem, moments)
    noise = whitener @ (np.cov(moments.T) / problem.n_observed) @ whitener.T
    width = problem.high - problem.low
    # A direction the moments do not see is as uncertain as the box is wide.
    bread = np.linalg.inv(jacobian.T @ jacobian + np.diag(12.0 / width**2))
    if len(noise) != len(jacobian):
        return bread
    return bread @ (jacobian.T @ noise @ jacobian + np.diag(12.0 / width**2)) @ bread


class Stay:
    """No game: the moment fit is the estimate."""

    discriminator = "amortised"
    is_game = False
    averaged = 1.0

    def start(self, search: Search) -> Search:
        return search

    def ask(self, state: Search) -> np.ndarray:
        return state.start[None, :]

    def tell(self, state: Search, loss: np.ndarray) -> Search:
        return state

    def centre(self, state: Any) -> np.ndarray:
        return state.start


UPDATER = Stay()
