"""One run: a method from one start on one data set, and the file that keeps it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastmas import updaters
from fastmas.calibration.budget import FULL
from fastmas.calibration.game import Game, average
from fastmas.calibration.isolation import isolated, one_thread
from fastmas.calibration.observed import Observed
from fastmas.calibration.prepare import prepare
from fastmas.calibration.record import Record
from fastmas.calibration.settings import Settings, decide
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.errors import FastmasError, Interrupted, RunDirectoryError
from fastmas.files import pack_tensors, unpack_tensors, write_atomically
from fastmas.reproduce import baseline
from fastmas.reproduce.experiment import N_THREADS, Experiment
from fastmas.reproduce.methods import BASELINE, QUICK_TRAINING, Method, method

Tell = Callable[[Mapping[str, Any]], None]


class Key(NamedTuple):
    """Which run: "tied" or "separate", number of the data set, method, number of the start."""

    parameters: str
    number: int
    method: str
    start: int

    @property
    def text(self) -> str:
        return f"{self.parameters}-set{self.number}-{self.method}-start{self.start}"


@dataclass(frozen=True, eq=False)
class Run:
    """What a run found: `curve` (n + 1, d) from the start on, `estimate` (d,), its time and paths.

    `refused` says why the method cannot play here; the rest is empty then.
    """

    key: Key
    curve: np.ndarray
    estimate: np.ndarray
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    n_paths: int = 0
    refused: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        state = {"key": list(self.key), "seconds": self.seconds, "cpu_seconds": self.cpu_seconds,
                 "n_paths": self.n_paths, "refused": self.refused, "notes": self.notes}
        write_atomically(folder / f"{self.key.text}.safetensors",
                         pack_tensors({"curve": self.curve, "estimate": self.estimate}, state))


def load(folder: Path, key: Key) -> Run | None:
    """The run that is kept there, or None.

    Raises
    ------
    RunDirectoryError
        If its file is damaged.
    """
    path = folder / f"{key.text}.safetensors"
    if not path.exists():
        return None
    try:
        arrays, state = unpack_tensors(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{path} cannot be used ({error}); delete it, and the run is made again") from error
    return Run(key, arrays["curve"], arrays["estimate"], state["seconds"], state["cpu_seconds"], state["n_paths"],
               state["refused"], state["notes"])


@isolated()
def play(experiment: Experiment, key: Key, tell: Tell = lambda event: None) -> Run:
    """Play one run, on one thread."""
    with one_thread():
        try:
            return _torch(experiment, key, tell) if key.method == BASELINE else _game(experiment, key, tell)
        except Interrupted:
            raise
        except FastmasError as error:
            none = np.empty((0, sum(experiment.n_each)))
            return Run(key, none, none.sum(axis=0), refused=str(error))


def _torch(experiment: Experiment, key: Key, tell: Tell) -> Run:
    setting = experiment.setting

    def say(done: int, theta: np.ndarray) -> None:
        tell({"phase": key.text, "done": done, "total": setting.iterations,
              "estimate": dict(zip(experiment.space.free, theta, strict=True))})

    found = baseline.train(setting, experiment.observations.x_obs, experiment.start(key.start), experiment.n_each,
                           seed_of(experiment, key), say)
    return Run(key, found.curve, found.curve[-1], found.seconds, found.cpu_seconds,
               setting.iterations * setting.n_paths)


def _game(experiment: Experiment, key: Key, tell: Tell) -> Run:
    """The game alone from a start: no moment fit moves it, nothing is polished after it."""
    plays, mover = method(key.method), updaters.get(key.method)
    simulator, settings = parts(experiment, key.method, plays, seed_of(experiment, key))
    if plays.is_papers:  # compile what it needs outside the clock
        rehearsal = replace(settings, generations=1)
        Game(simulator, rehearsal, _nothing, _nothing).play(unfitted(simulator, settings, experiment.start(key.start)))
        simulator.n_simulated = 0
    else:
        simulator.simulate(simulator.region.middle[None], 1, 0, 0)

    def say(event: Mapping[str, Any]) -> None:
        tell({**event, "phase": f"{key.text}, {event.get('phase', 'game')}"})

    began, began_cpu = time.perf_counter(), time.process_time()
    with simulator.workers.at_work():
        if mover.is_game:
            record = unfitted(simulator, settings, experiment.start(key.start))
            curve = [experiment.start(key.start), *_play(simulator, settings, record, say)]
            estimate = curve[-1] if plays.is_papers else average(record, key.method)
        else:
            start = named(simulator, experiment.start(key.start))
            estimate = find_start(simulator, replace(settings, start=start)).z
            curve = [experiment.start(key.start), estimate]
    seconds = time.perf_counter() - began, time.process_time() - began_cpu
    game = {name: getattr(settings, name) for name in ("discriminator", "objective", "statistic", "generations")}
    return Run(key, np.stack(curve), estimate, *seconds, n_paths=simulator.n_simulated, notes=game)


def _play(simulator: Simulator, settings: Settings, record: Record, tell: Tell) -> list[np.ndarray]:
    """Where the search stood after every generation of all rounds."""
    Game(simulator, settings, _nothing, tell).play(record)
    return [np.array([row[name] for name in simulator.space.free]) for row in record.rows]


def parts(experiment: Experiment, updater: str, plays: Method, seed: int) -> tuple[Simulator, Settings]:
    """Simulator and settings of a game on these data."""
    setting = experiment.setting
    generations = setting.iterations if plays.is_papers else setting.generations
    settings = decide(experiment.observations, updater=updater, discriminator=plays.discriminator,
                      objective=plays.objective, statistic=plays.statistic, generations=generations, paths=None,
                      warmup=setting.first_of_generator, seed=seed, interval=False, draws=0)
    own = plays.training or (QUICK_TRAINING.get(settings.discriminator) if setting.quick else None)
    training = {settings.discriminator: dict(own)} if own else {}
    # The paper's game has one round; another goes on while it moves.
    in_one = plays.is_papers or not updaters.get(updater).is_game
    settings = replace(settings, budget=replace(FULL, training=training), updater_options=plays.options(setting),
                       moment_start=in_one)
    observed = Observed(experiment.observations, settings.statistic)
    return prepare(experiment.model, experiment.space, observed, settings, n_threads=N_THREADS), settings


def unfitted(simulator: Simulator, settings: Settings, start: np.ndarray) -> Record:
    """A record that begins at `start` (d,), which no fit moves."""
    fit = find_start(simulator, replace(settings, start=named(simulator, start), moment_start=False))
    return Record(start=fit, region=fit.z)


def named(simulator: Simulator, start: np.ndarray) -> dict[str, float]:
    return dict(zip(simulator.space.free, start.tolist(), strict=True))


def seed_of(experiment: Experiment, key: Key) -> int:
    """Of a run: every start has luck of its own, every method that of its start."""
    return experiment.setting.seed + 1000 * key.number + key.start


def _nothing(*_: Any) -> None:
    """Nobody listens."""
