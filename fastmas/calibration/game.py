"""The minimax game of eq. (1), readable top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastmas import discriminators, updaters
from fastmas.calibration.problems import n_last, training_weight
from fastmas.calibration.record import DISCRIMINATOR, UPDATER, Record
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.discriminators import Table
from fastmas.estimators import Rollout
from fastmas.region import Region
from fastmas.updaters import Search, Updater

REGION = 20.0  # spreads: half the width of a local game's region
LEAST_REGION, MOST_REGION = 0.02, 0.5  # of the box
LEAST_SPREAD, MOST_SPREAD = 1e-3, 0.02  # of the box
SETTLED = 0.5  # a round is the last one if the search ended within this share of its region
VAGUE = 0.2  # standard error in boxes from which a coordinate is not identified and wanders (uniform: 0.29)
RUNS_PER_ROUND = 1 << 16

Rollouts = Callable[[np.ndarray, int], Rollout]


@dataclass(frozen=True)
class Game:
    """Rounds of a game, each within one region. `save(record, at_once)` and `tell(event)` hear of every generation."""

    simulator: Simulator
    settings: Settings
    save: Callable[[Record, bool], None]
    tell: Callable[[Mapping[str, Any]], None]

    def play(self, record: Record) -> None:
        """Play rounds until the search settles inside its region."""
        while not record.is_played:
            search = self.search(record)
            if search.n_generations:
                self._play_round(record, search)
            self._finish_round(record, search)
            self.save(record, True)

    def _play_round(self, record: Record, search: Search) -> None:
        """One game within one region, from the generation that the record stands at."""
        total, phase = search.n_generations, _phase(record)
        began, before = time.perf_counter(), record.seconds.get("game", 0.0)
        updater = updaters.make(self.settings.updater, self.settings.updater_options)
        discriminator = discriminators.seat(
            self.settings.discriminator, self.table(record, search, updater), self.settings.objective)
        state = updater.start(search)
        if record.generation > 0:
            state = updaters.from_arrays(type(state), search, record.part(UPDATER))
            discriminator.restore(record.part(DISCRIMINATOR), record.generation)
            self.simulator.n_simulated = record.paths_simulated  # what is simulated again does not count again
        else:
            self.tell({"phase": phase, "done": 0, "total": total, "text": "training the discriminator"})
            discriminator.begin()

        for generation in range(record.generation, total):
            centre = updater.centre(state)
            discriminator.play(generation, centre)
            z = updater.ask(state)
            seen = discriminator.evaluate(generation, z, centre)
            state = updater.tell(state, seen)

            record.centres.append(updater.centre(state))
            record.generation = generation + 1
            record.keep(updaters.to_arrays(state), discriminator.arrays())
            record.seconds["game"] = before + time.perf_counter() - began
            named, mean_loss = self.simulator.by_name(record.centres[-1]), float(np.mean(seen.loss))
            record.rows.append({"generation": len(record.rows), "round": record.round, "loss": mean_loss,
                                **discriminator.report(), **named, "seconds": round(record.seconds["game"], 3)})
            self.tell({"phase": phase, "done": generation + 1, "total": total, "loss": mean_loss, "estimate": named})
            self.save(record, False)

    def search(self, record: Record) -> Search:
        """The search of this round: over the whole box, or a region around a point."""
        assert record.start is not None
        box = self.simulator.region
        # Without a fit nothing says how far the truth is: the errors at a point far from it are no scale for steps.
        known = record.start.spread if self.settings.moment_start else np.inf
        spread = np.clip(known, LEAST_SPREAD * box.width, MOST_SPREAD * box.width)
        spread = np.where(box.integer, np.maximum(spread, 0.5), spread)
        middle, region = record.start.z if record.region is None else record.region, box
        if discriminators.get(self.settings.discriminator).local:
            half = np.clip(REGION * spread, LEAST_REGION * box.width, MOST_REGION * box.width)
            middle = box.inside(middle)
            region = Region(box.inside(middle - half), box.inside(middle + half), box.integer)
        edge = 1e-3 * region.width
        start = np.clip(middle, region.low + edge, region.high - edge)
        return Search(start, spread, region, self.settings.generations, self.settings.seed + record.round)

    def table(self, record: Record, search: Search, updater: Updater) -> Table:
        """What this round's discriminator plays on."""
        simulator, observed, budget = self.simulator, self.simulator.observed, self.settings.budget
        pool_paths, pool_times = observed.regime.pool(observed.n_times, budget.sizes)
        return Table(
            sample=simulator.sample_there, look=simulator.look,
            moments=simulator.workers.each(observed.moments_of, observed.x_train),
            weigh=partial(training_weight, observed), n_weigh=n_last(observed, budget.sizes), real=observed.real,
            heldout=observed.heldout, n_paths=self.settings.paths, start=search.start, spread=search.spread,
            region=search.region, seed=self.settings.seed, first_run=RUNS_PER_ROUND * (record.round + 1),
            n_generations=self.settings.generations, pool_paths=pool_paths, pool_times=pool_times,
            blur=observed.regime.blur, map=simulator.workers.map,
            training=budget.training_of(self.settings.discriminator), device=simulator.device,
            rollout=self._rollouts(record, search, updater))

    def _rollouts(self, record: Record, search: Search, updater: Updater) -> Rollouts | None:
        """Paths of a candidate in a generation of this round with what its gradient takes, if the updater needs one."""
        estimator = updaters.estimator_of(updater)
        if estimator is None:
            return None
        first_run, total = RUNS_PER_ROUND * (record.round + 1), max(1, search.n_generations)
        scene = self.simulator.scene(self.settings.paths, search.spread)

        def rollout(z: np.ndarray, generation: int) -> Rollout:
            seen = estimator.rollout(scene, z, first_run + generation, generation / total)
            self.simulator.n_simulated += seen.n_simulated
            return seen

        return rollout

    def _finish_round(self, record: Record, search: Search) -> None:
        """Go on to another round, around where the search ended, if it left the middle of its region."""
        assert record.start is not None
        end, box, region = average(record, self.settings.updater), self.simulator.region, search.region
        moved = np.abs(end - region.middle) > SETTLED * region.width / 2
        at_box = (region.low <= box.low) & (end < search.start) | (region.high >= box.high) & (end > search.start)
        vague = (record.start.spread > VAGUE * box.width) & self.settings.moment_start
        local = search.n_generations > 0 and discriminators.get(self.settings.discriminator).local
        record.is_settled = not (local and bool((moved & ~at_box & ~vague).any())) and not self._is_under_way(
            record, search)
        record.is_played = record.is_settled or record.round + 1 >= self.simulator.observed.regime.most_rounds
        if not record.is_played:
            record.round, record.region, record.generation, record.centres = record.round + 1, end, 0, []


    def _is_under_way(self, record: Record, search: Search) -> bool:
        """Whether a game that no fit has brought near the truth was still moving when half of it was played."""
        if self.settings.moment_start or not record.centres:
            return False
        half = record.centres[len(record.centres) // 2]
        return bool((np.abs(record.centres[-1] - half) > search.spread).any())


def average(record: Record, updater: str) -> np.ndarray:
    """The estimate in search coordinates: the mean of where the search stood in its last part."""
    if not record.centres:
        assert record.start is not None
        return record.start.z
    share = updaters.get(updater).averaged
    return np.mean(record.centres[-max(1, int(share * len(record.centres))):], axis=0)


def _phase(record: Record) -> str:
    return "game" if record.round == 0 else f"game, round {record.round + 1}"
