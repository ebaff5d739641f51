"""The options of a calibration, all of them decided before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fastmas import discriminators, statistics, updaters
from fastmas.calibration.budget import FULL, Budget
from fastmas.calibration.regimes import LEAST_CANDIDATE, REGIMES
from fastmas.data import Observations
from fastmas.errors import ParameterError
from fastmas.evaluation import GRADIENT
from fastmas.parameters import check_seed, check_whole, shown

N_DRAWS = 2000  # from the posterior


@dataclass(frozen=True)
class Settings:
    """The options of `calibrate`, all of them decided."""

    updater: str
    discriminator: str
    objective: str
    statistic: str
    generations: int
    paths: int
    warmup: int
    seed: int
    interval: bool
    bounds: dict[str, list[float]] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    draws: int = N_DRAWS
    budget: Budget = FULL
    updater_options: dict[str, Any] = field(default_factory=dict)
    moment_start: bool = True
    robust: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Settings:
        """Undo `dataclasses.asdict`, from a configuration that holds more."""
        given: dict[str, Any] = {f.name: plain[f.name] for f in fields(cls)}
        return cls(**{**given, "budget": Budget.of(plain["budget"])})


def decide(observations: Observations, *, updater: str, discriminator: str | None, objective: str | None,
           statistic: Any, generations: int | None, paths: int | None, warmup: int | None, seed: int,
           interval: bool, draws: int = N_DRAWS, robust: bool = False) -> Settings:
    """Fill in what was not given, by the regime of the data, and check what was.

    Raises
    ------
    ParameterError
        An unknown name, a size that cannot be, or `robust` that is neither true nor false.
    """
    regime = REGIMES[observations.regime]
    mover = updaters.get(updater)
    chosen, played = discriminators.match(discriminator, objective, mover.discriminator)
    kind = discriminators.get(chosen)
    if mover.needs == GRADIENT and not kind.has_gradients:
        raise ParameterError(f"updater={updater!r} moves by gradients, which the discriminator {chosen!r} has not; "
                             f"name {' or '.join(discriminators.differentiable(played))}, or another updater")
    name = statistic or kind.statistics[-1 if regime.is_series else 0]
    sizes = {
        "generations": 0 if not mover.is_game else kind.n_generations if generations is None else generations,
        "paths": regime.n_candidate(len(observations.x_obs)) if paths is None else paths,
        "warmup": regime.warmup if warmup is None else warmup,
    }
    for option, value, least in (("generations", sizes["generations"], 0), ("paths", sizes["paths"], LEAST_CANDIDATE),
                                 ("warmup", sizes["warmup"], 0), ("draws", draws, 0)):
        check_whole(option, value, least)
    check_seed(seed)
    if not isinstance(robust, bool):
        raise ParameterError(f"robust={shown(robust)}: give True or False")
    return Settings(updater=updater, discriminator=chosen, objective=played,
                    statistic=statistics.name_of(name),
                    generations=int(sizes["generations"]), paths=int(sizes["paths"]), warmup=int(sizes["warmup"]),
                    seed=int(seed), interval=bool(interval), draws=int(draws), robust=robust)
