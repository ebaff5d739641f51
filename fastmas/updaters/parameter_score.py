"""Score-function estimator over parameters: evolution strategies with antithetic pairs.

theta ~ N(mean, sigma^2) and the score of that normal weigh the losses: no gradient of the
simulator is taken (Salimans et al. 2017; Louppe, Hermans and Cranmer 2017 for the game). All
candidates of a generation share random numbers, which removes most of the variance. The mean moves
by Adam with an annealed step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastmas.updaters import Search, population, ranked

# Spreads over which the loss is smoothed on either side, at first and at last: wide enough to see a slope
# far away, narrow enough in the end that a lopsided loss does not move its minimum.
SIGMA_FIRST, SIGMA_LAST = 4.0, 1.5
STEP = 0.5  # spreads per generation, until half of them are played
BETA_1, BETA_2, EPSILON = 0.5, 0.99, 1e-12


@dataclass(frozen=True, eq=False)
class State:
    """Mean (d,), Adam's moments (d,), and how many generations have been told."""

    search: Search
    mean: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    generation: np.ndarray


class ParameterScore:
    """ask/tell of the antithetic score estimator."""

    discriminator = "amortised"
    is_game = True
    averaged = 1 / 2

    def start(self, search: Search) -> State:
        zero = np.zeros_like(search.start)
        return State(search, np.array(search.start, dtype=np.float64), zero, zero, np.array(0))

    def ask(self, state: State) -> np.ndarray:
        offset = self._offsets(state)
        return state.search.region.inside(np.vstack([state.mean + offset, state.mean - offset]))

    def tell(self, state: State, loss: np.ndarray) -> State:
        search, done = state.search, int(state.generation)
        z, loss = self.ask(state), ranked(loss)
        n = len(z) // 2
        apart = z[:n] - z[n:]  # shorter than asked for where a bound is near
        slope = (loss[:n] - loss[n:])[:, None] * apart / (2.0 * self._sigma(state) ** 2)
        gradient = slope.mean(axis=0)
        first = BETA_1 * state.first_moment + (1 - BETA_1) * gradient
        second = BETA_2 * state.second_moment + (1 - BETA_2) * gradient**2
        step = STEP * search.spread * min(1.0, 2.0 * (1.0 - done / search.n_generations))
        move = first / (1 - BETA_1 ** (done + 1)) / (np.sqrt(second / (1 - BETA_2 ** (done + 1))) + EPSILON)
        mean = search.region.inside(state.mean - step * move)
        return replace(state, mean=mean, first_moment=first, second_moment=second, generation=np.array(done + 1))

    def centre(self, state: State) -> np.ndarray:
        return state.mean

    def _sigma(self, state: State) -> np.ndarray:
        share = min(1.0, 2.0 * int(state.generation) / max(1, state.search.n_generations))
        return (SIGMA_FIRST + (SIGMA_LAST - SIGMA_FIRST) * share) * state.search.spread

    def _offsets(self, state: State) -> np.ndarray:
        rng = np.random.Generator(np.random.Philox(key=[state.search.seed, int(state.generation)]))
        offset = self._sigma(state) * rng.standard_normal((population(state.mean.size) // 2, state.mean.size))
        # A whole number must move by one at least to be seen at all.
        return np.where(state.search.region.integer, np.sign(offset) * np.maximum(np.abs(offset), 1.0), offset)


UPDATER = ParameterScore()
