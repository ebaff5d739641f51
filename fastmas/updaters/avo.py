"""Adversarial variational optimisation: a normal proposal whose mean and log spread are both moved by its score.

Louppe, Hermans and Cranmer (2017): theta ~ q = N(mean, diag(sigma^2)), and psi = (mean, log sigma) minimises
U(psi) = E_q[loss] + entropy H(q). The score of q weighs the losses of antithetic pairs: the odd part of a pair's losses
tells of the mean, the even part, less that of the other pairs, of the spread. H(q) is sum log sigma in closed form; the
line on the entropy in the paper's algorithm 1 lacks a term.

`entropy` has the paper's sign: above 0 the spread shrinks faster, below 0 it is kept open. Where the loss is a squared
distance in standard errors (`amortised`), exp(-loss / 2) is a likelihood, and entropy=-2 makes q its variational
posterior: the spread ends at the standard error. With 0 a noiseless loss shrinks it to nothing, where its score has no
finite variance; it stops at a floor in expected standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastmas.evaluation import LOSS, Evaluation
from fastmas.updaters import Search, ranked
from fastmas.updaters.options import read
from fastmas.updaters.pairs import adam, annealed, around, memory, n_pairs, offsets

NAME = "avo"
MOST_WIDTH = 1 / 6  # of the region: a wider proposal would lie on its bounds


@dataclass(frozen=True)
class Options:
    """Candidates of a generation, weight of H(q), first and least spread and step of the mean in standard errors.

    `step_spread` is the log spread's step in a generation.
    """

    population: int | None = field(default=None, metadata={"least": 4, "whole": True})
    entropy: float = 0.0
    step: float = field(default=0.5, metadata={"least": 0.0})
    step_spread: float = field(default=0.1, metadata={"least": 0.0, "most": 1.0})
    spread: float = field(default=3.0, metadata={"least": 1e-3})
    least_spread: float = field(default=0.7, metadata={"least": 1e-3})


@dataclass(frozen=True, eq=False)
class State:
    """Mean and log spread (d,), Adam's moments of both (2, d), and how many generations have been told."""

    search: Search
    mean: np.ndarray
    log_spread: np.ndarray
    first_moments: np.ndarray
    second_moments: np.ndarray
    generation: np.ndarray


class AVO:
    """ask/tell of the proposal with a learned spread."""

    discriminator = "amortised"
    needs = LOSS
    is_game = True
    is_local = True
    averaged = 1 / 2

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    def of(self, options: Mapping[str, Any]) -> AVO:
        return AVO(read(Options, NAME, options))

    def start(self, search: Search) -> State:
        mean, zero = np.array(search.start, dtype=np.float64), np.zeros((2, len(search.start)))
        log_spread = self._kept(search, np.log(self.options.spread * search.spread))
        return State(search, mean, log_spread, zero, zero, np.array(0))

    def ask(self, state: State) -> np.ndarray:
        return around(state.search, state.mean, self._offsets(state))

    def tell(self, state: State, seen: Evaluation) -> State:
        search, told = state.search, int(state.generation)
        gradient = self._gradient(state, ranked(seen.loss))
        beta_1 = memory(search, len(seen.loss) // 2)
        first, second, move = adam(state.first_moments, state.second_moments, gradient, told, beta_1)
        share = annealed(search, told)
        mean = search.region.inside(state.mean - self.options.step * search.spread * share * move[0])
        log_spread = self._kept(search, state.log_spread - self.options.step_spread * share * move[1])
        return replace(state, mean=mean, log_spread=log_spread, first_moments=first, second_moments=second,
                       generation=np.array(told + 1))

    def centre(self, state: State) -> np.ndarray:
        return state.mean

    def _gradient(self, state: State, loss: np.ndarray) -> np.ndarray:
        """Of U by the mean, in spreads, and by the log spread, (2, d)."""
        z, sigma, n = self.ask(state), np.exp(state.log_spread), len(loss) // 2
        odd, even = (loss[:n] - loss[n:]) / 2.0, (loss[:n] + loss[n:]) / 2.0
        apart = (z[:n] - z[n:]) / (2.0 * sigma)  # shorter than asked for where a bound is near
        others = (even.sum() - even) / (n - 1) if n > 1 else even
        by_spread = (even - others)[:, None] * ((self._offsets(state) / sigma) ** 2 - 1.0)
        return np.stack([(odd[:, None] * apart / sigma * state.search.spread).mean(axis=0),
                         by_spread.mean(axis=0) + self.options.entropy])

    def _offsets(self, state: State) -> np.ndarray:
        n = n_pairs(state.mean.size, self.options.population)
        return offsets(state.search, int(state.generation), np.exp(state.log_spread), n)

    def _kept(self, search: Search, log_spread: np.ndarray) -> np.ndarray:
        """No narrower than the floor, and no wider than fits into the region."""
        least = np.log(self.options.least_spread * search.spread)
        return np.clip(log_spread, least, np.maximum(least, np.log(MOST_WIDTH * search.region.width)))


UPDATER = AVO()
