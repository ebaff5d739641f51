"""Adam down the gradient of the expected loss (Kingma and Ba 2015), by whichever estimator: one updater for each.

By default a step is a share of a coordinate's standard error, and shrinks in the second half of the game. The founding
paper's is the same everywhere and at all times: `rate`=.002 and `anneal_from`=1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from fastmas import estimators
from fastmas.evaluation import GRADIENT, Evaluation
from fastmas.registry import parts
from fastmas.updaters import Search
from fastmas.updaters.options import check_names, read
from fastmas.updaters.pairs import State, adam, annealed, begin, memory


@dataclass(frozen=True)
class Options:
    """Steps of a generation, in standard errors or, by `rate`, in search coordinates; Adam's memories.

    Steps are full until the share `anneal_from` of the game is played. By default a gradient is averaged over as many
    generations as there are coordinates: each is a noisy look.
    """

    step: float = field(default=0.5, metadata={"least": 0.0})
    rate: float | None = field(default=None, metadata={"least": 0.0})
    anneal_from: float = field(default=0.5, metadata={"least": 0.0, "most": 1.0})
    beta_1: float | None = field(default=None, metadata={"least": 0.0, "most": 0.9999})
    beta_2: float = field(default=0.99, metadata={"least": 0.0, "most": 0.999999})


class Descent:
    """ask/tell of one candidate; `estimator` says how its gradient is had."""

    discriminator = "windowed"
    needs = GRADIENT
    is_game = True
    is_local = True
    averaged = 1 / 2

    def __init__(self, name: str, options: Options | None = None, estimator: Any = None) -> None:
        self.name, self.options = name, options or Options()
        self.estimator: Any = estimators.get(name) if estimator is None else estimator

    def of(self, options: Mapping[str, Any]) -> Descent:
        """One with these options, Adam's and the estimator's."""
        ours, theirs = ([f.name for f in fields(one)] for one in (Options, self.estimator))
        check_names(self.name, options, [*ours, *theirs])
        given = {n: v for n, v in options.items() if n in theirs}
        return Descent(self.name, read(Options, self.name, {n: v for n, v in options.items() if n in ours}),
                       read(type(self.estimator), self.name, given) if given else self.estimator)

    def start(self, search: Search) -> State:
        return begin(search)

    def ask(self, state: State) -> np.ndarray:
        return state.mean[None]

    def tell(self, state: State, seen: Evaluation) -> State:
        assert seen.gradient is not None
        search, told, options = state.search, int(state.generation), self.options
        gradient = np.nan_to_num(seen.gradient[0], posinf=0.0, neginf=0.0)
        beta_1 = memory(search, 1) if options.beta_1 is None else options.beta_1
        first, second, move = adam(state.first_moment, state.second_moment, gradient, told, beta_1, options.beta_2)
        step = options.step * search.spread if options.rate is None else options.rate
        mean = search.region.inside(state.mean - step * annealed(search, told, options.anneal_from) * move)
        return replace(state, mean=mean, first_moment=first, second_moment=second, generation=np.array(told + 1))

    def centre(self, state: State) -> np.ndarray:
        return state.mean


UPDATERS = {name: Descent(name) for name in parts("fastmas.estimators", "ESTIMATOR")}
