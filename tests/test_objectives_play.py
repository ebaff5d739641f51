"""Every objective with every discriminator that plays it and every updater; each finds its way on the exact market."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_games import SMALL, TRUTH, ToyRollout, make_parts, market_paths, toy_table, z_of

from fastmas import discriminators, updaters
from fastmas.calibration import budget
from fastmas.calibration.game import Game, average
from fastmas.calibration.record import Record
from fastmas.evaluation import GRADIENT, LOSS
from fastmas.files import pack_tensors, unpack_tensors
from fastmas.registry import parts
from fastmas.updaters import Search
from fastmas.updaters.moments import MomentFit

OBJECTIVES = sorted(parts("fastmas.objectives", "OBJECTIVE"))
MOVERS = [name for name in updaters.names() if updaters.get(name).is_game]
TABLES = [(objective, discriminator) for objective in OBJECTIVES for discriminator in discriminators.players(objective)]
GAMES = [(*table, mover) for table in TABLES for mover in MOVERS
         if updaters.get(mover).needs == LOSS or discriminators.get(table[1]).has_gradients]
N_GENERATIONS, HALFWAY = 4, 2

pytestmark = pytest.mark.usefixtures("one_thread")


# ---------------------------------------------------------------------- the contract


def seats(objective, discriminator, updater):
    """A discriminator at the toy, and the state of an updater that begins there."""
    rollout = ToyRollout if updaters.get(updater).needs == GRADIENT else None
    table = toy_table(training=SMALL.training_of(discriminator), n_generations=N_GENERATIONS, rollout=rollout)
    search = Search(table.start, table.spread, table.region, N_GENERATIONS, table.seed)
    return discriminators.seat(discriminator, table, objective), updaters.get(updater).start(search)


def play(judge, mover, state, generations):
    """Losses and reports of these generations, and the state after them."""
    seen = []
    for generation in generations:
        centre = mover.centre(state)
        judge.play(generation, centre)
        said = judge.evaluate(generation, mover.ask(state), centre)
        seen.append([said.loss, list(judge.report().values())])
        state = mover.tell(state, said)
    return seen, state


@pytest.mark.parametrize(("objective", "discriminator", "updater"), GAMES)
def test_it_plays_and_goes_on_bit_for_bit(objective, discriminator, updater):
    """Finite throughout; the second half again, from the bytes of a checkpoint and in fresh objects."""
    mover, (judge, state) = updaters.get(updater), seats(objective, discriminator, updater)
    judge.begin()
    first, state = play(judge, mover, state, range(HALFWAY))
    judged, _ = unpack_tensors(pack_tensors(judge.arrays(), {}))
    moved, _ = unpack_tensors(pack_tensors(updaters.to_arrays(state), {}))
    second, state = play(judge, mover, state, range(HALFWAY, N_GENERATIONS))
    assert all(np.isfinite(loss).all() and np.isfinite(report).all() for loss, report in first + second)
    assert len(np.unique(np.concatenate([loss for loss, _ in first + second]))) > N_GENERATIONS - 1

    again, begun = seats(objective, discriminator, updater)
    again.restore(judged, HALFWAY)
    resumed = updaters.from_arrays(type(begun), begun.search, moved)
    third, end = play(again, mover, resumed, range(HALFWAY, N_GENERATIONS))
    for one, other in zip(second, third, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert np.array_equal(mover.centre(end), mover.centre(state))


# ---------------------------------------------------------------------- the way back

# Generations and spread as in tests/test_settle.py; a discriminator that sees the present theta alone wants a wider one
# than others, and an updater that follows slopes.
EFFORT = {"cma-es": (30, 0.06), "parameter-score": (80, 0.02)}
NOT_STATIONARY = {"windowed": ("parameter-score", 80, 0.03), "path": ("parameter-score", 80, 0.03)}
# The start is .22 away in log kappa and .18 in log gamma, of which .029 and .055 are what data of this size leave open
# to the best there is (tests/test_settle.py); these objectives lose some of it, so that half the way is asked for.
MISSES = {"wasserstein-clip": pytest.mark.xfail(reason="a critic whose weights stand in the corners of their box is "
                                                       "nearly linear, and sees no kappa (Gulrajani et al. 2017)")}
AWAY, HALF_OF_THE_WAY = {"kappa": 1.25, "gamma": 2.4}, [0.11, 0.09]


def effort(discriminator):
    return NOT_STATIONARY.get(discriminator, ("cma-es", *EFFORT["cma-es"]))


def end_of_the_game(objective, discriminator, updater, generations, spread):
    """How far in logarithms from the truth the game alone ends, (2,), with no moment fit and no last step."""
    simulator, settings = make_parts(market_paths(300, 51, seed=1004), updater=updater, generations=generations,
                                     objective=objective, discriminator=discriminator)
    away = z_of(simulator, **AWAY)
    record = Record(start=MomentFit(away, spread**2 * np.eye(2), 0.0, 1))
    with simulator.workers.at_work():
        Game(simulator, settings, lambda *a: None, lambda *a: None).play(record)
    return average(record, updater) - z_of(simulator, **TRUTH)


@pytest.mark.statistical
@pytest.mark.parametrize(("objective", "discriminator"), [("quantile", "closed-form"), ("least-squares", "windowed"),
                                                          ("squared-hellinger", "conditional")])
def test_one_of_each_kind_goes_to_the_truth(objective, discriminator):
    """Most of the way from the start: a dead updater stays there, a reversed one leaves."""
    end = end_of_the_game(objective, discriminator, *effort(discriminator))
    assert (np.abs(end) < HALF_OF_THE_WAY).all(), end


@pytest.mark.statistical
def test_an_updater_that_moves_nothing_is_seen(monkeypatch):
    """The planted fault of the test above: what `tell` returns is the state as it was, but for its count."""
    mover = type(updaters.get("parameter-score"))
    told = mover.tell
    monkeypatch.setattr(mover, "tell", lambda self, state, loss: replace(told(self, state, loss), mean=state.mean))
    end = end_of_the_game("quantile", "closed-form", "parameter-score", 6, 0.02)
    assert (np.abs(end) > HALF_OF_THE_WAY).all()


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("objective", [pytest.param(name, marks=MISSES.get(name, ())) for name in OBJECTIVES])
def test_every_objective_goes_to_the_truth(objective, monkeypatch):
    """Against the discriminator that plays it by default."""
    monkeypatch.setattr(budget, "FULL", replace(budget.FULL, training={"amortised": {"steps": 300}}))
    discriminator, _ = discriminators.match(None, objective, "amortised")
    end = end_of_the_game(objective, discriminator, *effort(discriminator))
    assert (np.abs(end) < HALF_OF_THE_WAY).all(), end
