"""The options of a calibration, all of them decided before it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastmas import discriminators, objectives, updaters
from fastmas.data import Observations
from fastmas.errors import ParameterError
from fastmas.parameters import is_whole, shown

WARMUP = {"paths": 50, "series": 200}  # steps; a lone series is meant to be stationary
SERIES_PATHS = 12  # simulated series of the data's length per candidate
LEAST_PATHS = 8  # of a candidate
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


def decide(observations: Observations, *, updater: str, discriminator: str | None, objective: str | None,
           statistic: Any, generations: int | None, paths: int | None, warmup: int | None, seed: int,
           interval: bool, draws: int = N_DRAWS) -> Settings:
    """Fill in what was not given, by the regime of the data, and check what was.

    Raises
    ------
    ParameterError
        An unknown name or a size that cannot be.
    """
    regime = observations.regime
    mover = updaters.get(updater)
    chosen = discriminator or mover.discriminator
    kind = discriminators.get(chosen)
    if objective is not None:
        objectives.get(objective)
        if kind.own_objective is not None:
            raise ParameterError(
                f"objective={objective!r}: the discriminator {chosen!r} plays {kind.own_objective!r} and no other; "
                "name another discriminator, or leave the objective away")
    name = statistic or kind.statistics[0 if regime == "paths" else -1]
    sizes = {
        "generations": 0 if not mover.is_game else kind.n_generations if generations is None else generations,
        "paths": paths if paths is not None else (
            max(LEAST_PATHS, len(observations.x_obs)) if regime == "paths" else SERIES_PATHS),
        "warmup": WARMUP[regime] if warmup is None else warmup,
    }
    for option, value, least in (("generations", sizes["generations"], 0), ("paths", sizes["paths"], LEAST_PATHS),
                                 ("warmup", sizes["warmup"], 0), ("draws", draws, 0)):
        if not is_whole(value) or value < least:
            raise ParameterError(f"{option}={shown(value)}: give a whole number of at least {least}")
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ParameterError(f"seed={shown(seed)}: give a whole number in [0, 2**32)")
    return Settings(updater=updater, discriminator=chosen,
                    objective=kind.own_objective or objective or "non-saturating",
                    statistic=name if isinstance(name, str) else getattr(name, "__name__", "function"),
                    generations=int(sizes["generations"]), paths=int(sizes["paths"]), warmup=int(sizes["warmup"]),
                    seed=int(seed), interval=bool(interval), draws=int(draws))
