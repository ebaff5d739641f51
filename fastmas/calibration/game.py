"""The minimax game of eq. (1), readable top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastmas import discriminators, updaters
from fastmas.calibration.record import DISCRIMINATOR, UPDATER, Record
from fastmas.calibration.setup import Setup
from fastmas.discriminators import Table
from fastmas.updaters import Search
from fastmas.updaters.moments import fit_moments

REGION = 20.0  # spreads: half the width of a local game's region
LEAST_REGION, MOST_REGION = 0.02, 0.5  # of the box
LEAST_SPREAD, MOST_SPREAD = 1e-3, 0.02  # of the box
BLUR = 0.3  # sds of a return
MOST_ROUNDS = {"paths": 4, "series": 2}
SETTLED = 0.5  # a round is the last one if the search ended within this share of its region
VAGUE = 0.2  # standard error in boxes from which a coordinate is not identified and wanders (uniform: 0.29)
RUNS_PER_ROUND = 1 << 16

Save = Callable[[Record, bool], None]
Tell = Callable[[Mapping[str, Any]], None]


def find_start(setup: Setup, record: Record, save: Save, tell: Tell) -> None:
    """Fit moments: the start of every game, and the baseline beside it."""
    if record.start is not None:
        return
    began = time.perf_counter()
    tell({"phase": "start", "text": "fitting moments"})
    record.start = fit_moments(setup.moment_problem(), setup.start)
    record.region = record.start.z
    record.seconds["start"] = time.perf_counter() - began
    record.paths_simulated = setup.paths_simulated
    save(record, True)


def play(setup: Setup, record: Record, save: Save, tell: Tell) -> None:
    """Play rounds until the search settles inside its region."""
    while not record.is_played:
        search, table = arrange(setup, record)
        if search.n_generations:
            play_round(setup, record, search, table, save, tell)
        _finish_round(setup, record, search)
        save(record, True)


def play_round(setup: Setup, record: Record, search: Search, table: Table, save: Save, tell: Tell) -> None:
    """One game within one region, from the generation that the record stands at."""
    total = search.n_generations
    began, before = time.perf_counter(), record.seconds.get("game", 0.0)
    updater = updaters.get(setup.settings.updater)
    discriminator = discriminators.seat(setup.settings.discriminator, table, setup.settings.objective)
    state = updater.start(search)
    if record.generation > 0:
        state = updaters.from_arrays(type(state), search, record.part(UPDATER))
        discriminator.restore(record.part(DISCRIMINATOR), record.generation)
        setup.paths_simulated = record.paths_simulated
    else:
        tell({"phase": _phase(record), "done": 0, "total": total, "text": "training the discriminator"})
        discriminator.begin()

    for generation in range(record.generation, total):
        centre = updater.centre(state)
        discriminator.play(generation, centre)
        z = updater.ask(state)
        loss = discriminator.loss(generation, z, centre)
        state = updater.tell(state, loss)

        record.centres.append(updater.centre(state))
        record.generation = generation + 1
        record.keep(updaters.to_arrays(state), discriminator.arrays())
        record.paths_simulated = setup.paths_simulated
        record.seconds["game"] = before + time.perf_counter() - began
        record.rows.append(_row(setup, record, loss, discriminator.report()))
        tell({"phase": _phase(record), "done": generation + 1, "total": total, "loss": float(np.mean(loss)),
              "estimate": _named(setup, record.centres[-1])})
        save(record, False)


def arrange(setup: Setup, record: Record) -> tuple[Search, Table]:
    """The search and the table of this round: the whole box, or a region around a point."""
    assert record.start is not None
    middle = record.start.z if record.region is None else record.region
    width = setup.high - setup.low
    spread = np.clip(record.start.spread, LEAST_SPREAD * width, MOST_SPREAD * width)
    spread = np.where(setup.space.integer, np.maximum(spread, 0.5), spread)
    low, high = setup.low, setup.high
    if discriminators.get(setup.settings.discriminator).local:
        half = np.clip(REGION * spread, LEAST_REGION * width, MOST_REGION * width)
        middle = np.clip(middle, setup.low, setup.high)
        low, high = np.maximum(setup.low, middle - half), np.minimum(setup.high, middle + half)
    edge = 1e-3 * (high - low)
    start = np.clip(middle, low + edge, high - edge)
    pool_paths, pool_times = setup.pool_size
    search = Search(start, spread, low, high, setup.space.integer, setup.settings.generations,
                    setup.settings.seed + record.round)
    n = len(setup.x_train)
    table = Table(
        sample=setup.sample_there, look=setup.look, moments=setup.moments_real, weigh=setup.weight,
        n_weigh=max(setup.n_weigh(n), setup.n_polish(n)), real=setup.real, heldout=setup.heldout,
        n_paths=setup.settings.paths, start=start, spread=spread, low=low, high=high, seed=setup.settings.seed,
        first_run=RUNS_PER_ROUND * (record.round + 1), n_generations=setup.settings.generations,
        pool_paths=pool_paths, pool_times=pool_times,
        blur=BLUR if setup.is_series else 0.0, map=setup.map, device=setup.device)
    return search, table


def average(setup: Setup, record: Record) -> np.ndarray:
    """The estimate in search coordinates: the mean of where the search stood in its last part."""
    if not record.centres:
        assert record.start is not None
        return record.start.z
    share = updaters.get(setup.settings.updater).averaged
    return np.mean(record.centres[-max(1, int(share * len(record.centres))):], axis=0)


def _finish_round(setup: Setup, record: Record, search: Search) -> None:
    """Go on to another round, around where the search ended, if it left the middle of its region."""
    assert record.start is not None
    end = average(setup, record)
    half = (search.high - search.low) / 2
    moved = np.abs(end - (search.low + search.high) / 2) > SETTLED * half
    at_box = (search.low <= setup.low) & (end < search.start) | (search.high >= setup.high) & (end > search.start)
    vague = record.start.spread > VAGUE * (setup.high - setup.low)
    local = search.n_generations > 0 and discriminators.get(setup.settings.discriminator).local
    record.is_settled = not (local and bool((moved & ~at_box & ~vague).any()))
    record.is_played = record.is_settled or record.round + 1 >= MOST_ROUNDS[setup.observations.regime]
    if not record.is_played:
        record.round, record.region, record.generation, record.centres = record.round + 1, end, 0, []


def _phase(record: Record) -> str:
    return "game" if record.round == 0 else f"game, round {record.round + 1}"


def _named(setup: Setup, z: np.ndarray) -> dict[str, float]:
    return dict(zip(setup.space.free, setup.space.to_theta(z).tolist(), strict=True))


def _row(setup: Setup, record: Record, loss: np.ndarray, report: Mapping[str, float]) -> dict[str, Any]:
    return {"generation": len(record.rows), "round": record.round, "loss": float(np.mean(loss)), **report,
            **_named(setup, record.centres[-1]), "seconds": round(record.seconds["game"], 3)}
