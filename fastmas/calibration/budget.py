"""How much work each part of a calibration does, passed in from the outside and kept with the run."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from fastmas import discriminators
from fastmas.errors import ParameterError
from fastmas.updaters import moments, scoring


@dataclass(frozen=True)
class Sizes:
    """How much is simulated.

    `polish_paths` and `polish_series` for each path or series observed in the last steps, `least_polish` and
    `most_polish` paths there (never fewer than twice the data's), `weigh_series` for a covariance in a search and
    `weigh_last` for that of an estimate of one series, and `pool_steps` steps of paths for each theta that a network
    learns from.
    """

    polish_paths: int = 10
    polish_series: int = 100
    least_polish: int = 2000
    most_polish: int = 20_000
    weigh_series: int = 300
    weigh_last: int = 600
    pool_steps: int = 2000


@dataclass(frozen=True)
class BootstrapEffort:
    """Paths of a bank, at least and for each observed one, and behind all derivatives; series behind each side of one.

    With 20 for each observed path another seed could make a p-value of .28 one of .004.
    """

    least_bank: int = 20_000
    per_path: int = 100
    n_slope: int = 48_000
    n_slope_series: int = 200


@dataclass(frozen=True)
class ToldApartEffort:
    """Steps of a discriminator trained from scratch, pieces of each step, and simulated data sets judged beside."""

    steps: int = 400
    batch: int = 1024
    n_null: int = 4


@dataclass(frozen=True)
class PosteriorEffort:
    """Simulated data sets of a regression at most and at least, epochs of its training, and data sets of its check.

    From fewer than `least_sets` a regression learns little; the data must not be further out than all of `n_check`.
    """

    most_sets: int = 8192
    least_sets: int = 1024
    epochs: int = 30
    n_check: int = 999


@dataclass(frozen=True)
class Budget:
    """Of simulations, the start, the last steps (slopes taken anew at most `n_linearised` times), and what follows.

    `training` changes fields of a discriminator's own `training`, by its name.

    Raises
    ------
    ParameterError
        If `training` names no discriminator, or no field of its training.
    """

    sizes: Sizes = Sizes()
    start: moments.Effort = moments.EFFORT
    n_linearised: int = scoring.N_POLISH
    training: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bootstrap: BootstrapEffort = BootstrapEffort()
    told_apart: ToldApartEffort = ToldApartEffort()
    posterior: PosteriorEffort = PosteriorEffort()

    def __post_init__(self) -> None:
        for name, changes in self.training.items():
            known = [f.name for f in fields(discriminators.get(name).training)]
            unknown = sorted(set(changes) - set(known))
            if unknown:
                raise ParameterError(f"budget: training of {name!r} has no {unknown[0]!r}; it has {', '.join(known)}")

    def training_of(self, discriminator: str) -> Any:
        """How long the networks of this discriminator train."""
        return replace(discriminators.get(discriminator).training, **self.training.get(discriminator, {}))

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Budget:
        """Undo `dataclasses.asdict`, from what JSON has made of it."""
        return _rebuilt(cls, plain)


FULL = Budget()


def _rebuilt(kind: Any, plain: Any) -> Any:
    if is_dataclass(kind):
        kinds = typing.get_type_hints(kind)
        return kind(**{f.name: _rebuilt(kinds[f.name], plain[f.name]) for f in fields(kind)})  # type: ignore[operator]
    if typing.get_origin(kind) is tuple:
        return tuple(_rebuilt(typing.get_args(kind)[0], one) for one in plain)
    return plain
