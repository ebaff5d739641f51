"""The verdict: right fits pass, wrong ones are rejected for the reason that they are wrong for."""

from __future__ import annotations

import re

import numpy as np
import pytest
from small_games import make_parts, market, market_paths, market_series, z_of

import fastmas as fm
from fastmas.calibration import bootstrap, judgement
from fastmas.calibration.judgement import judge_at
from fastmas.calibration.sentence import MISFIT, NO_MISFIT, WRONG_PLACE, grade_of, sentence

TRUTH = {"kappa": 1.0, "gamma": 2.0}
N_RIGHT = 20
MOST_REJECTED = 4  # of 20 right ones at 5%: five or more have probability .0026


def paths(seed, n=200, **config):
    model = market(**{k: v for k, v in config.items() if k != "temperature"})
    values = TRUTH | ({"temperature": config["temperature"]} if "temperature" in config else {})
    return fm.simulate(model, values, n_paths=n, n_steps=70, warmup=50, seed=seed).astype(float)


def judged(x_obs, **options):
    simulator, settings = make_parts(x_obs, **options)
    with simulator.workers.at_work():
        return judge_at(simulator, z_of(simulator, **TRUTH), settings.budget.bootstrap)


@pytest.fixture(scope="module")
def right():
    return [judged(paths(seed)) for seed in range(100, 100 + N_RIGHT)]


def test_right_fits_are_rejected_as_seldom_as_they_should_be(right):
    p = np.array([one.p_value for one in right])
    assert (p <= 0.05).sum() <= MOST_REJECTED
    assert (p <= 0.5).sum() in range(4, 17)  # of 20: outside has probability .0026
    assert sentence(right[int(p.argmax())]).startswith("No misfit found")


def test_without_a_step_of_the_fit_a_point_a_little_off_is_rejected(monkeypatch):
    simulator, settings = make_parts(paths(8))
    z, effort = z_of(simulator, kappa=1.2, gamma=2.1), settings.budget.bootstrap
    with simulator.workers.at_work():
        with_step = judge_at(simulator, z, effort).p_value
        monkeypatch.setattr(bootstrap, "_fit_step", lambda simulator, moments, slopes, gap: np.zeros_like(slopes))
        without = judge_at(simulator, z, effort).p_value
    assert with_step > 0.05 >= without


def stale(x, share):
    """Prices that repeat the last one now and then."""
    x, rng = x.copy(), np.random.default_rng(1)
    for t in range(1, x.shape[1]):
        still = rng.random(len(x)) < share
        x[still, t] = x[still, t - 1]
    return x


def foreign(x, numbers):
    x, rng = x.copy(), np.random.default_rng(2)
    steps = 0.05 * rng.standard_normal((len(numbers), x.shape[1] - 1))
    x[numbers, 1:] = x[numbers, :1] * np.exp(np.cumsum(steps, axis=1))
    return x


@pytest.mark.parametrize(("case", "said"), [
    ("stale", "prices stay as they were"), ("scaled", r"paths at the start .*% too close"),
    ("relaxed", "prices stay as they were|returns repeat|volatility"), ("calm", r"volatility of returns .*% too high")])
def test_a_wrong_fit_is_rejected_and_told_why(case, said):
    x = paths(11)
    cases = {"stale": lambda: stale(x, 0.1), "scaled": lambda: 100 * (x / 100) ** 1.5,
             "calm": lambda: 100 * (x / 100) ** 0.6, "relaxed": lambda: paths(11, rule="relaxed", temperature=1.0)}
    found = judged(cases[case]())
    assert grade_of(found, None) == MISFIT
    assert re.search(said, sentence(found)), sentence(found)


def test_what_only_a_step_of_the_fit_puts_off_is_not_told(monkeypatch):
    """A figure must be off at the estimate itself: with a bar that none passes there, nothing is told."""
    x = stale(paths(3), 0.3)
    assert judged(x).told
    monkeypatch.setattr(judgement, "HARDLY", np.inf)
    untold = judged(x)
    assert untold.told == []
    assert untold.p_value <= 0.05


def test_foreign_paths_are_named_by_their_numbers():
    numbers = [3, 40, 77, 120]
    found = judged(foreign(paths(12), numbers))
    assert found.p_value <= 0.01
    assert set(numbers) <= set(found.odd_paths)
    assert len(found.odd_paths) <= len(numbers) + 1
    assert "of 160 paths are unlike any simulated one (3, 40, 77, 120" in sentence(found)


def test_a_walk_is_no_market():
    rng = np.random.default_rng(3)
    series = 100 * np.exp(np.cumsum(0.02 * rng.standard_normal(2001)))
    assert judged(series).p_value <= 0.01
    assert judged(market_series(2001)).p_value > 0.01


def test_threads_change_no_bit():
    one, three = (judged(market_paths(), n_threads=n) for n in (1, 3))
    assert one == three


def test_a_covariance_too_small_rejects_right_fits(right, monkeypatch):
    """Planted: simulated data sets that vary too little."""
    draw = bootstrap._draw

    def tight(simulator, bank):
        sets = draw(simulator, bank)
        return sets.mean(axis=0) + 0.6 * (sets - sets.mean(axis=0))

    monkeypatch.setattr(bootstrap, "_draw", tight)
    p = [judged(paths(seed)).p_value for seed in range(100, 108)]
    assert sum(one <= 0.05 for one in p) > MOST_REJECTED
    assert sum(p) < sum(one.p_value for one in right[:8])


def test_these_parameters_do_not_fit_but_others_do(right):
    bad, good = judged(100 * (paths(13) / 100) ** 1.5), max(right, key=lambda one: one.p_value)
    assert grade_of(bad, good) == WRONG_PLACE
    assert "those of the moment fit do" in sentence(bad, good)
    assert grade_of(bad, bad) == MISFIT
    assert grade_of(good, None) == NO_MISFIT


def test_few_paths_show_gross_misfits_only():
    found = judged(paths(14, n=24))
    assert found.p_value > 0.05
    assert "paths only gross misfits can be found" in sentence(found)
