"""Parts of one's own, for tests: an updater, an objective, a discriminator, a statistic, an estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch.nn.functional import softplus

from fastmas.discriminators.windowed import Windowed
from fastmas.estimators.relaxed import Relaxed
from fastmas.updaters import Search, ranked


@dataclass(frozen=True, eq=False)
class State:
    search: Search
    middle: np.ndarray
    generation: np.ndarray


class RandomSearch:
    """A third of the way to the best of eight trials."""

    discriminator, needs, is_game, is_local, averaged = "amortised", "loss", True, True, 1 / 2

    def start(self, search):
        return State(search, search.start, np.array(0))

    def ask(self, state):
        noise = np.random.default_rng([state.search.seed, int(state.generation)]).standard_normal
        return state.search.region.inside(state.middle + 2 * state.search.spread * noise((8, len(state.middle))))

    def tell(self, state, seen):
        best = self.ask(state)[np.argmin(ranked(seen.loss))]
        return replace(state, middle=state.middle + (best - state.middle) / 3, generation=state.generation + 1)

    def centre(self, state):
        return state.middle


class Smoothed:
    """Nothing is real for more than nine parts in ten."""

    def discriminator_loss(self, real, fake):
        return 0.9 * softplus(-real).mean() + 0.1 * softplus(real).mean() + softplus(fake).mean()

    def generator_loss(self, fake):
        return softplus(-fake).mean()


class Gentle(Windowed):
    """The windowed one with another penalty."""

    training = replace(Windowed.training, penalty=1.0, batch=256, warmup=15)


def sizes(paths):
    """Returns of a path by their sizes."""
    return np.sort(np.abs(np.diff(np.log(np.maximum(np.asarray(paths), 1e-9)), axis=1)), axis=1)[:, -5:]


class Sharper(Relaxed):
    """The relaxed one under another name."""


SEARCH = RandomSearch()
SHARPER = Sharper(temperature=0.7)
