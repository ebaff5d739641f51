"""Every updater in 1 to 100 dimensions, in the number of generations that a game has by default."""

import numpy as np
import pytest

from fastmas import discriminators, updaters
from fastmas.evaluation import GRADIENT, Evaluation
from fastmas.region import Region
from fastmas.updaters import Search

GAMES = [name for name in updaters.names() if updaters.get(name).is_game]
AWAY = 4.0  # standard errors in every coordinate, where a search that does nothing ends


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize(("d", "most"), [(1, 0.4), (2, 0.4), (5, 0.4), (12, 0.5), (40, 1.0), (100, 1.0)])
def test_a_game_ends_within_a_standard_error(name, d, most):
    """Root mean square over the coordinates; 0.02 to 0.25 up to 12 dimensions, 0.5 to 0.8 at 40 and 100 were seen."""
    updater, n = updaters.make(name), discriminators.get("amortised").n_generations
    signs = np.random.default_rng(d).choice([-1.0, 1.0], d)
    region = Region(np.full(d, -20.0), np.full(d, 20.0), np.zeros(d, dtype=bool))
    state, centres = updater.start(Search(AWAY * signs, np.ones(d), region, n, 1)), []
    for generation in range(n):
        z = updater.ask(state)
        rng = np.random.default_rng([1, generation])
        loss, slope = (z**2).sum(axis=1) + rng.standard_normal(len(z)), 2.0 * z + rng.standard_normal(z.shape)
        state = updater.tell(state, Evaluation(loss, slope if updater.needs == GRADIENT else None))
        centres.append(updater.centre(state))
    found = np.mean(centres[-int(updater.averaged * n):], axis=0)
    assert np.sqrt((found**2).mean()) < most
