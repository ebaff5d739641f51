"""Eq. (1) with a network for a simulator: gradients go through its paths into its weights.

Two time scales (Heusel et al. 2017): in a generation the discriminator takes the steps of its own recipe, the network
one that is shorter than those together; the network's rate falls to nothing over the second half. What is returned are
averaged weights (Yazici et al. 2019): a game circles round where it would end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fastmas import discriminators
from fastmas.calibration.budget import Budget
from fastmas.calibration.problems import n_last, training_weight
from fastmas.discriminators import Table
from fastmas.discriminators.training import Trainer, flat
from fastmas.errors import ParameterError
from fastmas.network.settings import NetworkSettings
from fastmas.network.simulator import NOWHERE, NetworkSimulator, noise
from fastmas.random.address import Purpose

RATE, BETAS = 3e-3, (0.5, 0.9)  # a discriminator of the usual recipe takes three steps of 2e-3 for one of these
MEMORY = 0.1  # of all generations, over which weights are averaged
LEAST_MEMORY = 10.0  # generations

Tell = Callable[[Mapping[str, Any]], None]


def play(simulator: NetworkSimulator, settings: NetworkSettings, budget: Budget, tell: Tell) -> list[dict[str, Any]]:
    """Train the simulator's network, leave averaged weights in it, and return a row of the history per generation."""
    network = simulator.network
    discriminator = discriminators.seat(settings.discriminator, table(simulator, settings, budget), settings.objective)
    trainer = Trainer(network, RATE, BETAS, simulator.workers.map)
    memory = max(LEAST_MEMORY, MEMORY * settings.generations)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1.0 - 1.0 / memory))
    tell({"phase": "game", "done": 0, "total": settings.generations, "text": "training the discriminator"})
    discriminator.begin()

    rows: list[dict[str, Any]] = []
    for generation in range(settings.generations):
        discriminator.play(generation, NOWHERE)
        loss = move(trainer, discriminator, simulator, settings, generation)
        averaged.update_parameters(network)
        rows.append({"generation": generation + 1, "loss": loss, **discriminator.report()})
        tell({"phase": "game", "done": generation + 1, "total": settings.generations, "loss": loss})
    network.load_state_dict(averaged.module.state_dict())
    return rows


def move(trainer: Trainer, discriminator: Any, simulator: NetworkSimulator, settings: NetworkSettings,
         generation: int) -> float:
    """One step of the network against the discriminator as it stands; returns the objective's loss before it."""
    trainer.rate(RATE * min(1.0, 2.0 * (1.0 - generation / settings.generations)))
    drawn = noise(simulator.network, settings.paths, settings.n_times, simulator.seed, generation, Purpose.CANDIDATES)
    simulator.n_simulated += settings.paths
    return trainer.step(partial(_loss, simulator, discriminator), drawn)


def _loss(simulator: NetworkSimulator, discriminator: Any, drawn: Tensor) -> Tensor:
    samples = simulator.observed.statistic(simulator.network(drawn))
    if not (isinstance(samples, Tensor) and samples.requires_grad):
        raise ParameterError(f"statistic {simulator.observed.statistic_name!r} gives no gradient, which a network "
                             "needs; name another, such as windows")
    return discriminator.objective.generator_loss(discriminator.trainer.network(flat(samples)))


def table(simulator: NetworkSimulator, settings: NetworkSettings, budget: Budget) -> Table:
    """What the discriminator plays on: as in a calibration, with the network's paths at whatever z."""
    observed = simulator.observed
    return Table(
        sample=partial(simulator.sample, n_times=settings.n_times), look=simulator.look,
        moments=simulator.workers.each(observed.moments_of, observed.x_train), weigh=partial(training_weight, observed),
        n_weigh=n_last(observed, budget.sizes), real=observed.real, heldout=observed.heldout, n_paths=settings.paths,
        start=NOWHERE, spread=NOWHERE, region=simulator.region, seed=settings.seed, first_run=0,
        n_generations=settings.generations, pool_paths=settings.paths, pool_times=settings.n_times,
        blur=observed.regime.blur, map=simulator.workers.map, training=budget.training_of(settings.discriminator))


def mean_moment_distance(simulator: NetworkSimulator, budget: Budget) -> float:
    """Squared distance of the network's mean moments from the data's, in the data's standard errors, over their number.

    1 is what chance gives; on one series, whose standard errors nobody knows, in sds of simulated series.
    """
    observed, each = simulator.observed, simulator.workers.each
    n = n_last(observed, budget.sizes)
    simulated = each(observed.moments_of, simulator.simulate(NOWHERE, n, 0, Purpose.MOMENTS)[0])
    simulated = simulated[np.isfinite(simulated).all(axis=1)]
    real = each(observed.moments_of, observed.x_train)
    sd = (simulated if observed.is_series else real).std(axis=0)
    gap = (simulated.mean(axis=0) - real.mean(axis=0))[sd > 0] / sd[sd > 0]
    return float(np.square(gap).mean() / (1.0 / observed.n + 1.0 / len(simulated)))
