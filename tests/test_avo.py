"""The proposal whose spread is learned, on bowls whose standard error is known."""

import numpy as np
import pytest

from fastmas import updaters
from fastmas.evaluation import Evaluation
from fastmas.region import Region
from fastmas.updaters import Search


def play(options, d=2, n_generations=60, seed=1, noise=1.0):
    """Mean (d,) and spread (d,) in standard errors over the last half; the start is four off and three wide."""
    rng = np.random.default_rng([seed, d])
    error = np.exp(rng.uniform(-2.0, 2.0, d))
    region = Region(-20.0 * error, 20.0 * error, np.zeros(d, dtype=bool))
    given = Search(4.0 * error, error, region, n_generations, seed)
    updater = updaters.make("avo", options)
    state, means, spreads = updater.start(given), [], []
    for generation in range(n_generations):
        z = updater.ask(state)
        luck = np.random.default_rng([seed, generation]).standard_normal(len(z))
        state = updater.tell(state, Evaluation(((z / error) ** 2).sum(axis=1) + noise * luck))
        means.append(state.mean / error)
        spreads.append(np.exp(state.log_spread) / error)
    half = n_generations // 2
    return np.mean(means[half:], axis=0), np.mean(spreads[half:], axis=0)


@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", [1, 2])
def test_mean_and_spread_are_found(d, seed):
    mean, spread = play({}, d, seed=seed)
    assert np.abs(mean).max() < 0.5
    assert (spread < 2.0).all()  # of three at first
    assert (spread > 0.69).all()  # the floor


@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_with_entropy_the_spread_ends_at_the_standard_error(d):
    """exp(-loss / 2) is a normal of sd one standard error, and E[loss] - 2 H is least there."""
    _, spread = play({"entropy": -2.0}, d, n_generations=150)
    assert np.exp(np.log(spread).mean()) == pytest.approx(1.0, abs=0.15)
    _, wide = play({"entropy": -8.0}, d, n_generations=150)  # sd 2
    assert np.exp(np.log(wide).mean()) == pytest.approx(2.0, abs=0.3)


def test_the_papers_weight_shrinks_the_proposal():
    narrow, usual = (play({"entropy": weight, "least_spread": 0.01}, noise=0.0)[1] for weight in (5.0, 0.0))
    assert (narrow < usual).all()


def test_a_spread_that_may_not_move_stays():
    assert play({"step_spread": 0.0, "spread": 2.0})[1] == pytest.approx(2.0)
