"""Claim: systems that are no stock markets are calibrated by the same call, and their intervals cover what they say.

Tasks, each with 20 data sets; searches begin with a scan of the model's own box, never at the truth:

- `otc6`: 20,000 requests for quotes, of which the outcome is seen, and of a trade its price and the cover; all six
  parameters free. Beside the errors stands the information bound, from the closed forms (`OtcMarket.law`).
- `sir2`: cases of 41 days in 100 schools; beta and gamma free.
- `supply-chain`: orders and inventory of the retailer in 50 games of 50 weeks; five free, of which one is an integer.

Verdicts are rough: a tenth of the usual effort goes into them, the usual one into estimates and intervals. A run is one
line of the file, written when it is there: an interrupted benchmark goes on where it stopped.

    python benchmarks/systems.py [--tasks otc6,sir2] [--sets 0-19] [--updater moments] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lines
import numpy as np
from calibration import root_mean_square
from lines import Row
from scipy.stats import binomtest

import fastmas as fm
from fastmas.calibration.budget import BootstrapEffort, Budget, ToldApartEffort

ROUGH = Budget(bootstrap=BootstrapEffort(least_bank=2000, per_path=10, n_slope=4800),
               told_apart=ToldApartEffort(steps=40, n_null=2))
SEEDS = 5000  # of the data of set 0
CLOSE = 0.05  # of the truth
STEP = 1e-3  # of a parameter, in a slope
N_BOUND = 200_000  # rounds that the bound is computed from


@dataclass(frozen=True, kw_only=True)
class Task:
    """One system: what is seen of it, at what truth, and how much. `sizes` are those of `fastmas.simulate`."""

    goal: str
    build: Callable[[], Any]
    truth: dict[str, float]
    observable: str | tuple[str, ...]
    sizes: dict[str, int]
    bound: Callable[[Any, dict[str, float]], dict[str, float]] = field(default=lambda model, truth: {})

    def data(self, number: int) -> np.ndarray:
        return fm.simulate(self.build(), self.truth, seed=SEEDS + number, observable=self.observable, **self.sizes)


def otc_bound(model: Any, truth: dict[str, float]) -> dict[str, float]:
    """The least standard errors of an unbiased estimate from 20,000 rounds, by the squares of likelihoods' slopes."""
    seen = [fm.simulate(model, truth, n_paths=N_BOUND // 50, n_steps=50, warmup=1, seed=SEEDS - 1,
                        observable=name).ravel() for name in SEEN]
    slopes = np.stack([(model.law(truth | {name: x + STEP}).log_likelihood(*seen)
                        - model.law(truth | {name: x - STEP}).log_likelihood(*seen)) / (2 * STEP)
                       for name, x in truth.items()])
    covariance = np.linalg.inv(slopes @ slopes.T / slopes.shape[1]) / 20_000
    return dict(zip(truth, np.sqrt(np.diag(covariance)).tolist(), strict=True))


SEEN = ("outcome", "traded_price", "traded_cover")
TASKS = {
    "otc6": Task(
        goal="six parameters within 5% of the truth from 20,000 RFQs", build=fm.models.otc_market, observable=SEEN,
        truth={"mu_0": 0.5, "sigma_0": 1.0, "alpha_0": 2.0, "mu_1": 1.0, "sigma_1": 0.5, "alpha_1": 1.0},
        sizes={"n_paths": 400, "n_steps": 50, "warmup": 1}, bound=otc_bound),
    "sir2": Task(
        goal="the truth inside 90% intervals in 17 to 20 of 20", build=fm.models.sir, observable="cases",
        truth={"beta": 1.66, "gamma": 0.4545}, sizes={"n_paths": 100, "n_steps": 40, "warmup": 0}),
    "supply-chain": Task(
        goal="the truth inside 90% intervals in 17 to 20 of 20, the integer exact in 19", build=fm.models.supply_chain,
        observable=("orders_retailer", "inventory_retailer"),
        truth={"theta_orders": 0.36, "alpha_stock": 0.26, "beta_line": 0.34, "target_stock": 17.0, "lead_time": 2},
        sizes={"n_paths": 50, "n_steps": 50, "warmup": 0}),
}


def one(name: str, number: int, updater: str, **more: Any) -> Row:
    """The row of a calibration; one that fails says why. `more` goes to `fastmas.calibrate`."""
    task, named = TASKS[name], {"task": name, "set": number, "updater": updater}
    began = sum(os.times()[:2])
    try:
        fit = fm.calibrate(task.build(), task.data(number), observable=task.observable, free=list(task.truth),
                           warmup=task.sizes["warmup"], updater=updater, seed=number + 1, n_threads=1, draws=0,
                           **{"budget": ROUGH} | more)
    except Exception as error:  # the other runs are worth having
        return named | {"failed": f"{type(error).__name__}: {error}"}
    inside = {n: fit.interval[n][0] <= x <= fit.interval[n][1] for n, x in task.truth.items()}
    return named | {"truth": task.truth, "estimate": fit.estimate, "interval": fit.interval, "covered": inside,
                    "p_value": fit.p_value, "verdict": fit.verdict, "warnings": fit.warnings,
                    "cpu_seconds": sum(os.times()[:2]) - began, "seconds_by_phase": fit.result["seconds_by_phase"]}


# ---- tables
def tables(rows: Sequence[Row]) -> Iterator[str]:
    """One for each task and updater; of a run that was done twice, the last."""
    last = {(row["task"], row["updater"], row["set"]): row for row in rows if "task" in row}
    for name, updater in dict.fromkeys((task, updater) for task, updater, _ in last):
        mine = [row for key, row in last.items() if key[:2] == (name, updater)]
        yield from table(name, updater, [row for row in mine if "failed" not in row], len(mine))


def table(name: str, updater: str, done: Sequence[Row], n_runs: int) -> Iterator[str]:
    """Markdown: errors in units of the parameter, in per cent of the truth, and in bounds where there is one."""
    task = TASKS[name]
    yield f"\n{name}, {updater}: {len(done)} data sets, {n_runs - len(done)} failed. Goal: {task.goal}\n"
    if not done:
        return
    bound = task.bound(task.build(), task.truth)
    yield ("| parameter | truth | rms error | of the truth | " + ("in bounds | bound | " if bound else "")
           + f"within {CLOSE:.0%} | in the 90% interval |")
    yield "|---" * (8 if bound else 6) + "|"
    for parameter, truth in task.truth.items():
        errors = np.array([row["estimate"][parameter] - truth for row in done])
        rms, error = root_mean_square(errors)
        close = int((np.abs(errors) <= CLOSE * abs(truth)).sum())
        beside = (f"{rms / bound[parameter]:.2f} ± {error / bound[parameter]:.2f} | {bound[parameter]:.4f} | "
                  if bound else "")
        shown = f"{rms:.4f} ± {error:.4f}" if rms else "0, all exact"
        yield (f"| {parameter} | {truth:g} | {shown} | {rms / abs(truth):.1%} | {beside}"
               f"{close} of {len(done)} | {sum(row['covered'][parameter] for row in done)} of {len(done)} |")
    inside = sum(sum(row["covered"].values()) for row in done)
    asked = len(done) * len(task.truth)
    band = binomtest(inside, asked).proportion_ci()
    yield (f"\nIntervals hold the truth {inside} times of {asked} ({band.low:.0%} to {band.high:.0%}); "
           f"p <= .05 in {sum(row['p_value'] <= 0.05 for row in done)} of {len(done)}; "
           f"CPU seconds: median {np.median([row['cpu_seconds'] for row in done]):.0f}.")


def chosen(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--sets", type=chosen, default=range(20))
    parser.add_argument("--updater", default="moments")
    parser.add_argument("--print", action="store_true", help="the tables of the file, and no runs")
    parser.add_argument("--out", type=Path, default=lines.place_of("systems"))
    options = parser.parse_args()
    names = options.tasks.split(",")
    unknown = [name for name in names if name not in TASKS]
    if unknown:
        parser.error(f"no task {unknown[0]!r}; there are: {', '.join(TASKS)}")
    if not options.print:
        done = {(row["task"], row["updater"], row["set"]) for row in lines.begun(options.out)}
        for number in options.sets:
            for name in names:
                if (name, options.updater, number) not in done:
                    began = time.perf_counter()
                    row = one(name, number, options.updater)
                    lines.append(options.out, row)
                    print(name, number, row.get("failed", row.get("estimate")), f"{time.perf_counter() - began:.0f} s",
                          flush=True)
    print("\n".join(tables(lines.read(options.out))))


if __name__ == "__main__":
    main()
