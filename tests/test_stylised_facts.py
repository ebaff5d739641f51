"""Stylised facts against laws that are known in closed form, and the coverage of the comparisons."""

import json
import math

import numpy as np
import pytest
from scipy import integrate, stats

from fastmas.errors import DataError
from fastmas.statistics.stylised_facts import FACTS, autocorrelation, compare, compare_paths, log_returns

N_PATHS, N = 200, 2000
ROOT = math.sqrt(N)
COMPARED = {name for name, fact in FACTS.items() if not fact.needs}
LONG = {"excess_kurtosis_20", "excess_kurtosis_60", "ac_abs_100", "ac_abs_decay", "wait_gain", "wait_loss"}


def normal(seed=1, n_paths=N_PATHS, n=N):
    return np.random.default_rng(seed).standard_normal((n_paths, n))


def fact(name, returns):
    return FACTS[name].function(returns)


def assert_mean(values, expected, sd, bias=0.0):
    """Mean within 4 standard errors (two-sided 6e-5), plus a known finite-sample bias."""
    assert values.shape == (N_PATHS,)
    assert abs(values.mean() - expected) < 4 * sd / math.sqrt(len(values)) + bias


# Asymptotic sd of one path's value under iid N(0, 1), n = 2000, from the delta method: sd 1/sqrt(2n);
# skewness sqrt(6/n); kurtosis sqrt(24/n); any (auto)correlation 1/sqrt(n); the difference of kurtoses at most
# the sum of sqrt(24/n) and sqrt(24/(n/5)); the quantile asymmetry has variance
# (2*4.467 + 2*.235 + 4*1.571 - 8*.608) / (3.29^2 n) = 1.00/n. Biases: kurtosis -6/n, at n/5 -30/n;
# autocorrelation -1/n; sd -3/(4n).
@pytest.mark.statistical
@pytest.mark.parametrize(("name", "expected", "sd", "bias"), [
    ("sd", 1.0, math.sqrt(0.5) / ROOT, 0.75 / N),
    ("skewness", 0.0, math.sqrt(6) / ROOT, 0.0),
    ("excess_kurtosis", 0.0, math.sqrt(24) / ROOT, 6 / N),
    ("ac_1", 0.0, 1 / ROOT, 1 / N),
    ("ac_abs_1", 0.0, 1 / ROOT, 1 / N),
    ("ac_abs_10", 0.0, 1 / ROOT, 1 / N),
    ("ac_abs_50", 0.0, 1 / ROOT, 1 / N),
    ("leverage", 0.0, 1 / ROOT, 1 / N),
    ("aggregational_gaussianity", 0.0, math.sqrt(24) * (1 + math.sqrt(5)) / ROOT, 24 / N),
    ("gain_loss_asymmetry", 0.0, 1 / ROOT, 0.0),
])
def test_iid_normal_has_no_facts(name, expected, sd, bias):
    values = fact(name, normal())
    assert_mean(values, expected, sd, bias)
    if name != "aggregational_gaussianity":  # its sd above is an upper bound
        # sample sd of 200 values: relative error 1/sqrt(400) = 5%; 4 of them, and 5% for the asymptotics
        assert values.std() == pytest.approx(sd, rel=0.25)


@pytest.mark.statistical
def test_hill_recovers_a_pareto_index():
    # |r| = U^(-1/3) is Pareto(3): k log-spacings are iid exponential, so 1/alpha_hat ~ Gamma(k)/(3k), whose
    # inverse has mean 3k/(k-1) and sd about 3/sqrt(k) (times 1.03 at k = 100).
    rng = np.random.default_rng(2)
    returns = rng.uniform(size=(N_PATHS, N)) ** (-1 / 3) * rng.choice([-1, 1], (N_PATHS, N))
    k = N // 20
    assert_mean(fact("hill_index", returns), 3 * k / (k - 1), 1.03 * 3 / math.sqrt(k))


@pytest.mark.statistical
def test_hill_on_student_t4():
    # The population value at the 5% threshold u is S(u) / int_u^inf S(x)/x dx = 3.20, not the asymptotic 4.
    # Its sd is about alpha/sqrt(k) = .3; the random threshold adds a bias of the order alpha/k = .03.
    law = stats.t(4)
    u = law.ppf(0.975)
    expected = law.sf(u) / integrate.quad(lambda x: law.sf(x) / x, u, np.inf)[0]
    returns = law.rvs((N_PATHS, N), random_state=np.random.default_rng(3))
    k = N // 20
    assert 2.5 < expected < 3.5
    assert_mean(fact("hill_index", returns), expected, expected / math.sqrt(k), bias=expected / k)


@pytest.mark.statistical
def test_autocorrelation_of_ar1():
    # Marriott and Pope (1954): bias of r_1 about -(1 + 4 phi)/n = -.0015; sd sqrt((1 - phi^2)/n).
    phi, noise = 0.5, normal(4)
    series = noise.copy()
    series[:, 0] /= math.sqrt(1 - phi**2)
    for t in range(1, N):
        series[:, t] = phi * series[:, t - 1] + noise[:, t]
    assert_mean(fact("ac_1", series), phi, math.sqrt((1 - phi**2) / N), bias=(1 + 4 * phi) / N)


@pytest.mark.statistical
def test_clustering_of_moving_average_sizes():
    # |r(t)| = x = e(t) + e(t-1), e exponential: autocorrelation 1/2 at lag 1 and 0 beyond. Bartlett: n var =
    # 1 - 3 rho^2 + 4 rho^4 = .5 at lag 1, and 1 + 2 rho^2 = 1.5 beyond. Random signs leave r none, with
    # n var = E[x(t)^2 x(t+1)^2] / E[x^2]^2 = E[(2 + 2b + b^2)^2] / 36 = 76/36 = 1.46^2 (b exponential).
    rng = np.random.default_rng(5)
    e = rng.exponential(size=(N_PATHS, N + 1))
    returns = (e[:, 1:] + e[:, :-1]) * rng.choice([-1, 1], (N_PATHS, N))
    assert_mean(fact("ac_abs_1", returns), 0.5, math.sqrt(0.5) / ROOT, bias=3 / N)
    assert_mean(fact("ac_abs_10", returns), 0.0, math.sqrt(1.5) / ROOT, bias=2 / N)
    assert_mean(fact("ac_1", returns), 0.0, 1.46 / ROOT, bias=1 / N)


@pytest.mark.statistical
def test_leverage_of_a_two_state_volatility():
    # r = v z; after a fall v = 2, after a rise v = 1. E|r| = 1.5 sqrt(2/pi), E r^2 = 2.5, E r^4 = 25.5, so
    # corr = -1.5 E|r| / sqrt(2.5 * (25.5 - 2.5^2)) = -.2588. Below, the sd is the sample's own.
    z, volatility = normal(6), np.ones(N_PATHS)
    returns = np.empty_like(z)
    for t in range(N):
        returns[:, t] = volatility * z[:, t]
        volatility = np.where(returns[:, t] < 0, 2.0, 1.0)
    expected = -1.5 * 1.5 * math.sqrt(2 / math.pi) / math.sqrt(2.5 * 19.25)
    values = fact("leverage", returns)
    assert_mean(values, expected, values.std(), bias=2 / N)


@pytest.mark.statistical
def test_sums_of_laplace_returns_are_closer_to_normal():
    # Excess kurtosis 3; of a sum of five 3/5. The ratio's bias is of order 60/n, for sums 20/(n/5).
    values = fact("aggregational_gaussianity", np.random.default_rng(7).laplace(size=(N_PATHS, N)))
    assert_mean(values, 3 / 5 - 3, values.std(), bias=0.1)


def test_asymmetry_has_the_sign_of_the_larger_side():
    # r = -(exponential): q05, q50, q95 at -2.996, -.693, -.0513: (-3.047 + 1.386)/2.945 = -.564. The sd of
    # one path is below 2/sqrt(n), twice the normal's.
    returns = -np.random.default_rng(8).exponential(size=(N_PATHS, N))
    assert_mean(fact("gain_loss_asymmetry", returns), -0.564, 2 / ROOT, bias=0.001)
    np.testing.assert_allclose(fact("gain_loss_asymmetry", -returns), -fact("gain_loss_asymmetry", returns))


def garch(seed, n_paths, n, alpha=0.15, beta=0.8):
    z = normal(seed, n_paths, n)
    returns, variance = np.empty_like(z), np.ones(n_paths)
    for t in range(n):
        returns[:, t] = np.sqrt(variance) * z[:, t]
        variance = 1 - alpha - beta + alpha * returns[:, t] ** 2 + beta * variance
    return returns


@pytest.mark.statistical
def test_noise_does_not_reproduce_the_clustering_of_garch():
    # alpha .15, beta .8: autocorrelation of r^2 at lag 1 is .15(1 - .12 - .64)/(1 - .24 - .64) = .30, noise's
    # sd is 1/sqrt(2000) = .022; excess kurtosis 6*.15^2/(1 - .95^2 - 2*.15^2) = 2.6 against .11.
    observed = garch(9, 1, N)[0]
    told = {row["name"]: row["reproduced"] for row in compare(observed, normal(10))}
    assert not told["ac_abs_1"]
    assert not told["ac_abs_10"]
    assert not told["excess_kurtosis"]


@pytest.mark.statistical
@pytest.mark.parametrize("paths", [False, True], ids=["series", "paths"])
def test_true_simulator_is_reproduced_nine_times_in_ten(paths):
    # 120 repetitions, p = .9: sd .0274; 4 sd = .11. Same law on both sides, here GARCH.
    n_runs, n, n_sim = 120, 120, 59
    observed, simulated = garch(11, n_runs * 20, n), garch(12, n_runs * n_sim, n)
    hits: dict[str, list[bool]] = {}
    for run in range(n_runs):
        made = simulated[run * n_sim:(run + 1) * n_sim]
        seen = observed[run * 20:(run + 1) * 20]
        for row in compare_paths(seen, made) if paths else compare(seen[0], made):
            hits.setdefault(row["name"], []).append(row["reproduced"])
    # the z test has Welch's small-sample error besides, and kurtosis a skewed mean: 3% more
    slack = 0.11 + 0.03 * paths
    assert {name: np.mean(h) for name, h in hits.items() if abs(np.mean(h) - 0.9) > slack} == {}


@pytest.mark.statistical
def test_compare_paths_finds_a_planted_fault():
    # sd 10% too large on 500 paths of 50: z = .1 / (.1 sqrt(2/500) * 1.05) = 15.
    observed, simulated = normal(13, 500, 50), normal(14, 500, 50)
    told = compare_paths(observed, 1.1 * simulated)
    assert told[0]["name"] == "sd"
    assert not told[0]["reproduced"]
    assert told[0]["low"] < told[0]["simulated"] < told[0]["high"]
    # every other fact is free of scale, but for one that is counted per unit of return
    for row, unscaled in zip(told[1:], compare_paths(observed, simulated)[1:], strict=True):
        scale = 1.1 if row["name"] == "leverage_function" else 1.0
        assert row["simulated"] * scale == pytest.approx(unscaled["simulated"])


def test_rows_are_plain_and_complete():
    rows = compare(normal(15, 1)[0], normal(16, 20))
    assert [row["name"] for row in rows] == [name for name in FACTS if name in COMPARED]
    keys = ["name", "title", "observed", "simulated", "low", "high", "reproduced"]
    assert all(list(row) == keys for row in rows)
    assert json.loads(json.dumps(rows)) == rows


def test_range_of_few_series_is_their_full_range():
    simulated = normal(17, 5, 30)
    row = compare(simulated[0], simulated)[0]
    values = fact("sd", simulated)
    assert (row["low"], row["high"]) == pytest.approx((values.min(), values.max()))


@pytest.mark.parametrize(("n", "left_out"), [
    (2, COMPARED - {"sd"}),
    (40, LONG | {"hill_index", "ac_abs_50", "aggregational_gaussianity", "gain_loss_asymmetry", "excess_kurtosis_5",
                 "ljung_box", "fluctuations", "fluctuations_abs"}),
    (199, LONG | {"hill_index", "ac_abs_50", "fluctuations", "fluctuations_abs"}),
    (200, LONG),
    (1200, set()),
])
def test_facts_that_need_more_data_are_left_out(n, left_out):
    names = {row["name"] for row in compare(normal(18, 1, n)[0], normal(19, 3, n))}
    assert names == COMPARED - left_out


def test_facts_not_defined_on_the_data_are_left_out():
    assert [row["name"] for row in compare(np.full(300, 0.1), normal(20, 3, 300))] == ["sd"]
    mixed = normal(21, 4, 300)
    mixed[0] = 0.1  # one constant simulated series does not poison the others
    assert all(math.isfinite(row["simulated"]) for row in compare(mixed[1], mixed))


@pytest.mark.parametrize("constant", [0.0, 0.1, -3.7])
def test_constant_returns_have_no_shape(constant):
    returns = np.full((3, 250), constant)
    assert fact("sd", returns) == pytest.approx(0, abs=0)
    for name in COMPARED - {"sd"}:
        assert np.isnan(fact(name, returns)).all(), name


@pytest.mark.parametrize("name", FACTS)
def test_paths_do_not_touch_each_other(name):
    if FACTS[name].needs:
        pytest.importorskip(FACTS[name].needs)
    returns = normal(22, 5, 300)
    alone = np.concatenate([fact(name, row[None]) for row in returns])
    np.testing.assert_allclose(fact(name, returns), alone, rtol=1e-12, atol=1e-14)


def test_autocorrelation_against_the_definition():
    x = normal(23, 1, 30)
    d = x[0] - x[0].mean()
    expected = [np.sum(d[k:] * d[:-k]) / np.sum(d * d) for k in (1, 7)]
    np.testing.assert_allclose(autocorrelation(x, [1, 7])[0], expected)


def test_hill_against_the_definition():
    returns = normal(24, 1, 250)
    largest = np.sort(np.abs(returns[0]))[::-1]
    expected = 1 / np.mean(np.log(largest[:12] / largest[12]))  # k = 250 // 20
    np.testing.assert_allclose(fact("hill_index", returns), expected)


def test_log_returns():
    np.testing.assert_allclose(log_returns(np.array([[1.0, math.e, 1.0]])), [[1.0, -1.0]])
    with pytest.raises(DataError, match=r"0 at index \(1, 0\)"):
        log_returns(np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(DataError, match="at least 2 prices"):
        log_returns(np.array([1.0]))


@pytest.mark.parametrize(("observed", "simulated", "message"), [
    (np.zeros((2, 30)), np.zeros((3, 30)), "use compare_paths"),
    (np.zeros(30), np.zeros((3, 31)), "30 returns and simulated ones 31"),
    (np.zeros(30), np.zeros((1, 30)), "1 simulated paths are too few"),
    (np.zeros(30), np.zeros(30), r"simulated returns must have shape"),
    (np.array([0.0, np.nan]), np.zeros((3, 2)), "observed returns: nan at path 0, step 1"),
])
def test_wrong_input_is_named(observed, simulated, message):
    with pytest.raises(DataError, match=message):
        compare(observed, simulated)


def test_compare_paths_needs_two_observed_paths():
    with pytest.raises(DataError, match="too few: need 2 and 2"):
        compare_paths(np.zeros((1, 30)), np.zeros((3, 30)))
