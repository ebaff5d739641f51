"""What one data set of the experiment consists of: the market, its paths, the starts, and errors without signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastmas.data import Observations, observe
from fastmas.model import Model
from fastmas.models.stock_market import stock_market
from fastmas.parameters import ParameterSpace
from fastmas.reproduce.market import WIDEST, SignedMarket
from fastmas.reproduce.setting import N_FREE, NAMES, Setting
from fastmas.simulate import simulate

TIED, SEPARATE = "tied", "separate"
OPTIONS: dict[str, Any] = {"rule": "smoothed", "signal_weights": "separate"}
N_THREADS = 1  # of everything that is timed: one against one


@dataclass(frozen=True)
class Experiment:
    """A data set, by its number from 1 on, and how many parameters are sought: "tied" or "separate"."""

    setting: Setting
    parameters: str = TIED
    number: int = 1

    @cached_property
    def model(self) -> Model:
        return market(self.setting, self.parameters)

    @cached_property
    def space(self) -> ParameterSpace:
        return self.model.space(NAMES, {"rho": self.setting.rho})

    @property
    def n_each(self) -> tuple[int, ...]:
        """Values of b, c and d."""
        return tuple(1 if self.parameters == TIED else n for n in N_FREE.values())

    @property
    def truth(self) -> np.ndarray:
        """(d,)."""
        return np.repeat(self.setting.truth, self.n_each)

    @cached_property
    def observations(self) -> Observations:
        """Paths of the truth, the paper's 1,000 and a few held out; random numbers by the number of the set."""
        setting = self.setting
        n, first = setting.n_paths + setting.n_heldout, setting.first_of_data
        x = simulate(market(setting), values(setting.truth, rho=setting.rho), n_paths=n, warmup=first,
                     n_steps=first + setting.n_times - 1, seed=setting.seed, run=self.number, n_threads=N_THREADS)
        return observe(x, heldout_share=(setting.n_heldout + 0.5) / n)

    def start(self, k: int) -> np.ndarray:
        """The k-th start (d,), k = 1, 2, ...: N(0, 1), the same for every method."""
        rng = np.random.default_rng([self.setting.seed, self.number, k, sum(self.n_each)])
        drawn = rng.standard_normal(sum(self.n_each))
        return np.clip(drawn, *self.space.z_bounds.T * 0.99)


def market(setting: Setting, parameters: str = TIED, windows: tuple[tuple[int, int], ...] | None = None,
           positive: bool = False) -> Model:
    """The smoothed market: with b, c, d of either sign, or as `fastmas.models` has it."""
    owned = NAMES if parameters == SEPARATE else ()
    pairs = setting.windows if windows is None else windows
    if positive:
        return stock_market(windows=pairs, per_agent=owned, **OPTIONS)
    return SignedMarket(windows=pairs, per_agent=owned, n_technical=len(pairs), **OPTIONS)


def values(theta: np.ndarray, **fixed: float) -> dict[str, Any]:
    """theta (3,) or (19,) by name."""
    return {**split(theta), **fixed}


def split(theta: np.ndarray) -> dict[str, Any]:
    """b, c and d of theta (3,) or (19,): numbers, or arrays of all agents."""
    if len(theta) == len(NAMES):
        return dict(zip(NAMES, np.asarray(theta).tolist(), strict=True))
    return dict(zip(NAMES, np.split(np.asarray(theta), np.cumsum(list(N_FREE.values()))[:-1]), strict=True))


def folded(theta: np.ndarray) -> np.ndarray:
    """The same law with the signs of the truth: every c positive, and b turned so that its sum is.

    The signals are symmetric about zero: (b, S) and (-b, -S) are one, and so are (c_i, S_i) and (-c_i, -S_i). Under
    the same random numbers they are not the same paths, so errors are taken of folded values.
    """
    parts = {name: np.atleast_1d(part) for name, part in split(theta).items()}
    sign = -1.0 if parts["b"].sum() < 0 else 1.0
    return np.concatenate([sign * parts["b"], np.abs(parts["c"]), parts["d"]])


def by_class(theta: np.ndarray) -> np.ndarray:
    """Means over the agents of b, c and d, (3,)."""
    return np.array([np.mean(part) for part in split(theta).values()])


__all__ = ["NAMES", "SEPARATE", "TIED", "WIDEST", "Experiment", "by_class", "folded", "market", "split", "values"]
