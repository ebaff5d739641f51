"""Read a run directory and check it, so that what draws it need not.

`config.json` must be there. `result.json` is there if and only if the run is finished; then `history.csv` and
`sample.npz` must be there too. An unfinished run gives what there is.
"""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.errors import RunDirectoryError

_CONFIG_NEEDS: dict[str, type] = {"model": str, "free": list, "parameters": dict, "data": dict}
_RESULT_NEEDS: dict[str, type] = {"estimate": dict}
_SAMPLE_DIMENSIONS = {"x_obs": 2, "x_sim": 2, "series_obs": 1, "series_sim": 2}


@dataclass(frozen=True)
class Run:
    """Contents of a run directory.

    Parameters
    ----------
    directory : Path
    config : dict
        config.json, with a range for every free parameter.
    result : dict
        result.json, with an estimate for every free parameter; empty if the run is not finished.
    history : dict of str to (n_generations,) float64
        Columns of history.csv, NaN where a cell is empty; empty before the first generation.
    sample : dict of str to array
        x_obs (n, T), x_sim (m, T) and for one series series_obs (n,), series_sim (k, n); several observables are
        last in each. May be empty if the run is not finished.
    draws : dict of str to (n_draws,) float64
        From the posterior, by parameter; empty if none were made.
    """

    directory: Path
    config: dict[str, Any]
    result: dict[str, Any] = field(default_factory=dict)
    history: dict[str, np.ndarray] = field(default_factory=dict)
    sample: dict[str, np.ndarray] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return bool(self.result)

    @property
    def free(self) -> list[str]:
        """Names of the calibrated parameters."""
        return self.config["free"]

    @property
    def is_network(self) -> bool:
        """Whether a network stands in place of a model."""
        return self.config.get("kind") == "network"

    @property
    def n_generations(self) -> int:
        """Generations on record."""
        return len(self.history["generation"]) if self.history else 0

    @property
    def one_series(self) -> bool:
        """Whether the data are one long series rather than many paths."""
        regime = self.result.get("regime") or self.config["data"].get("regime")
        return regime == "series"

    @property
    def ranges(self) -> dict[str, dict[str, Any]]:
        """Low, high, unit, scale and doc of each free parameter; `b[0]` may stand under `b`."""
        return {name: _range_of(self.config["parameters"], name) for name in self.free}


def read(directory: str | Path) -> Run:
    """Read a run directory.

    Raises
    ------
    RunDirectoryError
        If it is not a run directory, or a file in it is missing or damaged; the message names the file.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise RunDirectoryError(f"{directory} is not a directory; give the --out of a calibration")
    config = _config(directory / "config.json")
    finished = (directory / "result.json").exists()
    result = _result(directory / "result.json", config["free"]) if finished else {}
    history = _history(directory / "history.csv", config["free"], finished=finished)
    sample = _sample(directory / "sample.npz", finished=finished)
    draws = _draws(directory / "draws.npz", config["free"], is_needed=bool(result.get("draws_method")))
    run = Run(directory, config, result, history, sample, draws)
    if sample and run.one_series and not {"series_obs", "series_sim"} <= set(sample):
        raise RunDirectoryError(f"{directory / 'sample.npz'} is damaged: no series_obs and series_sim")
    return run


def _config(path: Path) -> dict[str, Any]:
    config = _json(path, _CONFIG_NEEDS)
    for name in config["free"]:
        spec = _range_of(config["parameters"], name)
        if not isinstance(spec, dict) or not (_is_number(spec.get("low")) and _is_number(spec.get("high"))):
            raise RunDirectoryError(f"{path}: free parameter {name!r} has no low and high in 'parameters'")
    return config


def _result(path: Path, free: list[str]) -> dict[str, Any]:
    result = _json(path, _RESULT_NEEDS)
    for name in free:
        if not _is_number(result["estimate"].get(name)):
            raise RunDirectoryError(f"{path}: 'estimate' has no number for {name!r}")
    for key in ("interval", "start"):
        if not isinstance(result.get(key) or {}, dict):
            raise RunDirectoryError(f"{path}: {key!r} is neither null nor an object")
    pairs = {**(result.get("interval") or {}), "auc_interval": result.get("auc_interval")}
    for name, ends in pairs.items():
        if not (_is_pair(ends) or ends is None):
            raise RunDirectoryError(f"{path}: the interval {name!r} is {ends!r}, not [low, high]")
    return result


def _json(path: Path, needs: Mapping[str, type]) -> dict[str, Any]:
    try:
        content = json.loads(_bytes(path))
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise RunDirectoryError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path} is damaged: not a JSON object")
    for key, kind in needs.items():
        if not isinstance(content.get(key), kind):
            raise RunDirectoryError(f"{path} is damaged or foreign: no {key!r} of type {kind.__name__}")
    return content


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunDirectoryError(f"{path} is missing: is {path.parent} a run directory?") from error
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}") from error


def _history(path: Path, free: list[str], *, finished: bool) -> dict[str, np.ndarray]:
    if not finished and not path.exists():
        return {}
    try:
        rows = list(csv.reader(_bytes(path).decode("utf-8").splitlines()))
    except ValueError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}") from error
    header = rows[0] if rows else []
    missing = {"generation", *free} - set(header)
    if missing:
        raise RunDirectoryError(f"{path} is damaged: no column {', '.join(sorted(missing))}")
    if not finished and len(rows[-1]) < len(header):
        rows.pop()  # a run that was killed while it wrote its last line
    values = [_cells(path, number, row, header) for number, row in enumerate(rows[1:], start=2)]
    table = np.array(values, dtype=np.float64).reshape(len(values), len(header))
    return dict(zip(header, table.T, strict=True)) if values else {}


def _cells(path: Path, line: int, row: list[str], header: list[str]) -> list[float]:
    if len(row) != len(header):
        raise RunDirectoryError(f"{path} is damaged: line {line} has {len(row)} of {len(header)} values")
    return [_cell(path, line, name, cell) for name, cell in zip(header, row, strict=True)]


def _cell(path: Path, line: int, name: str, cell: str) -> float:
    try:
        return float(cell) if cell.strip() else math.nan
    except ValueError as error:
        raise RunDirectoryError(f"{path} is damaged: line {line}, column {name}: {cell!r}") from error


def _sample(path: Path, *, finished: bool) -> dict[str, np.ndarray]:
    if not finished and not path.exists():
        return {}
    _bytes(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            sample = {name: np.asarray(archive[name], dtype=np.float64)
                      for name in _SAMPLE_DIMENSIONS if name in archive}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}") from error
    for name in ("x_obs", "x_sim"):
        if name not in sample:
            raise RunDirectoryError(f"{path} is damaged: no array {name!r}")
    for name, array in sample.items():
        own_axis = sample["x_obs"].ndim == 3  # of several observables
        if array.ndim != _SAMPLE_DIMENSIONS[name] + own_axis or array.size == 0:
            raise RunDirectoryError(f"{path} is damaged: {name!r} has shape {array.shape}")
        if not np.isfinite(array).all():
            raise RunDirectoryError(f"{path} is damaged: {name!r} holds numbers that are not finite")
    return sample


def _draws(path: Path, free: list[str], *, is_needed: bool) -> dict[str, np.ndarray]:
    if not is_needed:
        return {}
    _bytes(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            names, draws = archive["names"].tolist(), np.asarray(archive["draws"], dtype=np.float64)
    except (KeyError, ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}") from error
    if names != free or draws.ndim != 2 or draws.shape[1] != len(free) or not np.isfinite(draws).all():
        raise RunDirectoryError(f"{path} is damaged: no finite draws of {', '.join(free)}")
    return dict(zip(names, draws.T, strict=True))


def _range_of(parameters: dict[str, Any], name: str) -> Any:
    return parameters.get(name, parameters.get(str(name).partition("[")[0]))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_number(end) for end in value)
