"""Posterior draws: their calibration, by planted faults; where they lie; when a regression is refused."""

import sys

import numpy as np
import pytest
from scipy.stats import chisquare
from small_games import TRUTH, make_parts, market, market_paths, market_series, z_of

import fastmas as fm
from fastmas.calibration import posterior as drawing
from fastmas.calibration.posterior import (
    design,
    is_outside,
    normal_draws,
    over_box,
    posterior,
    simulate_sets,
    summaries_of,
)
from fastmas.errors import ParameterError, RunDirectoryError
from fastmas.random.address import Purpose
from fastmas.report.reading import read

N_TIMES, N_TRUTHS, N_RANKED, N_BINS = 600, 400, 199, 10
FREE = ("gamma", "rho")


@pytest.fixture(scope="module")
def learned():
    """A simulator of one short series, a regression over its box, and data sets at truths from the prior."""
    simulator, settings = make_parts(market_series(N_TIMES), FREE)
    with simulator.workers.at_work():
        regression, _ = over_box(simulator, 2048, settings.budget.posterior)
        truths = simulator.region.low + simulator.region.width * np.random.default_rng(4).random((N_TRUTHS, len(FREE)))
        sets = simulate_sets(simulator, truths, 1 << 22)
    return simulator, regression, sets


def drawn_by(parts, z, covariance):
    """The posterior as `calibrate` asks for it."""
    simulator, settings = parts
    with simulator.workers.at_work():
        return posterior(simulator, z, covariance, settings.draws, settings.budget.posterior)


def ranks(regression, sets, spread=1.0):
    """Rank of each truth among N_RANKED draws (n, d), whose deviations from their mean are multiplied by `spread`."""
    found = []
    for i, (z, summaries) in enumerate(zip(sets.z, sets.summaries, strict=True)):
        drawn = regression.draw(summaries, N_RANKED, 5, i)
        found.append((drawn.mean(axis=0) + spread * (drawn - drawn.mean(axis=0)) < z).sum(axis=0))
    return np.array(found)


def p_values(found):
    """Of uniform ranks, one per parameter: chi-square over N_BINS bins of 20 ranks each."""
    return np.array([chisquare(np.bincount(column // ((N_RANKED + 1) // N_BINS), minlength=N_BINS)).pvalue
                     for column in found.T])


@pytest.mark.statistical
def test_truths_from_the_prior_have_uniform_ranks(learned):
    """Simulation-based calibration (Talts et al. 2018); p > .001 for each of two parameters: wrong once in 500."""
    _, regression, sets = learned
    assert (p_values(ranks(regression, sets)) > 1e-3).all()
    assert regression.log_density(sets.summaries, sets.z).mean() > 1.5  # nats: it has learned something


@pytest.mark.statistical
def test_a_spread_of_half_the_size_is_seen(learned):
    _, regression, sets = learned
    assert (p_values(ranks(regression, sets, 0.5)) < 1e-6).all()


@pytest.mark.statistical
def test_right_data_are_rarely_refused_and_wild_ones_always(learned):
    """At draws of the posterior a right data set is refused once in a thousand; three of 20 would be 1e-6."""
    simulator, regression, sets = learned
    with simulator.workers.at_work():
        refused = [is_outside(simulator, regression.draw(x, 999, 6, i), x) for i, x in enumerate(sets.summaries[:20])]
        rng = np.random.default_rng(8)
        for wild in (rng.standard_t(2, N_TIMES) / 100, rng.normal(size=N_TIMES) * np.linspace(0.002, 0.03, N_TIMES)):
            x = summaries_of(simulator, 100 * np.exp(np.cumsum(wild))[None, None])[0]
            assert is_outside(simulator, regression.draw(x, 999, 7), x)
    assert sum(refused) <= 2


def test_draws_are_the_same_bits_whatever_the_threads_and_lie_in_the_bounds(small):
    seen = []
    for n_threads in (1, 3):
        parts = make_parts(market_series(600), FREE, n_threads=n_threads)
        seen.append(drawn_by(parts, z_of(parts.simulator, gamma=2.0, rho=0.1), 1e-3 * np.eye(2)))
    assert np.array_equal(seen[0].z, seen[1].z)
    assert seen[0].z.shape == (2000, 2)
    assert "regression" in seen[0].method
    assert seen[0].warning is None
    assert np.array_equal(seen[0].z, parts.simulator.region.inside(seen[0].z))


def test_the_second_regression_knows_more_near_the_data():
    """It is learned over a part of the box that holds the truth and all new simulations, and is sharper there."""
    simulator, settings = make_parts(market_series(600), FREE)
    region, effort = simulator.region, settings.budget.posterior
    with simulator.workers.at_work():
        x = summaries_of(simulator, simulator.observed.x_all[None])[0]
        first, sets = over_box(simulator, 1024, effort)
        last = drawing.nearer(simulator, first, sets, x, 1024, effort)
    part = drawing.Part.of(first, x, (simulator.seed, Purpose.POSTERIOR, drawing.NEAR))
    assert np.isfinite(part.floor)
    assert part.holds(z_of(simulator, gamma=2.0, rho=0.1)[None]).all()
    points = part.points(500, 3)
    assert part.holds(points).all()
    assert len(points) == 500
    assert part.holds(design(region.low, region.high, 1024, 5)).mean() < 0.5
    spread = [np.prod(r.draw(x, 1000, 1).std(axis=0)) for r in (first, last)]
    assert spread[1] < spread[0]


def test_data_that_the_model_cannot_make_get_the_normal_law(small):
    rng = np.random.default_rng(9)
    simulator, settings = parts = make_parts(100 * np.exp(np.cumsum(rng.standard_t(2, 600) / 100)), FREE)
    z, covariance = simulator.region.middle, 1e-3 * np.eye(2)
    drawn = drawn_by(parts, z, covariance)
    assert np.array_equal(drawn.z, normal_draws(simulator, z, covariance, settings.draws))
    assert "normal law" in drawn.method
    assert "unlike any that the model simulates" in drawn.warning


def test_a_model_that_always_runs_away_gets_the_normal_law(small, monkeypatch):
    simulator, _ = parts = make_parts(market_series(600), FREE)
    simulate = simulator.simulate
    monkeypatch.setattr(simulator, "simulate", lambda *a, **k: np.full_like(simulate(*a, **k), np.nan))
    assert "normal law" in drawn_by(parts, simulator.region.middle, np.eye(2)).method


def test_many_paths_that_say_enough_get_the_normal_law_of_the_interval():
    """With 20,000 draws the sd of a variance is 1% and that of a correlation .007: five of each are allowed."""
    simulator, _ = parts = make_parts(market_paths(), draws=20_000)
    z = z_of(simulator, **TRUTH)
    covariance = np.array([[0.03, 0.01], [0.01, 0.02]]) ** 2 * simulator.region.width.min() ** 2
    drawn = drawn_by(parts, z, covariance)
    assert np.allclose(np.cov(drawn.z.T), covariance, rtol=0.05, atol=0.035 * covariance[0, 0])
    assert np.allclose(drawn.z.mean(axis=0), z, atol=5 * np.sqrt(covariance.max() / 20_000))
    assert drawn.method == drawing.NORMAL


def test_the_normal_law_stays_in_the_bounds():
    """Half of it lies beyond the corner at which the estimate stands, and nearly all of a far wider one."""
    simulator, _ = make_parts(market_paths())
    for size in (0.05, 1e4):
        drawn = normal_draws(simulator, simulator.region.low, size * np.eye(2), 2000)
        assert drawn.shape == (2000, 2)
        assert np.array_equal(drawn, simulator.region.inside(drawn))


def test_few_paths_that_say_little_get_a_regression(small):
    simulator, _ = parts = make_parts(market_paths(12))
    drawn = drawn_by(parts, z_of(simulator, **TRUTH), np.diag(simulator.region.width**2) * 0.04)
    assert "simulated data sets" in drawn.method


def test_a_design_is_even():
    points = design(np.zeros(2), np.array([1.0, 4.0]), 100, 3)
    assert points.shape == (100, 2)
    assert np.allclose(points.mean(axis=0), [0.5, 2.0], atol=0.1)


# ---------------------------------------------------------------------- the door


def test_a_run_keeps_its_draws_and_shows_them(small, tmp_path):
    fit = fm.calibrate(market(), market_series(600), free=FREE, updater="moments", out=tmp_path / "run")
    assert list(fit.draws) == list(FREE)
    assert all(len(values) == 2000 for values in fit.draws.values())
    assert fit.result["draws_method"]
    page = fit.save(tmp_path / "copy").read_text()
    assert "What the data leave open" in page
    for name in ("run", "copy"):
        assert all(np.array_equal(read(tmp_path / name).draws[n], fit.draws[n]) for n in FREE)
    (tmp_path / "run" / "draws.npz").write_bytes(b"no archive")
    with pytest.raises(RunDirectoryError, match=r"draws.npz is damaged"):
        read(tmp_path / "run")


def test_no_draws_where_none_are_wanted(small, tmp_path):
    fit = fm.calibrate(market(), market_paths(), free=FREE, updater="moments", draws=0, out=tmp_path / "run")
    assert fit.draws == {}
    assert fit.result["draws_method"] is None
    assert read(tmp_path / "run").draws == {}
    with pytest.raises(ParameterError, match="draws=2000"):
        fit.to_arviz()
    with pytest.raises(ParameterError, match="draws=-1"):
        fm.calibrate(market(), market_paths(), free=FREE, draws=-1)


def test_arviz_gets_one_chain_or_is_asked_for(small, monkeypatch):
    fit = fm.calibrate(market(), market_paths(), free=FREE, updater="moments", draws=50)
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ParameterError, match=r"fastmas\[arviz\]"):
        fit.to_arviz()
    monkeypatch.undo()
    arviz = pytest.importorskip("arviz")
    assert arviz.summary(fit.to_arviz()).index.tolist() == list(FREE)
