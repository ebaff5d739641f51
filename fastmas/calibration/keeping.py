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
from fastmas.calibration.record import Record
from fastmas.calibration.settings import Settings
from fastmas.data import Observations
from fastmas.errors import Interrupted, RunDirectoryError
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.run_directory import RunDirectory

SAVE_EVERY = 1.0  # seconds between checkpoints
CONFIG_FILE, CHECKPOINT_FILE, DATA_FILE = "config.json", "checkpoint.safetensors", "data.npz"


class Keeper:
    """Keeps a calibration in its run directory, if it has one."""

    def __init__(self, run: RunDirectory | None = None) -> None:
        self.run = run
        self._last = time.monotonic()

    @classmethod
    def create(cls, path: str | Path, config: Config, observations: Observations, *, overwrite: bool) -> Keeper:
        """A new run directory with what `Stored` needs."""
        run = RunDirectory.create(path, config.plain(), overwrite=overwrite)
        run.save_arrays(DATA_FILE, arrays_of(observations))
        return cls(run)

    def save(self, record: Record, at_once: bool) -> None:
        """Write a checkpoint, at most one a second unless at once."""
        if self.run is None or not (at_once or time.monotonic() - self._last > SAVE_EVERY):
            return
        self.run.save_checkpoint(*record.pack())
        if record.rows:
            self.run.save_history(record.rows)
        self._last = time.monotonic()

    def finish(self, fit: Fit) -> None:
        """Write the result, with which the run is complete."""
        if self.run is not None:
            write_result(self.run, fit)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep other processes out; Ctrl-C says how to go on."""
        if self.run is None:
            yield
            return
        with self.run.lock():
            try:
                yield
            except KeyboardInterrupt as stop:
                raise Interrupted(f"stopped; the state is saved: go on with `fastmas resume "
                                  f"{quote(str(self.run.path))}`") from stop


class Stored:
    """An unfinished run, read and checked: all that it needs to go on.

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
    device: str

    def __init__(self, path: str | Path) -> None:
        self.run = run = RunDirectory.open(path)
        if run.has_result:
            raise RunDirectoryError(f"{path} is finished: see `fastmas report {quote(str(path))}`")
        checkpoint, config = run.load_checkpoint(), run.config
        if config.get("kind") == "network":
            raise RunDirectoryError(f"{path} is a network's, whose training cannot be resumed; train it anew with "
                                    "`fastmas network ... --overwrite`")
        with _damage(run, CONFIG_FILE):
            self.model = models.get(config["model_factory"], **_plain_config(config["model_config"]))
            self.settings, self.device = Settings.of(config), config.get("device", "cpu")
            self.space = bounded(self.model.space(config["free"], config["values"]), self.settings.bounds)
        if not (run.path / DATA_FILE).exists():
            raise RunDirectoryError(f"{path} has no {DATA_FILE}: its run was stopped before it began; start it anew "
                                    "with --overwrite")
        with _damage(run, DATA_FILE):
            self.observations = _observations(run)
        with _damage(run, CHECKPOINT_FILE):
            self.record = Record() if checkpoint is None else Record.unpack(*checkpoint)


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
    """The content of DATA_FILE."""
    arrays = {"x_obs": observations.x_obs, "x_heldout": observations.x_heldout}
    if observations.series is not None and observations.series_train is not None:
        arrays |= {"series": observations.series, "n_train": np.array(len(observations.series_train))}
    return arrays


def _observations(run: RunDirectory) -> Observations:
    arrays, data = run.load_arrays(DATA_FILE), run.config["data"]
    series = arrays.get("series")
    parts: dict[str, Any] = {}
    if series is not None:
        n = int(arrays["n_train"])
        parts = {"series": series, "series_train": series[:n], "series_heldout": series[n:]}
    return Observations(x_obs=arrays["x_obs"], x_heldout=arrays["x_heldout"], regime=data["regime"],
                        source=data["source"], column=data["column"], warnings=tuple(data.get("warnings", ())),
                        names=tuple(data.get("names", ("price",))), domains=tuple(data.get("domains", ("",))), **parts)


def _plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples; models take them."""
    return {k: tuple(tuple(x) if isinstance(x, list) else x for x in v) if isinstance(v, list) else v
            for k, v in config.items()}
