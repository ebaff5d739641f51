"""The game and what follows it, by faults that must be seen: a dead game, a reversed one, a worse point, look-ahead."""

from dataclasses import replace

import numpy as np
import pytest
import small_games
from small_games import TRUTH, make_setup, market, market_paths, market_series, z_of

import fastmas as fm
from fastmas import discriminators
from fastmas.calibration import settle as settling
from fastmas.calibration.found import modes_in_words, search_in_words
from fastmas.calibration.game import average, find_start, play
from fastmas.calibration.record import Record
from fastmas.calibration.settle import LAST_ROUNDS, Settled, features_of, settle, training_problem, whole_problem
from fastmas.calibration.setup import Setup
from fastmas.data import Observations
from fastmas.discriminators import amortised
from fastmas.statistics.scaling import Scaling
from fastmas.updaters.moments import MomentFit
from fastmas.updaters.scoring import Comparison, covariance_at

STEPS = 300  # of the network where a game must find its way
ALONE = [("cma-es", 40, 0.06), ("parameter-score", 80, 0.02)]


def silent(*arguments):
    """Nobody listens and nothing is saved."""


@pytest.fixture
def small(monkeypatch):
    for module, name, value in small_games.cuts():
        monkeypatch.setattr(module, name, value)


@pytest.mark.statistical
@pytest.mark.parametrize(("updater", "generations", "spread"), ALONE)
def test_the_game_alone_finds_the_way(updater, generations, spread, monkeypatch):
    """From kappa 25% and gamma 20% too high, with no moment fit before and no last step after it.

    The information bound of log kappa is .015 for 1,000 paths, .029 for 270, and .055 is what moments made of gamma;
    the start is eight and three of them away. A game that is dead stays there, a reversed one leaves.
    """
    monkeypatch.setattr(amortised, "STEPS", STEPS)
    setup = make_setup(market_paths(300, 51), updater=updater, generations=generations)
    truth, away = z_of(setup, **TRUTH), z_of(setup, kappa=1.25, gamma=2.4)
    record = Record(start=MomentFit(away, spread**2 * np.eye(2), 0.0, 1))
    with setup.threads():
        play(setup, record, silent, silent)
    assert (np.abs(average(setup, record) - truth) < [4 * 0.029, 2 * 0.055]).all()
    loss = [row["loss"] for row in record.rows]
    assert np.mean(loss[-len(loss) // 2:]) < 0.6 * np.mean(loss[:4])


def begun(setup, start):
    """A record with a start and a game of one generation that ended there."""
    record = Record(start=MomentFit(start, 0.03**2 * np.eye(len(start)), 0.0, 1), rows=[{"generation": 0}])
    record.centres = [start]
    return record


def test_no_point_above_the_start_is_returned(small, monkeypatch):
    """The start is at the truth, and polishing leads astray."""
    setup = make_setup(market_paths())
    start, bad = z_of(setup, **TRUTH), z_of(setup, kappa=3.0, gamma=1.0)
    monkeypatch.setattr(settling, "polish", lambda *a, **k: (bad, None))
    with setup.threads():
        settled = settle(setup, begun(setup, start))
    assert np.array_equal(settled.z, start)
    assert np.array_equal(settled.z_train, start)
    assert settled.distances["polished"] > settled.distances["start"] == settled.distance


def test_a_better_point_is_taken(small):
    """From 300 paths: a covariance of 58 figures from fewer changes with the rounding of a sum."""
    setup = make_setup(market_paths(300))
    with setup.threads():
        settled = settle(setup, begun(setup, z_of(setup, kappa=2.0, gamma=3.0)))
    assert settled.distances["polished"] < settled.distances["start"] / 2
    assert settled.distance == min(settled.distances.values())


def test_where_the_game_ended_is_taken_if_it_is_nearest(small, monkeypatch):
    """The game stood at the truth in the second half of its generations, and polishing stays."""
    setup = make_setup(market_paths())
    away, truth = z_of(setup, kappa=2.0, gamma=3.0), z_of(setup, **TRUTH)
    record = begun(setup, away)
    record.centres = [away] * 4 + [truth] * 4
    assert np.array_equal(average(setup, record), truth)
    monkeypatch.setattr(settling, "polish", lambda problem, z, *a: (z, None))
    with setup.threads():
        settled = settle(setup, record)
    assert np.array_equal(settled.z_train, truth)
    assert np.array_equal(settled.z, truth)


def test_a_last_step_that_leads_astray_is_not_taken(small, monkeypatch):
    """On all data as on the training part: here only the last of the two is led astray."""
    setup = make_setup(market_paths())
    truth, bad = z_of(setup, **TRUTH), z_of(setup, kappa=3.0, gamma=1.0)
    monkeypatch.setattr(settling, "polish", lambda problem, z, rounds: (bad if rounds == LAST_ROUNDS else z, None))
    with setup.threads():
        assert np.array_equal(settle(setup, begun(setup, truth)).z, truth)


def test_a_second_basin_is_told_and_a_flat_valley_is_not(small, monkeypatch):
    """Distances are (z_0^2 - 1)^2: minima at -1 and 1, and nothing in the second coordinate."""
    def compare(problem, points, run=0):
        return Comparison((points[:, 0] ** 2 - 1.0) ** 2 * 50.0, 0.0, 2)

    monkeypatch.setattr(settling, "compare", compare)
    problem = make_setup(market_paths()).moment_problem()
    modes = [(np.array([-1.0, 0.5]), 1.0), (np.array([1.0, 1.5]), 2.0)]
    told = settling._apart(problem, np.array([1.0, 0.5]), modes)
    assert [mode.tolist() for mode, _ in told] == [[-1.0, 0.5]]


def test_the_search_is_told_in_words(small):
    setup = make_setup(market_paths())
    here, there = z_of(setup, **TRUTH), z_of(setup, kappa=3.0, gamma=1.0)
    settled = Settled(here, here, 41.5, 60, 0.0, {"start": 43.0, "game": 44.0, "polished": 41.5}, [(there, 45.5)])
    assert modes_in_words(setup, settled) == ["another basin fits nearly as well (2.0 nats worse): kappa = 3, gamma = "
                                              "1; a mean of the two fits neither way"]
    said = search_in_words(settled)
    assert "on 60 degrees of freedom: its last step 41.5, the moment fit 43.0, the game 44.0" in said
    assert "Chance does not explain" not in said
    assert "may miss by 3.2 of its standard errors" in search_in_words(replace(settled, tau=3.2))


@pytest.mark.parametrize("regime", ["paths", "series"])
def test_training_never_looks_at_what_is_held_out(regime):
    """Scales, samples, moments and weights stay as they are when the held-out data are far wilder."""
    if regime == "paths":
        seen = make_setup(market_paths()).observations
        other = Observations(x_obs=seen.x_obs, x_heldout=seen.x_heldout**1.5, regime=seen.regime,
                             source=seen.source, column=seen.column)
    else:
        seen = make_setup(market_series(600)).observations
        later = seen.series_train[-1] * (seen.series_heldout / seen.series_train[-1]) ** 5
        other = Observations(x_obs=seen.x_obs, x_heldout=seen.x_heldout, regime=seen.regime, source=seen.source,
                             column=seen.column, series=np.concatenate([seen.series_train, later]),
                             series_train=seen.series_train, series_heldout=later)
    first, second = make_setup(seen), make_setup(other)
    assert first.scaling == second.scaling
    assert np.array_equal(first.real, second.real)
    assert np.array_equal(first.moments_real, second.moments_real)
    assert not np.array_equal(first.x_all, second.x_all)


@pytest.mark.parametrize("statistic", ["prices", "log-returns"])
def test_scales_are_those_of_the_training_data(statistic):
    """And of no simulated path: in units of the scales the training data have an sd of one."""
    setup = make_setup(market_paths(), statistic=statistic)
    assert setup.scaling == Scaling.of(setup.observations.x_obs)
    assert np.square(setup.real).mean() == pytest.approx(1.0, rel=0.01)
    assert np.abs(setup.real.mean()) < 0.05


def test_the_last_step_sees_what_the_game_has_learned(small, monkeypatch):
    """Moments first, then the features of the very network that was played against."""
    setup, record, seated = make_setup(market_paths()), Record(), []
    seat = discriminators.seat
    monkeypatch.setattr(discriminators, "seat", lambda *a: (seated.append(seat(*a)), seated[-1])[1])
    with setup.threads():
        find_start(setup, record, silent, silent)
        play(setup, record, silent, silent)
    seen = features_of(setup, record)(setup.x_train)
    assert seen.shape[1] > setup.moments_real.shape[1]
    np.testing.assert_allclose(seen, seated[-1].real, rtol=1e-6)


def test_the_last_step_uses_all_data(small):
    """The held-out paths are of another kappa: the estimate moves towards it, that of the training part does not."""
    x = market_paths(80)
    other = fm.simulate(market(), {"kappa": 1.6, "gamma": 2.0}, n_paths=80, n_steps=80, warmup=50, seed=9)
    setup = make_setup(Observations(x_obs=x, x_heldout=other, regime="paths", source="array", column=None))
    record = Record()
    with setup.threads():
        find_start(setup, record, silent, silent)
        settled = settle(setup, record)
    assert settled.z[0] > settled.z_train[0] + 0.1


def test_an_estimate_of_a_series_is_weighed_more_sharply_than_a_search(monkeypatch):
    """Sum and difference of two figures, z of sd 1 and z / 10 of sd .045: information 1 + 5, so that .41 is the least.

    Eigenvalues of their correlation are 2 and .004: the search's ridge of .02 hides most of the second and leaves .58.
    The standard error is that of what the last step solves.
    """
    def figures(z, n_paths, run, common):
        noise = np.random.default_rng(run).standard_normal((2, 1, n_paths))
        one, two = z + noise[0], 0.1 * z + 0.045 * noise[1]
        return np.stack([one + two, one - two], axis=-1)

    setup = make_setup(market_series(600), ("kappa",), updater="moments")
    rough = replace(setup.moment_problem(), simulated=figures, observed=np.zeros(2), low=np.array([-5.0]),
                    high=np.array([5.0]), soft=None)
    monkeypatch.setattr(Setup, "problem", lambda *arguments: rough)
    sharp = whole_problem(setup, begun(setup, np.zeros(1)))
    found, least = (float(covariance_at(one, np.zeros(1))[0, 0] ** 0.5) for one in (rough, sharp))
    assert found > 1.25 * least
    assert least < 1.1 * 0.41


@pytest.mark.parametrize(("n_times", "n_weigh"), [(600, 600), (10_000, 419), (60_000, 300)])
def test_a_long_series_is_simulated_less_often_and_never_less_than_in_the_search(n_times, n_weigh):
    setup = make_setup(market_series(n_times), updater="moments")
    record = begun(setup, z_of(setup, **TRUTH))
    assert training_problem(setup, record).n_weigh == whole_problem(setup, record).n_weigh == n_weigh


@pytest.mark.parametrize("regime", ["paths", "a vague series"])
def test_paths_and_a_series_that_leaves_a_parameter_vague_are_weighed_as_in_the_search(regime):
    setup = make_setup(market_paths() if regime == "paths" else market_series(600), updater="moments")
    record = begun(setup, z_of(setup, **TRUTH))
    if regime == "a vague series":
        record.start = replace(record.start, covariance=np.diag([0.1, 0.01]) * (setup.high - setup.low) ** 2)
    problem = whole_problem(setup, record)
    assert (problem.n_weigh, problem.ridge) == (setup.n_weigh(len(setup.x_all)), setup.ridge)
