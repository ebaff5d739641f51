"""Claim: with `robust=True` 1% of wrong ticks of 10% move no estimate of the exact market by 3 standard errors.

How far dirt moves the estimates: data sets of the market at truths of their own, kappa and gamma free, with every entry
of DIRT, by every updater and by chosen objectives of cma-es, beside the fit of the same data without dirt. A row is one
calibration: the estimate, where its game ended, the grade and what was said. Movements are in standard errors of the
clean moment fit of the data set. The same command goes on where it was stopped.

    python benchmarks/robustness.py [--sets 4] [--paths 200,1000] [--updaters moments,cma-es] [--objectives fisher,mmd]
                                    [--dirt "clean,1% ticks"] [--robust no,yes] [--threads 1] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lines
import numpy as np
from calibration_tasks import exact_market
from lines import Row
from scipy.stats import norm

import fastmas as fm
from fastmas import updaters

FREE = ("kappa", "gamma")
N_TIMES, WEEK = 51, 5  # prices
TICK = 0.1  # of a price
FIRST_SET, FIRST_SEED = 200, 52_000  # numbers of truths that no other benchmark has
OBJECTIVES = "fisher,total-variation,hinge,non-saturating,cramer,mmd"
KEYS = ("set", "paths", "updater", "objective", "dirt", "robust")
HALF = float(norm.ppf(0.95))  # standard errors in half of a 90% interval

Dirt = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def ticks(share: float) -> Dirt:
    """Each price is TICK too high or too low with this probability."""
    def spoil(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        wrong = rng.random(x.shape) < share
        return np.where(wrong, x * (1.0 + TICK * rng.choice([-1.0, 1.0], x.shape)), x)
    return spoil


def stale(share: float) -> Dirt:
    """Each price repeats the one before it with this probability."""
    def spoil(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out, repeats = x.copy(), rng.random(x.shape) < share
        for t in range(1, x.shape[1]):
            out[:, t] = np.where(repeats[:, t], out[:, t - 1], out[:, t])
        return out
    return spoil


def foreign(share: float) -> Dirt:
    """Each path is a random walk of the data's own volatility with this probability."""
    def spoil(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out, chosen = x.copy(), rng.random(len(x)) < share
        steps = np.diff(np.log(x)).std() * rng.standard_normal(x[chosen].shape)
        out[chosen] = x[chosen, :1] * np.exp(np.cumsum(steps, axis=1))
        return out
    return spoil


def missing_week(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """WEEK prices of each path (n_times + WEEK) are cut out at some place, and what follows moves up."""
    first = rng.integers(1, x.shape[1] - WEEK, len(x))[:, None]
    t = np.arange(x.shape[1] - WEEK)
    return np.take_along_axis(x, np.where(t < first, t, t + WEEK), axis=1)


DIRT: dict[str, Dirt] = {
    "clean": lambda x, rng: x,
    "1% ticks": ticks(0.01), "5% ticks": ticks(0.05),
    "5% stale": stale(0.05), "20% stale": stale(0.2),
    "missing week": missing_week,
    "5% foreign paths": foreign(0.05),
}


def data_of(number: int, n_paths: int, dirt: str) -> tuple[fm.Model, np.ndarray]:
    """The market of a data set and its prices (n_paths, N_TIMES)."""
    market, truth = exact_market(FIRST_SET + number)
    x = fm.simulate(market, truth, n_paths=n_paths, n_steps=49 + N_TIMES + WEEK, warmup=50, seed=FIRST_SEED + number,
                    n_threads=1).astype(np.float64)
    x = x if dirt == "missing week" else x[:, :N_TIMES]
    return market, DIRT[dirt](x, np.random.default_rng([FIRST_SEED, number]))


def run(case: tuple[Any, ...], n_threads: int) -> Row:
    """One calibration; the clean moment fit has the intervals that are the unit of all."""
    number, n_paths, updater, objective, dirt, robust = case
    market, x = data_of(number, n_paths, dirt)
    is_unit, began = _is_unit(dict(zip(KEYS, case, strict=True))), time.process_time()
    fit = fm.calibrate(market, x, free=FREE, updater=updater, objective=objective, robust=robust, interval=is_unit,
                       draws=0, n_threads=n_threads)
    row = {**dict(zip(KEYS, case, strict=True)), "estimate": fit.estimate, "game": _end(fit, updater),
           "p_value": fit.p_value, "verdict": fit.verdict, "odd_paths": len(fit.result["odd_paths"]),
           "misfit": fit.result["misfit"], "warnings": fit.warnings, "cpu_seconds": time.process_time() - began}
    if is_unit:
        row["se"] = {name: float(np.diff(np.log(ends))[0]) / (2 * HALF) for name, ends in fit.interval.items()}
    return row


def _is_unit(row: Row) -> bool:
    return row["updater"] == "moments" and row["dirt"] == "clean" and not row["robust"]


def _end(fit: fm.Fit, updater: str) -> dict[str, float] | None:
    """Where the last round of a game ended: the mean of its last part, as the product has it."""
    if not fit.history:
        return None
    rows = [row for row in fit.history if row["round"] == fit.history[-1]["round"]]
    rows = rows[-max(1, int(updaters.get(updater).averaged * len(rows))):]
    return {name: float(np.exp(np.mean([np.log(row[name]) for row in rows]))) for name in FREE}


def cases(options: argparse.Namespace) -> list[tuple[Any, ...]]:
    """The clean fits of a data set first, without which nothing has a unit."""
    chosen = []
    for number, n_paths in itertools.product(range(options.sets), map(int, options.paths.split(","))):
        for updater in ["moments", *(u for u in options.updaters.split(",") if u != "moments")]:
            objectives = options.objectives.split(",") if updater == "cma-es" else [None]
            for objective, dirt, robust in itertools.product(objectives, DIRT, (False, True)):
                wanted = dirt in options.dirt.split(",") and ("no", "yes")[robust] in options.robust.split(",")
                case = (number, n_paths, updater, objective, dirt, robust)
                if (wanted and updater in options.updaters) or _is_unit(dict(zip(KEYS, case, strict=True))):
                    chosen.append(case)
    return chosen


def moved(rows: list[Row], row: Row, what: str) -> np.ndarray | None:
    """How far `what` of a row lies from that of the clean fit by the same means, in standard errors."""
    same = ("set", "paths", "updater", "objective")
    clean = [r for r in rows if r["dirt"] == "clean" and not r["robust"] and all(r[k] == row[k] for k in same)]
    unit = [r for r in rows if _is_unit(r) and all(r[k] == row[k] for k in same[:2])]
    if not (clean and unit and row[what]):
        return None
    return np.array([np.log(row[what][n] / clean[0][what][n]) / unit[0]["se"][n] for n in FREE])


def table(rows: list[Row]) -> str:
    """Root mean square and largest movements, and how often dirt was said: by a grade of p <= .05, or by a warning."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[k] for k in KEYS[1:])].append(row)
    said = ["| paths | updater | objective | dirt | robust | sets | kappa: rms, most | gamma: rms, most | within 3 | "
            "the game's end: kappa, gamma | rejected | warned of prices | CPU s |", "|" + "---|" * 13]
    for key, group in groups.items():
        moves = [m for m in (moved(rows, row, "estimate") for row in group) if m is not None]
        if not moves:
            continue
        size = np.abs(moves)
        rms, most, within = np.sqrt((size**2).mean(axis=0)), size.max(axis=0), int((size < 3).all(axis=1).sum())
        ends = [m for m in (moved(rows, row, "game") for row in group) if m is not None]
        end = ", ".join(f"{x:.1f}" for x in np.sqrt(np.mean(np.square(ends), axis=0))) if ends else "–"
        rejected = sum(row["p_value"] <= 0.05 for row in group)
        warned = sum(any("price" in text for text in row["warnings"]) for row in group)
        seconds = np.median([row["cpu_seconds"] for row in group])
        n_paths, updater, objective, dirt, robust = key
        cells = (n_paths, f"`{updater}`", objective or "–", dirt, "yes" if robust else "no", len(moves),
                 f"{rms[0]:.1f}, {most[0]:.1f}", f"{rms[1]:.1f}, {most[1]:.1f}", within, end, rejected, warned,
                 f"{seconds:.0f}")
        said.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(said)


def main() -> None:
    options = _options()
    if not options.print:
        seen = {tuple(row[key] for key in KEYS) for row in lines.begun(options.out)}
        for case in cases(options):
            if case not in seen:
                lines.append(options.out, run(case, options.threads))
    print(table(lines.read(options.out)[1:]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=4)
    parser.add_argument("--paths", default="200,1000")
    parser.add_argument("--updaters", default=",".join(updaters.names()))
    parser.add_argument("--objectives", default=OBJECTIVES, help="of cma-es; other updaters play the one they have")
    parser.add_argument("--dirt", default=",".join(DIRT))
    parser.add_argument("--robust", default="no,yes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print the table of what has run")
    parser.add_argument("--out", type=Path, default=lines.place_of("robustness"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
