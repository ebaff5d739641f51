"""Claim: the verdict rejects 5% of right models, and wrong ones whose misfit does harm, and says what is off.

Right: 200 and 10 paths, and series of 2,000 prices, of the exact market at kappa 1, gamma 2, rho .1 and of the herd
of the README, each fitted by the model it comes from. Wrong: the kinds of WRONG below. Estimates are moment fits of the
training part; a fit is rejected at p <= .05. Bands are 95% Clopper-Pearson intervals of the share rejected.

    python benchmarks/verdict.py [--right 40] [--wrong 6] [--only paths:right,series:walk] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lines
import numpy as np
from scipy.stats import binomtest

import fastmas as fm
from fastmas.calibration.judgement import judge_at
from fastmas.calibration.observed import Observed
from fastmas.calibration.prepare import prepare
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.sentence import sentence
from fastmas.calibration.settings import Settings, decide
from fastmas.calibration.simulator import Simulator
from fastmas.updaters.moments import fit_moments

WINDOWS = [(2, 5), (3, 8), (4, 10), (2, 9), (5, 7)]
OTHER_WINDOWS = [(2, 5), (3, 8), (4, 10), (2, 8), (5, 7)]
TRUTH = {"kappa": 1.0, "gamma": 2.0}
FREE = {"paths": ["kappa", "gamma"], "series": ["kappa", "gamma", "rho"]}
N_PATHS, N_SERIES = 200, 2000
SHARE = 0.05  # of paths that are foreign, of prices that are stale
HELD_OUT = {"paths": 0.1, "series": 0.2}


class Mixed(fm.Model):
    """The herd of the README, with half of its former mood mixed in."""

    n_traders: int = 20
    follow = fm.Parameter(0.5, 0.0, 0.95)
    rho = fm.Parameter(0.05, 0.001, 0.5, scale="log")
    price = fm.State(100, "price units")
    mood = fm.State(0)

    def step(self, t, draw):
        buyers = draw.count(self.n_traders, 0.5 + 0.5 * self.follow * self.mood)
        self.mood = 0.5 * self.mood + 0.5 * (2 * buyers / self.n_traders - 1)
        self.price *= 1 + self.rho * self.mood


def market(**options: Any) -> fm.Model:
    """The market with five pairs of windows."""
    return fm.models.stock_market(windows=options.pop("windows", WINDOWS), **options)


def data(regime: str, seed: int, model: fm.Model | None = None, truth: dict[str, float] | None = None,
         warmup: int | None = None, n_paths: int = N_PATHS) -> np.ndarray:
    """Paths (n_paths, 51), or one series (N_SERIES,)."""
    n, n_times, start = (n_paths, 51, 50) if regime == "paths" else (1, N_SERIES, 200)
    start = start if warmup is None else warmup
    paths = fm.simulate(model or market(), truth or TRUTH, n_paths=n, n_steps=start + n_times - 1, warmup=start,
                        seed=seed + (1000 if regime == "paths" else 2000), n_threads=1).astype(np.float64)
    return paths if regime == "paths" else paths[0]


def foreign(x: np.ndarray, seed: int, volatility: float) -> np.ndarray:
    """A share of the paths are random walks of another kind."""
    rng, out = np.random.default_rng(seed), x.copy()
    chosen = rng.random(len(x)) < SHARE
    out[chosen] = 100 * np.exp(np.cumsum(volatility * rng.standard_normal(out[chosen].shape), axis=1))
    return out


def stale(x: np.ndarray, seed: int) -> np.ndarray:
    """A share of the prices repeat the last one."""
    out = np.atleast_2d(x.copy())
    repeats = np.random.default_rng(seed).random(out.shape) < SHARE
    for t in range(1, out.shape[1]):
        out[:, t] = np.where(repeats[:, t], out[:, t - 1], out[:, t])
    return out.reshape(x.shape)


def walk(seed: int, draw: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
    """A series of independent returns."""
    return 100 * np.exp(np.cumsum(draw(np.random.default_rng(seed))))


def louder(x: np.ndarray) -> np.ndarray:
    """The second half of a series is 1.5 times as volatile."""
    returns = np.diff(np.log(x))
    returns[len(returns) // 2:] *= 1.5
    return 100 * np.exp(np.cumsum(np.r_[0.0, returns]))


Case = dict[str, Any]  # data, and model, free, fixed, warmup where they are not the right ones
HERD = {"truth": {"follow": 0.6}}


def _herd(regime: str, seed: int, model: fm.Model) -> Case:
    return {"data": data(regime, seed, fm.models.get("herd"), **HERD), "model": model, "free": ["follow", "rho"]}


def _relaxed(regime: str, temperature: float) -> Callable[[int], Case]:
    return lambda seed: {"data": data(regime, seed), "model": market(rule="relaxed"),
                         "fixed": {"temperature": temperature}}


def _return_sd(x: np.ndarray) -> float:
    return float(np.diff(np.log(x)).std())


RIGHT: dict[str, Callable[[int], Case]] = {
    "paths:right": lambda seed: {"data": data("paths", seed)},
    "paths:right of 10": lambda seed: {"data": data("paths", seed, n_paths=10)},
    "paths:right herd": lambda seed: _herd("paths", seed, fm.models.get("herd")),
    "series:right": lambda seed: {"data": data("series", seed)},
    "series:right herd": lambda seed: _herd("series", seed, fm.models.get("herd")),
}
WRONG: dict[str, Callable[[int], Case]] = {
    **{f"paths:relaxed rule at temperature {t:g}": _relaxed("paths", t) for t in (1.0, 0.3, 0.1, 0.01)},
    "paths:stationary data fitted from t = 0": lambda seed: {"data": data("paths", seed, warmup=300), "warmup": 0},
    "paths:data from t = 0 fitted from t = 50": lambda seed: {"data": data("paths", seed, warmup=0)},
    "paths:5% are walks of sd .05": lambda seed: {"data": foreign(data("paths", seed), seed, 0.05)},
    "paths:5% are walks of the data's own sd": lambda seed: {
        "data": foreign(data("paths", seed), seed, _return_sd(data("paths", seed)))},
    "paths:5% of prices are stale": lambda seed: {"data": stale(data("paths", seed), seed)},
    "paths:another moving average": lambda seed: {
        "data": data("paths", seed), "model": market(moving_average="literal")},
    "paths:one trader looks back 8 steps for 9": lambda seed: {
        "data": data("paths", seed), "model": market(windows=OTHER_WINDOWS)},
    "paths:a herd fitted by one with memory": lambda seed: _herd("paths", seed, Mixed()),
    "series:walk with t(4) returns": lambda seed: {
        "data": walk(seed, lambda rng: 0.01 * rng.standard_t(4, N_SERIES))},
    "series:walk": lambda seed: {"data": walk(seed, lambda rng: rng.normal(0.0, 0.01, N_SERIES))},
    "series:second half 1.5 times as volatile": lambda seed: {"data": louder(data("series", seed))},
    "series:5% of prices are stale": lambda seed: {"data": stale(data("series", seed), seed)},
    **{f"series:relaxed rule at temperature {t:g}": _relaxed("series", t) for t in (1.0, 0.1)},
    "series:another moving average": lambda seed: {
        "data": data("series", seed), "model": market(moving_average="literal")},
    "series:a herd fitted by one with memory": lambda seed: _herd("series", seed, Mixed()),
    "series:S&P 500": lambda seed: {"data": "sp500", "model": fm.models.stock_market(), "free": [
        "kappa", "gamma", "rho", "sigma_fundamental", "v1"]},
}


def parts_of(name: str, case: Case, seed: int) -> tuple[Simulator, Settings]:
    """What `calibrate` makes of a case."""
    regime = name.partition(":")[0]
    model = case.get("model") or market()
    observations = fm.observe(case["data"], heldout_share=HELD_OUT[regime])
    settings = decide(observations, updater="moments", discriminator=None, objective=None, statistic=None,
                      generations=None, paths=None, warmup=case.get("warmup"), seed=seed, interval=False)
    space = model.space(case.get("free", FREE[regime]), case.get("fixed"))
    observed = Observed(observations, settings.statistic)
    return prepare(model, space, observed, settings, n_threads=1), settings


def one(name: str, number: int) -> dict[str, Any]:
    """Fit one data set, judge it, and time the judgement."""
    simulator, settings = parts_of(name, (RIGHT | WRONG)[name](number), number + 1)
    with simulator.workers.at_work():
        z = fit_moments(moment_problem(simulator, settings), effort=settings.budget.start).z
        began, cpu = time.perf_counter(), time.process_time()
        judged = judge_at(simulator, z, settings.budget.bootstrap)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"case": name, "set": number, "p": judged.p_value, "p_figures": judged.p_figures,
            "p_without_grid": judged.p_without_grid, "p_oddest": judged.p_oddest, "odd_paths": list(judged.odd_paths),
            "estimate": simulator.by_name(z), "sentence": sentence(judged), "seconds": seconds, "cpu_seconds": cpu}


def table(rows: list[dict[str, Any]]) -> str:
    """One line per case: how many were rejected, the band of that share, and the slowest verdict."""
    shown = [f"{'case':48s} rejected   95% band       CPU s (median, most)"]
    for name in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == name]
        rejected = sum(row["p"] <= 0.05 for row in mine)
        band = binomtest(rejected, len(mine)).proportion_ci()
        cpu = [row["cpu_seconds"] for row in mine]
        shown.append(f"{name:48s} {rejected:3d} / {len(mine):<3d}  {band.low:.3f} to {band.high:.3f}  "
                     f"{np.median(cpu):.2f}, {max(cpu):.2f}")
    return "\n".join(shown)


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--right", type=int, default=40, help="data sets of each right case")
    parser.add_argument("--wrong", type=int, default=6, help="data sets of each wrong case")
    parser.add_argument("--only", help="cases, separated by commas")
    parser.add_argument("--out", type=Path, default=lines.place_of("verdict"))
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else [*RIGHT, *WRONG]
    rows = []
    for name in chosen:
        for number in range(options.right if name in RIGHT else options.wrong):
            row = one(name, number)
            rows.append(row)
            print(f"{name} {number}: {row['sentence']}", flush=True)
    head = lines.head(right=options.right, wrong=options.wrong)
    lines.write(options.out, [head, *rows])
    print(json.dumps(head))
    print(table(rows))


if __name__ == "__main__":
    main()
