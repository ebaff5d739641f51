"""Claim: calibrated to data of its own kind a mechanism of two parameters passes the verdict, and a black box does not.

The exact market and the herd, 1,000 paths of 51 prices, truths drawn anew for each set: the moment fit of the model
that made them beside `fastmas.fit_network`, both with the same verdict. How far mean moments are from those of 4,000
new paths of the truth is squared and in standard errors of both: `fresh` is the mean over moments, of which two see
the lattice on which the market's returns lie and decide alone, and `fresh_middle` the median over its expectation; 1
is what the truth itself has, nearly. On the S&P 500, which no model here fits, two models stand beside the network.

    python benchmarks/network.py [--data market,herd,sp500] [--sets 3] [--generations N] [--threads 1] [--print]
                                 [--out FILE]
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lines
import numpy as np
from calibration_tasks import drawn, exact_market
from lines import Row
from scipy.stats import chi2

import fastmas as fm
from fastmas.network.comparison import fitting_seconds, misfits
from fastmas.statistics.moments import BOUNDED, path_moments
from fastmas.statistics.scaling import Scaling

N_PATHS, N_FRESH, WARMUP, N_STEPS = 1000, 4000, 50, 50
FIRST_SEED, FRESH_SEED, SIMULATED_SEED = 70_000, 71_000, 72_000
KEPT = ("grade", "p_value", "p_without_grid", "auc_heldout", "auc_null", "paths_simulated",
        "mean_moment_distance_start", "mean_moment_distance", "estimate")


def market(number: int) -> tuple[Any, Mapping[str, float]]:
    return exact_market(number)


def herd(number: int) -> tuple[Any, Mapping[str, float]]:
    return fm.models.herd(), drawn(np.random.default_rng(73_000 + number), follow=(0.3, 0.9), rho=(0.02, 0.2))


MADE = {"market": market, "herd": herd}


def simulated(model: Any, values: Mapping[str, float], n_paths: int, seed: int) -> np.ndarray:
    return fm.simulate(model, values, n_paths=n_paths, n_steps=WARMUP + N_STEPS, warmup=WARMUP, seed=seed)


def distances(paths: np.ndarray, fresh: np.ndarray) -> dict[str, float]:
    """Of mean moments, over what two sets of the same law have: the mean of all, and the one in the middle."""
    scaling = Scaling.of(fresh.astype(float))
    a, b = (path_moments(scaling, x.astype(float), level=True, reach=BOUNDED, characteristic=True)
            for x in (paths, fresh))
    error = a.var(axis=0) / len(a) + b.var(axis=0) / len(b)
    squared = np.square(a.mean(axis=0) - b.mean(axis=0))[error > 0] / error[error > 0]
    return {"fresh": float(squared.mean()), "fresh_middle": float(np.median(squared) / chi2.median(1))}


def cpu_seconds() -> float:
    """Of this process and its children."""
    return sum(os.times()[:4])


def told(fit: Any, who: str, n_parameters: int, began: float) -> Row:
    """What is kept of either fit."""
    kept = {key: fit.result[key] for key in KEPT if key in fit.result}
    return {"who": who, "parameters": n_parameters, "cpu_seconds": cpu_seconds() - began,
            "fit_seconds": fitting_seconds(fit.result), "misfits": misfits(fit.result),
            "n_misfits": len(fit.result["misfits"]), **kept}


def of_made(name: str, number: int, options: argparse.Namespace) -> Iterator[Row]:
    """Mechanism, network and truth on one data set."""
    model, truth = MADE[name](number)
    data = simulated(model, truth, N_PATHS, FIRST_SEED + number)
    fresh = simulated(model, truth, N_FRESH, FRESH_SEED + number)
    began = cpu_seconds()
    fit = fm.calibrate(model, data, free=list(truth), updater="moments", interval=False, draws=0, seed=number,
                       n_threads=options.threads)
    yield told(fit, model.name, len(truth), began) | {
        "truth": dict(truth), **distances(simulated(model, fit.estimate, N_FRESH, SIMULATED_SEED), fresh)}
    began = cpu_seconds()
    network = fm.fit_network(data, seed=number, generations=options.generations, n_threads=options.threads)
    yield told(network, "network", network.n_parameters, began) | distances(
        network.simulate(N_FRESH, N_STEPS, SIMULATED_SEED, n_threads=options.threads), fresh)
    yield {"who": "truth", **distances(simulated(model, truth, N_FRESH, SIMULATED_SEED), fresh)}


def of_series(number: int, options: argparse.Namespace) -> Iterator[Row]:
    """Models and network on the S&P 500."""
    for model in (fm.models.stock_market(), fm.models.franke_westerhoff()):
        began = cpu_seconds()
        fit = fm.calibrate(model, "sp500", updater="moments", interval=False, draws=0, seed=number + 1,
                           n_threads=options.threads)
        yield told(fit, model.name, len(fit.estimate), began) | {"blocked": fit.result["auc_blocked"]}
    began = cpu_seconds()
    network = fm.fit_network("sp500", seed=number + 1, generations=options.generations, n_threads=options.threads)
    yield told(network, "network", network.n_parameters, began) | {"blocked": network.result["auc_blocked"]}


def table(rows: list[Row]) -> str:
    """Means over sets with their standard errors."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["data"], row["who"]].append(row)
    said = ["| data | who | sets | parameters | no misfit at 5% | the same without the grid | figures off "
            "| AUC held out | distance to fresh paths | that of the middle moment | CPU seconds | paths |",
            "|" + "---|" * 12]
    for (data, who), of_one in groups.items():
        fine, no_grid = (_count(of_one, key) for key in ("p_value", "p_without_grid"))
        cells = [data, who, len(of_one), of_one[0].get("parameters", "-"), fine, no_grid,
                 _mean(of_one, "n_misfits", 1), _mean(of_one, "auc_heldout", 3),
                 _mean(of_one, "fresh", 2), _mean(of_one, "fresh_middle", 2),
                 _mean(of_one, "cpu_seconds", 0), _mean(of_one, "paths_simulated", 0)]
        said.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(said)


def _count(rows: list[Row], key: str) -> str:
    return f"{sum(row[key] > 0.05 for row in rows)} of {len(rows)}" if key in rows[0] else "-"


def _mean(rows: list[Row], key: str, digits: int) -> str:
    values = np.array([row[key] for row in rows if row.get(key) is not None], dtype=float)
    if not len(values):
        return "-"
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):,.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():,.{digits}f}{error}"


def main() -> None:
    options = _options()
    if not options.print:
        done = lines.read(options.out)
        if not done:
            lines.write(options.out, [lines.head(threads=options.threads)])
        seen = {(row["data"], row["set"]) for row in done[1:]}
        chosen = options.data.split(",")
        for number, name in itertools.product(range(options.sets), chosen):
            if (name, number) not in seen:
                made = of_series(number, options) if name == "sp500" else of_made(name, number, options)
                for row in list(made):
                    lines.append(options.out, {"data": name, "set": number, **row})
    print(table(lines.read(options.out)[1:]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="market,herd,sp500")
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--generations", type=int, help="the library's own number if not given")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print the table of what has run")
    parser.add_argument("--out", type=Path, default=lines.place_of("network"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
