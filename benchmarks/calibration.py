"""Claim: both games recover kappa and gamma of the exact market at the information bound.

Twenty data sets of 1,000 paths (n = 7, 5, 3; window t = 50..100; windows of the technical traders drawn
anew for each), truths log-uniform in kappa on [.7, 4] and uniform in gamma on [1.5, 4]. Nothing is
told about them: the search is over the model's whole box, kappa in [.2, 8] and gamma in [.5, 8], and
starts from a scan of it. Fifty paths are held out, so that estimates use 950 of the 1,000 whose bound
is the unit. `NAME:DISCRIMINATOR` plays an updater against another discriminator.

    python benchmarks/calibration.py [--sets 20] [--updaters cma-es,parameter-score,moments] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import fastmas as fm
from fastmas.bench.machine import machine

# Information bound of log kappa (sd over data sets of 1,000 paths), demand of the other types hidden:
# particle-filter Fisher information of the exact market at gamma = 2, rho = .1.
BOUND_KAPPA = np.array([0.3, 0.5, 0.7, 1.0, 2.0, 4.0])
BOUND_SD = np.array([0.117, 0.045, 0.026, 0.015, 0.008, 0.007])
KAPPA, GAMMA = (0.7, 4.0), (1.5, 4.0)


def bound(kappa: float) -> float:
    """The bound on log kappa, interpolated in logarithms."""
    return float(np.exp(np.interp(np.log(kappa), np.log(BOUND_KAPPA), np.log(BOUND_SD))))


def data_set(number: int) -> tuple[Any, dict[str, float], np.ndarray]:
    """Model, truth and 1,000 observed paths of data set `number`."""
    rng = np.random.default_rng(20_000 + number)
    truth = {"kappa": float(np.exp(rng.uniform(*np.log(KAPPA)))), "gamma": float(rng.uniform(*GAMMA))}
    market = fm.models.stock_market(windows_seed=number)
    return market, truth, fm.simulate(market, truth, n_paths=1000, n_steps=100, warmup=50, seed=30_000 + number)


def one(number: int, updater: str, seed: int) -> dict[str, Any]:
    """Calibrate one data set and compare with the truth."""
    market, truth, x_obs = data_set(number)
    name, _, discriminator = updater.partition(":")
    fit = fm.calibrate(market, x_obs, free=["kappa", "gamma"], updater=name, discriminator=discriminator or None,
                       seed=seed)
    error = {n: float(np.log(fit.estimate[n] / truth[n])) for n in truth}
    seconds = fit.result["seconds_by_phase"]
    return {"set": number, "updater": updater, "truth": truth, "estimate": fit.estimate, "interval": fit.interval,
            "error": error, "units": error["kappa"] / bound(truth["kappa"]), "auc_heldout": fit.auc_heldout,
            "covered": {n: fit.interval[n][0] <= truth[n] <= fit.interval[n][1] for n in truth},
            "seconds": fit.seconds - seconds.get("interval", 0.0), "interval_seconds": seconds.get("interval"),
            "rounds": fit.result["rounds"], "paths": fit.paths_simulated, "warnings": fit.warnings}


def root_mean_square(values: list[float]) -> tuple[float, float]:
    """Root mean square and its standard error (delta method)."""
    squares = np.square(values)
    rms = float(np.sqrt(squares.mean()))
    return rms, float(squares.std(ddof=1) / np.sqrt(len(squares)) / (2 * rms))


def table(rows: list[dict[str, Any]]) -> str:
    """The summary, one line per updater."""
    lines = ["updater                   log kappa, rms in bounds  log gamma, rms   worst"
             "    coverage of 90%  seconds (median, most)"]
    for updater in dict.fromkeys(r["updater"] for r in rows):
        mine = [r for r in rows if r["updater"] == updater]
        (units, units_se), (gamma, gamma_se) = (root_mean_square(v) for v in (
            [r["units"] for r in mine], [r["error"]["gamma"] for r in mine]))
        worst = max(abs(e) for r in mine for e in r["error"].values())
        covered = np.mean([c for r in mine for c in r["covered"].values()])
        seconds = [r["seconds"] for r in mine]
        lines.append(f"{updater:25s} {units:.2f} +- {units_se:.2f}              {gamma:.4f} +- {gamma_se:.4f}"
                     f" {worst:.3f}    {covered:.0%} of {2 * len(mine):<3d}      {np.median(seconds):.1f},"
                     f" {max(seconds):.1f}")
    return "\n".join(lines)


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--updaters", default="cma-es,parameter-score,parameter-score:windowed,moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "calibration.jsonl")
    options = parser.parse_args()
    rows = []
    for number in range(options.sets):
        for updater in options.updaters.split(","):
            row = one(number, updater, options.seed)
            rows.append(row)
            print(f"{number:2d} {updater:25s} kappa {row['truth']['kappa']:.3f} error {row['units']:+.2f} bounds, "
                  f"gamma {row['truth']['gamma']:.3f} log error {row['error']['gamma']:+.4f}, covered "
                  f"{list(row['covered'].values())}, {row['seconds']:.1f} s, rounds {row['rounds']}", flush=True)
    head = {"machine": machine(), "sets": options.sets, "seed": options.seed}
    options.out.write_text("\n".join(json.dumps(x) for x in [head, *rows]) + "\n")
    print(json.dumps(head))
    print(table(rows))


if __name__ == "__main__":
    main()
