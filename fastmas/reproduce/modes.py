"""Second modes: other basins of the moments' distance, and how far from the data the games' ends are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fastmas.calibration.budget import FULL
from fastmas.calibration.observed import Observed
from fastmas.calibration.prepare import prepare
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.settings import Settings, decide
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.reproduce.experiment import N_THREADS, Experiment, folded, market
from fastmas.reproduce.setting import NAMES
from fastmas.updaters.moments import Effort
from fastmas.updaters.scoring import compare

LITTLE = replace(FULL, start=Effort(n_scan=128, n_starts=2))


@dataclass(frozen=True, eq=False)
class Basins:
    """Of a data set: points (n, 3) with their moment distances (n,), the nearest first, and the number of moments."""

    points: np.ndarray
    distances: np.ndarray
    degrees: int


def basins(experiment: Experiment) -> Basins:
    """The fit of moments over the whole box of positive values, and other basins within 8 nats of it."""
    model = market(experiment.setting, positive=True)
    simulator, settings = _moments(experiment, model, model.space(NAMES, {"rho": experiment.setting.rho}))
    with simulator.workers.at_work():
        fit = find_start(simulator, settings)
    z = np.concatenate([fit.z[None], fit.modes.reshape(-1, len(fit.z))])
    return Basins(simulator.space.to_theta(z), np.append(fit.distance, fit.mode_distances), fit.degrees)


def distances(experiment: Experiment, ends: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Moment distances of the ends (d,) by name, and of the truth, all from the same random numbers."""
    simulator, settings = _moments(experiment, experiment.model, experiment.space)
    points = np.stack([experiment.truth, *(folded(end) for end in ends.values())])
    with simulator.workers.at_work():
        found = compare(moment_problem(simulator, settings), points)
    return dict(zip(("truth", *ends), found.distances.tolist(), strict=True))


def _moments(experiment: Experiment, model: Model, space: ParameterSpace) -> tuple[Simulator, Settings]:
    """Simulator and settings of a fit of moments."""
    setting = experiment.setting
    settings = decide(
        experiment.observations, updater="moments", discriminator=None, objective=None, statistic=None,
        generations=None, paths=None, warmup=setting.first_of_generator, seed=setting.seed, interval=False, draws=0)
    settings = replace(settings, budget=LITTLE if setting.quick else FULL)
    observed = Observed(experiment.observations, settings.statistic)
    return prepare(model, space, observed, settings, n_threads=N_THREADS), settings
