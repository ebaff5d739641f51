"""Adam on gradients: bowls whose bottoms are known, options, and bits of a state."""

import numpy as np
import pytest

from fastmas import estimators, updaters
from fastmas.errors import ParameterError
from fastmas.evaluation import GRADIENT, Evaluation
from fastmas.region import Region
from fastmas.updaters import Search, from_arrays, make, to_arrays

REGION = Region(np.array([-5.0, -1.0]), np.array([15.0, 1.0]), np.zeros(2, dtype=bool))
BOTTOM = np.array([3.0, 0.0])
SEARCH = Search(np.array([6.0, 0.3]), np.array([0.5, 0.05]), REGION, 60, 1)


def slope(z, generation):
    """Of the squared distance to the bottom in spreads, with noise of a bowl's slope one spread away."""
    noise = np.random.default_rng([5, generation]).standard_normal(z.shape)
    return (2.0 * (z - BOTTOM) / SEARCH.spread + 2.0 * noise) / SEARCH.spread


def play(updater, state, generations, sign=1.0):
    centres = []
    for generation in generations:
        z = updater.ask(state)
        state = updater.tell(state, Evaluation(np.zeros(len(z)), sign * slope(z, generation)))
        centres.append(updater.centre(state))
    return state, np.array(centres)


def test_every_estimator_is_an_updater_that_needs_gradients():
    assert estimators.names() == [n for n in updaters.names() if updaters.get(n).needs == GRADIENT]
    assert "decision-score" in estimators.names()


@pytest.mark.parametrize("name", estimators.names())
def test_it_goes_to_the_bottom_and_away_under_reversed_slopes(name):
    updater = make(name)
    _, centres = play(updater, updater.start(SEARCH), range(60))
    assert (np.abs(centres[30:].mean(axis=0) - BOTTOM) < SEARCH.spread).all()
    _, centres = play(updater, updater.start(SEARCH), range(60), -1.0)
    assert (np.abs(centres[30:].mean(axis=0) - BOTTOM) > 6 * SEARCH.spread).all()


def test_a_state_goes_on_from_its_arrays_and_is_not_changed():
    updater = make("pathwise")
    half, _ = play(updater, updater.start(SEARCH), range(30))
    kept = to_arrays(half)
    whole, _ = play(updater, half, range(30, 60))
    again, _ = play(make("pathwise"), from_arrays(type(half), SEARCH, kept), range(30, 60))
    assert all(np.array_equal(a, b) for a, b in zip(to_arrays(whole).values(), to_arrays(again).values(), strict=True))


def test_rate_is_a_step_in_search_coordinates_at_all_times():
    updater = make("pathwise", {"rate": 0.002, "anneal_from": 1.0, "beta_1": 0.9, "beta_2": 0.999})
    state, far = updater.start(SEARCH), np.full((1, 2), 1e3)
    for n in range(1, 61):
        state = updater.tell(state, Evaluation(np.zeros(1), far))
        assert updater.centre(state) == pytest.approx(SEARCH.start - 0.002 * n)


def test_steps_shrink_from_where_they_are_told_to():
    updater = make("pathwise", {"anneal_from": 0.25, "step": 1.0})
    state, before = updater.start(SEARCH), SEARCH.start
    steps = []
    for _ in range(60):
        state = updater.tell(state, Evaluation(np.zeros(1), np.array([[0.0, 1.0]])))
        steps.append(before[1] - updater.centre(state)[1])
        before = updater.centre(state)
    assert steps[:4] == pytest.approx([0.05] * 4)
    assert steps[30] == 0.0 or steps[30] < 0.04  # on the bound by then, or slower


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_slope_that_is_no_number_moves_nothing_and_is_forgotten(value):
    updater = make("pathwise")
    state = updater.tell(updater.start(SEARCH), Evaluation(np.zeros(1), np.array([[value, 1.0]])))
    assert updater.centre(state)[0] == SEARCH.start[0]
    assert updater.centre(state)[1] < SEARCH.start[1]
    assert np.isfinite(updater.centre(play(updater, state, range(1, 4))[0])).all()


@pytest.mark.parametrize(("name", "options", "said"), [
    ("decision-score", {"temperature": 1.0}, "unknown option 'temperature'"),
    ("relaxed", {"temperature": 0.0}, "at least 0.001"),
    ("straight-through", {"temperature": -1}, "at least 0.001"),
    ("decision-score", {"baseline": 3}, "at most 2"),
    ("pathwise", {"rate": "fast"}, "give a number"),
    ("pathwise", {"beta_1": 1.0}, "at most 0.9999"),
])
def test_options_are_checked(name, options, said):
    with pytest.raises(ParameterError, match=said):
        make(name, options)


def test_options_reach_the_estimator():
    assert make("relaxed", {"temperature": 2.0, "step": 0.1}).estimator.temperature == 2.0
    assert updaters.get("relaxed").estimator.temperature == 1.0
