"""CMA-ES (Hansen and Ostermeier 2001) by the `cma` package, against a discriminator that knows theta.

Under a discriminator that does not know theta CMA-ES diverges: ranks do not shrink as the
discriminator goes flat, and samples go where it was never trained. The state keeps the losses
told so far and the optimiser is replayed from them, so that nothing of it is ever serialised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import cma
import numpy as np

from fastmas.region import Region
from fastmas.updaters import Search, population, ranked

SIGMA_START = 3.0  # spreads: wide enough to see beyond the start's error
SIGMA_LEAST = 0.7  # spreads: a floor, since the discriminator goes on moving


@dataclass(frozen=True, eq=False)
class State:
    """`losses` (generations, n_pop) told so far."""

    search: Search
    losses: np.ndarray


class CMAES:
    """ask/tell around `cma.CMAEvolutionStrategy`; the object is a cache, the state is the truth."""

    discriminator = "amortised"
    is_game = True
    averaged = 1 / 2

    def __init__(self) -> None:
        self._search: Search | None = None
        self._losses = np.empty((0, 0))
        self._strategy: Any = None
        self._asked: tuple[int, np.ndarray] | None = None

    def start(self, search: Search) -> State:
        return State(search, np.empty((0, population(len(search.start)))))

    def ask(self, state: State) -> np.ndarray:
        strategy, generation = self._at(state), len(state.losses)
        if self._asked is None or self._asked[0] != generation:
            self._asked = generation, _ask(strategy, state.search, generation)
        return self._asked[1][:, :len(state.search.start)].copy()

    def tell(self, state: State, loss: np.ndarray) -> State:
        self.ask(state)
        assert self._asked is not None
        _tell(self._strategy, state.search, len(state.losses), self._asked[1], loss)
        after = replace(state, losses=np.vstack([state.losses, np.asarray(loss, dtype=np.float64)[None, :]]))
        self._losses, self._asked = after.losses, None
        return after

    def centre(self, state: State) -> np.ndarray:
        mean = np.asarray(self._at(state).result.xfavorite, dtype=np.float64)  # inside the bounds
        return mean[:len(state.search.start)]

    def _at(self, state: State) -> Any:
        """The strategy as it was after the state's losses."""
        if self._search is not state.search or not np.array_equal(self._losses, state.losses, equal_nan=True):
            self._strategy, self._asked = _new(state.search), None
            for generation, loss in enumerate(state.losses):
                _tell(self._strategy, state.search, generation, _ask(self._strategy, state.search, generation), loss)
            self._search, self._losses = state.search, state.losses
        return self._strategy


def _new(search: Search) -> Any:
    n_pop, search = population(len(search.start)), _widened(search)
    options = {
        "popsize": n_pop, "verbose": -9, "seed": np.nan, "CMA_stds": list(SIGMA_START * search.spread),
        "minstd": list(SIGMA_LEAST * search.spread), "bounds": [list(search.region.low), list(search.region.high)],
    }
    if search.region.integer.any():
        options["integer_variables"] = list(np.flatnonzero(search.region.integer))
    with _numpy_random(search.seed, 0):
        return cma.CMAEvolutionStrategy(search.start, 1.0, options)


def _widened(search: Search) -> Search:
    """cma fails in one dimension: one that changes nothing is put beside it."""
    if len(search.start) > 1:
        return search
    low, high, integer = search.region.low, search.region.high, search.region.integer
    region = Region(np.append(low, 0.0), np.append(high, 1.0), np.append(integer, False))
    return replace(search, start=np.append(search.start, 0.5), spread=np.append(search.spread, 0.05), region=region)


def _ask(strategy: Any, search: Search, generation: int) -> np.ndarray:
    with _numpy_random(search.seed, 2 * generation + 1):
        return np.asarray(strategy.ask(), dtype=np.float64)


def _tell(strategy: Any, search: Search, generation: int, z: np.ndarray, loss: np.ndarray) -> None:
    with _numpy_random(search.seed, 2 * generation + 2):
        strategy.tell(list(z), list(ranked(loss)))


@contextmanager
def _numpy_random(seed: int, use: int) -> Iterator[None]:
    """Give cma, which draws from NumPy's global state, a state of its own and leave no trace."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed([seed & 0xFFFFFFFF, use])  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


UPDATER = CMAES()
