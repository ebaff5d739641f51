"""A network beside the mechanism that was calibrated to the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastmas.calibration.keeping import arrays_of
from fastmas.calibration.sentence import NO_MISFIT, sds_in_words
from fastmas.data import Observations
from fastmas.errors import RunDirectoryError
from fastmas.network.fit import KIND
from fastmas.storage.layout import DATA
from fastmas.storage.run_directory import RunDirectory

N_TOLD = 3  # misfits
FITTING = ("start", "game", "last step")  # phases whose seconds find an estimate; those after them look at it

Result = Mapping[str, Any]


class Mechanism:
    """A finished calibration, read and checked.

    Raises
    ------
    RunDirectoryError
        If the folder is no finished calibration, or its data are others than `observations`.
    """

    def __init__(self, path: str | Path, observations: Observations) -> None:
        run = RunDirectory.open(path)
        if run.config.get("kind") == KIND:
            raise RunDirectoryError(f"{path} is a network's; --against takes the --out of `fastmas calibrate`")
        if not run.has_result:
            raise RunDirectoryError(f"{path} is not finished; `fastmas resume` it first")
        if not (run.path / DATA).exists():
            raise RunDirectoryError(f"{path} has no {DATA} to tell its data by; calibrate with --out")
        if not _same(run.load_arrays(DATA), observations):
            raise RunDirectoryError(f"{path} was calibrated to other data than {observations.source}, or to another "
                                    "part of them; give the same file, --column and --horizon")
        self.path, self.name = Path(path), str(run.config.get("model"))
        self.result = {**run.load_json("result.json"), "n_parameters": len(run.config["free"])}


def beside(network: Result, mechanism: Mechanism) -> dict[str, Any]:
    """A table of both: "columns", and "rows" of a name and two cells."""
    rows = [[title, cell(mechanism.result), cell(network)] for title, cell in ROWS.items()]
    return {"run": str(mechanism.path), "columns": ["", mechanism.name, KIND], "rows": rows}


def alone(network: Result) -> list[list[Any]]:
    """The network's own cells, by their names."""
    return [[title, cell(network)] for title, cell in ROWS.items()]


def fitting_seconds(result: Result) -> float:
    """Without verdict, intervals and draws."""
    return float(sum(result["seconds_by_phase"].get(phase, 0.0) for phase in FITTING))


def misfits(result: Result) -> str:
    """The first figures that are off, in words."""
    if result["grade"] == NO_MISFIT:
        return "none found"
    told = sorted((f for f in result["figures"] if f["rank"] is not None), key=lambda f: f["rank"])
    return "; ".join(f"{f['text']} ({sds_in_words(f['sds'])} sd)" for f in told[:N_TOLD]) or "no single figure"


def _auc(result: Result) -> str:
    low, high = result["auc_interval"]
    return f"{result['auc_heldout']:.3f} ({low:.3f} to {high:.3f})"


ROWS: dict[str, Callable[[Result], Any]] = {
    "parameters": lambda result: result["n_parameters"],
    "grade": lambda result: result["grade"],
    "p-value": lambda result: result["p_value"],
    "p-value without the grid of values": lambda result: result["p_without_grid"],
    "AUC on held-out data": _auc,
    "what the AUC is shown": lambda result: result["statistic"],
    "largest misfits": misfits,
    "seconds to fit": lambda result: round(fitting_seconds(result), 1),
    "paths simulated": lambda result: result["paths_simulated"],
}


def _same(stored: Mapping[str, np.ndarray], observations: Observations) -> bool:
    here = arrays_of(observations)
    return set(here) == set(stored) and all(np.array_equal(stored[name], here[name]) for name in here)
