"""Claim: of the built-in markets some fit the S&P 500; on one that does not, every updater still finds its scale.

`markets`: what `fastmas compare --data sp500` does, a row for each market and yardstick, and then the best of them
calibrated by the default updater, too. Nothing but the models' own free parameters is fitted, within their own bounds.

`updaters`: the stock market of the founding paper, which does not fit, by each updater: the sd of simulated returns at
the estimate and at the start beside that of the data, the grade, the seconds; and how easily a discriminator trained
from scratch tells them apart (AUC on the last fifth of the series and over blocks of the rest; 0.5: cannot tell).

    python benchmarks/sp500.py [markets|updaters] [--threads 2] [--out FILE] [--runs DIR] [--best 2] [--print]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import lines
import numpy as np

import fastmas as fm
from fastmas.cli.progress import reporter
from fastmas.compare.ranking import COLUMNS, cells, ranked, row_of
from fastmas.compare.study import LIMIT, UPDATER
from fastmas.engine.threads import count_threads

N_SERIES, WARMUP = 200, 200  # simulated at an estimate: its sd is good to a per cent
KEPT = ("estimate", "interval", "start", "verdict", "p_value", "misfit", "distance", "degrees", "moment_distance",
        "moment_degrees", "auc_heldout", "auc_interval", "auc_blocked", "seconds", "seconds_by_phase", "warnings",
        "rounds", "paths_simulated")
Row = dict[str, Any]


# ---- markets
def markets(options: argparse.Namespace) -> None:
    if not options.print:
        with tempfile.TemporaryDirectory() as spare:
            compared(options, Path(options.runs or spare))
    rows = lines.read(options.out)[1:]
    for updater in dict.fromkeys(row["updater"] for row in rows if "updater" in row):
        print(f"\nby {updater}\n")
        print("| " + " | ".join([*COLUMNS, "seconds"]) + " |\n|" + "---|" * (len(COLUMNS) + 1))
        shown = [row for row in rows if row.get("updater", UPDATER) == updater]
        for place, row in enumerate(ranked(shown), start=1):
            said = ["" if cell is None else str(cell) for cell in cells(row, place)]
            print("| " + " | ".join([*said, f"{row['seconds']:.0f}" if "seconds" in row else ""]) + " |")


def compared(options: argparse.Namespace, runs: Path) -> None:
    """Compare by moments, then calibrate the best markets by the default updater."""
    with reporter() as progress:
        found = fm.compare("sp500", seed=options.seed, n_threads=options.threads, out=runs / "compare",
                           limit=options.limit, progress=progress)
    rows = list(found.rows)
    for row in [row for row in found.rows if not row["yardstick"] and "failed" not in row][:options.best]:
        what = {key: row[key] for key in ("name", "yardstick", "options")}
        rows.append(row_of(what, game(fm.models.get(row["name"], **row["options"]), options, runs)))
    lines.write(options.out, [lines.head(seed=options.seed, threads=count_threads(options.threads), said=found.said,
                                         notes=found.notes), *rows])


def game(model: fm.Model, options: argparse.Namespace, runs: Path) -> Row:
    """The result of a calibration by the default updater, which may be there."""
    place = runs / f"{model.name}-game"
    if (place / "result.json").exists():
        return json.loads((place / "result.json").read_text())
    return fm.calibrate(model, "sp500", seed=options.seed, draws=0, interval=False, n_threads=options.threads,
                        out=place, overwrite=True).result


# ---- updaters
def return_sd(series: np.ndarray) -> float:
    """Of log returns, over all series together."""
    return float(np.diff(np.log(series.astype(float)), axis=-1).std())


def simulated_sd(market: fm.Model, values: dict[str, float], n_times: int) -> float:
    return return_sd(fm.simulate(market, values, n_paths=N_SERIES, n_steps=WARMUP + n_times - 1, warmup=WARMUP, seed=1))


def one(updater: str, data: np.ndarray, seed: int, n_threads: int | None) -> Row:
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


def told(row: Row) -> str:
    sds = ", ".join(f"{what} {row[key]:.5f} ({row[key] / row['data_sd']:.0%})"
                    for what, key in (("estimate", "sd"), ("start", "start_sd")))
    auc = "" if not row.get("auc_blocked") else "AUC by blocks {:.3f} [{:.3f}, {:.3f}]; ".format(*row["auc_blocked"])
    return (f"{row['updater']}: sd of returns {row['data_sd']:.5f}, simulated at the {sds}; "
            f"p {row['p_value']:.4f}; {auc}{row['wall_seconds']:.0f} s, {row['cpu_seconds']:.0f} CPU s\n  "
            + row["verdict"])


def updaters(options: argparse.Namespace) -> None:
    data = fm.observe("sp500").series
    rows = []
    for updater in options.updaters.split(","):
        rows.append(one(updater, data, options.seed, options.threads))
        print(told(rows[-1]), flush=True)
    head = lines.head(seed=options.seed, threads=count_threads(options.threads))
    lines.write(options.out, [head, *rows])
    print(json.dumps(head))


PARTS = {"markets": (markets, "sp500_markets"), "updaters": (updaters, "sp500")}


def main() -> None:
    """Run a part and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="markets", choices=PARTS)
    parser.add_argument("--updaters", default="moments,cma-es,parameter-score")
    parser.add_argument("--best", type=int, default=2, help="markets that the default updater calibrates, too")
    parser.add_argument("--limit", type=float, default=LIMIT, help="minutes of CPU, as of fastmas compare")
    parser.add_argument("--runs", type=Path, help="folder for the runs, which goes on where it stopped")
    parser.add_argument("--print", action="store_true", help="the table of the file, and nothing is run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="all cores if not given")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    work, name = PARTS[options.part]
    options.out = options.out or lines.place_of(name)
    work(options)


if __name__ == "__main__":
    main()
