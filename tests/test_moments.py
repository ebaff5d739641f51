"""The moment fit on a problem whose answer and whose errors are known in closed form, and the moments themselves.

A path is N_TIMES normals of mean z[0] and sd exp(z[1]); its moments are the means of x, x^2 and tanh x. The first two
are sufficient, so that the fit must be as good as maximum likelihood: over n paths of T values the variance of the mean
is sd^2 / (n T) and that of log sd is 1 / (2 n T), uncorrelated.
"""

import numpy as np
import pytest
from scipy.stats import chi2

from fastmas.errors import SimulationError
from fastmas.region import Region
from fastmas.statistics import CLIP
from fastmas.statistics.characteristic import FAR, OF_ONE, OF_PAIRS, OF_THREE, OF_TWO, SIDES
from fastmas.statistics.characteristic import OF_LEVEL as AT_LEVEL
from fastmas.statistics.compiled import LONG, WIDTH
from fastmas.statistics.moments import BOUNDED, LAGS, QUANTILES, SIZE_LAGS, SPANS, moment_names, path_moments
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.series import AVERAGED, MEMORY, series_moments, series_names
from fastmas.updaters.moments import VAGUE, fit_moments
from fastmas.updaters.scoring import Problem, covariance_at

LOW, HIGH, TRUTH = np.array([-3.0, -1.5]), np.array([3.0, 1.5]), np.array([0.7, -0.4])
REGION = Region(LOW, HIGH, np.zeros(2, dtype=bool))
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
             "observed": observed.mean(axis=0), "n_observed": N_OBSERVED, "n_sim": N_SIM, "region": REGION,
             "seed": seed}
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


def test_a_look_along_a_coordinate_ends_where_paths_run_away():
    """Data that leave a coordinate vague call for that look, here up to where all paths run away."""
    def beyond(z, n, run, common):
        return np.where(z[:, :1, None] > 1.5, np.nan, simulated(z, n, run, common))

    vague = problem(0, simulated=beyond, n_observed=1)
    assert errors(1)[0] > VAGUE * REGION.width[0]
    assert abs(fit_moments(vague).z - maximum_likelihood(0)).max() < 4 * errors(N_OBSERVED).max()


def test_a_whole_number_is_found():
    """The mean is a whole number: one next to it is 1 / .056 = 18 standard errors away."""
    def rounded(z, n_paths, run, common):
        return simulated(np.column_stack([np.rint(z[:, 0]), z[:, 1]]), n_paths, run, common)

    region = Region(np.array([-20.0, -1.5]), np.array([20.0, 1.5]), np.array([True, False]))
    for seed in range(5):
        noise = np.random.default_rng([2, seed]).standard_normal((N_OBSERVED, N_TIMES))
        observed = moments_of(7.0 + np.exp(TRUTH[1]) * noise).mean(axis=0)
        fit = fit_moments(problem(seed, simulated=rounded, observed=observed, region=region))
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


def made(n_paths, n_times, seed=8, sd=0.01):
    steps = np.random.default_rng(seed).standard_t(4, size=(n_paths, n_times)) * sd
    return 100.0 * np.exp(np.cumsum(steps, axis=1))


@pytest.fixture(scope="module")
def paths():
    return made(3, 60)


def bounded(x):
    u = np.clip(x / 1.5, -1.0, 1.0)
    return 1.5 * u - 0.5 * u**3


def shape_of(r, n):
    """Columns of the returns of one path, each with the values whose mean it is."""
    size = np.abs(r)
    yield from (("mean", r), ("square", r**2), ("size", size), ("cube", r**3), ("fourth", r**4))
    yield from ((f"beyond {q:g}", bounded(4.0 * (size - q))) for q in QUANTILES)
    yield from ((f"lag {k}", r[k:] * r[:-k]) for k in LAGS if k < n // 2)
    yield from ((f"size lag {k}", size[k:] * size[:-k]) for k in SIZE_LAGS if k < n // 2)
    for k in (k for k in SPANS if k + 2 < n):
        pull = np.array([r[t - k:t].sum() / np.sqrt(k) for t in range(k + 1, len(r))])
        x = r[k + 1:]
        yield from ((f"pull {k}", x * bounded(pull)), (f"cubic pull {k}", x * pull**3),
                    (f"size pull {k}", x**2 * pull**2))


def level_of(r, before):
    yield from (("level", before), ("squared level", before**2), ("reversion", before * r),
                ("size reversion", before**2 * r**2), ("cubic reversion", before**3 * r))


def characteristic_of(r, before):
    two, less, three = r[1:] + r[:-1], r[1:] - r[:-1], r[2:] + r[1:-1] + r[:-2]
    yield from ((f"cos {w:g}", np.cos(w * r)) for w in OF_ONE)
    yield from ((f"cos {w:g} far", np.cos(w * r) * np.minimum(before**2, FAR)) for w in AT_LEVEL)
    yield from ((f"sin {w:g} level", np.sin(w * r) * before) for w in AT_LEVEL)
    for q in SIDES:
        side = bounded(q * before)
        yield from ((f"return beside {q:g} level", r * side), (f"signed square beside {q:g} level", r**2 * side),
                    (f"square beside {q:g} level", r**2 * np.abs(side)))
    yield from ((f"cos {w:g} of two", np.cos(w * two)) for w in OF_TWO)
    yield from ((f"cos {w:g} of a difference", np.cos(w * less)) for w in OF_TWO)
    yield from ((f"sines {w:g} of neighbours", np.sin(w * r[1:]) * np.sin(w * r[:-1])) for w in OF_PAIRS)
    yield from ((f"cos {w:g} of three", np.cos(w * three)) for w in OF_THREE)


def row_of(path, scaling, longest=None, reach=(CLIP, CLIP)):
    """Moments of one path by their formulas, in float64."""
    values = np.log(path) if scaling.logarithm else path
    r = np.clip(np.diff(values) / scaling.increment_sd, -reach[0], reach[0])
    before = np.clip((values - scaling.level_mean) / scaling.level_sd, -reach[1], reach[1])[:-1]
    columns = [*shape_of(r, min(len(r), longest or len(r))), *level_of(r, before)]
    columns += characteristic_of(r, before) if len(path) >= 6 else []
    return {name: np.mean(values) for name, values in columns}


def series_row_of(path, scaling, longest=None):
    increments = np.diff(np.log(path)) / scaling.increment_sd
    sd = increments.std()
    z = np.clip(increments / sd, -CLIP, CLIP)
    n = min(len(z), longest or len(z))
    row = {"log sd": np.log(sd), **{k: np.mean(v) for k, v in shape_of(z, n) if k != "square"}}
    around = np.arcsinh(np.abs(z)) - np.arcsinh(np.abs(z)).mean()
    row |= {f"memory {k}": (around[k:] * around[:-k]).mean() / (around**2).mean() for k in MEMORY if k < n // 2}
    total = np.cumsum(around)
    return row | {f"log sd of averages {k}": np.log((total[k:] - total[:-k]).std() / k)
                  for k in AVERAGED if k < n // 2}


@pytest.mark.parametrize("n_times", [*range(2, 13), 50, 63, 64, 65, LONG - 1, LONG, LONG + 45, 9001])
@pytest.mark.parametrize("sort", [np.float32, np.float64])
def test_moments_are_those_of_their_formulas(n_times, sort):
    """float32 sums of some hundred terms: 1e-6 of their size; a path of float32 prices is what it is."""
    x = made(3, n_times).astype(sort)
    scaling = Scaling.of(x.astype(np.float64))
    found = path_moments(scaling, x, level=True, reach=BOUNDED, characteristic=True)
    for path, row in zip(x.astype(np.float64), found, strict=True):
        expected = row_of(path, scaling, reach=BOUNDED)
        assert moment_names(n_times, level=True, characteristic=True) == tuple(expected)
        assert row == pytest.approx(np.array(list(expected.values())), rel=1e-5, abs=3e-6)


@pytest.mark.parametrize("n_times", [3, 7, 12, 64, 100, 401, 9001])
def test_figures_of_a_series_are_those_of_their_formulas(n_times):
    x = made(3, n_times)
    scaling = Scaling.of(x)
    for path, row in zip(x, series_moments(scaling, x), strict=True):
        expected = series_row_of(path, scaling)
        assert series_names(n_times) == tuple(expected)
        assert row == pytest.approx(np.array(list(expected.values())), rel=2e-5, abs=5e-6)


def test_values_that_are_no_prices_have_moments():
    x = np.random.default_rng(1).standard_normal((2, 40)).cumsum(axis=1) * 1e4
    scaling = Scaling.of(x)
    found = path_moments(scaling, x, level=True, characteristic=True)
    for path, row in zip(x, found, strict=True):
        assert row == pytest.approx(np.array(list(row_of(path, scaling).values())), rel=1e-5, abs=3e-6)


def test_small_returns_keep_their_digits():
    x = made(4, 50, sd=1e-6)
    scaling = Scaling.of(x)
    found = path_moments(scaling, x, level=False)
    assert found[:, 2] == pytest.approx(np.abs(np.diff(np.log(x)) / scaling.increment_sd).mean(axis=1), rel=1e-6)


@pytest.mark.parametrize("n_times", [20, LONG + 1])
def test_a_path_has_the_same_bits_in_any_company(n_times):
    x = made(WIDTH + 7, n_times).astype(np.float32)
    scaling = Scaling.of(x)
    whole = path_moments(scaling, x, level=True, characteristic=True)
    for size in (1, 3, WIDTH):
        parts = [path_moments(scaling, x[i:i + size], level=True, characteristic=True)
                 for i in range(0, len(x), size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(series_moments(scaling, x)[5:7], series_moments(scaling, x[5:7]))


def test_leading_dimensions_stay(paths):
    scaling = Scaling.of(paths)
    both = np.stack([paths, paths[::-1]])
    for moments in (series_moments, lambda s, x: path_moments(s, x, level=True)):
        found = moments(scaling, both)
        assert found.shape[:2] == (2, 3)
        assert np.array_equal(found[1], moments(scaling, paths)[::-1])
        assert np.array_equal(moments(scaling, paths[0]), found[0, 0])


def test_pieces_have_the_moments_of_the_whole(paths):
    scaling = Scaling.of(paths)
    whole = path_moments(scaling, paths, level=False, longest=20)
    assert path_moments(scaling, paths[:, :21], level=False).shape == whole.shape
    assert path_moments(scaling, paths, level=False).shape != whole.shape
    same = path_moments(scaling, paths, level=False, longest=200)
    assert np.array_equal(same, path_moments(scaling, paths, level=False))
    assert series_moments(scaling, paths, longest=20).shape[1] == len(series_names(60, longest=20))
    expected = series_row_of(paths[0], scaling, longest=20)
    assert series_moments(scaling, paths, longest=20)[0] == pytest.approx(list(expected.values()), rel=2e-5, abs=5e-6)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -3.0])
@pytest.mark.parametrize("n_times", [60, LONG + 10])
@pytest.mark.parametrize("at", [0, 31, -1])
def test_a_path_that_ran_away_has_no_moments_and_the_others_keep_theirs(value, n_times, at):
    x = made(3, n_times)
    scaling = Scaling.of(x)
    lost = x.copy()
    lost[1, at] = value
    for moments in (series_moments, lambda s, x: path_moments(s, x, level=True, characteristic=True)):
        found = moments(scaling, lost)
        assert np.isnan(found[1]).all()
        assert np.array_equal(found[[0, 2]], moments(scaling, x)[[0, 2]])


def test_a_series_that_does_not_move_has_no_figures():
    x = made(2, 100)
    x[1] = 7.0
    found = series_moments(Scaling.of(x[:1]), x)
    assert np.isfinite(found[0]).all()
    assert not np.isfinite(found[1]).any()
