"""Claim: every objective, against every discriminator that plays it, leads every updater to the exact market's truth.

The game alone, with no moment fit before and no last step after it, from kappa 25% and gamma 20% too high; 300 paths
of t = 50..100, of which 240 are trained on. A row is one game: how far in logarithms it ends from the truth in units of
what the best moments leave open (.029 and .055), and its seconds. The same command goes on where it was stopped.

    python benchmarks/objectives.py [--objectives mmd,hinge] [--discriminators conditional] [--updaters cma-es]
                                    [--sets 3] [--threads 1] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import defaultdict
from pathlib import Path

import lines
import numpy as np
from lines import Row

import fastmas as fm
from fastmas import discriminators, updaters
from fastmas.calibration.game import Game, average
from fastmas.calibration.observed import Observed
from fastmas.calibration.prepare import prepare
from fastmas.calibration.record import Record
from fastmas.calibration.settings import decide
from fastmas.registry import parts
from fastmas.updaters.moments import MomentFit

TRUTH, AWAY = {"kappa": 1.0, "gamma": 2.0}, {"kappa": 1.25, "gamma": 2.4}
BEST = np.array([0.029, 0.055])
SPREAD = {"cma-es": 0.06, "parameter-score": 0.02}
GENERATIONS = {"cma-es": 40, "parameter-score": 80}


def run(objective: str, discriminator: str, updater: str, number: int, n_threads: int) -> Row:
    """One game."""
    market = fm.models.stock_market()
    paths = fm.simulate(market, TRUTH, n_paths=300, n_steps=100, warmup=50, seed=51_000 + number)
    observations, space = fm.observe(paths, heldout_share=0.2), market.space(list(TRUTH))
    settings = decide(
        observations, updater=updater, discriminator=discriminator, objective=objective, statistic=None,
        generations=GENERATIONS.get(updater, 60), paths=None, warmup=None, seed=number, interval=False)
    simulator = prepare(market, space, Observed(observations, settings.statistic), settings, n_threads=n_threads)
    truth, away = (space.to_z(np.array([place[name] for name in space.free])) for place in (TRUTH, AWAY))
    record = Record(start=MomentFit(away, SPREAD.get(updater, 0.04) ** 2 * np.eye(2), 0.0, 1))
    began = time.perf_counter()
    with simulator.workers.at_work():
        Game(simulator, settings, lambda *a: None, lambda *a: None).play(record)
    return {"objective": objective, "discriminator": discriminator, "updater": updater, "set": number,
            "error": dict(zip(space.free, (average(record, updater) - truth) / BEST, strict=True)),
            "rounds": record.round + 1, "seconds": time.perf_counter() - began}


def table(rows: list[Row]) -> str:
    """Root mean square errors of each game, and how often it came at least half of the way."""
    games, half = defaultdict(list), 0.5 * np.log([AWAY[n] / TRUTH[n] for n in TRUTH]) / BEST
    for row in rows:
        games[row["objective"], row["discriminator"], row["updater"]].append(row)
    said = ["| objective | discriminator | updater | sets | kappa | gamma | half way | seconds |", "|" + "---|" * 8]
    for names, played in sorted(games.items()):
        errors = np.array([[row["error"][name] for name in TRUTH] for row in played])
        kappa, gamma = np.sqrt((errors**2).mean(axis=0))
        came = int((np.abs(errors) < half).all(axis=1).sum())
        seconds = np.median([row["seconds"] for row in played])
        said.append(f"| {' | '.join(names)} | {len(played)} | {kappa:.1f} | {gamma:.1f} | {came} | {seconds:.0f} |")
    return "\n".join(said)


def main() -> None:
    options = _options()
    if not options.print:
        done = lines.begun(options.out)
        seen = {tuple(row[key] for key in ("objective", "discriminator", "updater", "set")) for row in done}
        for number, objective in itertools.product(range(options.sets), options.objectives.split(",")):
            players = [d for d in discriminators.players(objective) if d in options.discriminators.split(",")]
            for names in itertools.product([objective], players, options.updaters.split(",")):
                if (*names, number) not in seen:
                    lines.append(options.out, run(*names, number, options.threads))
    print(table(lines.read(options.out)[1:]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objectives", default=",".join(parts("fastmas.objectives", "OBJECTIVE")))
    parser.add_argument("--discriminators", default=",".join(parts("fastmas.discriminators", "DISCRIMINATOR")))
    parser.add_argument("--updaters", default=",".join(n for n in updaters.names() if updaters.get(n).is_game))
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print the table of what has run")
    parser.add_argument("--out", type=Path, default=lines.place_of("objectives"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
