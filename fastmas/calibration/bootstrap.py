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

from fastmas.calibration.goodness import CONSTANT
from fastmas.calibration.setup import Setup
from fastmas.distance import weigh
from fastmas.random.address import Purpose
from fastmas.statistics.named_figures import Figure, defined, values_of
from fastmas.statistics.path_features import PathFeatures
from fastmas.updaters.differences import Differences, differences, without_noise

N_SETS = 499
LEAST_SETS = 100  # that did not run away
LEAST_BANK, MOST_BANK = 20_000, 80_000  # paths
PER_PATH = 100  # of them for each observed one: with 20 another seed could make a p-value of .28 one of .004
BANK_VALUES, FEWEST = 4_000_000, 2_000  # values of a bank of long paths, and its paths at least
LARGEST_SET = 2_000  # paths drawn for a set; the deviation of a mean over more is scaled
CHUNK_VALUES = 1 << 18  # values simulated and read at a time, by one thread
SLOPE_RUN = 1 << 20  # run numbers of the simulations behind a derivative
N_SLOPE, LEAST_SLOPE, MOST_SLOPE = 48_000, 1_000, 4_000  # paths behind all derivatives, and behind each side of one
N_SLOPE_SERIES = 200
N_GROUPS, LEAST_GROUP, LEAST_GROUP_SERIES = 4, 128, 16  # of shared differences, and the paths of each behind a point
N_SHARED_SERIES = 4800
SLOPE_STEP, SLOPE_STEP_SERIES = 0.01, 0.03  # of the box

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

    read: PathFeatures
    figures: tuple[Figure, ...]
    features: np.ndarray
    named: np.ndarray
    model: np.ndarray
    data: np.ndarray
    apart: np.ndarray
    bank: np.ndarray
    observed: np.ndarray
    lost: float


def simulate_bank(setup: Setup, z: np.ndarray, read: PathFeatures) -> tuple[np.ndarray, float]:
    """Features of the simulated paths that did not run away, (N, k), and the share of those that did."""
    features = _simulated(setup, z, read, _bank_size(setup), 0)
    kept = np.isfinite(features).all(axis=1)
    return features[kept], float(1.0 - kept.mean())


def is_enough(setup: Setup, bank: np.ndarray, lost: float) -> bool:
    """Whether enough paths are left to judge by."""
    return lost < 0.5 and (not setup.is_series or len(bank) >= LEAST_SETS)


def bootstrap(setup: Setup, z: np.ndarray, read: PathFeatures, bank: np.ndarray, lost: float) -> Bootstrap:
    """Draw data sets from the bank and move all of them, and the data, by one step of the moment fit."""
    observed, figures = read(setup.x_train), defined(read.names)

    def with_figures(means: np.ndarray) -> np.ndarray:
        return np.concatenate([means, values_of(figures, read.names, means)], axis=-1)

    sets = with_figures(_draw(setup, bank))
    data, mean = with_figures(observed.mean(axis=0)), sets.mean(axis=0)
    own_error = 1.0 if setup.is_series else np.sqrt(1.0 + len(observed) / len(bank))  # of the bank's mean
    deviations = np.vstack([(data - mean) / own_error, sets - mean])
    sd = sets.std(axis=0)
    slopes = _slopes(setup, z, read, with_figures, sd)
    n_moments, k = len(read.moment_names), len(read.names)
    step = _fit_step(setup, bank[:, :n_moments], slopes[:, :n_moments], deviations[0, :n_moments])
    rest = deviations - (deviations[:, :n_moments] @ step.T) @ slopes
    apart = deviations[0, k:] / np.maximum(sd[k:], CONSTANT)
    return Bootstrap(read, figures, rest[:, :k], rest[:, k:], mean[k:], data[k:], apart, bank, observed, lost)


def features_of(setup: Setup) -> PathFeatures:
    """What is read of a path of these data."""
    return PathFeatures(setup.scaling, setup.n_times, setup.is_series, setup.longest)


def _bank_size(setup: Setup) -> int:
    if setup.is_series:
        return N_SETS
    n = len(setup.x_train)
    affordable = max(FEWEST, 4 * min(n, LARGEST_SET), BANK_VALUES // setup.n_times)
    return min(affordable, max(LEAST_BANK, min(PER_PATH * n, MOST_BANK)))


def _simulated(setup: Setup, z: np.ndarray, read: PathFeatures, n_paths: int, run: int) -> np.ndarray:
    """Features of paths (n_paths, k), in chunks whose size does not depend on the threads."""
    size = max(1, CHUNK_VALUES // setup.n_times)
    counts = [min(size, n_paths - i) for i in range(0, n_paths, size)]
    chunks = (setup.simulate(z[None], count, run + i, Purpose.BOOTSTRAP)[0] for i, count in enumerate(counts))
    return np.concatenate(list(setup.map(read, chunks)))


def _draw(setup: Setup, bank: np.ndarray) -> np.ndarray:
    """Mean features of data sets, (B, k)."""
    if setup.is_series:
        return bank
    n = len(setup.x_train)
    drawn = min(n, LARGEST_SET)
    rng = np.random.default_rng([setup.settings.seed, Purpose.BOOTSTRAP])
    sets = np.stack([bank[rng.integers(0, len(bank), drawn)].mean(axis=0) for _ in range(N_SETS)])
    mean = bank.mean(axis=0)
    return mean + (sets - mean) * np.sqrt(drawn / n)


def _slopes(setup: Setup, z: np.ndarray, read: PathFeatures, with_figures: WithFigures, sd: np.ndarray) -> np.ndarray:
    """Derivatives of mean features and figures in z, (d, k + m), under common random numbers.

    `sd` (k + m,) are those of data sets: in units of them the noise of shared differences is taken off, which would
    let a step explain whatever deviates.
    """
    step = (SLOPE_STEP_SERIES if setup.is_series else SLOPE_STEP) * (setup.high - setup.low)
    step = np.where(setup.space.integer, np.maximum(step, 1.0), step)
    pairs = differences(z, step, setup.low, setup.high)
    n_paths = _n_slope(setup, pairs)

    def at(point: np.ndarray, run: int) -> np.ndarray:
        features = _simulated(setup, point, read, n_paths, run)
        features = features[np.isfinite(features).all(axis=1)]
        if not len(features):
            return np.full(len(with_figures(np.zeros(len(read.names)))), np.nan)
        return with_figures(features).mean(axis=0) if setup.is_series else with_figures(features.mean(axis=0))

    def found(first_run: int) -> np.ndarray:
        slopes = pairs.slopes(lambda points, run: np.stack([at(point, run) for point in points]), first_run)
        return np.nan_to_num(slopes, nan=0.0, posinf=0.0, neginf=0.0)

    if not pairs.is_shared:
        return found(SLOPE_RUN)
    unit = np.where(sd > 0, sd, 1.0) / step[:, None]
    groups = np.stack([found((1 + group) * SLOPE_RUN) for group in range(N_GROUPS)], axis=1)
    return without_noise(groups / unit[:, None]) * unit


def _n_slope(setup: Setup, pairs: Differences) -> int:
    """Paths of either end of a pair."""
    n, bank = len(pairs.above), _bank_size(setup)
    if pairs.is_shared:
        least, most = (LEAST_GROUP_SERIES, N_SHARED_SERIES) if setup.is_series else (LEAST_GROUP, N_SLOPE)
        return min(max(least, most // (2 * n * N_GROUPS)), bank)
    return min(N_SLOPE_SERIES if setup.is_series else int(np.clip(N_SLOPE // (2 * n), LEAST_SLOPE, MOST_SLOPE)), bank)


def _fit_step(setup: Setup, moments: np.ndarray, slopes: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """What the moment fit makes of deviating moments: (d, n_moments) to be multiplied with them.

    Moments are weighed as the fit weighs them, given the data's `gap` (n_moments,): under a wrong model a series keeps
    its scale. A direction that they do not see moves no further than the box.
    """
    soft = np.arange(len(gap)) != features_of(setup).moment_names.index("square") if setup.is_series else None
    w = weigh(moments, 1.0 / len(setup.x_train), ridge=setup.ridge, gap=gap, soft=soft).rows
    jacobian = w @ slopes.T
    prior = np.diag(12.0 / (setup.high - setup.low) ** 2)
    return np.linalg.solve(jacobian.T @ jacobian + prior, jacobian.T @ w)
