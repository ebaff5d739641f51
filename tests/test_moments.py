"""The moment fit on a problem whose answer and whose errors are known in closed form, and the moments themselves.

A path is N_TIMES normals of mean z[0] and sd exp(z[1]); its moments are the means of x, x^2 and tanh x. The first two
are sufficient, so that the fit must be as good as maximum likelihood: over n paths of T values the variance of the mean
is sd^2 / (n T) and that of log sd is 1 / (2 n T), uncorrelated.
"""

import numpy as np
import pytest
from scipy.stats import chi2

from fastmas.errors import SimulationError
from fastmas.statistics.moments import LAGS, QUANTILES, SIZE_LAGS, SPANS, path_moments
from fastmas.statistics.scaling import Scaling
from fastmas.updaters.moments import fit_moments
from fastmas.updaters.scoring import Problem, covariance_at

LOW, HIGH, TRUTH = np.array([-3.0, -1.5]), np.array([3.0, 1.5]), np.array([0.7, -0.4])
N_TIMES, N_OBSERVED, N_SIM = 12, 80, 100
N_POLISH = 400


def moments_of(x):
    return np.stack([x.mean(axis=-1), (x**2).mean(axis=-1), np.tanh(x).mean(axis=-1)], axis=-1)


def simulated(z, n_paths, run, common, seed=0):
    assert common
    noise = np.random.default_rng([1, seed, run]).standard_normal((n_paths, N_TIMES))
    return moments_of(z[:, 0, None, None] + np.exp(z[:, 1, None, None]) * noise)


def problem(seed, **changes):
    """Fresh data and fresh simulations of this seed."""
    noise = np.random.default_rng([2, seed]).standard_normal((N_OBSERVED, N_TIMES))
    observed = moments_of(TRUTH[0] + np.exp(TRUTH[1]) * noise)
    given = {"simulated": lambda z, n, run, common: simulated(z, n, run, common, seed),
             "n_polish": N_POLISH, "n_weigh": N_POLISH,
             "observed": observed.mean(axis=0), "n_observed": N_OBSERVED, "n_sim": N_SIM, "low": LOW, "high": HIGH,
             "integer": np.zeros(2, dtype=bool), "seed": seed}
    return Problem(**{**given, **changes})


def errors(n_paths):
    """Standard errors of the maximum-likelihood estimates."""
    n = n_paths * N_TIMES
    return np.array([np.exp(TRUTH[1]) / np.sqrt(n), 1.0 / np.sqrt(2.0 * n)])


# Simulated moments have an error of their own.
ERRORS = errors(N_OBSERVED) * np.sqrt(1.0 + N_OBSERVED / N_POLISH)


def maximum_likelihood(seed):
    x = TRUTH[0] + np.exp(TRUTH[1]) * np.random.default_rng([2, seed]).standard_normal((N_OBSERVED, N_TIMES))
    return np.array([x.mean(), np.log(x.std())])


@pytest.mark.statistical
def test_the_fit_is_as_good_as_maximum_likelihood():
    """What lies between the two is the simulation's noise, sqrt(N_OBSERVED / N_POLISH) of the errors, and no more.

    The rms of 60 such gaps is in the 99.9% band of chi-square; the slopes' noise adds some 10%.
    """
    gaps = np.array([(fit_moments(problem(seed)).z - maximum_likelihood(seed)) / errors(N_OBSERVED)
                     for seed in range(30)])
    low, high = np.sqrt(chi2.ppf([0.0005, 0.9995], gaps.size) / gaps.size)
    assert low < np.sqrt((gaps**2).mean() / (N_OBSERVED / N_POLISH)) < 1.1 * high


@pytest.mark.statistical
def test_the_covariance_is_the_one_that_is_derived():
    """It is for the data's error and the simulation's. From 4,000 paths an sd is off by 1 / sqrt(2 x 4000) = 1.1%.

    Seven of these are 8%: a covariance that is 28% too small, or intervals that are a sixth too short, are seen. A
    correlation of independent estimates has an error of 1 / sqrt(4000) = 1.6%.
    """
    many = problem(1, n_polish=4000, n_weigh=4000)
    fit = fit_moments(many)
    for covariance in (fit.covariance, covariance_at(many, fit.z)):
        spread = np.sqrt(np.diag(covariance))
        assert spread == pytest.approx(errors(N_OBSERVED) * np.sqrt(1.0 + N_OBSERVED / 4000), rel=0.08)
        assert abs(covariance[0, 1]) / spread.prod() < 0.1
    assert fit.degrees == 1


@pytest.mark.statistical
def test_the_distance_is_chi_square_where_the_model_is_right():
    """30 distances with one degree each: their sum is chi-square with 30, here in its 99.9% band."""
    distances = [fit_moments(problem(seed)).distance for seed in range(30)]
    low, high = chi2.ppf([0.0005, 0.9995], 30)
    assert low < sum(distances) < high


def test_same_seed_same_bits():
    first, second = fit_moments(problem(4)), fit_moments(problem(4))
    assert np.array_equal(first.z, second.z)
    assert np.array_equal(first.covariance, second.covariance)


# ---------------------------------------------------------------------- paths that run away


def running_away(where, share):
    """The simulation with the first `share` of the paths lost wherever `where(z)`."""
    def lossy(z, n_paths, run, common):
        out = simulated(z, n_paths, run, common)
        lost = np.arange(n_paths) < share * n_paths
        out[where(z)[:, None] & lost[None, :]] = np.nan
        return out
    return lossy


@pytest.mark.parametrize(("where", "share"), [
    (lambda z: z[:, 0] > 1.0, 1.0),  # a part of the box
    (lambda z: z[:, 0] > -9.0, 0.02),  # a few paths wherever one looks
])
def test_paths_that_run_away_are_survived(where, share):
    fit = fit_moments(problem(0, simulated=running_away(where, share)))
    assert (np.abs(fit.z - TRUTH) < 4.0 * ERRORS).all()
    assert fit.spread == pytest.approx(ERRORS, rel=0.25)


@pytest.mark.parametrize("share", [1.0, 0.99])
def test_a_model_that_always_runs_away_is_named(share):
    lost = running_away(lambda z: z[:, 0] > -9.0, share)
    with pytest.raises(SimulationError, match="ran away"):
        fit_moments(problem(0, simulated=lost))


# ---------------------------------------------------------------------- other coordinates


def test_a_whole_number_is_found():
    """The mean is a whole number: one next to it is 1 / .056 = 18 standard errors away."""
    def rounded(z, n_paths, run, common):
        return simulated(np.column_stack([np.rint(z[:, 0]), z[:, 1]]), n_paths, run, common)

    low, high, whole = np.array([-20.0, -1.5]), np.array([20.0, 1.5]), np.array([True, False])
    for seed in range(5):
        noise = np.random.default_rng([2, seed]).standard_normal((N_OBSERVED, N_TIMES))
        observed = moments_of(7.0 + np.exp(TRUTH[1]) * noise).mean(axis=0)
        fit = fit_moments(problem(seed, simulated=rounded, observed=observed, low=low, high=high, integer=whole))
        assert np.rint(fit.z[0]) == 7.0
        assert abs(fit.z[1] - TRUTH[1]) < 4.0 * ERRORS[1]
        assert fit.spread[0] < 1.0


def test_a_coordinate_that_changes_nothing_is_as_uncertain_as_the_box():
    """Its standard error is that of a uniform over the box, and it costs the other nothing."""
    fit = fit_moments(problem(0, simulated=lambda z, n, run, common: simulated(
        np.column_stack([z[:, 0], np.full(len(z), TRUTH[1])]), n, run, common)))
    assert fit.spread[1] == pytest.approx((HIGH[1] - LOW[1]) / np.sqrt(12.0), rel=0.01)
    assert fit.spread[0] == pytest.approx(ERRORS[0], rel=5 * 0.035)


@pytest.mark.parametrize("side", [LOW, HIGH])
def test_a_fit_ends_inside_the_box(side):
    beyond = side * 1.5
    observed = moments_of(beyond[0] + np.exp(beyond[1]) * np.random.default_rng(3).standard_normal((4000, N_TIMES)))
    fit = fit_moments(problem(0, observed=observed.mean(axis=0)))
    assert (fit.z >= LOW).all()
    assert (fit.z <= HIGH).all()
    assert abs(fit.z[0] - side[0]) < 0.1


# ---------------------------------------------------------------------- the moments


@pytest.fixture(scope="module")
def paths():
    steps = np.random.default_rng(8).standard_normal((3, 60)) * 0.01
    return 100.0 * np.exp(np.cumsum(steps, axis=1))


def test_moments_are_those_of_a_loop(paths):
    scaling = Scaling.of(paths)
    found = path_moments(scaling, paths, level=True)
    for path, row in zip(paths, found, strict=True):
        r = np.diff(np.log(path)) / scaling.increment_sd
        level = (np.log(path) - scaling.level_mean) / scaling.level_sd
        n, size, naive = len(r), np.abs(r), []
        naive += [r, r**2, size, size * r**2 * np.sign(r), r**4]
        naive += [np.tanh(4.0 * (size - q)) for q in QUANTILES]
        naive += [[r[t] * r[t - k] for t in range(k, n)] for k in LAGS if k < n // 2]
        naive += [[size[t] * size[t - k] for t in range(k, n)] for k in SIZE_LAGS if k < n // 2]
        for k in SPANS:
            pull = [r[t - k:t].sum() / np.sqrt(k) for t in range(k + 1, n)]
            latest = r[k + 1:]
            naive += [latest * np.tanh(pull), latest * np.power(pull, 3), latest**2 * np.square(pull)]
        before = level[:-1]
        naive += [before, before**2, before * r, before**2 * r**2, before**3 * r]
        assert row == pytest.approx([np.mean(m) for m in naive], rel=2e-4, abs=2e-5)


def test_pieces_have_the_moments_of_the_whole(paths):
    scaling = Scaling.of(paths)
    whole = path_moments(scaling, paths, level=False, longest=20)
    assert path_moments(scaling, paths[:, :21], level=False).shape == whole.shape
    assert path_moments(scaling, paths, level=False).shape != whole.shape
    same = path_moments(scaling, paths, level=False, longest=200)
    assert np.array_equal(same, path_moments(scaling, paths, level=False))


def test_a_path_that_ran_away_has_no_moments_and_the_others_keep_theirs(paths):
    scaling = Scaling.of(paths)
    lost = paths.copy()
    lost[1, 30:] = np.inf
    with np.errstate(invalid="ignore"):
        found = path_moments(scaling, lost, level=True)
    assert np.isnan(found[1]).any()
    assert np.array_equal(found[[0, 2]], path_moments(scaling, paths, level=True)[[0, 2]])
