"""Claim: the score of decisions needs fewer paths than the score of a proposal, the more so the more parameters.

`paths`: two games against the same discriminator, `windowed`, from the same starts drawn from the box, no fit before
or after. Every few generations the squared distance of moments is measured by simulation at the mean of where the
search stood in the last half so far, in a metric fixed at the truth and with random numbers of its own. What counts is
how many paths had been simulated, the discriminator's own included, when a game was first as near as each of LEVELS,
and where both ended.
`speed`: seconds of a gradient by four parameters of the relaxed market, its tangents in lanes against its twin in
torch forward and back, one thread, rounds in turn.

    python benchmarks/estimators.py [--sections paths,speed] [--cases 12,100] [--sets 0-2] [--print] [--out FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lines
import numpy as np
import torch
from lines import Row
from many_parameters import CASES, Case, data_of

import fastmas as fm
from fastmas.calibration.game import Game
from fastmas.calibration.given import observations_of
from fastmas.calibration.observed import Observed
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.record import Record
from fastmas.calibration.settings import decide
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.workers import Workers
from fastmas.language.relaxed import relaxed
from fastmas.lowering.torch_twin import TorchTwin
from fastmas.updaters.moments import MomentFit

# Half of what agents own in 12 and 100 are thresholds, which move by differences; these own chances alone.
CHANCES = {"12-chances": Case({"n_noise": 12, "per_agent": ("kappa",)}, {"kappa": 1.5}, 400),
           "100-chances": Case({"n_noise": 100, "n_fundamental": 30, "per_agent": ("kappa",)}, {"kappa": 1.5}, 200)}
PAIR = ("parameter-score", "decision-score")
EVERY = 5  # generations
LEVELS = (2000, 1000, 500, 300)  # squared distances
JUDGING = 1 << 18  # first run of the distances
WRT = ("kappa", "gamma", "rho", "sigma_fundamental")
N_PATHS, N_STEPS, N_ROUNDS = (1000, 10_000), 100, 3


# ---- paths
def game(case: str, number: int, updater: str) -> Row:
    """One game: distances and paths as they went."""
    market, truth, x = data_of((CASES | CHANCES)[case], 100 + number)
    observations = observations_of(market, x)
    settings = decide(
        observations, updater=updater, discriminator="windowed", objective=None, statistic=None, generations=None,
        paths=None, warmup=None, seed=number + 1, interval=False)
    space = market.space(list(truth))
    simulator = Simulator(market, space, Observed(observations, settings.statistic), Workers(1),
                          warmup=settings.warmup, seed=settings.seed)
    start = np.random.default_rng([43_000, number]).uniform(space.region.low, space.region.high)
    record, seen = Record(start=MomentFit(start, np.eye(space.d), 0.0, 1)), []
    began = time.process_time()
    with simulator.workers.at_work():
        measure = distance_from(simulator, settings, space.to_z(np.concatenate(list(truth.values()))))

        def watch(record: Record, at_once: bool) -> None:
            if record.centres and record.generation % EVERY == 0 and not at_once:
                centre = np.mean(record.centres[len(record.centres) // 2:], axis=0)
                seen.append((simulator.n_simulated, measure(centre)))

        Game(simulator, settings, watch, lambda event: None).play(record)
    return {"section": "paths", "case": case, "set": number, "updater": updater, "d": space.d,
            "cpu_seconds": time.process_time() - began, "paths": [int(n) for n, _ in seen],
            "distances": [float(j) for _, j in seen]}


def distance_from(simulator: Simulator, settings: Any, truth: np.ndarray) -> Any:
    """z (d,) to its squared distance from the data's moments, in the metric of the truth; nothing of it is counted."""
    problem = replace(moment_problem(simulator, settings), first_run=JUDGING)
    weight, _ = problem.weight(truth, problem.n_polish, 0)

    def measure(z: np.ndarray) -> float:
        before = simulator.n_simulated
        gap = problem.means(z[None], problem.n_polish, 1)[0] - problem.observed
        simulator.n_simulated = before
        return float(weight.distance(gap))

    return measure


def reached(one: Row, level: float) -> float:
    """Paths when a game was first at this distance; infinite if it never was."""
    return next((n for n, j in zip(one["paths"], one["distances"], strict=True) if j <= level), float("inf"))


# ---- speed
def speed(n_paths: int) -> Row:
    """Seconds of a gradient of the mean squared return, by either way."""
    model = relaxed(fm.models.stock_market())
    theta = {name: float(p.default) for p in model.parameters if (name := p.name) in WRT}
    twin = TorchTwin(fm.models.stock_market(), relaxed="normal")

    def tangents() -> None:
        found = fm.differentiate(model, theta, wrt=WRT, n_paths=n_paths, n_steps=N_STEPS, score=False, n_threads=1)
        returns = np.diff(np.log(found.paths))
        (2.0 * returns * np.diff(found.tangents / found.paths)).mean(axis=(1, 2))

    def autograd() -> None:
        leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in theta.items()}
        price = twin.simulate(leaves, n_paths=n_paths, n_steps=N_STEPS, dtype=torch.float32)["price"]
        price.log().diff(dim=1).square().mean().backward()

    torch.set_num_threads(1)
    took: dict[str, list[float]] = {"tangents": [], "torch": []}
    for _ in range(N_ROUNDS + 1):
        for name, work in (("tangents", tangents), ("torch", autograd)):
            began = time.process_time()
            work()
            took[name].append(time.process_time() - began)
    seconds = {name: float(np.median(each[1:])) for name, each in took.items()}  # the first ones compile
    return {"section": "speed", "n_paths": n_paths, "n_steps": N_STEPS, "seconds": seconds,
            "ratio": float(np.median(np.array(took["torch"][1:]) / np.array(took["tangents"][1:])))}


# ---- tables
def tables(rows: Sequence[Row]) -> Iterator[str]:
    for row in (row for row in rows if row.get("section") == "speed"):
        seconds = row["seconds"]
        yield (f"a gradient by {len(WRT)} parameters of the relaxed market, {row['n_paths']} paths of {row['n_steps']} "
               f"steps: tangents {seconds['tangents']:.4f} CPU s, torch {seconds['torch']:.3f}, {row['ratio']:.0f} "
               "times as long")
    games = {(row["case"], row["set"], row["updater"]): row for row in rows if row.get("section") == "paths"}
    for case in dict.fromkeys(key[0] for key in games):
        for number in sorted({key[1] for key in games if key[0] == case}):
            ours, theirs = (games.get((case, number, updater)) for updater in reversed(PAIR))
            if ours and theirs:
                fewer = ", ".join(f"{level} {reached(theirs, level) / reached(ours, level):.1f}" for level in LEVELS
                                  if np.isfinite([reached(ours, level), reached(theirs, level)]).all())
                yield (f"{case}, set {number}: times fewer paths of decision-score to be as near as {fewer}; it ends "
                       f"at {ours['distances'][-1]:.0f} (at best {min(ours['distances']):.0f}) after "
                       f"{ours['paths'][-1]:,} paths, parameter-score at {theirs['distances'][-1]:.0f} after "
                       f"{theirs['paths'][-1]:,}")


def main() -> None:
    options = _options()
    if not options.print:
        for row in _new(options, lines.begun(options.out)):
            lines.append(options.out, row)
    print("\n".join(tables(lines.read(options.out))))


def _new(options: argparse.Namespace, rows: Sequence[Row]) -> Iterator[Row]:
    done = {(row["case"], row["set"], row["updater"]) for row in rows if row.get("section") == "paths"}
    if "speed" in options.sections and not any(row.get("section") == "speed" for row in rows):
        yield from map(speed, N_PATHS)
    if "paths" in options.sections:
        first, _, last = options.sets.partition("-")
        for number in range(int(first), int(last or first) + 1):
            for case in options.cases.split(","):
                for updater in PAIR:
                    if (case, number, updater) not in done:
                        yield game(case, number, updater)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default="paths,speed")
    parser.add_argument("--cases", default=",".join(["12", "100", *CHANCES]))
    parser.add_argument("--sets", default="0-2")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--out", type=Path, default=lines.place_of("estimators"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
