"""Small games for tests: a small budget, a market seen through few paths, and a toy in place of a simulator.

With the small budget a game of five generations takes half a second instead of ten. What it finds is rough; its bits,
files, messages and states are what the tests look at. Accuracy is tested with the full one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from fastmas import models
from fastmas.calibration import budget as budgets
from fastmas.calibration.budget import BootstrapEffort, Budget, PosteriorEffort, Sizes, ToldApartEffort
from fastmas.calibration.observed import Observed
from fastmas.calibration.prepare import prepare
from fastmas.calibration.settings import Settings, decide
from fastmas.calibration.simulator import Simulator
from fastmas.data import Observations, observe
from fastmas.discriminators import Table, amortised
from fastmas.distance import weigh
from fastmas.region import Region
from fastmas.simulate import simulate
from fastmas.updaters.moments import Effort, Stage

TRUTH = {"kappa": 1.0, "gamma": 2.0}
SMALL = Budget(
    sizes=Sizes(polish_paths=4, polish_series=40, least_polish=240, weigh_series=80, weigh_last=80, pool_steps=600),
    start=Effort(n_scan=64, n_starts=1, stages=(Stage(1, 0.03, 2), Stage(1, 0.015, 2)), n_profile=3,
                 valley=Stage(2, 0.015, 3)),
    n_linearised=2,
    training={"amortised": {"steps": 30, "renew": 10, "n_contrast": 64, "n_windows": 8},
              "conditional": {"batch": 256, "steps": 2, "warmup": 20},
              "windowed": {"batch": 256, "warmup": 15}, "path": {"batch": 256, "warmup": 15}},
    bootstrap=BootstrapEffort(least_bank=2000, per_path=20, n_slope=1000, n_slope_series=20),
    told_apart=ToldApartEffort(steps=10, batch=256, n_null=2),
    posterior=PosteriorEffort(most_sets=512, least_sets=128, epochs=3, n_check=199))


def cut():
    """Give calibrations of this process the small budget, for good: for child processes."""
    budgets.FULL = SMALL


@cache
def market(**config):
    """The stock market with this configuration."""
    return models.stock_market(**config)


@cache
def market_paths(n_paths=60, n_times=31, seed=1003):
    """Paths of the market at TRUTH, t = 50 and on."""
    return simulate(market(), TRUTH, n_paths=n_paths, n_steps=49 + n_times, warmup=50, seed=seed)


@cache
def market_series(n_times, seed=1003):
    """One series of the market at TRUTH."""
    return simulate(market(), TRUTH, n_paths=1, n_steps=199 + n_times, warmup=200, seed=seed)[0]


# ---------------------------------------------------------------------- a toy

N_SAMPLES = 6
TOY_TRUTH = np.array([0.5, -0.2])
TOY_REGION = Region(np.array([-2.0, -1.5]), np.array([2.0, 1.5]), np.zeros(2, dtype=bool))


def toy_samples(z, n_paths, run, purpose, *, common=True, n_times=None):
    """Windows (n_theta, n_paths, N_SAMPLES, 3) of three independent normals with mean z[0] and sd exp(z[1])."""
    rng = np.random.default_rng([7, run, purpose])
    noise = rng.standard_normal((1 if common else len(z), n_paths, N_SAMPLES, 3))
    mean, log_sd = z.T[:, :, None, None, None]
    return (mean + np.exp(log_sd) * noise).astype(np.float32)


def toy_moments(samples):
    """Of each path (..., n_samples, 3): the mean of its values."""
    return samples.mean(axis=(-2, -1), dtype=np.float64)[..., None]


def toy_look(z, n_paths, run, purpose, *, common=True):
    samples = toy_samples(z, n_paths, run, purpose, common=common)
    return samples, toy_moments(samples)


class ToyRollout:
    """The toy's samples at one z, whose derivatives along it are known."""

    n_simulated = 100

    def __init__(self, z, generation):
        self.z, noise = z, toy_samples(np.zeros((1, 2)), 100, generation, 98)[0]
        self.noise = noise
        self.samples = self.smooth = (z[0] + np.exp(z[1]) * noise).astype(np.float32)

    def gradient(self, view):
        along = np.stack([np.ones_like(self.noise), np.exp(self.z[1]) * self.noise])
        return (along * view.slope).sum(axis=(1, 2, 3), dtype=np.float64)


def toy_table(**changes):
    """A table at which the toy stands for simulator and statistic; the data are its own at TOY_TRUTH."""
    real, heldout = toy_samples(TOY_TRUTH[None], 250, 0, 99)[0].copy(), toy_samples(TOY_TRUTH[None], 50, 1, 99)[0]
    real = changes.pop("real", real)
    return Table(**{
        "sample": toy_samples, "look": toy_look, "moments": toy_moments(real), "n_weigh": 600,
        "weigh": lambda features, gap, n: weigh(features, 1.0 / len(real) + 1.0 / n),
        "real": real, "heldout": heldout, "n_paths": 100, "start": np.zeros(2),
        "spread": np.array([0.05, 0.05]), "region": TOY_REGION, "seed": 3, "first_run": 1 << 16,
        "n_generations": 20, "pool_paths": 4, "pool_times": None, "blur": 0.0, "map": map,
        "training": amortised.Amortised.training, **changes})


# ---------------------------------------------------------------------- parts of a calibration


class Parts(NamedTuple):
    """What `calibrate` makes before it begins."""

    simulator: Simulator
    settings: Settings


def make_parts(data, free=("kappa", "gamma"), *, model=None, updater="cma-es", n_threads=1, fixed=None, **options):
    """The parts that `calibrate` would make of these data."""
    observations = data if isinstance(data, Observations) else observe(data, heldout_share=0.2)
    given = {"discriminator": None, "objective": None, "statistic": None, "generations": 5, "paths": None,
             "warmup": None, "seed": 1, "interval": True, **options}
    chosen = model or market()
    settings = replace(decide(observations, updater=updater, **given), budget=budgets.FULL)
    observed = Observed(observations, given["statistic"] or settings.statistic)
    return Parts(prepare(chosen, chosen.space(free, fixed), observed, settings, n_threads=n_threads), settings)


def z_of(simulator, **values):
    """Search coordinates of these values, in the order of the free parameters."""
    return simulator.space.to_z(np.array([values[name] for name in simulator.space.free]))
