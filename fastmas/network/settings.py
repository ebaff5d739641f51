"""The options of `fit_network`, all of them decided before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastmas import discriminators
from fastmas.calibration.regimes import LEAST_CANDIDATE, REGIMES
from fastmas.data import Observations
from fastmas.discriminators.unconditional import Unconditional
from fastmas.errors import ParameterError
from fastmas.network.transition import SPANS
from fastmas.parameters import check_seed, check_whole
from fastmas.registry import parts

USUAL = "windowed"
N_GENERATIONS = 1000
N_PATHS, N_SERIES = 128, 64  # of a generation, for either player
PIECE = 150  # steps of a series that are simulated for the players
WARMUP = 2 * max(SPANS)  # steps before a series: by then its averages have forgotten where they began


@dataclass(frozen=True)
class NetworkSettings:
    """`warmup` steps come before a simulated series; `n_times` are the prices of a path of the game."""

    discriminator: str
    objective: str
    statistic: str
    generations: int
    paths: int
    warmup: int
    n_times: int
    seed: int


def decide(observations: Observations, *, discriminator: str | None, objective: str | None, statistic: str | None,
           generations: int | None, paths: int | None, seed: int) -> NetworkSettings:
    """Fill in what was not given, by the regime of the data, and check what was.

    Raises
    ------
    ParameterError
        An unknown name, a discriminator that needs parameters, a statistic that is none of ours, a size that cannot be.
    """
    regime = REGIMES[observations.regime]
    chosen, played = discriminators.match(discriminator, objective, USUAL)
    _check_player(chosen, discriminator, objective)
    if statistic is not None and not isinstance(statistic, str):
        raise ParameterError("statistic: the gradient of a function of yours is not known to a network; name one of "
                             "fastmas, such as windows")
    usual_paths = N_SERIES if regime.is_series else N_PATHS
    n_generations = N_GENERATIONS if generations is None else generations
    n_paths = usual_paths if paths is None else paths
    check_whole("generations", n_generations, 1)
    check_whole("paths", n_paths, LEAST_CANDIDATE)
    check_seed(seed)
    series = observations.series_train
    n_times = observations.x_obs.shape[1] if series is None else min(len(series), PIECE + 1)
    kind = discriminators.get(chosen)
    return NetworkSettings(chosen, played, statistic or kind.statistics[-1 if regime.is_series else 0],
                           int(n_generations), int(n_paths), WARMUP if regime.is_series else 0, n_times,
                           int(seed))


def players() -> list[str]:
    """Discriminators that a network can play: they see samples alone, and need no parameters."""
    return [name for name, kind in parts("fastmas.discriminators", "DISCRIMINATOR").items()
            if isinstance(kind, type) and issubclass(kind, Unconditional)]


def _check_player(chosen: str, discriminator: str | None, objective: Any) -> None:
    if chosen in players():
        return
    given = f"discriminator={chosen!r}" if discriminator is not None else f"objective={objective!r}"
    why = "it needs parameters, and a network has none" if discriminator is not None else "no network plays for it"
    raise ParameterError(f"{given}: {why}; name {' or '.join(sorted(players()))}, and an objective on logits")
