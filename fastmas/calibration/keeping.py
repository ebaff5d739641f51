"""A calibration's run directory: what it is made of, what is saved on the way, and how one goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from fastmas import models
from fastmas.calibration.config import Config
from fastmas.calibration.fit import Fit, write_result
from fastmas.calibration.given import bounded
from fastmas.calibration.parts import function_of, give_again
from fastmas.calibration.record import Record
from fastmas.calibration.settings import Settings
from fastmas.data import Observations
from fastmas.errors import Interrupted, RunDirectoryError
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.storage import digests
from fastmas.storage.digests import DIGEST
from fastmas.storage.layout import CHECKPOINT, CONFIG, DATA
from fastmas.storage.locking import locked
from fastmas.storage.run_directory import RunDirectory

SAVE_EVERY = 1.0  # seconds between checkpoints
REMEDY = "put it back as it was, or start anew in another folder"
RUN_DIGEST = "run"  # in a checkpoint: the digest of the config.json that it belongs to


class Keeper:
    """Keeps a calibration in its run directory, if it has one, which other processes are kept out of meanwhile."""

    def __init__(self, run: RunDirectory | None = None) -> None:
        self.run = run
        self._last = time.monotonic()

    @classmethod
    @contextmanager
    def create(cls, path: str | Path, config: Config, observations: Observations, *,
               overwrite: bool) -> Iterator[Keeper]:
        """A new run directory with what `Stored` needs."""
        arrays, content = arrays_of(observations), config.plain()
        if config.model_factory is not None:
            content["digests"] = {"data": digests.of_arrays(arrays), "model": models.digest(config.model_factory)}
        with RunDirectory.begin(path, content, overwrite=overwrite) as run:
            run.save_arrays(DATA, arrays)
            with cls(run).at_work() as keeper:
                yield keeper

    def save(self, record: Record, at_once: bool) -> None:
        """Write a checkpoint, at most one a second unless at once."""
        if self.run is None or not (at_once or time.monotonic() - self._last > SAVE_EVERY):
            return
        arrays, state = record.pack()
        self.run.save_checkpoint(arrays, {**state, RUN_DIGEST: self.run.config[DIGEST]})
        if record.rows:
            self.run.save_history(record.rows)
        self._last = time.monotonic()

    def finish(self, fit: Fit) -> None:
        """Write the result, with which the run is complete."""
        if self.run is not None:
            write_result(self.run, fit)
            self.run = self.run.finish()

    @contextmanager
    def at_work(self) -> Iterator[Keeper]:
        """Ctrl-C says how to go on."""
        try:
            yield self
        except KeyboardInterrupt as stop:
            if self.run is None:
                raise
            trust = "" if models.is_installed(self.run.config["model_factory"]) else " --trust"
            raise Interrupted(f"stopped; the state is saved: go on with `fastmas resume "
                              f"{quote(str(self.run.home))}{trust}`") from stop


class Stored:
    """An unfinished run, read and checked: all that it needs to go on. `parts` are those that it cannot get itself.

    Raises
    ------
    RunDirectoryError
        If the folder is no run, is damaged, of another version, or finished already.
    """

    model: Model
    space: ParameterSpace
    settings: Settings
    observations: Observations
    record: Record
    statistic: Any
    device: str

    def __init__(self, run: RunDirectory, trust: bool, parts: Mapping[str, Any]) -> None:
        self.run, path = run, run.home
        if run.has_result:
            raise RunDirectoryError(f"{path} is finished: see `fastmas report {quote(str(path))}`")
        checkpoint, config = run.load_checkpoint(), run.config
        if config.get("kind") == "network":
            raise RunDirectoryError(f"{path} is a network's, whose training cannot be resumed; train it anew with "
                                    "`fastmas network ... --overwrite`")
        give_again(parts, config)
        with _damage(run, CONFIG):
            _check_model(run, config["model_factory"], config["digests"]["model"], trust)
            self.model = models.get(config["model_factory"], **_plain_config(config["model_config"]))
            self.settings, self.device = Settings.of(config), config.get("device", "cpu")
            self.statistic = function_of(self.settings.statistic)
            self.space = bounded(self.model.space(config["free"], config["values"]), self.settings.bounds)
        if not (run.path / DATA).exists():
            raise RunDirectoryError(f"{path} has no {DATA}: its run was stopped before it began; start it anew "
                                    "with --overwrite")
        with _damage(run, DATA):
            self.observations = _observations(run)
        with _damage(run, CHECKPOINT):
            self.record = Record() if checkpoint is None else _record(run, *checkpoint)

    @classmethod
    @contextmanager
    def opened(cls, path: str | Path, *, trust: bool = False,
               parts: Mapping[str, Any] | None = None) -> Iterator[Stored]:
        """The unfinished run at a path, which other processes are kept out of.

        Parameters
        ----------
        trust : bool
            Run the code of a model that is neither built in nor installed.
        parts : mapping, optional
            Those of the run that are of no installed package.
        """
        RunDirectory.open(path, unfinished=True)  # before anything is written, a lock too
        with locked(Path(path)):
            yield cls(RunDirectory.open(path, unfinished=True), trust, parts or {})


def _check_model(run: RunDirectory, factory: str, digest: str, trust: bool) -> None:
    """Nobody's code runs unasked, and the model is the one that the run began with."""
    if not (trust or models.is_installed(factory)):
        raise RunDirectoryError(f"{run.home} is a calibration of {factory}, and to go on is to run that file's code: "
                                "look at it, and if you trust it say --trust (in Python trust=True)")
    if models.digest(factory) != digest:
        raise RunDirectoryError(f"{run.home}: the model {factory} was changed after the run began: {REMEDY}")


def _record(run: RunDirectory, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> Record:
    if state.pop(RUN_DIGEST) != run.config[DIGEST]:
        raise RunDirectoryError(f"{run.path / CHECKPOINT} belongs to another {CONFIG}: {REMEDY}")
    return Record.unpack(arrays, state)


@contextmanager
def _damage(run: RunDirectory, name: str) -> Iterator[None]:
    """What the content of a file breaks is a fault of that file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(
            f"{run.path / name} is damaged or foreign ({type(error).__name__}: {error}); restore it, or start anew in "
            "another folder") from error


def arrays_of(observations: Observations) -> dict[str, np.ndarray]:
    """The content of data.npz."""
    arrays = {"x_obs": observations.x_obs, "x_heldout": observations.x_heldout}
    if observations.series is not None and observations.series_train is not None:
        arrays |= {"series": observations.series, "n_train": np.array(len(observations.series_train))}
    return arrays


def _observations(run: RunDirectory) -> Observations:
    arrays, data = run.load_arrays(DATA), run.config["data"]
    if {"x_obs", "x_heldout"} <= set(arrays) and digests.of_arrays(arrays) != run.config["digests"]["data"]:
        raise RunDirectoryError(f"{run.path / DATA} was changed after the run began: {REMEDY}")
    series = arrays.get("series")
    parts: dict[str, Any] = {}
    if series is not None:
        n = int(arrays["n_train"])
        parts = {"series": series, "series_train": series[:n], "series_heldout": series[n:]}
    return Observations(x_obs=arrays["x_obs"], x_heldout=arrays["x_heldout"], regime=data["regime"],
                        source=data["source"], column=data["column"], warnings=tuple(data.get("warnings", ())),
                        names=tuple(data.get("names", ("price",))), domains=tuple(data.get("domains", ("",))),
                        told=data.get("told", ""), **parts)


def _plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples; models take them."""
    return {k: tuple(tuple(x) if isinstance(x, list) else x for x in v) if isinstance(v, list) else v
            for k, v in config.items()}
