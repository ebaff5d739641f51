"""Two ways to find the buyers of a type, one law: a word for every trader, or one Binomial number for all."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from fastmas import models
from fastmas.engine.job import Job
from fastmas.errors import ModelError, ParameterError
from fastmas.lowering.program import program_of
from fastmas.models.stock_market import StockMarket
from fastmas.random import philox4x32
from fastmas.random.address import Address
from fastmas.random.normal import normal
from fastmas.simulate import simulate, simulate_job

MODES = ("agents", "aggregate")
# Every statistical test here makes at most 16 comparisons at this level: a false alarm once in 6,000 tests.
# Seeds are fixed: a test that passes once always passes.
LEVEL = 1e-5
SMALL = {"n_noise": 20, "n_technical": 5, "n_fundamental": 12}
SEEN = ("price", "demand_noise", "demand_technical", "demand_fundamental", "fundamental_value")


def market(**config):
    return models.get("stock-market", **config)


def observed(model, theta=None, *, n_paths, n_steps, seed=0):
    """Everything a market shows, by name, in float64."""
    values = model.space(fixed=theta).base[None]
    seen = simulate_job(Job(model=model, values=values, n_paths=n_paths, n_steps=n_steps, address=Address(seed),
                            observables=tuple(model.observable(name) for name in SEEN)))
    return dict(zip(SEEN, seen[:, 0].astype(np.float64), strict=True))


# -- the law of each mode, given the state -------------------------------------------------------------


def signals(seed, n_paths, n_steps):
    """The public signals of a market with sigma_public = 1, (n_paths, n_steps)."""
    words = [[philox4x32(p, t, 0, 0, seed, 0)[0] for t in range(1, n_steps + 1)] for p in range(n_paths)]
    return np.array([[normal(word) for word in path] for path in words], dtype=np.float64)


def level_given_state(demand, n, p):
    """P value of demands under 2 Binomial(n, p) - n, each with its own p.

    Spread over its probability by a uniform number, a count becomes uniform on (0, 1): chi-square of 50 cells.
    """
    buyers = (demand + n) / 2
    law = stats.binom(n, p)
    u = law.cdf(buyers - 1) + np.random.default_rng(1).random(demand.shape) * law.pmf(buyers)
    counts = np.histogram(u, bins=50, range=(0, 1))[0]
    assert counts.sum() == demand.size
    return stats.chisquare(counts).pvalue


def levels_of_both_types(config, seed=1, n_paths=500, n_steps=40):
    """P values of noise and fundamental demands, given the signal, the value and the price they saw."""
    model = market(**config)
    seen = observed(model, n_paths=n_paths, n_steps=n_steps, seed=seed)
    gap = seen["fundamental_value"][:, 1:] - seen["price"][:, :-1]
    chances = {"noise": ndtr(signals(seed, n_paths, n_steps) / 3), "fundamental": ndtr(gap)}
    return {name: level_given_state(seen[f"demand_{name}"][:, 1:], config[f"n_{name}"], p)
            for name, p in chances.items()}


@pytest.mark.statistical
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [(20, 12), (1500, 700)])
def test_demand_given_the_state_is_binomial(mode, sizes):
    """20,000 numbers, by inversion and by rejection."""
    config = {"n_noise": sizes[0], "n_fundamental": sizes[1], "n_technical": 5, "mode": mode}
    assert min(levels_of_both_types(config).values()) > LEVEL


@pytest.mark.statistical
def test_demand_of_a_billion_given_the_state():
    config = {"n_noise": 10**9, "n_fundamental": 10**9, "n_technical": 0}
    seen = observed(market(**config), n_paths=500, n_steps=1)
    # Float32 thresholds are 1e-7 off, far more than a sd of 1.6e-5 / 2 in the share of buyers.
    share = (seen["demand_noise"][:, 1] / 1e9 + 1) / 2
    np.testing.assert_allclose(share, ndtr(signals(0, 500, 1)[:, 0] / 3), atol=1e-4)
    # At t = 1 value and price differ by one small shock: the share is near, but not at, one half.
    gap = seen["fundamental_value"][:, 1] - seen["price"][:, 0]
    np.testing.assert_allclose((seen["demand_fundamental"][:, 1] / 1e9 + 1) / 2, ndtr(gap), atol=1e-4)


@pytest.mark.statistical
@pytest.mark.parametrize("fault", ["p off by 2%", "an agent too few", "a normal number"])
def test_the_law_given_the_state_catches(fault):
    """Demands of 20 traders at p = 0.4 with a fault: 20,000 of them, as above.

    Cells of U move by the distance of the laws, sum of (q - p)^2 / p over the counts: .0027 for p off by 2%,
    .033 for an agent too few and .0011 x 20,000 = 23 in the bulk alone for the normal, whose missing skewness
    weighs more in the tails. Chi-square with 49 degrees of freedom needs 49 + 60 at this level.
    """
    rng, n, p = np.random.default_rng(7), 20, 0.4
    buyers = {
        "p off by 2%": lambda: rng.binomial(n, p * 1.02 + 0.004, 20_000),
        "an agent too few": lambda: rng.binomial(n - 1, p, 20_000),
        "a normal number": lambda: np.clip(np.rint(rng.normal(n * 0.1, np.sqrt(n * 0.09), 20_000)), 0, n),
    }[fault]()
    chance = 0.1 if fault == "a normal number" else p
    assert level_given_state(2 * rng.binomial(n, chance, 20_000) - n, n, np.full(20_000, chance)) > LEVEL
    assert level_given_state(2 * buyers - n, n, np.full(20_000, chance)) < LEVEL


# -- the law of whole paths ---------------------------------------------------------------------------

TIMES = (1, 5, 20, 60)
N_PATHS = 20_000


def level_of_demands(one, other):
    """P value of two samples of whole numbers having one law: chi-square of a two-row table."""
    values, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    table = np.stack([np.bincount(c, minlength=len(values)) for c in (codes[:len(one)], codes[len(one):])])
    while table.shape[1] > 1 and (table.sum(axis=0) < 20).any():  # rare values join their neighbours
        k = int(np.argmin(table.sum(axis=0)))
        j = k - 1 if k > 0 else 1
        table[:, j] += table[:, k]
        table = np.delete(table, k, axis=1)
    return stats.chi2_contingency(table).pvalue if table.shape[1] > 1 else 1.0


def worst_level(one, other):
    """The least P value over times: demands of the three types, prices, mean and variance of returns."""
    levels = [level_of_demands(one[f"demand_{name}"][:, t], other[f"demand_{name}"][:, t])
              for name in ("noise", "technical", "fundamental") for t in TIMES]
    levels += [stats.ks_2samp(one["price"][:, t], other["price"][:, t]).pvalue for t in TIMES]
    return min(levels)


@pytest.fixture(scope="module")
def by_agents():
    return observed(market(mode="agents", **SMALL), n_paths=N_PATHS, n_steps=max(TIMES), seed=1)


@pytest.mark.statistical
def test_paths_of_both_modes_have_one_law(by_agents):
    """Chi-square on demands and Kolmogorov-Smirnov on prices at t = 1, 5, 20, 60; moments of the log returns."""
    other = observed(market(mode="aggregate", **SMALL), n_paths=N_PATHS, n_steps=max(TIMES), seed=2)
    assert worst_level(by_agents, other) > LEVEL
    returns = [np.diff(np.log(x["price"][:, 10:])) for x in (by_agents, other)]
    for moment in (1, 2, 4):
        # Paths are independent: the sd of a path's mean moment over paths gives the error; five of them.
        means = [(r**moment).mean(axis=1) for r in returns]
        error = np.sqrt(sum(m.var() for m in means) / N_PATHS)
        assert abs(means[0].mean() - means[1].mean()) < 5 * error


@pytest.mark.statistical
@pytest.mark.parametrize(("config", "theta"), [
    ({"n_noise": 19}, {}), ({"n_fundamental": 11}, {}), ({}, {"kappa": 1.1}), ({}, {"sigma_fundamental": 1.25}),
])
def test_the_comparison_of_paths_catches_another_market(by_agents, config, theta):
    """One agent less changes the parity of demand; other probabilities its spread.

    sd of the noise demand at kappa = 1.1: n (n - 1) (2 / pi) arcsin(a^2 / (1 + a^2)) is 24 at a = 1/3 and 29 at
    1.1/3, on top of 20: variances 44 and 49, 11% apart, where 20,000 paths see 2%. The view's spread moves the
    mean demand at a gap of 1 from 2 Phi(1) - 1 = .68 to .58 of 12 agents, where a sd is .02.
    """
    other = observed(market(mode="aggregate", **(SMALL | config)), theta, n_paths=N_PATHS, n_steps=max(TIMES),
                     seed=2)
    assert worst_level(by_agents, other) < LEVEL


# -- which mode runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "mode", "n_counted"), [
    ({}, "agents", 7),
    ({"n_noise": 10**6}, "aggregate", 0),
    ({"n_noise": 10**6, "n_technical": 0, "n_fundamental": 0}, "aggregate", 0),
    ({"n_noise": 0, "n_fundamental": 10**6}, "aggregate", 0),
    ({"n_noise": 0, "n_fundamental": 0, "n_technical": 10**4}, "agents", 0),
    ({"n_noise": 10**10}, "aggregate", 0),
    ({"n_noise": 10**6, "mode": "agents"}, "agents", 10**6),
    ({"mode": "aggregate"}, "aggregate", 0),
    ({"n_noise": 10**6, "rule": "smoothed"}, "agents", 0),
    ({"n_noise": 10**6, "rule": "relaxed"}, "agents", 0),
    ({"n_noise": 10**5, "per_agent": "kappa"}, "agents", 3),
    ({"n_noise": 10**6, "per_agent": "gamma"}, "aggregate", 0),
])
def test_the_market_says_which_mode_runs(config, mode, n_counted):
    """Counted are those who are alike; a loop over others has one thread on a GPU."""
    model = market(**config)
    assert model.mode == mode
    again = market(**json.loads(json.dumps(model.config)))
    assert again == model
    assert again.config["mode"] == mode
    assert program_of(model).n_counted == n_counted


def test_a_market_built_by_its_class_has_a_mode_too():
    assert StockMarket(windows=((3, 8),), n_noise=10**6).mode == "aggregate"
    assert StockMarket(windows=((3, 8),)).mode == "agents"


@pytest.mark.parametrize(("config", "error", "words"), [
    ({"mode": "fast"}, ModelError, "mode='fast' is none of: auto, agents, aggregate"),
    ({"mode": "aggregate", "rule": "smoothed"}, ModelError, "rule='smoothed' lets every trader demand another"),
    ({"mode": "aggregate", "rule": "relaxed"}, ModelError, "use mode='agents'"),
    ({"mode": "aggregate", "per_agent": "kappa"}, ModelError, "every noise trader has its own values"),
    ({"mode": "agents", "n_noise": 2**31}, ParameterError, "n_noise=2147483648: mode='agents' has words for at most "
     "2147483647 traders of a type; use mode='aggregate'"),
    ({"mode": "agents", "n_fundamental": 2**31}, ParameterError, "n_fundamental=2147483648"),
    ({"rule": "smoothed", "n_noise": 2**31}, ParameterError, "rule='smoothed' lets"),
    ({"mode": "aggregate", "n_noise": 10**12 + 1}, ParameterError, "at most 1000000000000 traders of a type"),
    ({"n_noise": 10**7 + 1, "per_agent": "kappa"}, ParameterError, "10000001 traders cannot each own kappa"),
])
def test_a_mode_that_cannot_be_is_refused(config, error, words):
    with pytest.raises(error) as caught:
        market(**config)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_demand_is_counted_before_it_is_rounded(mode):
    """Buyers less sellers of an odd number is odd: float32 counts of 2**24 + 1 would make it even."""
    n = 2**24 + 1
    model = market(n_noise=n, n_technical=0, n_fundamental=0, mode=mode)
    theta = {"sigma_public": 0.01, "kappa": 0.2}  # p within .001 of one half: demands of a few 10,000
    demand = simulate(model, theta, n_paths=64, n_steps=2, observable="demand_noise")[:, 1:]
    assert (np.abs(demand) < 2**24).all()
    assert (demand % 2 == 1).all()
    assert len(np.unique(demand)) > 100


def test_the_largest_market_is_finite():
    model = market(n_noise=10**12, n_fundamental=10**12, n_technical=10**12, windows=[(3, 8)])
    prices = simulate(model, n_paths=100, n_steps=60)
    assert np.isfinite(prices).all()
    assert (np.ptp(prices, axis=1) > 0).all()


# -- many technical traders ---------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
def test_ten_thousand_technical_traders_are_what_each_decides(shared):
    """Their demand against the sum over traders, from the prices the market shows."""
    n = 10_000
    config = {"windows": [(3, 8)]} if shared else {"windows_seed": 3}
    model = market(n_noise=2 * n, n_fundamental=n // 2, n_technical=n, per_agent="gamma", **config)
    gamma = np.random.default_rng(5).uniform(0.5, 4, n)
    theta = {f"gamma[{i}]": g for i, g in enumerate(gamma)} | {"rho": 0.3}
    seen = observed(model, theta, n_paths=5, n_steps=30, seed=3)
    windows = np.array(model.windows * n if shared else model.windows)
    for price, demand in zip(seen["price"], seen["demand_technical"], strict=True):
        for t in range(1, 31):
            means = np.array([price[max(t - length, 0):t].mean() for length in range(1, 11)])
            m = np.where(windows[:, 1] <= t, means[windows[:, 0] - 1] - means[windows[:, 1] - 1], 0)
            near = np.abs(np.abs(m) - gamma) < 1e-4  # float32 may decide these the other way
            sides = np.sum((m >= gamma) * 1.0 - (m <= -gamma))
            assert abs(demand[t] - sides) <= near.sum()
    assert np.abs(seen["demand_technical"]).max() > n / 4


def test_a_group_of_traders_who_share_all_moves_as_one():
    """A hundred traders with one pair of windows and one threshold demand 0 or 100 at once."""
    seen = observed(market(n_technical=100, windows=[(3, 8)]), {"rho": 0.4}, n_paths=50, n_steps=40)
    assert set(np.unique(seen["demand_technical"])) == {-100, 0, 100}


def test_windows_drawn_for_many_begin_like_those_for_few():
    many = market(n_technical=5000, per_agent="gamma").windows
    assert many[:5] == market().windows
    assert many[:1500] == market(n_technical=1500, per_agent="gamma").windows
    assert all(2 <= l1 < l2 <= 10 for l1, l2 in many)
    # 4,000 pairs drawn together, 36 kinds: 111 of each on average, sd 10.4; five sds.
    counts = np.unique(np.array(many[1000:]), axis=0, return_counts=True)[1]
    assert len(counts) == 36
    assert (np.abs(counts - 4000 / 36) < 52).all()


def test_traders_who_share_drawn_windows_are_a_crowd():
    """Where thresholds are shared, too, the traders of a pair decide as one."""
    config = {"n_technical": 5000, "n_noise": 10_000}
    model, one_by_one = market(**config), market(per_agent="gamma", **config)
    each = one_by_one.windows
    assert dict(zip(model.windows, model.crowds, strict=True)) == Counter(each)
    assert model.windows == tuple(dict.fromkeys(each))
    theta = {"rho": 0.4, "gamma": 1.0}
    crowds, of_each = (simulate(m, theta, n_paths=20, n_steps=30, observable="demand_technical")
                       for m in (model, one_by_one))
    np.testing.assert_array_equal(crowds, of_each)
    assert np.abs(crowds).max() > 1000


@pytest.mark.parametrize("rule", ["smoothed", "relaxed"])
def test_smoothed_traders_who_share_windows_are_the_sum_of_each(rule):
    """Five traders of one pair: as one group that shares its parameter, and with five equal values of their own."""
    name = "d" if rule == "smoothed" else "gamma"
    config = {"rule": rule, "windows": [(3, 8)]}
    together = observed(market(**config), n_paths=40, n_steps=40)
    each = observed(market(per_agent=name, **config), n_paths=40, n_steps=40)
    np.testing.assert_allclose(together["demand_technical"], each["demand_technical"], rtol=1e-3, atol=1e-3)
    assert np.abs(each["demand_technical"]).max() > 0.5


def test_owners_of_equal_values_are_traders_alike():
    """A type of 31 traders has the same words whether they share their kappa or each own one."""
    config = {"n_noise": 31, "mode": "agents"}
    shared = simulate(market(**config), n_paths=300, n_steps=30, observable="demand_noise")
    owned = simulate(market(per_agent="kappa", **config), n_paths=300, n_steps=30, observable="demand_noise")
    # Thresholds differ by a rounding of 1e-7: of 280,000 decisions none is expected to differ.
    assert (shared != owned).mean() < 1e-3
