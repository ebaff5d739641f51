"""CMA-ES: random numbers of its own, options of the package, many coordinates, restarts."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from fastmas import updaters
from fastmas.evaluation import Evaluation
from fastmas.region import Region
from fastmas.updaters import Search, from_arrays, to_arrays
from fastmas.updaters.centring import Centring
from fastmas.updaters.cma_es import CMAES

GLOBAL = ("rand", "randn", "random", "randint", "seed", "get_state", "set_state", "uniform", "normal",
          "standard_normal", "choice", "random_sample", "permutation", "shuffle")


def search(d=2, n_generations=60, seed=1, integer=False):
    marked = np.zeros(d, dtype=bool)
    marked[:1] = integer
    region = Region(np.full(d, -20.5), np.full(d, 20.5), marked)
    return Search(np.full(d, 4.0), np.ones(d), region, n_generations, seed)


def bowl(given, z, generation, bottom=0.0):
    noise = np.random.default_rng([given.seed, generation]).standard_normal(len(z))
    whole = np.where(given.region.integer, np.rint(z), z)
    return (((whole - bottom) / given.spread) ** 2).sum(axis=1) + noise


def nothing(given, z, generation):
    return np.full(len(z), np.nan)


def play(updater, given, loss=bowl, n=None, state=None):
    """The last state, all candidates, and all centres."""
    state, asked, centres = updater.start(given) if state is None else state, [], []
    for generation in range(given.n_generations if n is None else n):
        asked.append(updater.ask(state))
        state = updater.tell(state, Evaluation(loss(given, asked[-1], generation)))
        centres.append(updater.centre(state))
    return state, asked, np.array(centres)


# ---------------------------------------------------------------------- random numbers


@pytest.mark.parametrize("loss", [bowl, nothing])
@pytest.mark.parametrize("integer", [False, True])
def test_numpys_global_state_is_neither_written_nor_read(loss, integer, monkeypatch):
    def read(*given, **options):
        raise AssertionError("NumPy's global state was read")

    for name in GLOBAL:
        monkeypatch.setattr(np.random, name, read)
    play(CMAES(), search(3, integer=integer), loss)


def test_hundreds_of_coordinates_do_not_read_it_either(monkeypatch):
    """cma has another rule for steps there, which looks at coordinates by chance."""
    monkeypatch.setattr(np.random, "randint", None)
    play(CMAES(), search(320, n_generations=6))


def test_one_object_in_several_threads():
    updater, alone, together = CMAES(), {}, {}
    for seed in range(1, 5):
        alone[seed] = play(CMAES(), search(seed=seed))[2]

    def work(seed):
        together[seed] = play(updater, search(seed=seed))[2]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(together[seed], alone[seed]) for seed in alone)


# ---------------------------------------------------------------------- options


def test_options_of_the_package_pass_through():
    usual, changed = (play(CMAES(given), search(5))[2] for given in ({}, {"CMA_active": False}))
    assert not np.array_equal(usual, changed)
    assert CMAES({"popsize": 22}).ask(CMAES().start(search())).shape == (22, 2)
    narrow = CMAES({"CMA_stds": [1e-3, 1e-3]})
    assert np.ptp(narrow.ask(narrow.start(search())), axis=0).max() < 10.0  # minstd holds: 0.7 spreads
    narrow = CMAES({"CMA_stds": [1e-3, 1e-3], "minstd": 0.0})
    assert np.ptp(narrow.ask(narrow.start(search())), axis=0).max() < 0.02


@pytest.mark.parametrize(("d", "options", "separable"), [
    (40, {}, False), (41, {}, True), (100, {}, True), (41, {"CMA_diagonal": False}, False),
    (5, {"CMA_diagonal": True}, True)])
def test_the_covariance_is_diagonal_above_forty_coordinates(d, options, separable):
    updater, given = CMAES(options), search(d)
    state, _, _ = play(updater, given, n=12)
    covariance = np.asarray(updater._at(state)._strategy.C)  # its diagonal (d,) where there is no more of it
    assert (covariance.ndim < 2 or np.array_equal(covariance, np.diag(np.diag(covariance)))) == separable


# ---------------------------------------------------------------------- restarts


def two_basins(given, z, generation):
    """The start's ends 40 above the other, which lies ten spreads off."""
    near, far = bowl(given, z, generation, 4.0) + 40.0, bowl(given, z, generation, -6.0)
    return np.where(z[:, 0] > -1.0, near, far)


STOPS = {"tolfun": 1e3, "tolfunhist": 1e3}  # in any basin, once its losses are alike


def test_a_search_that_goes_no_further_begins_again_with_twice_the_candidates():
    _, asked, _ = play(CMAES(), search(), nothing)
    sizes = [len(z) for z in asked]
    assert sorted(set(sizes)) == [8, 16, 32]
    assert sizes == sorted(sizes)
    first = sizes.index(16)
    assert np.abs(asked[first].mean(axis=0) - asked[first - 1].mean(axis=0)).max() > 2.0
    assert {len(z) for z in play(CMAES({"restarts": 0}), search(), nothing)[1]} == {8}
    assert {len(z) for z in play(CMAES({"restarts": 1}), search(), nothing)[1]} == {8, 16}


def test_no_restart_when_few_generations_are_left():
    assert {len(z) for z in play(CMAES(), search(n_generations=12), nothing)[1]} == {8}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_ordinary_game_has_none(seed):
    assert {len(z) for z in play(CMAES(), search(seed=seed), n=60)[1]} == {8}


def test_the_search_stands_where_the_lowest_does():
    """The second basin is found by some of these, and none leaves the first for a worse place."""
    ends = []
    for seed in range(1, 7):
        _, asked, centres = play(CMAES(STOPS), search(seed=seed), two_basins)
        assert max(len(z) for z in asked) > 8
        ends.append(centres[-20:].mean(axis=0))
        assert min(np.abs(ends[-1] - bottom).max() for bottom in (4.0, -6.0)) < 1.5
    assert sum(end[0] < 0 for end in ends) >= 2
    alone = play(CMAES({**STOPS, "restarts": 0}), search(), two_basins)[2]
    assert alone[-1][0] > 2.0


@pytest.mark.parametrize("at", [3, 20, 35])
def test_resumption_goes_through_restarts(at):
    given = search()
    state, _, _ = play(CMAES(STOPS), given, two_basins, n=at)
    arrays = {k: np.array(v) for k, v in to_arrays(state).items()}
    _, asked, centres = play(CMAES(STOPS), given, two_basins, n=20, state=state)
    again = from_arrays(type(state), replace(given), arrays)
    _, asked_again, centres_again = play(CMAES(STOPS), given, two_basins, n=20, state=again)
    assert all(np.array_equal(a, b) for a, b in zip(asked, asked_again, strict=True))
    assert np.array_equal(centres, centres_again)


# ---------------------------------------------------------------------- whole numbers


def test_centring_does_what_cmas_does():
    """But for its luck at the bounds: none of these points is beyond one."""
    cma = pytest.importorskip("cma")
    rng = np.random.default_rng(3)
    integer = np.array([True, False, True, True])
    ours = Centring(integer, np.full(4, -9.0), np.full(4, 9.0), rng)
    theirs = cma.integer_centering.IntegerCentering({"integer_variables": [0, 2, 3]})
    for _ in range(50):
        mean, x = rng.uniform(-3, 3, 4), rng.uniform(-4, 4, (6, 4))
        left, right = [row.copy() for row in x], [row.copy() for row in x]
        ours(left, mean)
        theirs(right, mean)
        assert np.array(left) == pytest.approx(np.array(right), abs=1e-12)


def test_centring_keeps_whole_numbers_within_bounds():
    rng = np.random.default_rng(3)
    low, high = np.array([-0.4, 0.0]), np.array([2.4, 1.0])
    solutions = [np.array([5.0, 5.0]), np.array([-5.0, -5.0]), np.array([1.2, 0.4])]
    Centring(np.array([True, False]), low, high, rng)(solutions, np.array([1.0, 0.5]))
    assert [round(x[0]) for x in solutions] == [2, 0, 1]
    assert [x[1] for x in solutions] == [5.0, -5.0, 0.4]


def test_a_game_has_an_object_of_its_own():
    assert updaters.make("cma-es") is not updaters.make("cma-es")
    assert updaters.make("moments") is updaters.get("moments")
