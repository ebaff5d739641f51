"""What a user is told of the search: which candidate is the estimate, by how much, and which other basins there are."""

from __future__ import annotations

import numpy as np

from fastmas import discriminators, updaters
from fastmas.calibration.settings import Settings
from fastmas.calibration.settle import Settled
from fastmas.calibration.simulator import Simulator
from fastmas.parameters import ParameterSpace

NAMES = {"game": "the game", "polished": "its last step"}
NATS = 0.5  # of a squared distance
MOST_NAMED = 6  # parameters


def search_in_words(settled: Settled, moment_start: bool = True) -> str:
    """Distances of all candidates, and the misfit that they carry."""
    order = sorted(settled.distances.items(), key=lambda one: one[1])
    names = NAMES | {"start": "the moment fit" if moment_start else "the start"}
    told = ", ".join(f"{names.get(name, name)} {distance:.1f}" for name, distance in order)
    said = (f"Squared distance from the training data by simulation, on {settled.degrees} degrees of freedom: {told}. "
            "The nearest is the estimate, after a step on all data.")
    if settled.tau > 0:
        said += (f" Chance does not explain the distance: each feature may miss by {settled.tau:.1f} of its standard "
                 "errors, and what cannot be matched decides nothing alone.")
    return said


def ways(simulator: Simulator, settings: Settings) -> dict[str, str]:
    """How each free parameter's gradient was had, by its name; nothing of an updater that takes losses alone."""
    estimator = updaters.estimator_of(updaters.make(settings.updater, settings.updater_options))
    return {} if estimator is None else {name: estimator.way(simulator.model, name) for name in simulator.space.free}


def pairing_in_words(settings: Settings) -> list[str]:
    """A warning of an updater and a discriminator that do not play well together, if they do not."""
    mover, kind = updaters.get(settings.updater), discriminators.get(settings.discriminator)
    if not mover.is_game or mover.is_local or kind.knows_theta:
        return []
    good = [name for name in updaters.names() if updaters.get(name).is_game and updaters.get(name).is_local]
    return [f"{settings.updater!r} compares candidates all over its region, and the discriminator "
            f"{settings.discriminator!r} has seen the present parameters alone: the game may leave the truth; use "
            f"{', '.join(good[:-1])} or {good[-1]}"]


def modes_in_words(space: ParameterSpace, settled: Settled) -> list[str]:
    """One warning for each other basin within 8 nats."""
    return [f"another basin fits {_how_well(distance - settled.distance)}: {_values(space, z, settled.z)}; a mean of "
            "the two fits neither way" for z, distance in settled.modes]


def _how_well(rise: float) -> str:
    return f"nearly as well ({NATS * rise:.1f} nats worse)" if rise > 0 else "as well"


def _values(space: ParameterSpace, z: np.ndarray, estimate: np.ndarray) -> str:
    """Of all parameters, or of those that are furthest from the estimate."""
    values, names = space.to_theta(z), space.free
    places, rest = list(range(len(z))), len(z) - MOST_NAMED
    if rest > 0:
        places = np.argsort(-np.abs(z - estimate) / space.region.width, kind="stable")[:MOST_NAMED].tolist()
    told = ", ".join(f"{names[j]} = {values[j]:.3g}" for j in places)
    return told if rest <= 0 else f"{told} and {rest} more"
