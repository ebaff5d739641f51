"""A simulator that you already have, in plain Python and NumPy: calibrated as it is.

    python examples/05_black_box.py [--paths 100]
"""

import argparse

import numpy as np

import fastmas as fm
from fastmas.calibration.budget import BootstrapEffort, Budget, Sizes
from fastmas.updaters.moments import Effort, Stage


def simulate(theta, seed, n_steps):
    """A price that goes on in the direction it has taken, as far as traders follow it."""
    news = np.random.default_rng(seed).normal(0.0, theta["news"], n_steps + 1)
    moves = np.zeros(n_steps + 1)
    for t in range(1, n_steps + 1):
        moves[t] = theta["follow"] * moves[t - 1] + news[t]
    return 100.0 * np.exp(np.cumsum(moves))


MODEL = fm.BlackBox(simulate, {
    "follow": fm.Parameter(0.0, -0.5, 0.95, doc="how far a move goes on"),
    "news": fm.Parameter(0.02, 0.001, 0.1, scale="log", doc="size of the news"),
}, observables="price", name="followers")
QUICK = Budget(  # a tenth of the usual paths: each costs a call of Python
    sizes=Sizes(polish_paths=3, least_polish=300), n_linearised=1,
    start=Effort(n_scan=32, n_starts=1, stages=(Stage(1, 0.03, 4),), n_profile=3, valley=Stage(1, 0.015, 3)),
    bootstrap=BootstrapEffort(least_bank=500, per_path=5, n_slope=800))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=100)
    options = parser.parse_args()

    truth = {"follow": 0.6, "news": 0.01}
    x_obs = fm.simulate(MODEL, truth, n_paths=options.paths, n_steps=40, warmup=10, seed=7)
    fit = fm.calibrate(MODEL, x_obs, updater="moments", warmup=10, budget=QUICK, seed=1)
    for name, (low, high) in fit.interval.items():
        print(f"{name}: truth {truth[name]}, estimate {fit.estimate[name]:.4f}, 90% interval {low:.4f} to {high:.4f}")
    print(fit.verdict)
    for warning in fit.warnings:
        print("warning:", warning)
    print(f"{fit.paths_simulated:,} paths simulated, {fit.seconds:.0f} s")
