"""Claim: on the S&P 500, which the market does not fit, every updater finds the scale of returns and says what is off.

The main job of the README, once for each updater: the sd of simulated returns at the estimate and at the start beside
that of the data, the grade, the seconds; and how easily a discriminator trained from scratch tells them apart (AUC on
the last fifth of the series and over blocks of the rest; 0.5: cannot tell).

    python benchmarks/sp500.py [--updaters moments,cma-es,parameter-score] [--threads 2] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import lines
import numpy as np

import fastmas as fm
from fastmas.engine.threads import count_threads

N_SERIES, WARMUP, SEED = 200, 200, 1  # simulated at an estimate: its sd is good to a per cent
KEPT = ("estimate", "interval", "start", "verdict", "p_value", "misfit", "distance", "degrees", "moment_distance",
        "moment_degrees", "auc_heldout", "auc_interval", "auc_blocked", "seconds", "seconds_by_phase", "warnings",
        "rounds", "paths_simulated")


def return_sd(series: np.ndarray) -> float:
    """Of log returns, over all series together."""
    return float(np.diff(np.log(series.astype(float)), axis=-1).std())


def simulated_sd(market: fm.Model, values: dict[str, float], n_times: int) -> float:
    return return_sd(fm.simulate(market, values, n_paths=N_SERIES, n_steps=WARMUP + n_times - 1, warmup=WARMUP,
                                 seed=SEED))


def one(updater: str, data: np.ndarray, seed: int, n_threads: int | None) -> dict[str, Any]:
    market = fm.models.stock_market()
    cpu = sum(os.times()[:4])
    began = time.perf_counter()
    fit = fm.calibrate(market, "sp500", updater=updater, seed=seed, n_threads=n_threads)
    row = {"updater": updater, "wall_seconds": time.perf_counter() - began, "cpu_seconds": sum(os.times()[:4]) - cpu,
           **{key: fit.result[key] for key in KEPT if key in fit.result},
           "reproduced": [fact["name"] for fact in fit.result.get("stylised_facts", ()) if fact["reproduced"]],
           "data_sd": return_sd(data)}
    for what, values in (("sd", fit.estimate), ("start_sd", fit.start)):
        row[what] = simulated_sd(market, values, len(data))
    return row


def told(row: dict[str, Any]) -> str:
    sds = ", ".join(f"{what} {row[key]:.5f} ({row[key] / row['data_sd']:.0%})"
                    for what, key in (("estimate", "sd"), ("start", "start_sd")))
    auc = "" if not row.get("auc_blocked") else "AUC by blocks {:.3f} [{:.3f}, {:.3f}]; ".format(*row["auc_blocked"])
    return (f"{row['updater']}: sd of returns {row['data_sd']:.5f}, simulated at the {sds}; "
            f"p {row['p_value']:.4f}; {auc}{row['wall_seconds']:.0f} s, {row['cpu_seconds']:.0f} CPU s\n  "
            + row["verdict"])


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updaters", default="moments,cma-es,parameter-score")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="all cores if not given")
    parser.add_argument("--out", type=Path, default=lines.place_of("sp500"))
    options = parser.parse_args()
    data = fm.observe("sp500").series
    rows = []
    for updater in options.updaters.split(","):
        rows.append(one(updater, data, options.seed, options.threads))
        print(told(rows[-1]), flush=True)
    head = lines.head(seed=options.seed, threads=count_threads(options.threads))
    lines.write(options.out, [head, *rows])
    print(json.dumps(head))


if __name__ == "__main__":
    main()
