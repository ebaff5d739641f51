"""Claim: 12, 19 and 100 free parameters run in bounded memory, within ten minutes, and what is identified is said.

Every agent of a market owns a parameter; truths are drawn around a middle that is no default. Each case is one process
and one line of the file: seconds, CPU seconds, peak memory (that of the process at its end, libraries and kernels
included), the grade, and every combination that the fit calls identified with its standard error and how far it is
from the truth, in standard errors.

    python benchmarks/many_parameters.py [--cases 12,19,100] [--updaters cma-es,moments] [--no-interval] [--threads 2]
                                         [--seed 1] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lines
import numpy as np
from lines import Row

import fastmas as fm
from fastmas.errors import FastmasError

N_TIMES, WARMUP, WARMUP_SERIES = 100, 50, 200
DRAWN = 0.3  # sd of the logarithm of an agent's value around the middle
UNIT = 1e6 if os.uname().sysname == "Linux" else 1e9  # ru_maxrss in a GB


@dataclass(frozen=True)
class Case:
    """A market, the middles of what its agents own, and how many paths there are of it: one for a series."""

    market: Mapping[str, Any]
    middles: Mapping[str, float]
    n_paths: int
    n_times: int = N_TIMES


HUNDRED = {"n_noise": 50, "n_technical": 50, "n_fundamental": 30, "per_agent": ("kappa", "gamma")}
ALIKE = {"n_noise": 100, "n_technical": 100, "n_fundamental": 60, "windows": ((2, 8),), "per_agent": ("gamma",)}
CASES: dict[str, Case] = {
    "12": Case({"per_agent": ("kappa", "gamma")}, {"kappa": 1.5, "gamma": 3.0}, 400),
    "19": Case({"rule": "smoothed", "signal_weights": "separate", "per_agent": ("b", "c", "d")},
               {"b": 1.5, "c": 1.0, "d": 0.7}, 1000),
    "100": Case(HUNDRED, {"kappa": 1.5, "gamma": 3.0}, 200),
    "100-of-1000": Case(HUNDRED, {"kappa": 1.5, "gamma": 3.0}, 1000),
    "100-alike": Case(ALIKE, {"gamma": 3.0}, 200),
    "100-series": Case(HUNDRED, {"kappa": 1.5, "gamma": 3.0}, 1, 2000),
}


def data_of(case: Case, seed: int) -> tuple[fm.Model, dict[str, np.ndarray], np.ndarray]:
    """The model, the truth of each agent and the data."""
    rng = np.random.default_rng([41_000, seed])
    market = fm.models.stock_market(**case.market)
    counts = {p.name: p.n_values for p in market.parameters}
    truth = {name: middle * np.exp(DRAWN * rng.standard_normal(counts[name])) for name, middle in case.middles.items()}
    warmup = WARMUP_SERIES if case.n_paths == 1 else WARMUP
    values = {f"{name}[{i}]": float(x) for name, own in truth.items() for i, x in enumerate(own)}
    x = fm.simulate(market, values, n_paths=case.n_paths, n_steps=warmup + case.n_times - 1, warmup=warmup,
                    seed=42_000 + seed)
    return market, truth, x[0] if case.n_paths == 1 else x


def run(name: str, updater: str, interval: bool, seed: int, n_threads: int) -> Row:
    """One case; in a process of its own its memory is its own."""
    market, truth, x = data_of(CASES[name], seed)
    row: Row = {"case": name, "updater": updater, "interval": interval, "seed": seed, "threads": n_threads,
                "d": sum(map(len, truth.values())), "n_paths": CASES[name].n_paths, "n_times": CASES[name].n_times}
    cpu, began = sum(os.times()[:4]), time.perf_counter()
    try:
        fit = fm.calibrate(market, x, free=list(truth), updater=updater, interval=interval, seed=seed,
                           n_threads=n_threads)
    except FastmasError as refused:
        return row | {"refused": str(refused)}
    row |= {"wall_seconds": time.perf_counter() - began, "cpu_seconds": sum(os.times()[:4]) - cpu,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT,
            **{key: fit.result[key] for key in ("p_value", "paths_simulated", "seconds_by_phase", "distance", "degrees",
                                                "moment_distance", "moment_degrees", "warnings")}}
    space = market.space(list(truth))
    off = space.to_z(np.array(list(fit.estimate.values()))) - space.to_z(np.concatenate(list(truth.values())))
    off = dict(zip(space.free, off, strict=True))
    row["identified"] = [
        {**{key: one[key] for key in ("combination", "others", "standard_error")}, "n": len(one["parameters"]),
         "first": one["parameters"][0],
         "error": float(sum(w * off[n] for w, n in zip(one["weights"], one["parameters"], strict=True)))}
        for one in fit.result["identified"]]
    return row


def told(row: Row) -> str:
    what = f"{row['case']} ({row['d']} unknowns, {row['n_paths']} x {row['n_times']}), {row['updater']}"
    if "refused" in row:
        return f"{what}: refused: {row['refused']}"
    known = "".join(
        f"\n  {one['first']} and {one['n'] - 1} more: {one['combination']}, off by {one['error']:+.3f} = "
        f"{one['error'] / one['standard_error']:+.1f} standard errors; {one['others']} others"
        for one in row["identified"])
    interval = "" if row["interval"] else " without intervals"
    return (f"{what}{interval}: {row['wall_seconds']:.0f} s, {row['cpu_seconds']:.0f} CPU s, {row['peak_gb']:.2f} GB; "
            f"p {row['p_value']:.3f}; {len(row['warnings'])} warnings{known}")


def main() -> None:
    options = _options()
    if not options.print:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        lines.write(options.out, [lines.head()])
        for name in options.cases.split(","):
            for updater in options.updaters.split(","):
                # A fresh process for each: the peak of one is not seen by the next.
                given = (name, updater, not options.no_interval, options.seed, options.threads)
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    row = pool.submit(run, *given).result()
                lines.append(options.out, row)
    for row in lines.read(options.out)[1:]:
        print(told(row))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--updaters", default="cma-es,moments")
    parser.add_argument("--no-interval", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print the table of what has run")
    parser.add_argument("--out", type=Path, default=lines.place_of("many_parameters"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
