"""A parametric bootstrap at the estimate (Efron, Tibshirani 1993, section 6.5), one step in place of each refit.

A bank of paths is simulated at the estimate and its features are computed once; data sets are drawn from it (for
one series each simulated series is a data set). Estimates are a little off, for the data and for each data set
alike, and refitting would mend that: instead, all of them are moved by the one Gauss-Newton step that the moment
fit would take from the estimate. Without it a fit that is only a little off is rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastmas.calibration.budget import BootstrapEffort
from fastmas.calibration.goodness import CONSTANT
from fastmas.calibration.judged import Judged
from fastmas.calibration.observed import Observed
from fastmas.distance import weigh
from fastmas.random.address import Purpose
from fastmas.statistics.joint_features import JointFeatures
from fastmas.statistics.named_figures import Figure, values_of
from fastmas.statistics.path_features import PathFeatures
from fastmas.updaters.differences import Differences, differences, without_noise

N_SETS = 499
LEAST_SETS = 100  # that did not run away
MOST_BANK = 80_000  # paths
BANK_VALUES, FEWEST = 4_000_000, 2_000  # values of a bank of long paths, and its paths at least
LARGEST_SET = 2_000  # paths drawn for a set; the deviation of a mean over more is scaled
CHUNK_VALUES = 1 << 18  # values simulated and read at a time, by one thread
SLOPE_RUN = 1 << 20  # run numbers of the simulations behind a derivative
LEAST_SLOPE, MOST_SLOPE = 1_000, 4_000  # paths behind each side of a derivative
N_GROUPS, LEAST_GROUP, LEAST_GROUP_SERIES = 4, 128, 16  # of shared differences, and the paths of each behind a point
N_SHARED_SERIES = 4800
SLOPE_STEP, SLOPE_STEP_SERIES = 0.01, 0.03  # of the box

Read = PathFeatures | JointFeatures
WithFigures = Callable[[np.ndarray], np.ndarray]  # mean features (..., k) to features and figures (..., k + m)


@dataclass(frozen=True)
class Bootstrap:
    """The data (row 0) and data sets simulated at the estimate (rows 1 to B) after one step of the fit.

    `features` (B + 1, k) and `named` (B + 1, m) are deviations from the simulated mean, of features and named
    figures; `model` and `data` (m,) are the figures themselves, at the estimate, and `apart` (m,) is how far apart they
    are before that step, in sds of the simulated data sets. `bank` (N, k) and `observed`
    (n, k) are features of single paths, `lost` the share of simulated paths that ran away or, where the data
    are positive, fell to 0 or below; they are in none of the others.
    """

    read: Read
    figures: tuple[Figure, ...]
    features: np.ndarray
    named: np.ndarray
    model: np.ndarray
    data: np.ndarray
    apart: np.ndarray
    bank: np.ndarray
    observed: np.ndarray
    lost: float


def simulate_bank(simulator: Judged, z: np.ndarray, read: Read,
                  effort: BootstrapEffort) -> tuple[np.ndarray, float]:
    """Features of the simulated paths that did not run away, (N, k), and the share of those that did."""
    features = _simulated(simulator, z, read, _bank_size(simulator.observed, effort), 0)
    kept = np.isfinite(features).all(axis=1)
    return features[kept], float(1.0 - kept.mean())


def is_enough(observed: Observed, bank: np.ndarray, lost: float) -> bool:
    """Whether enough paths are left to judge by."""
    return lost < 0.5 and (not observed.is_series or len(bank) >= LEAST_SETS)


def bootstrap(simulator: Judged, z: np.ndarray, read: Read, bank: np.ndarray, lost: float,
              effort: BootstrapEffort) -> Bootstrap:
    """Draw data sets from the bank and move all of them, and the data, by one step of the moment fit."""
    observed, figures = read(simulator.observed.x_train), simulator.observed.figures

    def with_figures(means: np.ndarray) -> np.ndarray:
        return np.concatenate([means, values_of(figures, read.names, means)], axis=-1)

    sets = with_figures(_draw(simulator, bank))
    data, mean = with_figures(observed.mean(axis=0)), sets.mean(axis=0)
    own_error = 1.0 if simulator.observed.is_series else np.sqrt(1.0 + len(observed) / len(bank))  # of the bank's mean
    deviations = np.vstack([(data - mean) / own_error, sets - mean])
    sd = sets.std(axis=0)
    slopes = _slopes(simulator, z, read, with_figures, sd, effort)
    n_moments, k = len(read.moment_names), len(read.names)
    step = _fit_step(simulator, bank[:, :n_moments], slopes[:, :n_moments], deviations[0, :n_moments])
    rest = deviations - (deviations[:, :n_moments] @ step.T) @ slopes
    apart = deviations[0, k:] / np.maximum(sd[k:], CONSTANT)
    return Bootstrap(read, figures, rest[:, :k], rest[:, k:], mean[k:], data[k:], apart, bank, observed, lost)


def _bank_size(observed: Observed, effort: BootstrapEffort) -> int:
    if observed.is_series:
        return N_SETS
    affordable = max(FEWEST, 4 * min(observed.n, LARGEST_SET), BANK_VALUES // (observed.n_times * observed.k))
    return min(affordable, max(effort.least_bank, min(effort.per_path * observed.n, MOST_BANK)))


def _simulated(simulator: Judged, z: np.ndarray, read: Read, n_paths: int, run: int) -> np.ndarray:
    """Features of paths (n_paths, k), in chunks whose size does not depend on the threads."""
    size = max(1, CHUNK_VALUES // (simulator.observed.n_times * simulator.observed.k))
    counts = [min(size, n_paths - i) for i in range(0, n_paths, size)]
    chunks = (simulator.simulate(z[None], count, run + i, Purpose.BOOTSTRAP)[0] for i, count in enumerate(counts))
    return np.concatenate(list(simulator.workers.map(read, chunks)))


def _draw(simulator: Judged, bank: np.ndarray) -> np.ndarray:
    """Mean features of data sets, (B, k)."""
    if simulator.observed.is_series:
        return bank
    n = simulator.observed.n
    drawn = min(n, LARGEST_SET)
    rng = np.random.default_rng([simulator.seed, Purpose.BOOTSTRAP])
    sets = np.stack([bank[rng.integers(0, len(bank), drawn)].mean(axis=0) for _ in range(N_SETS)])
    mean = bank.mean(axis=0)
    return mean + (sets - mean) * np.sqrt(drawn / n)


def _slopes(simulator: Judged, z: np.ndarray, read: Read, with_figures: WithFigures, sd: np.ndarray,
            effort: BootstrapEffort) -> np.ndarray:
    """Derivatives of mean features and figures in z, (d, k + m), under common random numbers.

    `sd` (k + m,) are those of data sets: in units of them the noise of shared differences is taken off, which would
    let a step explain whatever deviates.
    """
    region, is_series = simulator.region, simulator.observed.is_series
    if region.d == 0:
        return np.zeros((0, len(sd)))
    step = (SLOPE_STEP_SERIES if is_series else SLOPE_STEP) * region.width
    step = np.where(region.integer, np.maximum(step, 1.0), step)
    pairs = differences(z, step, region)
    n_paths = _n_slope(simulator.observed, pairs, effort)

    def at(point: np.ndarray, run: int) -> np.ndarray:
        features = _simulated(simulator, point, read, n_paths, run)
        features = features[np.isfinite(features).all(axis=1)]
        if not len(features):
            return np.full(len(with_figures(np.zeros(len(read.names)))), np.nan)
        return with_figures(features).mean(axis=0) if is_series else with_figures(features.mean(axis=0))

    def found(first_run: int) -> np.ndarray:
        slopes = pairs.slopes(lambda points, run: np.stack([at(point, run) for point in points]), first_run)
        return np.nan_to_num(slopes, nan=0.0, posinf=0.0, neginf=0.0)

    if not pairs.is_shared:
        return found(SLOPE_RUN)
    unit = np.where(sd > 0, sd, 1.0) / step[:, None]
    groups = np.stack([found((1 + group) * SLOPE_RUN) for group in range(N_GROUPS)], axis=1)
    return without_noise(groups / unit[:, None]) * unit


def _n_slope(observed: Observed, pairs: Differences, effort: BootstrapEffort) -> int:
    """Paths of either end of a pair."""
    n, bank = len(pairs.above), _bank_size(observed, effort)
    if pairs.is_shared:
        least, most = (LEAST_GROUP_SERIES, N_SHARED_SERIES) if observed.is_series else (LEAST_GROUP, effort.n_slope)
        return min(max(least, most // (2 * n * N_GROUPS)), bank)
    n_paths = int(np.clip(effort.n_slope // (2 * n), LEAST_SLOPE, MOST_SLOPE))
    return min(effort.n_slope_series if observed.is_series else n_paths, bank)


def _fit_step(simulator: Judged, moments: np.ndarray, slopes: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """What the moment fit makes of deviating moments: (d, n_moments) to be multiplied with them.

    Moments are weighed as the fit weighs them, given the data's `gap` (n_moments,): under a wrong model a series keeps
    its scale. A direction that they do not see moves no further than the box.
    """
    observed = simulator.observed
    soft = ~observed.features.is_hard if observed.is_series else None
    w = weigh(moments, 1.0 / observed.n, ridge=observed.regime.ridge, gap=gap, soft=soft).rows
    jacobian = w @ slopes.T
    return np.linalg.solve(jacobian.T @ jacobian + np.diag(simulator.region.precision), jacobian.T @ w)
