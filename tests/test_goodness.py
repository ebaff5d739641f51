"""Statistics of the bootstrap against plain loops and closed forms; odd paths; paths that ran away; other data."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import small_games
from scipy.stats import chi2, genpareto, kstest
from small_games import make_parts, market_paths, market_series, z_of

import fastmas as fm
from fastmas.calibration import judgement
from fastmas.calibration.budget import BootstrapEffort, Budget, ToldApartEffort
from fastmas.calibration.goodness import either, largest, quadratic_form, smallest_p, standardised
from fastmas.calibration.judgement import judge_at
from fastmas.calibration.odd_paths import Tail, odd, oddest, path_p_values
from fastmas.calibration.sentence import MISFIT, NO_MISFIT, grade_of, sentence
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.verdict import judge
from fastmas.data import Observations
from fastmas.errors import SimulationError
from fastmas.simulate import simulate

TRUTH = {"kappa": 1.0, "gamma": 2.0}


FEW = BootstrapEffort(least_bank=4000)


def simulator_of(data, free=("kappa", "gamma")):
    return make_parts(data, free).simulator


def judged(simulator, effort=FEW, **values):
    with simulator.workers.at_work():
        return judge_at(simulator, z_of(simulator, **(values or TRUTH)), effort)


# ---------------------------------------------------------------------- statistics


def test_each_simulated_set_is_judged_by_the_covariance_of_the_others():
    """Against leaving each row out and inverting again."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((41, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.3]])
    found = quadratic_form(rows)
    for i in range(1, 41):
        others = np.delete(rows[1:], i - 1, axis=0)
        gap = rows[i] - others.mean(axis=0)
        assert found[i] == pytest.approx(gap @ np.linalg.solve(np.cov(others.T), gap), rel=1e-9)
    gap = rows[0] - rows[1:].mean(axis=0)
    assert found[0] == pytest.approx(gap @ np.linalg.solve(np.cov(rows[1:].T), gap), rel=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("k", [2, 40])
def test_p_is_uniform_where_data_are_one_more_set(k):
    """400 rows 0 of the same law: the share with p <= .05 has an sd of .011, here five of them.

    Judged by a covariance that holds each row itself, 40 features reject 15% and more.
    """
    rng = np.random.default_rng(2)
    p = []
    for _ in range(400):
        rows = rng.standard_normal((200, k))
        p.append(smallest_p([quadratic_form(rows), largest(standardised(rows, np.zeros(k)))]))
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 5 * 0.011
    assert abs(np.mean(p) - 0.5) < 5 * np.sqrt(1 / 12 / 400)


def test_two_statistics_count_as_two():
    statistics = np.arange(100.0)[::-1], np.r_[0.0, np.arange(99.0)]
    assert smallest_p(statistics[:1]) == 0.01
    assert smallest_p(statistics) == pytest.approx(0.02)  # a set is as far out in the other
    assert either(0.01, 0.3) == pytest.approx(1 - 0.99**2)


def test_what_never_moves_in_simulation_counts_where_it_moves_by_more_than_one_count():
    deviations = np.zeros((101, 2))
    deviations[0] = [0.1, 0.1]
    assert standardised(deviations, np.array([0.0, 0.05]))[0].tolist() == [30.0, 2.0]


@pytest.mark.statistical
@pytest.mark.parametrize(("shift", "most"), [(0.0, 12), (0.2, 18)])
def test_right_data_sets_are_rejected_once_in_twenty(shift, most):
    """100 data sets of 60 paths, judged at the truth, and three standard errors of log kappa beside it.

    13 or more rejected have probability .0015 at 5%; 25 were where simulated sets had .72 of their covariance. Beside
    the truth the step mends most of it: 10 are rejected, and 31 without the step. Between are 19 at three sds of a
    binomial of 10.
    """
    sets = simulate(small_games.market(), TRUTH, n_paths=6000, n_steps=80, warmup=50, seed=77).astype(float)
    simulator, effort = simulator_of(Observations(sets[:60], sets[60:80], "paths", "array")), replace(FEW, n_slope=4000)
    p = []
    for x in sets.reshape(100, 60, -1):
        simulator.observed.x_train = x
        p.append(judged(simulator, effort, kappa=np.exp(shift), gamma=2.0).p_value)
    assert (np.array(p) <= 0.05).sum() <= most
    assert np.mean(p) > 0.4


# ---------------------------------------------------------------------- odd paths


@pytest.mark.statistical
@pytest.mark.parametrize("law", [chi2(30), genpareto(0.3)])
def test_the_tail_reaches_beyond_the_bank(law):
    """Ten banks of 20,000 values, p at the 1 - 1e-5 quantile: in the middle not half of it and not four times.

    A tail without an end is too heavy for chi-square: p errs upwards, and names too few paths rather than too many.
    """
    p = [float(Tail(law.rvs(20_000, random_state=seed))(np.array([law.isf(1e-5)]))[0]) for seed in range(10)]
    assert 0.5e-5 < np.median(p) < 4e-5


@pytest.mark.statistical
def test_the_oddest_of_right_paths_has_a_uniform_p_where_features_have_long_tails():
    """200 data sets of 250 paths and banks of 5,000, of powers of normal returns whose volatility varies.

    Right data reject 12, 19 or more have probability .006. With far values as they are 27 are rejected, where a
    simulated path has a say in the covariance that judges it 19, with both 46; and p is not uniform (KS < .001).
    """
    rng = np.random.default_rng(6)

    def paths(n):
        r = rng.standard_normal((n, 12)) * np.exp(0.5 * rng.standard_normal((n, 1)))
        return np.concatenate([r**power for power in (1, 2, 3, 4)], axis=1)[:, ::2]

    p = np.array([oddest(path_p_values(paths(5000), paths(250), (slice(0, 24),), np.zeros(24))) for _ in range(200)])
    assert (p <= 0.05).sum() < 19
    assert kstest(p, "uniform").pvalue > 0.01


def test_within_the_bank_a_tail_counts():
    values = np.arange(1000.0)
    assert Tail(values)(np.array([500.0]))[0] == pytest.approx(501 / 1001)


def test_a_planted_path_is_found_and_no_other():
    rng = np.random.default_rng(3)
    bank, observed = rng.standard_normal((5000, 6)), rng.standard_normal((100, 6))
    observed[42, 4] = 9.0
    p = path_p_values(bank, observed, (slice(0, 3), slice(3, 6)), np.zeros(6))
    assert odd(p) == [42]
    assert oddest(p) < 1e-3 < oddest(np.delete(p, 42))


def test_one_count_makes_no_path_odd():
    """A share of steps that is 0 in every simulated path: one step of 50 is one sd, ten are ten."""
    rng = np.random.default_rng(4)
    bank, observed = rng.standard_normal((5000, 3)), rng.standard_normal((100, 3))
    bank[:, 2], observed[:, 2] = 0.0, 0.0
    observed[7, 2], observed[8, 2] = 1 / 50, 10 / 50
    assert odd(path_p_values(bank, observed, (slice(0, 3),), np.array([0.0, 0.0, 1 / 50]))) == [8]


# ---------------------------------------------------------------------- paths that run away


def losing(monkeypatch, share, value):
    """Every simulation loses this share of its paths."""
    simulate = Simulator.simulate

    def lossy(self, z, n_paths, run, purpose, **options):
        out = simulate(self, z, n_paths, run, purpose, **options).copy()
        out[:, : int(np.ceil(share * n_paths)), -1] = value
        return out

    monkeypatch.setattr(Simulator, "simulate", lossy)


@pytest.mark.parametrize("value", [np.inf, np.nan, 0.0, -5.0])
def test_paths_that_ran_away_are_a_misfit_and_their_share_is_named(monkeypatch, value):
    losing(monkeypatch, 0.12, value)
    found = judged(simulator_of(market_paths(120)))
    assert grade_of(found, None) == MISFIT
    assert "12% of the paths simulated at the estimate ran away, or fell to 0 or below" in sentence(found)


def test_few_of_them_are_named_and_the_rest_is_judged(monkeypatch):
    losing(monkeypatch, 0.004, np.nan)
    found = judged(simulator_of(market_paths(120)))
    assert grade_of(found, None) == NO_MISFIT
    assert sentence(found).startswith("No other misfit found")
    assert "0.4% of the paths" in sentence(found)


@pytest.mark.parametrize("data", [market_paths(60), market_series(400)])
def test_where_all_ran_away_there_is_nothing_to_compare(monkeypatch, data):
    simulator = simulator_of(data)
    losing(monkeypatch, 1.0, np.nan)
    found = judged(simulator)
    assert grade_of(found, None) == MISFIT
    assert "100% of the" in sentence(found)
    assert found.deviations == ()


class Exploding(fm.Model):
    """Every path leaves the numbers."""

    growth = fm.Parameter(30.0, 20.0, 40.0)
    price = fm.State(100)

    def step(self, t, draw):
        self.price *= 10.0**self.growth * (1 + 0.1 * draw.normal())


def test_a_model_all_of_whose_paths_run_away_is_one_line():
    with pytest.raises(SimulationError, match="ran away") as error:
        fm.calibrate(Exploding(), market_paths(20), updater="moments", n_threads=1)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------- other data


def test_data_that_are_no_prices_are_judged_in_words_of_their_own():
    """Levels around zero have no log returns: their changes are judged."""
    x = market_paths(120) - np.float32(100.0)
    simulator = simulator_of(Observations(x[:100], x[100:], "paths", "array"))
    simulate = simulator.simulate
    simulator.simulate = lambda *a, **k: simulate(*a, **k) - np.float32(100.0)
    assert judged(simulator).p_value > 0.05
    simulator.simulate = lambda *a, **k: 0.5 * (simulate(*a, **k) - np.float32(100.0))
    said = sentence(judged(simulator))
    assert "volatility of changes 5" in said
    assert "returns" not in said
    assert "prices" not in said


@pytest.mark.parametrize("n_times", [2, 3, 5, 8])
def test_short_paths_have_fewer_figures(n_times):
    found = judged(simulator_of(market_paths(120)[:, :n_times]))
    names = {d.name for d in found.deviations}
    assert 0.0 < found.p_value <= 1.0
    assert "volatility" in names
    assert ("ac 1" in names) == (n_times > 4)
    assert not any("|r| 20" in name for name in names)


# ---------------------------------------------------------------------- a game's estimate of one series


def test_one_series_is_judged_at_the_moment_fit_too():
    """The grade is the better one's, and the estimate is said not to fit."""
    simulator = simulator_of(market_series(800), ("kappa", "gamma", "rho"))
    budget, rhos = Budget(told_apart=ToldApartEffort(steps=20)), (0.02, 0.1)
    off, alone = (judged(simulator, budget.bootstrap, rho=rho, **TRUTH) for rho in rhos)
    with simulator.workers.at_work():
        found = judge(simulator, budget, *(z_of(simulator, rho=rho, **TRUTH) for rho in rhos))
    assert off.p_value <= 0.05 < alone.p_value == found.p_value
    assert f"those of the moment fit do (p = {found.p_value:.2f})" in found.sentence
    assert re.search(r"volatility of returns [78]\d% too low", found.sentence)  # at a fifth of the price impact
    result = found.result()
    assert (result["p_value"], result["p_at_estimate"]) == (found.p_value, off.p_value)
    assert "no more than" not in result["told_apart"]
    json.dumps(result)


def test_counts_on_the_grid_stay_out_of_a_series_unless_they_are_gross(monkeypatch):
    simulator = simulator_of(market_series(800))
    found = judged(simulator)
    assert found.p_figures == found.p_without_grid
    monkeypatch.setattr(judgement, "GROSS", 0.0)
    assert judged(simulator).p_figures == pytest.approx(1 / 500)
