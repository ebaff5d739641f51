"""Statistics: shapes, standardisation, alignment against plain loops, and functions of the user's."""

import numpy as np
import pytest
import torch

from fastmas import statistics
from fastmas.errors import ParameterError
from fastmas.registry import parts
from fastmas.statistics import CLIP
from fastmas.statistics.return_windows import AVERAGES
from fastmas.statistics.scaling import Scaling

NAMES = sorted(parts("fastmas.statistics", "STATISTIC"))
N_PATHS, N_TIMES, WIDTH = 5, 60, 11


def walk(n_paths, n_times, seed=8, sd=0.02):
    steps = np.random.default_rng(seed).standard_normal((n_paths, n_times)) * sd
    return 100.0 * np.exp(np.cumsum(steps, axis=1))


@pytest.fixture(scope="module")
def x_obs():
    return walk(N_PATHS, N_TIMES)


SHAPES = {
    "prices": (1, N_TIMES), "log-returns": (1, N_TIMES - 1), "windows": (N_TIMES - WIDTH, WIDTH + 1),
    # averages over 5 and 20 steps fit into half of 59 returns, one over 50 does not
    "return-windows": (N_TIMES - 1 - 20, WIDTH + 2),
    "levels": (N_TIMES - 20, WIDTH + 2), "counts": (N_TIMES - WIDTH + 1, WIDTH + 1),
}


def test_every_statistic_is_tested():
    assert set(SHAPES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type(name, x_obs):
    samples = statistics.fit(name, x_obs)(x_obs.astype(np.float32))
    assert samples.shape == (N_PATHS, *SHAPES[name])
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_times", [2, 3, 5, 11, 12, 13, 43])
def test_short_paths_have_short_samples(name, n_times):
    x = walk(4, n_times)
    samples = statistics.fit(name, x)(x)
    assert samples.shape[0] == 4
    assert samples.shape[1] >= 1
    assert samples.shape[2] >= 1


@pytest.mark.parametrize("name", ["windows", "return-windows"])
def test_a_path_shorter_than_a_window_has_no_samples(name, x_obs):
    statistic = statistics.fit(name, x_obs)
    for n_times in (2, 11, 12, 21):
        samples = statistic(x_obs[:, :n_times])
        assert samples.shape[2] == SHAPES[name][1]
        assert samples.shape[1] == max(0, n_times - (WIDTH if name == "windows" else 21))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "counts"])  # a count has its unit, one
def test_the_data_standardise(name, x_obs):
    """Paths in another unit give the same samples; paths twice as wild do not."""
    samples = statistics.fit(name, x_obs)(x_obs)
    assert statistics.fit(name, 7.0 * x_obs)(7.0 * x_obs) == pytest.approx(samples, abs=2e-5)
    wild = walk(N_PATHS, N_TIMES, sd=0.04)
    assert statistics.fit(name, wild)(wild) == pytest.approx(samples, abs=2e-3)
    assert np.abs(statistics.fit(name, x_obs)(wild) - samples).max() > 0.5


def test_units_of_the_samples(x_obs):
    """Increments in units of their sd around zero; the level with mean 0 and sd 1."""
    returns = np.diff(np.log(x_obs))
    assert statistics.fit("log-returns", x_obs)(x_obs)[:, 0] == pytest.approx(returns / returns.std(), abs=1e-5)
    level = statistics.fit("prices", x_obs)(x_obs)
    assert (level.mean(), level.std()) == pytest.approx((0.0, 1.0), abs=1e-5)
    windows = statistics.fit("windows", x_obs)(x_obs)
    assert windows[:, :, 0].std() == pytest.approx(1.0, rel=0.2)  # 245 values: 4.5% is one sd


def test_windows_are_those_of_a_loop(x_obs):
    """Sample i holds WIDTH returns, the latest last, and the level right before that latest return."""
    scaling = Scaling.of(x_obs)
    samples = statistics.fit("windows", x_obs)(x_obs)
    for path, found in zip(x_obs, samples, strict=True):
        level = (np.log(path) - scaling.level_mean) / scaling.level_sd
        for i, window in enumerate(found):
            latest = i + WIDTH  # the price that the latest return leads to
            returns = [np.log(path[t] / path[t - 1]) / scaling.increment_sd for t in range(i + 1, latest + 1)]
            assert window[:WIDTH] == pytest.approx(returns, abs=1e-4)
            assert window[WIDTH] == pytest.approx(level[latest - 1], abs=1e-4)
            assert abs(level[latest] - level[latest - 1]) > 1e-9


def test_return_windows_are_those_of_a_loop(x_obs):
    """Sample j holds WIDTH returns, the latest last, and averages of sizes over the steps before the latest."""
    returns = np.arcsinh(np.diff(np.log(x_obs)) / np.diff(np.log(x_obs)).std())
    samples = statistics.fit("return-windows", x_obs)(x_obs)
    first = 20
    for r, found in zip(returns, samples, strict=True):
        assert len(found) == len(r) - first
        for j, sample in enumerate(found):
            latest = first + j
            assert sample[:WIDTH] == pytest.approx(r[latest - WIDTH + 1:latest + 1], abs=1e-4)
            averages = [np.mean([abs(r[t]) for t in range(latest - a, latest)]) - 0.7 for a in AVERAGES[:2]]
            assert sample[WIDTH:] == pytest.approx(averages, abs=1e-4)


def test_a_long_series_has_all_averages():
    series = walk(1, 300)
    samples = statistics.fit("return-windows", series)(series)
    assert samples.shape == (1, 299 - 50, WIDTH + 3)
    sizes = np.abs(np.arcsinh(np.diff(np.log(series[0])) / np.diff(np.log(series[0])).std()))
    assert samples[0, 7, -1] == pytest.approx(sizes[7:57].mean() - 0.7, abs=1e-4)


def test_negative_data_have_no_logarithm():
    x = np.random.default_rng(3).standard_normal((4, 30))
    scaling = Scaling.of(x)
    assert not scaling.logarithm
    assert scaling.increments(x) == pytest.approx(np.diff(x) / np.diff(x).std())
    assert scaling.level(x) == pytest.approx((x - x.mean()) / x.std())


@pytest.mark.parametrize("name", NAMES)
def test_a_runaway_path_is_clipped_or_nan_and_the_others_keep_their_bits(name, x_obs):
    statistic = statistics.fit(name, x_obs)
    lost = x_obs.copy()
    lost[2, 30:] = [1e30, np.inf, *[np.inf] * 28]
    with np.errstate(all="ignore"):
        samples = statistic(lost)
    finite = samples[2][np.isfinite(samples[2])]
    assert (np.abs(finite) <= CLIP).all()
    assert np.array_equal(samples[[0, 1, 3, 4]], statistic(x_obs)[[0, 1, 3, 4]])
    lost[2, 30:] = np.nan
    with np.errstate(all="ignore"):
        assert np.isnan(statistic(lost)[2]).any()


# ---------------------------------------------------------------------- functions of the user's


def last_and_range(paths):
    return np.stack([paths[:, -1], np.ptp(paths, axis=1)], axis=-1)


def test_a_numpy_function_is_standardised_by_the_data(x_obs):
    samples = statistics.fit(last_and_range, x_obs)(x_obs)
    assert samples.shape == (N_PATHS, 1, 2)
    assert samples.dtype == np.float32
    assert samples.mean(axis=(0, 1)) == pytest.approx([0.0, 0.0], abs=1e-5)
    assert samples.std(axis=(0, 1)) == pytest.approx([1.0, 1.0], abs=1e-5)
    raw = last_and_range(x_obs)
    other = walk(3, N_TIMES, seed=9)
    expected = (last_and_range(other) - raw.mean(axis=0)) / raw.std(axis=0)
    assert statistics.fit(last_and_range, x_obs)(other)[:, 0] == pytest.approx(expected, abs=1e-4)


def test_a_torch_function_gives_what_its_numpy_twin_gives(x_obs):
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)

    def twin(paths):
        x = torch.from_numpy(np.asarray(paths, dtype=np.float64))
        return torch.stack([x[:, -1], x.amax(dim=1) - x.amin(dim=1)], dim=-1)

    expected = statistics.fit(last_and_range, x_obs)(x_obs)
    assert statistics.fit(twin, x_obs)(x_obs) == pytest.approx(expected, abs=1e-6)
    with_gradient = statistics.fit(lambda paths: twin(paths) * weight, x_obs)(x_obs)
    assert with_gradient == pytest.approx(expected, abs=1e-6)


def test_a_function_may_give_many_samples_of_a_path(x_obs):
    samples = statistics.fit(lambda paths: np.stack([paths[:, 1:], paths[:, :-1]], axis=-1), x_obs)(x_obs)
    assert samples.shape == (N_PATHS, N_TIMES - 1, 2)


def test_a_constant_entry_stays_finite_and_far_ones_are_clipped(x_obs):
    samples = statistics.fit(lambda paths: np.stack([paths[:, -1], 0 * paths[:, 0] + 3.0], axis=-1), x_obs)(x_obs)
    assert (samples[:, 0, 1] == 0.0).all()
    far = statistics.fit(last_and_range, x_obs)(1e6 * x_obs)
    assert (np.abs(far) <= CLIP).all()
    assert far.max() == CLIP


@pytest.mark.parametrize(("function", "shape"), [
    (lambda paths: paths.mean(axis=1), r"\(5,\)"), (lambda paths: paths[:2], r"\(2, 60\)"),
    (lambda paths: paths.mean(), r"\(\)"), (lambda paths: paths[:, :, None, None], r"\(5, 60, 1, 1\)")])
def test_a_wrong_shape_is_named_with_the_right_ones(function, shape, x_obs):
    with pytest.raises(ParameterError, match=rf"statistic '<lambda>' returned shape {shape} for 5 paths: return"):
        statistics.fit(function, x_obs)


def test_a_function_that_has_no_value_for_the_data_is_named(x_obs):
    def bad(paths):
        return np.where(np.arange(len(paths)) == 3, np.inf, paths[:, 0])[:, None]

    with pytest.raises(ParameterError, match=r"statistic 'bad' is inf for the data \(path 3, sample 0, entry 0\)"):
        statistics.fit(bad, x_obs)


def test_a_function_whose_size_depends_on_the_length_is_named(x_obs):
    statistic = statistics.fit(lambda paths: paths, x_obs)
    with pytest.raises(ParameterError, match="returned 30 numbers for paths of 30 prices and 60 for 60"):
        statistic(x_obs[:, :30])


def test_nan_of_a_simulated_path_passes(x_obs):
    statistic = statistics.fit(last_and_range, x_obs)
    lost = x_obs.copy()
    lost[1, -1] = np.nan
    assert np.isnan(statistic(lost)[1]).all()
    assert np.isfinite(statistic(lost)[[0, 2, 3, 4]]).all()


def test_an_unknown_statistic_is_named_with_those_there_are(x_obs):
    with pytest.raises(ParameterError, match="unknown statistic 'volume'; there are: " + ", ".join(NAMES)):
        statistics.fit("volume", x_obs)
