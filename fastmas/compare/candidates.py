"""What is compared: markets by their name, those of one's own, and the yardsticks beside them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from fastmas import models
from fastmas.errors import ParameterError
from fastmas.markets import is_market, price_of
from fastmas.model import Model
from fastmas.simulate import simulate
from fastmas.updaters.moments import FEW

# Series that a fit of moments and its verdict simulate, about (docs/compare.md): few coordinates are each looked along.
N_SERIES, N_SERIES_ALONG = 45_000, 140_000
TRIED, TRIED_STEPS = 64, 200  # paths and steps whose time is taken


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model to calibrate; `name` is its row's and its folder's, `asked` says that the user named it."""

    name: str
    model: Model
    asked: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Options that are not those of its class."""
        return {f.name: getattr(self.model, f.name) for f in fields(self.model)
                if getattr(self.model, f.name) != f.default}


def candidates(given: Iterable[str | Model] | None) -> list[Candidate]:
    """Every built-in market, or those that are given; and all yardsticks.

    Raises
    ------
    ModelError
        An unknown model, or one that shows no price.
    ParameterError
        Nothing, or two models of one name.
    """
    built_in = [models.get(name) for name in models.names()]
    yardsticks = [one for model in built_in if model.yardstick for one in _variants(model)]
    if given is None:
        return [*(Candidate(m.name, m) for m in built_in if is_market(m) and not m.yardstick), *yardsticks]
    asked = [Candidate(model.name, model, asked=True) for model in map(_found, given)]
    if not asked:
        raise ParameterError("models: name at least one, or leave it out for all")
    names = [one.name for one in asked]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ParameterError(f"models: {twice[0]!r} is named twice; the name of a class is that of its folder")
    return [*asked, *(one for one in yardsticks if one.name not in names)]


def minutes(model: Model, n_steps: int) -> float:
    """About how many minutes of CPU a calibration to one series of so many steps takes in simulating alone."""
    n_series = N_SERIES_ALONG if 1 < len(model.default_free("series")) <= FEW else N_SERIES
    simulate(model, n_paths=TRIED, n_steps=2, n_threads=1)  # compiled before the clock runs
    began = time.process_time()
    simulate(model, n_paths=TRIED, n_steps=TRIED_STEPS, n_threads=1)
    return (time.process_time() - began) / (TRIED * TRIED_STEPS) * n_steps * n_series / 60


def _variants(model: Model) -> list[Candidate]:
    return [Candidate("-".join([model.name, *map(str, options.values())]), type(model)(**options))
            for options in model.variants]


def _found(one: str | Model) -> Model:
    model = one if isinstance(one, Model) else models.get(one)
    price_of(model)
    return model


