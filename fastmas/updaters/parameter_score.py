"""Score-function estimator over parameters: evolution strategies with antithetic pairs.

theta ~ N(mean, sigma^2) and the score of that normal weigh the losses: no gradient of the
simulator is taken (Salimans et al. 2017; Louppe, Hermans and Cranmer 2017 for the game). All
candidates of a generation share random numbers, which removes most of the variance. The mean moves
by Adam with an annealed step; `avo` moves the spread as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastmas.evaluation import LOSS, Evaluation
from fastmas.updaters import Search, ranked
from fastmas.updaters.options import read
from fastmas.updaters.pairs import State, adam, annealed, around, begin, memory, n_pairs, offsets

NAME = "parameter-score"


@dataclass(frozen=True)
class Options:
    """Candidates of a generation, steps of a generation until half are played, and the proposal's sds, all in spreads.

    The loss is smoothed over `sigma_first` on either side at first and `sigma_last` at last: wide enough to see a
    slope far away, narrow enough in the end that a lopsided loss does not move its minimum.
    """

    population: int | None = field(default=None, metadata={"least": 2, "whole": True})
    step: float = field(default=0.5, metadata={"least": 0.0})
    sigma_first: float = field(default=4.0, metadata={"least": 1e-3})
    sigma_last: float = field(default=1.5, metadata={"least": 1e-3})


class ParameterScore:
    """ask/tell of the antithetic score estimator."""

    discriminator = "amortised"
    needs = LOSS
    is_game = True
    is_local = True
    averaged = 1 / 2

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    def of(self, options: Mapping[str, Any]) -> ParameterScore:
        return ParameterScore(read(Options, NAME, options))

    def start(self, search: Search) -> State:
        return begin(search)

    def ask(self, state: State) -> np.ndarray:
        n = n_pairs(state.mean.size, self.options.population)
        return around(state.search, state.mean, offsets(state.search, int(state.generation), self._sigma(state), n))

    def tell(self, state: State, seen: Evaluation) -> State:
        search, told = state.search, int(state.generation)
        z, loss = self.ask(state), ranked(seen.loss)
        n = len(z) // 2
        apart = z[:n] - z[n:]  # shorter than asked for where a bound is near
        slope = (loss[:n] - loss[n:])[:, None] * apart / (2.0 * self._sigma(state) ** 2)
        first, second, move = adam(state.first_moment, state.second_moment, slope.mean(axis=0), told,
                                   memory(search, n))
        mean = search.region.inside(state.mean - self.options.step * search.spread * annealed(search, told) * move)
        return replace(state, mean=mean, first_moment=first, second_moment=second, generation=np.array(told + 1))

    def centre(self, state: State) -> np.ndarray:
        return state.mean

    def _sigma(self, state: State) -> np.ndarray:
        share = min(1.0, 2.0 * int(state.generation) / max(1, state.search.n_generations))
        first, last = self.options.sigma_first, self.options.sigma_last
        return (first + (last - first) * share) * state.search.spread


UPDATER = ParameterScore()
