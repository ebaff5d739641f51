"""Small games for tests: constants cut down, a market seen through few paths, and a toy in place of a simulator.

Cut down, a game of five generations takes half a second instead of ten. What it finds is rough; its bits, files,
messages and states are what the tests look at. Accuracy is tested with the constants as they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from fastmas import models
from fastmas.calibration import bootstrap, posterior, regression, settle, setup, told_apart
from fastmas.calibration.settings import decide
from fastmas.calibration.setup import Setup
from fastmas.data import Observations, observe
from fastmas.discriminators import Table, amortised, conditional, path, windowed
from fastmas.distance import weigh
from fastmas.simulate import simulate
from fastmas.updaters import moments, scoring

TRUTH = {"kappa": 1.0, "gamma": 2.0}


def cuts():
    """Module, name and value of every constant that makes a game small."""
    stages = tuple(replace(stage, effort=1, iterations=2) for stage in moments.STAGES[:2])
    few = {"batch": 256, "warmup": 15}
    return [
        (moments, "N_SCAN", 64), (moments, "N_STARTS", 1), (moments, "STAGES", stages),
        (amortised, "STEPS", 30), (amortised, "RENEW", 10), (amortised, "N_CONTRAST", 64),
        (amortised, "N_WINDOWS", 8), (setup, "POOL_STEPS", 600), (conditional, "WARMUP", 20), (conditional, "STEPS", 2),
        (conditional, "BATCH", 256), (windowed, "RECIPE", replace(windowed.RECIPE, **few)),
        (path, "RECIPE", replace(path.RECIPE, **few)),
        (scoring, "N_POLISH", 2), (moments, "N_PROFILE", 3), (moments, "VALLEY", replace(moments.VALLEY, iterations=3)),
        (setup, "LEAST_POLISH", 240), (setup, "POLISH", {"paths": 4, "series": 40}), (setup, "SERIES_WEIGH", 80),
        (settle, "SERIES_WEIGH", 80),
        (told_apart, "STEPS", 10), (told_apart, "BATCH", 256), (told_apart, "N_NULL", 2),
        (posterior, "MOST_SETS", 512), (posterior, "LEAST_SETS", 128), (posterior, "N_CHECK", 199),
        (regression, "EPOCHS", 3),
        (bootstrap, "LEAST_BANK", 2000), (bootstrap, "N_SLOPE", 1000), (bootstrap, "N_SLOPE_SERIES", 20),
    ]


def cut():
    """Cut the constants of this process down, for good: for child processes."""
    for module, name, value in cuts():
        setattr(module, name, value)


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
TOY_LOW, TOY_HIGH = np.array([-2.0, -1.5]), np.array([2.0, 1.5])


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


def toy_table(**changes):
    """A table at which the toy stands for simulator and statistic; the data are its own at TOY_TRUTH."""
    real, heldout = toy_samples(TOY_TRUTH[None], 250, 0, 99)[0].copy(), toy_samples(TOY_TRUTH[None], 50, 1, 99)[0]
    real = changes.pop("real", real)
    return Table(**{
        "sample": toy_samples, "look": toy_look, "moments": toy_moments(real), "n_weigh": 600,
        "weigh": lambda features, gap, n: weigh(features, 1.0 / len(real) + 1.0 / n),
        "real": real, "heldout": heldout, "n_paths": 100, "start": np.zeros(2),
        "spread": np.array([0.05, 0.05]), "low": TOY_LOW, "high": TOY_HIGH, "seed": 3, "first_run": 1 << 16,
        "n_generations": 20, "pool_paths": 4, "pool_times": None, "blur": 0.0, "map": map, **changes})


# ---------------------------------------------------------------------- parts of a calibration


def make_setup(data, free=("kappa", "gamma"), *, model=None, updater="cma-es", n_threads=1, fixed=None, **options):
    """The setup that `calibrate` would make of these data."""
    observations = data if isinstance(data, Observations) else observe(data, heldout_share=0.2)
    given = {"discriminator": None, "objective": None, "statistic": None, "generations": 5, "paths": None,
             "warmup": None, "seed": 1, "interval": True, **options}
    chosen = model or market()
    settings = decide(observations, updater=updater, **given)
    return Setup(chosen, chosen.space(free, fixed), observations, settings, given["statistic"], n_threads)


def z_of(setup, **values):
    """Search coordinates of these values, in the order of the free parameters."""
    return setup.space.to_z(np.array([values[name] for name in setup.space.free]))
