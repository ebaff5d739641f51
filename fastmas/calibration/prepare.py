"""A simulator for a calibration, and what cannot be calibrated, said before anything is simulated."""

from __future__ import annotations

from fastmas import discriminators, updaters
from fastmas.calibration.observed import Observed
from fastmas.calibration.problems import n_last
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.workers import Workers
from fastmas.discriminators.replay import N_THETA
from fastmas.errors import MemoryLimitError, ParameterError
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.region import Region
from fastmas.simulate import available_memory
from fastmas.updaters import Search


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
    check_gradients(simulator, settings)
    check_degrees(observed, settings, space.d)
    check_memory(observed, settings, n_candidates(settings, space.region))
    return simulator


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
    generation = 4 * population * paths * (observed.n_times + 2 * n_samples * k)
    pool_paths, pool_times = observed.regime.pool(observed.n_times, sizes)
    pool = 4 * N_THETA * pool_paths * (n_samples * k if pool_times is None else 2 * pool_times * k)
    last = n_last(observed, sizes)
    needs = [(4 * last * observed.n_times, f"the last steps' {last} paths need", "give fewer or shorter ones")]
    if settings.generations > 0:
        needs += [(generation, f"paths={paths}: a generation of {population} candidates needs", "ask for fewer paths"),
                  (pool, f"{N_THETA} thetas to learn from need", "give shorter paths")]
    n_bytes, what, remedy = max(needs)
    if n_bytes > 0.9 * (free := available_memory()):
        raise MemoryLimitError(f"{what} {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; {remedy}")
