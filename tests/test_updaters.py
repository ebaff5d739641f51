"""Updaters: one contract for every one that plays by losses, and noisy bowls whose bottoms are known."""

import random
from dataclasses import replace

import numpy as np
import pytest

from fastmas import updaters
from fastmas.errors import ParameterError
from fastmas.evaluation import LOSS, Evaluation
from fastmas.region import Region
from fastmas.updaters import Search, from_arrays, get, ranked, to_arrays

GAMES = [name for name in updaters.names() if get(name).is_game and get(name).needs == LOSS]
N_GENERATIONS = 60
REGION = Region(np.array([-5.0, -1.0]), np.array([15.0, 1.0]), np.zeros(2, dtype=bool))


def search(seed=1, n_generations=N_GENERATIONS, **changes):
    """Two coordinates whose errors at the start differ tenfold, the start six of them from the bottom at (3, 0)."""
    given = Search(start=np.array([6.0, 0.3]), spread=np.array([0.5, 0.05]), region=REGION,
                   n_generations=n_generations, seed=seed)
    return replace(given, **changes)


def bowl(given, z, generation, bottom=(3.0, 0.0), noise=1.0):
    """Squared distance to the bottom in spreads, whole coordinates rounded, with fresh noise in every candidate."""
    rounded = np.where(given.region.integer, np.rint(z), z)
    rng = np.random.default_rng([given.seed, generation])
    return (((rounded - bottom) / given.spread) ** 2).sum(axis=1) + noise * rng.standard_normal(len(z))


def play(updater, state, generations, loss=bowl):
    """The state after these generations, all candidates and all centres."""
    asked, centres = [], []
    for generation in generations:
        asked.append(updater.ask(state))
        state = updater.tell(state, Evaluation(loss(state.search, asked[-1], generation)))
        centres.append(updater.centre(state))
    return state, asked, np.array(centres)


def average(updater, centres):
    """The estimate: the mean over the last part of a round."""
    return centres[-int(updater.averaged * len(centres)):].mean(axis=0)


# ---------------------------------------------------------------------- contract


@pytest.mark.parametrize("name", GAMES)
def test_ask_is_pure(name):
    updater = get(name)
    begun, _, _ = play(updater, updater.start(search()), range(3))
    loss = bowl(begun.search, updater.ask(begun), 3)
    first, second = updater.tell(begun, Evaluation(loss)), updater.tell(begun, Evaluation(loss[::-1]))
    seen = {"begun": updater.ask(begun), "first": updater.ask(first), "second": updater.ask(second)}
    assert not np.array_equal(seen["first"], seen["second"])
    for _ in range(2):
        for state, which in ((second, "second"), (begun, "begun"), (first, "first")):
            assert np.array_equal(updater.ask(state), seen[which]), which
    updater.ask(first)[:] = 99.0
    assert np.array_equal(updater.ask(first), seen["first"])


@pytest.mark.parametrize("name", GAMES)
def test_centre_belongs_to_its_state(name):
    updater = get(name)
    state, _, _ = play(updater, updater.start(search()), range(4))
    centre = updater.centre(state)
    play(updater, state, range(4, 7))
    assert np.array_equal(updater.centre(state), centre)


@pytest.mark.parametrize("name", GAMES)
def test_a_state_from_arrays_goes_on_bit_for_bit_in_a_fresh_object(name):
    updater = get(name)
    state, _, _ = play(updater, updater.start(search()), range(5))
    arrays = {key: np.array(array) for key, array in to_arrays(state).items()}
    _, asked, centres = play(updater, state, range(5, 12))
    fresh = type(updater)()
    again = from_arrays(type(state), search(), arrays)
    _, asked_again, centres_again = play(fresh, again, range(5, 12))
    assert np.array_equal(asked, asked_again)
    assert np.array_equal(centres, centres_again)


@pytest.mark.parametrize("name", GAMES)
def test_arrays_of_a_state_are_plain_numbers(name):
    updater = get(name)
    state, _, _ = play(updater, updater.start(search()), range(2))
    assert all(array.dtype.kind in "iuf" for array in to_arrays(state).values())


@pytest.mark.parametrize("name", GAMES)
def test_seeds_decide(name):
    updater = get(name)
    asked = [np.array(play(updater, updater.start(search(seed)), range(3))[1]) for seed in (1, 1, 2)]
    assert np.array_equal(asked[0], asked[1])
    assert not np.array_equal(asked[0][0], asked[2][0])


@pytest.mark.parametrize("name", GAMES)
def test_global_random_states_are_left_alone(name):
    updater = get(name)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    before = np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate()  # noqa: NPY002
    play(type(updater)(), updater.start(search()), range(5))
    assert before == (np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate())  # noqa: NPY002


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("bottom", [(-40.0, 0.0), (40.0, 3.0)])
def test_bounds_are_never_left(name, bottom):
    """The bottom lies outside the box, four from the start on either side, and a part of it has no value."""
    updater, region = get(name), Region(np.array([2.0, -1.0]), np.array([10.0, 1.0]), REGION.integer)

    def loss(given, z, generation):
        values = bowl(given, z, generation, bottom)
        return np.where(z[:, 1] > 0.8, np.nan, values)

    _, asked, centres = play(updater, updater.start(search(region=region)), range(40), loss)
    for points in (np.concatenate(asked), centres):
        assert (points >= region.low).all()
        assert (points <= region.high).all()
    nearest = region.low[0] if bottom[0] < 0 else region.high[0]
    assert abs(centres[-1][0] - nearest) < 0.1 * region.width[0]


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_the_worst(name, wrong):
    """Everything right of 4.5 runs away, the start with it: the search must leave for the left."""
    updater = get(name)

    def loss(given, z, generation):
        return np.where(z[:, 0] > 4.5, wrong, bowl(given, z, generation))

    _, _, centres = play(updater, updater.start(search()), range(N_GENERATIONS), loss)
    assert average(updater, centres)[0] < 4.5


@pytest.mark.parametrize("name", GAMES)
def test_all_losses_may_be_wrong_and_any_number_of_generations_is_short(name):
    updater = get(name)
    given = search(n_generations=1)
    state = updater.tell(updater.start(given), Evaluation(np.full(len(updater.ask(updater.start(given))), np.nan)))
    assert np.isfinite(updater.centre(state)).all()


def test_ranked():
    assert ranked([3.0, -2.0]).tolist() == [3.0, -2.0]
    for loss in ([np.nan, -5.0, -7.0], [np.inf, 0.0, 2.0], [-np.inf, 1e9, 3.0]):
        done = ranked(loss)
        assert done[0] > max(loss[1:])
        assert done[1:].tolist() == loss[1:]
    assert np.isfinite(ranked([np.nan, np.inf])).all()


# ---------------------------------------------------------------------- bowls


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_noisy_bowl_is_found_within_one_spread(name, seed):
    """The bowl rises by 1 at one spread, its noise has sd 1, and the start is six spreads away.

    A search that stands one spread off sees pairs at +-1.5 spreads differ by 4 x 1.5 = 6 with a noise of sqrt(2), or
    ranks of candidates 0.7 spreads apart: a signal of four sds or of one in every generation. Over the thirty
    generations that are averaged neither can stand there.
    """
    updater, given = get(name), search(seed)
    _, _, centres = play(updater, updater.start(given), range(N_GENERATIONS))
    assert (np.abs(average(updater, centres) - [3.0, 0.0]) < given.spread).all()


@pytest.mark.parametrize("name", GAMES)
def test_one_coordinate_alone(name):
    updater = get(name)
    given = Search(np.array([6.0]), np.array([0.5]), REGION.without(1), N_GENERATIONS, 1)
    _, asked, centres = play(updater, updater.start(given), range(N_GENERATIONS),
                             lambda s, z, g: bowl(s, z, g, (3.0,)))
    assert asked[0].shape[1] == 1
    assert abs(average(updater, centres)[0] - 3.0) < 0.5


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("alone", [False, True])
def test_a_whole_number_is_found(name, seed, alone):
    """Next to the bottom the rounded bowl rises by (1 / 0.5)^2 = 4 sds of its noise: no other whole number will do."""
    kept = slice(0, 1) if alone else slice(None)
    parts = {k: getattr(search(), k)[kept] for k in ("start", "spread")}
    whole = Region(REGION.low, REGION.high, np.array([True, False]))
    given = search(seed, region=whole.without(1) if alone else whole, **parts)
    updater = get(name)
    bottom = np.array([3.0, 0.0])[kept]
    _, _, centres = play(updater, updater.start(given), range(N_GENERATIONS),
                         lambda s, z, g: bowl(s, z, g, bottom))
    found = average(updater, centres)
    assert np.rint(found[0]) == 3.0
    assert (np.abs(found - bottom)[1:] < given.spread[1:]).all()


# ---------------------------------------------------------------------- names


def test_moments_play_no_game_and_stay():
    updater, given = get("moments"), search()
    assert not updater.is_game
    state = updater.start(given)
    assert updater.ask(state).tolist() == [given.start.tolist()]
    assert updater.centre(updater.tell(state, Evaluation(np.zeros(1)))).tolist() == given.start.tolist()


def test_an_unknown_updater_is_named_with_those_there_are():
    with pytest.raises(ParameterError) as caught:
        get("gradient")
    assert "unknown updater 'gradient'; there are: " in str(caught.value)
    assert all(name in str(caught.value) for name in ("cma-es", "moments", "parameter-score"))


def test_there_is_a_game_to_test():
    assert {"cma-es", "parameter-score"} <= set(GAMES)
