"""Calibrations that are done, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fastmas.compare.ranking import Comparison, ranked, row_of, sentence
from fastmas.errors import ParameterError, RunDirectoryError
from fastmas.storage.layout import DATA
from fastmas.storage.run_directory import RunDirectory


def compare_runs(paths: Iterable[str | Path]) -> Comparison:
    """Finished calibrations to the same data, ranked as `compare` ranks.

    Raises
    ------
    RunDirectoryError
        A folder that is no finished calibration, or runs on other data than the first one.
    ParameterError
        Fewer than two.
    """
    runs = [_finished(path) for path in dict.fromkeys(map(str, paths))]
    if len(runs) < 2:
        raise ParameterError("give two finished runs or more to set side by side, or --data FILE to calibrate anew")
    first = runs[0]
    for run in runs[1:]:
        if not _same_data(first, run):
            raise RunDirectoryError(f"{run.path} was calibrated to other data than {first.path}; runs side by side "
                                    "have the same data")
    rows = [row_of({"name": str(run.path), "yardstick": False, "options": run.config["model_config"]},
                   run.load_json("result.json")) for run in runs]
    source = str(first.config["data"]["source"])
    in_order = ranked(rows)
    samples = {str(run.path): run.load_arrays("sample.npz") for run in runs}
    return Comparison(source, in_order, sentence(in_order, source), [], {}, samples)


def _finished(path: str) -> RunDirectory:
    run = RunDirectory.open(path)
    if run.config.get("kind") == "network" or not run.has_result:
        raise RunDirectoryError(f"{path} is no finished calibration; give the --out of `fastmas calibrate`, and "
                                "`fastmas resume` it first if it was stopped")
    return run


def _same_data(one: RunDirectory, other: RunDirectory) -> bool:
    if not all((run.path / DATA).exists() for run in (one, other)):
        return one.config["data"] == other.config["data"]
    a, b = one.load_arrays(DATA), other.load_arrays(DATA)
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)
