"""Many free parameters: shared differences, sizes that do not explode, and what is said of like agents."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_games import make_parts, market, market_paths

import fastmas as fm
from fastmas import updaters
from fastmas.calibration.found import modes_in_words
from fastmas.calibration.game import Game
from fastmas.calibration.identified import combinations, listed
from fastmas.calibration.interval import warnings
from fastmas.calibration.posterior import normal_draws
from fastmas.calibration.prepare import n_learned
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.record import Record
from fastmas.calibration.settle import Settled
from fastmas.calibration.simulator import Simulator
from fastmas.discriminators.networks import QuadraticInTheta
from fastmas.distance import weigh
from fastmas.errors import MemoryLimitError, ParameterError
from fastmas.evaluation import Evaluation
from fastmas.parameters import Parameter, ParameterSpace
from fastmas.region import Region
from fastmas.updaters import moments, scoring
from fastmas.updaters.differences import ONE_BY_ONE, SHARED, differences, without_noise

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import many_parameters  # noqa: E402

SETTLED = Record(is_settled=True)


def cube(d):
    """From -1 to 1 in each coordinate."""
    return Region(-np.ones(d), np.ones(d), np.zeros(d, dtype=bool))


# ---------------------------------------------------------------------- designs


@pytest.mark.parametrize("d", [1, 3, ONE_BY_ONE, ONE_BY_ONE + 1, 16, 17, 100])
@pytest.mark.parametrize("at", [0.0, 0.95, 1.0])
def test_slopes_of_a_linear_function_are_exact(d, at):
    """At a bound too, where a pair has its one end."""
    rng = np.random.default_rng(d)
    true, z, asked = rng.normal(size=(d, 4)), np.zeros(d), []
    z[0] = at
    pairs = differences(z, np.linspace(0.05, 0.1, d), cube(d))

    def means_at(points, run):
        asked.append(points)
        return points @ true + 7.0 + run  # what both ends have in common goes

    assert pairs.slopes(means_at, 3) == pytest.approx(true, abs=1e-9)
    points = np.concatenate(asked)
    assert (np.abs(points) <= 1.0).all()
    assert len(points) <= 4 * d


def test_paths_of_all_pairs_do_not_grow_with_their_number():
    for d in (9, 16, 40, 100, 250):
        pairs = differences(np.zeros(d), np.full(d, 0.1), cube(d))
        assert len(pairs.above) * pairs.n_paths(10_000) <= SHARED * 10_000


def test_a_pair_that_ran_away_tells_nothing():
    d = 12
    true = np.random.default_rng(1).normal(size=(d, 3))
    pairs = differences(np.zeros(d), np.full(d, 0.1), cube(d))

    def means_at(points, run):
        return np.where((points == pairs.above[2]).all(axis=1)[:, None], np.nan, points @ true)

    found = pairs.slopes(means_at, 0)
    assert np.isfinite(found).all()
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.9


def test_noise_alone_has_no_slope():
    """Of 40 sets of slopes that are noise, a few keep a direction at most; a strong one is kept and little is added."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(40, 100, 8, 30))
    assert sum(bool(without_noise(one).any()) for one in noise) <= 10
    strong = np.outer(np.ones(100), rng.normal(size=30))
    found = without_noise(noise[0] + strong[:, None])
    assert np.linalg.matrix_rank(found) == 1
    assert np.linalg.norm(found - strong) < 0.25 * np.linalg.norm(strong)


@pytest.mark.parametrize("ridge", [0.0, 0.02])
def test_a_feature_that_does_not_vary_is_matched_up_to_rounding(ridge):
    """It varies by rounding, and what is as small as that is near; the same point must not fit data that differ."""
    features = np.random.default_rng(3).normal(size=(300, 5))
    still = np.hstack([features, np.full((300, 2), 0.1) + 1e-16 * features[:, :2]])
    weight, without = weigh(still, 0.01, ridge=ridge), weigh(features, 0.01, ridge=ridge)
    gap = np.array([0.1, -0.2, 0.1, 0.0, 0.1, 0.0, 0.0])
    rounded, other = (np.array([*gap[:5], off, 0.0]) for off in (1e-8, 1e-3))
    assert weight.distance(rounded) == pytest.approx(without.distance(gap[:5]), rel=1e-3)
    assert weight.distance(other) > 1e4 * without.distance(gap[:5])


# ---------------------------------------------------------------------- sizes


@pytest.mark.parametrize("d", [2, 12, 13, 100])
def test_the_network_grows_with_d_and_not_with_its_square(d):
    network = QuadraticInTheta(10, d, 48)
    assert sum(p.numel() for p in network.parameters()) < 80 * (100 + d)
    u = torch.linspace(-1.0, 1.0, d)
    assert network.monomials(u).shape == network.trunk(torch.zeros(10)).shape
    assert network.monomials(u)[1:1 + d].tolist() == u.tolist()


def test_candidates_by_dimension():
    found = [updaters.population(d) for d in (1, 2, 5, 12, 19, 100, 1000)]
    assert found[:3] == [8, 8, 8]
    assert found == sorted(found)
    assert found[5] == 50
    assert all(n % 2 == 0 for n in found)


@pytest.mark.parametrize("updater", ["cma-es", "parameter-score"])
def test_an_updater_asks_for_as_many(updater):
    d = 100
    search = updaters.Search(np.zeros(d), np.full(d, 0.1), cube(d), 3, 1)
    state = updaters.get(updater).start(search)
    z = updaters.get(updater).ask(state)
    assert z.shape == (updaters.population(d), d)
    state = updaters.get(updater).tell(state, Evaluation(np.square(z).sum(axis=1)))
    assert updaters.get(updater).centre(state).shape == (d,)


def largest_array(d, monkeypatch):
    """Values of the largest array of features that a moment fit and an interval of d parameters hold."""
    held, featured = [0], Simulator.featured

    def spy(self, *args, **options):
        found = featured(self, *args, **options)
        held.append(found.size)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Simulator, "featured", spy)
        simulator, settings = make_parts(market_paths(), ["gamma"], updater="moments",
                                         model=market(n_technical=d, windows=((2, 8),), per_agent=("gamma",)))
        problem = moment_problem(simulator, settings)
        fit = moments.fit_moments(problem, effort=settings.budget.start)
        scoring.covariance_at(problem, fit.z)
    return max(held)


def test_arrays_grow_with_the_number_of_parameters_at_most(small, monkeypatch):
    few, many = (largest_array(d, monkeypatch) for d in (10, 30))
    assert many <= 3 * few
    assert many <= scoring.CHUNK


def test_memory_is_counted_before_anything_is_simulated(monkeypatch):
    model = market(n_technical=40, windows=((2, 8),), per_agent=("gamma",))
    monkeypatch.setattr("fastmas.calibration.prepare.available_memory", lambda: 10**6)
    with pytest.raises(MemoryLimitError, match=r"needs? .* GB and 0.001 GB are free"):
        make_parts(market_paths(), ["gamma"], model=model)
    with pytest.raises(MemoryLimitError, match=r"the last steps' 2000 paths need 0.00\d+ GB"):
        make_parts(market_paths(n_times=151), ["gamma"], model=model, updater="moments")


# ---------------------------------------------------------------------- what is said


def crowd(n, name="gamma", scale="log"):
    return ParameterSpace([Parameter(name=name, default=1.0, low=0.1, high=10.0, scale=scale, n_agents=n)], [name])


WIDTH = np.log(100.0)


def mean_known(n, error, width=WIDTH):
    """Covariance of n values of which the box is known, and the mean up to `error`."""
    wide = np.eye(n) - np.ones((n, n)) / n
    return wide * width**2 / 12 + error**2 * np.ones((n, n))


@pytest.mark.parametrize("n", [5, 12, 100])
def test_like_agents_are_told_in_one_line(n):
    said = warnings(crowd(n), SETTLED, np.zeros(n), mean_known(n, np.log(1.02)))
    assert said == [f"gamma[0], gamma[1], ... and gamma[{n - 1}] ({n} parameters) move together: the data identify "
                    "their geometric mean (known to 2.0%), not each of them"]


def test_the_combination_of_like_agents_for_a_program():
    space = crowd(100, scale="linear")
    (found,) = combinations(space, mean_known(100, 0.05, 9.9))
    assert found.weights == pytest.approx(np.full(100, 0.01))
    assert found.standard_error == pytest.approx(0.05)
    assert found.words == "their mean (known to +- 0.05)"
    plain = found.plain(space.free)
    assert (len(plain["parameters"]), plain["others"]) == (100, 0)


def test_a_weighted_mean_is_told_without_an_error():
    """Its weights hold near the estimate alone, and an error with them."""
    n = 12
    w = np.linspace(0.5, 3.0, n) ** 2
    w /= np.linalg.norm(w)
    known = WIDTH**2 / 12 * (np.eye(n) - np.outer(w, w)) + np.log(1.02) ** 2 * np.outer(w, w)
    (found,) = combinations(crowd(n), known)
    assert found.words == "a weighted geometric mean of them, and that near these values alone"


def test_what_else_is_known_of_like_agents_is_counted():
    """The mean, and the difference of one half and the other."""
    halves = np.repeat([1.0, -1.0], 20) / 40
    wide = mean_known(40, 0.02) - 40 * (WIDTH**2 / 12) * np.outer(halves, halves) * 0.99
    (said,) = warnings(crowd(40), SETTLED, np.zeros(40), wide)
    assert "identify their geometric mean (known to 2.0%) and 1 other combination, not each of them" in said


def test_an_agent_that_is_known_is_no_member():
    wide = np.zeros((9, 9))
    wide[1:, 1:] = mean_known(8, 0.02)
    wide[0, 0] = 0.01**2
    (found,) = combinations(crowd(9), wide)
    assert found.members == tuple(range(1, 9))


def test_independent_errors_are_no_combination():
    assert combinations(crowd(30), 0.3**2 * np.eye(30)) == []


def test_vague_ones_and_those_at_bounds_share_a_line():
    space, n = crowd(50), 50
    z = np.zeros(n)
    z[:20] = space.region.low[0]
    said = warnings(space, SETTLED, z, (0.25 * WIDTH) ** 2 * np.eye(n))
    assert said == [
        "gamma[0], gamma[1], ... and gamma[19] (20 parameters) ended at their lower bounds: widen the bounds or fix "
        "them",
        "gamma[0], gamma[1], ... and gamma[49] (50 parameters) are hardly identified by these data: their standard "
        "errors are 25% of their ranges"]


def test_names_in_a_row():
    assert listed(["b"]) == "b"
    assert listed(["b", "c", "d"]) == "b, c and d"


def test_another_basin_is_told_by_what_differs_most():
    here = np.zeros(50)
    there = here.copy()
    there[[7, 30]] = np.log([2.0, 0.4])
    settled = Settled(here, here, 40.0, 3, 0.0, {}, [(there, 41.0)])
    (said,) = modes_in_words(crowd(50), settled)
    assert "gamma[30] = 0.4, gamma[7] = 2, gamma[0] = 1, gamma[1] = 1, gamma[2] = 1, gamma[3] = 1 and 44 more" in said


def test_no_more_lines_than_a_reader_reads():
    """40 parameters that are no crowd and move together by pairs."""
    space = ParameterSpace([Parameter(name=f"p{i}", default=1.0, low=0.1, high=10.0, scale="log") for i in range(40)],
                           [f"p{i}" for i in range(40)])
    pair = np.array([[1.0, 0.999], [0.999, 1.0]]) * (0.1 + np.arange(20)[:, None, None] / 100)
    wide = np.zeros((40, 40))
    for i in range(20):
        wide[2 * i:2 * i + 2, 2 * i:2 * i + 2] = pair[i]
    assert len(warnings(space, SETTLED, np.zeros(40), wide)) <= 8


def test_draws_of_many_parameters_lie_within_their_bounds_and_not_on_them():
    """The mean is known and nothing else; a normal law of 50 such values is inside their box once in 10^12 draws."""
    region, n = crowd(50).region, 50
    drawn = normal_draws(SimpleNamespace(seed=1, region=region), np.zeros(n), mean_known(n, 0.02), 400)
    assert drawn.shape == (400, n)
    assert ((drawn > region.low) & (drawn < region.high)).all()
    assert np.abs(drawn.mean()) < 0.01
    assert 0.01 < drawn.mean(axis=1).std() < 0.03
    assert 0.2 < drawn.std() / WIDTH < 0.29


# ---------------------------------------------------------------------- on the market


def test_the_moment_fit_alone_needs_a_figure_for_each(small):
    model = market(n_technical=80, windows=((2, 8),), per_agent=("gamma",))
    with pytest.raises(ParameterError, match=r"80 free parameters and \d\d moments of paths of 31 prices: more"):
        make_parts(market_paths(), ["gamma"], model=model, updater="moments")
    assert n_learned(make_parts(market_paths(), ["gamma"], model=model).settings, 80) == 48
    with pytest.raises(ParameterError, match=r"moments of paths of 31 prices, and 48 learned features: more unknowns"):
        make_parts(market_paths(), ["gamma"],
                   model=market(n_technical=200, windows=((2, 8),), per_agent=("gamma",)))


@pytest.mark.parametrize("updater", ["cma-es", "parameter-score"])
def test_a_game_of_more_unknowns_than_moments_is_played(small, updater):
    model = market(n_technical=80, windows=((2, 8),), per_agent=("gamma",))
    fit = fm.calibrate(model, market_paths(), free=["gamma"], updater=updater, generations=2, interval=True, seed=1)
    assert len(fit.history) >= 2
    assert len(fit.warnings) <= 6
    assert fit.result["moment_degrees"] == 0
    assert min(fit.result["candidates"].values()) == fit.result["distance"] <= fit.result["candidates"]["start"]
    for name, (low, high) in fit.interval.items():
        assert low < fit.estimate[name] < high


@pytest.mark.parametrize(("share", "settles"), [(0.25, True), (0.02, False)])
def test_what_nothing_holds_does_not_keep_a_game_from_settling(share, settles):
    """gamma ends far off; with a standard error of a quarter of its box that is no news."""
    game = Game(*make_parts(market_paths()), lambda *a: None, lambda event: None)
    width, z = game.simulator.region.width, game.simulator.region.middle
    record = Record(start=moments.MomentFit(z, np.diag((np.array([0.02, share]) * width) ** 2), 1.0, 1))
    search = game.search(record)
    record.centres = [z + [0.0, 0.9 * (search.region.high - z)[1]]]
    game._finish_round(record, search)
    assert record.is_settled is settles
    assert record.is_played is settles


@pytest.mark.parametrize("updater", ["moments", "cma-es"])
def test_twelve_unknowns_are_found_as_far_as_they_can_be(small, updater):
    """The middle of the box is .9 (kappa) and .8 (gamma) away in logarithms, and what a scan finds best .2 and more."""
    model = market(per_agent=("kappa", "gamma"))
    x = fm.simulate(model, {"kappa": 3.0, "gamma": 4.5}, n_paths=200, n_steps=90, warmup=50, seed=5)
    fit = fm.calibrate(model, x, free=["kappa", "gamma"], updater=updater, n_threads=1, generations=4)
    values = np.log(list(fit.estimate.values()))
    assert abs(values[:7].mean() - np.log(3.0)) < 0.15
    assert abs(values[7:].mean() - np.log(4.5)) < 0.25
    assert fit.p_value > 0.01
    assert len(fit.warnings) <= 6
    kappa = [one for one in fit.result["identified"] if set(one["parameters"]) == {f"kappa[{i}]" for i in range(7)}]
    assert kappa[0]["combination"].startswith("their geometric mean (known to ")
    assert 0.005 < kappa[0]["standard_error"] < 0.1


@pytest.mark.slow
def test_a_hundred_unknowns_in_bounded_memory_and_time():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        row = pool.submit(many_parameters.run, "100", "cma-es", True, 1, 2).result()
    assert row["d"] == 100
    assert row["peak_gb"] < 2.0
    assert row["cpu_seconds"] < 600
    assert len(row["warnings"]) <= 8
    assert row["p_value"] > 0.01
    (kappa,) = [one for one in row["identified"] if one["first"] == "kappa[0]"]
    assert abs(kappa["error"]) < 4 * kappa["standard_error"]
