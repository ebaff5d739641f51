"""What is fitted: features of simulated paths to those of the data."""

from __future__ import annotations

from functools import partial

import numpy as np

from fastmas.calibration.budget import Sizes
from fastmas.calibration.observed import Observed
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.workers import Features
from fastmas.distance import Weight, weigh
from fastmas.updaters.scoring import Problem

FAR_RIDGE = 0.01  # what hardly varies at a point far from the data varies otherwise at the data


def problem_of(simulator: Simulator, features: Features, x: np.ndarray, settings: Settings,
               first_run: int = 0) -> Problem:
    """The fit of features to those of data x (n_paths, n_times)."""
    real = simulator.workers.each(features, x)
    n, regime, budget = len(x), simulator.observed.regime, settings.budget
    return Problem(simulated=partial(simulator.featured, features, n_times=x.shape[-1]), observed=real.mean(axis=0),
                   n_observed=n, n_sim=regime.n_sim(n), n_polish=regime.n_polish(n, budget.sizes),
                   n_weigh=regime.n_weigh(n, budget.sizes), region=simulator.region, seed=simulator.seed,
                   soft=simulator.observed.soft(real.shape[1]), ridge=regime.ridge, first_run=first_run,
                   n_linearised=budget.n_linearised)


def moment_problem(simulator: Simulator, settings: Settings) -> Problem:
    """The fit of moments to those of the training data."""
    return problem_of(simulator, simulator.observed.moments_of, simulator.observed.x_train, settings)


def n_last(observed: Observed, sizes: Sizes) -> int:
    """The most paths that the last steps on the training data simulate at a point."""
    return max(observed.regime.n_polish(observed.n, sizes), observed.regime.n_weigh(observed.n, sizes))


def training_weight(observed: Observed, features: np.ndarray, gap: np.ndarray, n_simulated: int) -> Weight:
    """The weight of the training data's features against the mean of `n_simulated` paths like these (n, k)."""
    regime = observed.regime
    return weigh(features, 1.0 / observed.n + 1.0 / n_simulated, gap=gap, soft=observed.soft(features.shape[1]),
                 ridge=regime.ridge or FAR_RIDGE)
