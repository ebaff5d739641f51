"""What an ablation of smoothing compares, and on which data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastmas import models
from fastmas.errors import DataError, ModelError, ParameterError
from fastmas.language.reading import Graph, read_start, read_step
from fastmas.language.refusals import NotForLanes
from fastmas.language.relaxed import TEMPERATURE, relaxed
from fastmas.language.text import Text
from fastmas.model import Model, choices_of
from fastmas.parameters import ParameterSpace, check_seed, check_whole, is_whole, shown
from fastmas.simulate import simulate

TEMPERATURES = (1.0, 0.3, 0.1, 0.03, 0.01)
DEFAULT, DRAWN = "default", "drawn"
MARGIN = 0.1  # of the box at each end in which no truth is drawn
EXACT = "exact"
LEAST_PATHS = 20
LEAST_GRADIENT = 2000  # paths of a difference, of which the torch twin has a 200th


class Effort(NamedTuple):
    """Paths of a difference, of a tangent, and of the torch twin."""

    difference: int
    tangent: int
    twin: int


@dataclass(frozen=True)
class Design:
    """An ablation, all of it decided.

    `free` are names of parameters, `fixed` values of others; `truth` is "default" or "drawn", anew for each data set
    from the box of the free ones; updaters that play a game fit the first `game_sets` alone. A data set is `paths`
    paths of the exact rules, t = warmup..warmup + horizon. `gradient_paths` are those of a difference, 0 for no
    gradients.
    """

    model: Model
    free: tuple[str, ...]
    fixed: Mapping[str, float]
    truth: str = DEFAULT
    sets: int = 20
    game_sets: int = 20
    paths: int = 200
    horizon: int = 50
    warmup: int = 50
    temperatures: tuple[float, ...] = TEMPERATURES
    updaters: tuple[str, ...] = ("moments",)
    seed: int = 1
    is_quick: bool = False
    gradient_paths: int = 1_000_000

    @property
    def space(self) -> ParameterSpace:
        """The free parameters of the exact rules."""
        return self.model.space(self.free, self.fixed)

    @property
    def effort(self) -> Effort:
        """Behind gradients: a path of a tangent takes about ten times as long as one of a difference."""
        n = self.gradient_paths
        return Effort(n, n // 10, n // 200)

    def truth_of(self, number: int) -> dict[str, float]:
        """Values of the free parameters behind the data set of this number."""
        space = self.space
        if self.truth == DEFAULT:
            return dict(zip(space.free, space.start.tolist(), strict=True))
        low, high = space.z_bounds.T
        share = np.random.default_rng([self.seed, number]).uniform(MARGIN, 1 - MARGIN, space.d)
        return dict(zip(space.free, space.to_theta(low + share * (high - low)).tolist(), strict=True))

    def seeds_of(self, number: int) -> tuple[int, int]:
        """Of a data set and of the fits to it: apart, so that no fit has the random numbers of its data."""
        data, fit = np.random.SeedSequence([self.seed, number]).generate_state(2)
        return int(data), int(fit)

    def data_of(self, number: int, n_threads: int | None = None) -> np.ndarray:
        """Paths (n_paths, horizon + 1) of the exact rules."""
        return simulate(self.model, {**self.fixed, **self.truth_of(number)}, n_paths=self.paths,
                        n_steps=self.warmup + self.horizon, warmup=self.warmup, seed=self.seeds_of(number)[0],
                        n_threads=n_threads)

    def identity(self) -> dict[str, Any]:
        """What rows of two runs must have in common to stand in one table, as JSON has it."""
        return {"model": models.origin(self.model), "config": dict(self.model.config), "free": list(self.free),
                "fixed": dict(self.fixed), "truth": self.truth, "paths": self.paths, "horizon": self.horizon,
                "warmup": self.warmup, "seed": self.seed, "quick": self.is_quick,
                "gradient_paths": self.gradient_paths}


def check_model(model: Model) -> None:
    """Raise ModelError unless there is something to smooth in the exact rules of a text."""
    if "rule" in model.config and model.config["rule"] != EXACT and EXACT in choices_of(model).get("rule", ()):
        raise ModelError(f"rule={model.config['rule']!r}: the data come from the exact rules, and smoothed ones are "
                         "compared with them anyway: leave it out")
    twin = relaxed(model)  # says what is wrong with a model that has no text
    try:
        found = has_width(twin) or counts(model)
    except NotForLanes as refused:
        raise ModelError(f"model {model.name!r} runs path by path, {refused.because}, and has no relaxed twin: write "
                         "that line for lanes") from None
    if not found:
        raise ModelError(f"model {model.name!r} has no above, draw.chance or draw.count in its rules: its relaxed twin "
                         "is the model itself, and there is nothing to compare")


def has_width(twin: Model) -> bool:
    """Whether a relaxed twin has decisions whose width is the temperature."""
    return any(node.op == "param" and node.args[0] == TEMPERATURE.name
               for graph in _graphs(twin) for node in graph.once.nodes)


def counts(model: Model) -> bool:
    """Whether agents are counted, which a relaxed twin replaces by a Gaussian number at any temperature."""
    return any(site.node.op == "count" for graph in _graphs(model) for site in graph.sites)


def _graphs(model: Model) -> list[Graph]:
    text = Text(model)
    return [graph for graph in (read_step(text), read_start(text)) if graph is not None]


def check_sizes(design: Design) -> None:
    """Raise ParameterError for a number that cannot be."""
    for name, least in (("sets", 1), ("game_sets", 0), ("paths", LEAST_PATHS), ("horizon", 2), ("warmup", 0)):
        check_whole(name, getattr(design, name), least)
    n = design.gradient_paths
    if not is_whole(n) or (n != 0 and n < LEAST_GRADIENT):
        raise ParameterError(f"gradient_paths={shown(n)}: give a whole number of at least {LEAST_GRADIENT}, or 0 for "
                             "no gradients")
    check_seed(design.seed)
    if design.truth not in (DEFAULT, DRAWN):
        raise ParameterError(f"truth={shown(design.truth)} is none of: {DEFAULT}, {DRAWN}")


def check_temperatures(temperatures: Any) -> tuple[float, ...]:
    """Temperatures above zero, each once.

    Raises
    ------
    ParameterError
        One that is no number or outside what a relaxed twin takes; says what stands for zero.
    """
    found = []
    for one in temperatures:
        if isinstance(one, bool) or not isinstance(one, (int, float, np.integer, np.floating)):
            raise ParameterError(f"temperature {shown(one)} is not a number, give one above 0")
        if not one > 0:
            raise ParameterError(f"temperature {one:g}: it must be above 0; leave it out for the exact rules, which "
                                 "are compared anyway")
        TEMPERATURE.check(float(one))
        found.append(float(one))
    if not found:
        raise ParameterError("temperatures: give at least one above 0, as 1,0.3,0.1")
    return tuple(dict.fromkeys(found))


def check_data(design: Design, n_threads: int | None = None) -> None:
    """Raise DataError where the first data set has nothing to fit."""
    x = design.data_of(0, n_threads)
    if not np.ptp(x, axis=1).any():
        raise DataError(f"model {design.model.name!r} stands still from t={design.warmup} to "
                        f"{design.warmup + design.horizon}: give a smaller warmup")
