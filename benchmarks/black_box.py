"""Claim: a black box of 10 ms a path keeps two cores at 90%.

The simulator turns over numbers until it has had so many milliseconds of a processor, and returns how long that took on
the wall. What is printed is the sum of those times in units of wall seconds times processes: the share of the time in
which a worker was inside the user's function, and not waiting for fastmas.

- `simulate`: jobs of some size, one after the other, as a calibration asks for them;
- `calibrate`: a whole fit of moments, with its verdict; its paths times the mean of theirs.

    python benchmarks/black_box.py [--milliseconds 10] [--threads 2] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import lines
import numpy as np

import fastmas as fm
from fastmas.calibration.budget import BootstrapEffort, Budget, Sizes
from fastmas.errors import FastmasWarning
from fastmas.updaters.moments import Effort, Stage

JOBS = {20: 20, 200: 5, 1000: 1}  # paths of a job, and how many of them
SMALL = Budget(
    sizes=Sizes(polish_paths=2, least_polish=200), n_linearised=1,
    start=Effort(n_scan=16, n_starts=1, stages=(Stage(1, 0.03, 2),), n_profile=3, valley=Stage(1, 0.015, 2)),
    bootstrap=BootstrapEffort(least_bank=500, per_path=5, n_slope=400))


class Busy:
    """A walk that takes so many milliseconds, beside the wall seconds that it took."""

    def __init__(self, milliseconds: float) -> None:
        self.seconds = milliseconds / 1e3

    def __call__(self, theta: dict[str, float], seed: int, n_steps: int) -> np.ndarray:
        began, until = time.perf_counter(), time.process_time() + self.seconds
        walk = 100 + theta["sd"] * np.random.default_rng(seed).standard_normal(n_steps + 1).cumsum()
        while time.process_time() < until:
            pass
        return np.stack([walk, np.full(n_steps + 1, time.perf_counter() - began)], axis=1)


def box(milliseconds: float) -> fm.BlackBox:
    return fm.BlackBox(Busy(milliseconds), {"sd": fm.Parameter(0.5, 0.1, 2.0)}, observables=("walk", "seconds"),
                       name="busy")


def simulated(model: fm.BlackBox, n_paths: int, n_jobs: int, n_threads: int) -> dict[str, Any]:
    """The share of time in the simulator, over jobs of this size."""
    inside, began = 0.0, time.perf_counter()
    for seed in range(n_jobs):
        seconds = fm.simulate(model, n_paths=n_paths, n_steps=49, seed=seed, observable="seconds", n_threads=n_threads)
        inside += float(seconds[:, 0].sum(dtype=np.float64))
    wall = time.perf_counter() - began
    return {"what": "simulate", "paths": n_paths, "jobs": n_jobs, "processes": n_threads, "wall_s": wall,
            "path_ms": 1e3 * inside / (n_paths * n_jobs), "share": inside / (wall * n_threads)}


def calibrated(model: fm.BlackBox, path_seconds: float, n_threads: int) -> dict[str, Any]:
    """The same over a small calibration."""
    x_obs = fm.simulate(model, {"sd": 1.0}, n_paths=60, n_steps=49, warmup=20, n_threads=n_threads)
    began = time.perf_counter()
    fit = fm.calibrate(model, x_obs, updater="moments", warmup=20, budget=SMALL, interval=False, n_threads=n_threads)
    wall = time.perf_counter() - began
    return {"what": "calibrate", "paths": fit.paths_simulated, "processes": n_threads, "wall_s": wall,
            "share": fit.paths_simulated * path_seconds / (wall * n_threads)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--milliseconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-calibration", action="store_true")
    parser.add_argument("--out", type=Path, default=lines.place_of("black_box"))
    options = parser.parse_args()
    warnings.simplefilter("ignore", FastmasWarning)  # that the seconds are not those of the seed
    model = box(options.milliseconds)
    fm.simulate(model, n_paths=8, n_steps=49, n_threads=options.threads)  # starts the workers
    rows = [simulated(model, n_paths, n_jobs, options.threads) for n_paths, n_jobs in JOBS.items()]
    if not options.no_calibration:
        rows.append(calibrated(model, rows[-1]["path_ms"] / 1e3, options.threads))
    lines.write(options.out, [lines.head(milliseconds=options.milliseconds), *rows])
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
