"""A simulator for a calibration, and what cannot be calibrated, said before anything is simulated."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from fastmas import discriminators, updaters
from fastmas.calibration.observed import Observed
from fastmas.calibration.problems import n_last
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.workers import Workers
from fastmas.discriminators.replay import N_THETA
from fastmas.errors import DataError, MemoryLimitError, ParameterError
from fastmas.evaluation import GRADIENT
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.random.address import Purpose
from fastmas.region import Region
from fastmas.simulate import available_memory
from fastmas.updaters import Search

N_POINTS, N_PATHS, VALUES_OF_CODES = 64, 8, 1 << 20  # simulated to see which codes a model gives
MOST_CODES = 10  # named


def prepare(model: Model, space: ParameterSpace, observed: Observed, settings: Settings, *,
            n_threads: int | None = None, device: str = "cpu") -> Simulator:
    """The simulator of a calibration that can be run.

    Raises
    ------
    ParameterError, ModelError
        If there are more unknowns than figures, or the updater cannot begin with its options or move this model.
    MemoryLimitError
        If the largest arrays do not fit.
    DeviceError
        If the device cannot be used.
    """
    simulator = Simulator(model, space, observed, Workers(n_threads), warmup=settings.warmup, seed=settings.seed,
                          device=device)
    check_observables(simulator, settings)
    check_gradients(simulator, settings)
    check_degrees(observed, settings, space.d)
    check_memory(observed, settings, n_candidates(settings, space.region))
    return simulator


def check_observables(simulator: Simulator, settings: Settings) -> None:
    """Raise ParameterError where an option is for one observable, or for numbers, and the data are not."""
    observed = simulator.observed
    if observed.k > 1 and settings.robust:
        raise ParameterError(f"robust=True replaces prices of one observable, and these data have {observed.k}: "
                             "correct wrong values, or leave it out")
    coded = [view.name for view in observed.views if view.domain.is_coded]
    if settings.robust and coded:
        raise ParameterError(f"robust=True replaces numbers by those between others, and {coded[0]!r} has codes; leave "
                             "it out")
    if (observed.k > 1 or coded) and updaters.get(settings.updater).needs == GRADIENT:
        why = f"{observed.k} observables" if observed.k > 1 else "codes"
        raise ParameterError(f"updater={settings.updater!r} moves by the gradient of one observable that is a number, "
                             f"and these data have {why}; use cma-es, parameter-score, avo or moments")
    check_codes(simulator)


def check_codes(simulator: Simulator) -> None:
    """Raise DataError where data have a code that the model gives at no point of a design over the bounds."""
    observed = simulator.observed
    coded = [view for view in observed.views if view.domain.is_coded]
    if not coded:
        return
    region = simulator.region
    z = region.low + (region.high - region.low) * qmc.Sobol(region.d, seed=simulator.seed).random(N_POINTS)
    counted = simulator.n_simulated
    n_times = max(2, min(observed.n_times, VALUES_OF_CODES // (N_POINTS * N_PATHS)))
    paths = simulator.simulate(region.inside(z), N_PATHS, 1, Purpose.SAMPLE, n_times=n_times)
    simulator.n_simulated = counted
    for view in coded:
        made = np.unique(view.of_paths(paths.reshape(-1, *paths.shape[2:])))
        lacking = [code for code in np.unique(observed.observations.values[..., view.place]) if code not in made]
        if lacking:
            gave = ", ".join(f"{code:g}" for code in made[:MOST_CODES])
            raise DataError(f"{observed.observations.source}: {view.name} is {lacking[0]:g} in the data, which the "
                            f"model gave in none of {N_POINTS * N_PATHS} paths over the bounds; it gave {gave}: "
                            "correct the data, or name another observable")


def check_gradients(simulator: Simulator, settings: Settings) -> None:
    """Raise ModelError or ParameterError where the updater needs gradients that the model or the statistic has not."""
    estimator = updaters.estimator_of(updaters.make(settings.updater, settings.updater_options))
    if estimator is None:
        return
    if settings.robust:
        raise ParameterError("robust=True replaces prices of simulated paths, through which "
                             f"updater={settings.updater!r} has no gradient; use moments, cma-es or parameter-score")
    estimator.check(simulator.model, simulator.space.free)
    if estimator.needs_tensors and not simulator.observed.reads_tensors:
        raise ParameterError(f"updater={settings.updater!r}: the statistic {simulator.observed.statistic_name!r} is a "
                             "function of arrays, through which torch takes no gradient; use decision-score, or name a "
                             "built-in statistic")


def n_candidates(settings: Settings, region: Region) -> int:
    """Of the first generation; ParameterError where the updater cannot begin with its options."""
    updater = updaters.make(settings.updater, settings.updater_options)
    search = Search(region.middle, 0.01 * region.width, region, max(1, settings.generations), settings.seed)
    return len(updater.ask(updater.start(search)))


def n_learned(settings: Settings, d: int) -> int:
    """Features that a game of d coordinates learns from simulations, apart from combinations of others."""
    kind = discriminators.get(settings.discriminator)
    return 0 if settings.generations == 0 or kind.sees_data else kind.n_learned(d)


def check_degrees(observed: Observed, settings: Settings, d: int) -> None:
    """Raise ParameterError where there are more unknowns than figures."""
    k, learned = observed.n_moments, n_learned(settings, d)
    if d > k + learned:
        and_learned = f", and {learned} learned features" if learned else ""
        raise ParameterError(
            f"{d} free parameters and {k} moments of paths of {observed.n_times} prices{and_learned}: more unknowns "
            f"than figures; free at most {k + learned}, or tie the parameters of agents of one type (leave per_agent "
            "away)")


def check_memory(observed: Observed, settings: Settings, population: int) -> None:
    """Raise MemoryLimitError where the largest arrays do not fit; better said now than after the moment fit."""
    n_samples, k = observed.real.shape[1:]
    paths, sizes = settings.paths, settings.budget.sizes
    n_values = observed.n_times * observed.k
    generation = 4 * population * paths * (n_values + 2 * n_samples * k)
    pool_paths, pool_times = observed.regime.pool(observed.n_times, sizes)
    pool = 4 * N_THETA * pool_paths * (n_samples * k if pool_times is None else 2 * pool_times * k)
    last = n_last(observed, sizes)
    needs = [(4 * last * n_values, f"the last steps' {last} paths need", "give fewer or shorter ones")]
    if settings.generations > 0:
        needs += [(generation, f"paths={paths}: a generation of {population} candidates needs", "ask for fewer paths"),
                  (pool, f"{N_THETA} thetas to learn from need", "give shorter paths")]
    n_bytes, what, remedy = max(needs)
    if n_bytes > 0.9 * (free := available_memory()):
        raise MemoryLimitError(f"{what} {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; {remedy}")
