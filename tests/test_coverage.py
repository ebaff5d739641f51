"""90% intervals hold the truth in 90% of data sets: on paths and on a series, with and without a game."""

from __future__ import annotations

import numpy as np
import pytest
from models.walk import Walk
from scipy.stats import binom
from small_games import TRUTH, make_parts, market, market_paths

from fastmas.calibration.game import Game
from fastmas.calibration.interval import uncertainty
from fastmas.calibration.record import Record
from fastmas.calibration.settle import features_of, settle
from fastmas.calibration.start import find_start

N_SETS = 50
WALK = {"drift": 0.01, "sigma": 0.05}


def walk(n_paths, n_times, seed):
    """Paths by NumPy's random numbers; a lone one is a series."""
    steps = WALK["drift"] + WALK["sigma"] * np.random.default_rng([5, seed]).standard_normal((n_paths, n_times))
    steps[:, 0] = 0.0
    paths = 100.0 * np.exp(np.cumsum(steps, axis=1))
    return paths if n_paths > 1 else paths[0]


def interval_of(simulator, settings):
    """As `calibrate` makes it, without a verdict."""
    with simulator.workers.at_work():
        record = Record(start=find_start(simulator, settings))
        Game(simulator, settings, lambda *a: None, lambda *a: None).play(record)
        features = features_of(simulator.observed, record, settings.discriminator)
        z = settle(simulator, settings, record, features).z
        return uncertainty(simulator, settings, record, features, z).interval(simulator.space, z)


def n_held(sets, truth):
    """How many intervals hold the truth."""
    found = [interval_of(*parts) for parts in sets]
    return sum(ends[name][0] <= value <= ends[name][1] for ends in found for name, value in truth.items())


def in_band(held, n):
    """Outside it a binomial of 90% has probability .001; a third of the width holds 38%."""
    low, high = binom.ppf([0.0005, 0.9995], n, 0.9)
    return low <= held <= high


@pytest.mark.statistical
@pytest.mark.parametrize("shape", [(40, 21), (1, 601)], ids=["paths", "series"])
def test_intervals_of_a_walk_hold_the_truth(small, shape):
    """Estimates of drift and sigma are independent, so that 50 data sets are 100 trials."""
    sets = (make_parts(walk(*shape, seed), tuple(WALK), model=Walk(), updater="moments", warmup=0, seed=1 + seed)
            for seed in range(N_SETS))
    assert in_band(n_held(sets, WALK), 2 * N_SETS)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("updater", ["moments", "cma-es", "parameter-score"])
def test_intervals_of_the_market_hold_the_truth(small, updater):
    sets = (make_parts(market_paths(60, 31, seed=2000 + seed), model=market(), updater=updater, seed=1 + seed)
            for seed in range(N_SETS))
    assert in_band(n_held(sets, TRUTH), 2 * N_SETS)
