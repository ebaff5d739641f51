"""What the runs come to: errors in units of the bound, the law of the largest error, times. Plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.reproduce import law
from fastmas.reproduce.bound import GAUSSIAN, Bound, bound
from fastmas.reproduce.experiment import TIED, Experiment, by_class, folded
from fastmas.reproduce.methods import BASELINE
from fastmas.reproduce.modes import Basins, basins, distances
from fastmas.reproduce.runs import Run
from fastmas.reproduce.setting import NAMES, PAPER_MINUTES, Setting

START, AT_BOUND, AT_GAUSSIAN = "starts, untrained", "at the bound", "at sd .024, .12, .0021, correlation .90"
SECONDS_OF_PAPER = 60 * PAPER_MINUTES


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page shows; `errors` holds the largest errors of paths by label, for the picture of their law."""

    setting: Setting
    runs: Sequence[Run]
    bound: Bound
    basins: Basins
    rows: list[dict[str, Any]]
    laws: dict[str, dict[str, float]]
    errors: dict[str, np.ndarray]
    across: list[dict[str, Any]]
    times: list[dict[str, Any]]

    def plain(self) -> dict[str, Any]:
        """For result.json."""
        return {
            "setting": self.setting.plain(),
            "bound": {"sd": dict(zip(NAMES, self.bound.sd, strict=True)), "correlation_b_c": self.bound.correlation},
            "basins": [{**dict(zip(NAMES, point, strict=True)), "moment_distance": distance}
                       for point, distance in zip(self.basins.points, self.basins.distances, strict=True)],
            "moment_degrees": self.basins.degrees, "runs": self.rows, "law_of_largest_error": self.laws,
            "share_under_1.5%_by_rho_and_windows": self.across, "times": self.times}


def find(setting: Setting, runs: Sequence[Run], tell: Any) -> Findings:
    """Take all measures of finished runs."""
    tell({"phase": "the information bound"})
    found = bound(setting)
    tell({"phase": "other modes"})
    modes = basins(Experiment(setting))
    played = [run for run in runs if not run.refused]
    tell({"phase": "the law of the largest error"})
    errors = {run.key.text: law.largest_errors(setting, run.estimate, setting.n_law)[0] for run in played}
    rows = _rows(setting, runs, found, errors)
    pooled = _pooled(setting, played, found, errors)
    tell({"phase": "other rho and windows"})
    tied = [run for run in played if run.key.parameters == TIED]
    groups = {name: [run.estimate for run in tied if run.key.method == name] for name in _methods(tied)}
    groups[START] = [run.curve[0] for run in tied if run.key.method == tied[0].key.method] if tied else []
    return Findings(setting, runs, found, modes, rows, {name: law.summary(e) for name, e in pooled.items()}, pooled,
                    law.across(setting, groups, found), _times(setting, played))


def _rows(setting: Setting, runs: Sequence[Run], found: Bound, errors: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """One row for each run."""
    far = _moment_distances(setting, runs)
    rows = []
    for run in runs:
        row: dict[str, Any] = {**run.key._asdict(), **run.notes}
        if run.refused:
            rows.append({**row, "refused": run.refused})
            continue
        means = by_class(folded(run.estimate))
        rows.append({
            **row, "start_values": run.curve[0], "end_values": run.estimate,
            "means": dict(zip(NAMES, means, strict=True)),
            "errors_in_bounds": dict(zip(NAMES, (means - setting.truth) / found.sd, strict=True)),
            "moment_distance": far.get(run.key.text), "moment_distance_of_truth": far.get(_truth_of(run)),
            "largest_error": law.summary(errors[run.key.text]),
            "largest_error_of_first_path": float(errors[run.key.text][0]),
            "iterations": len(run.curve) - 1, "paths": run.n_paths, "seconds": run.seconds,
            "cpu_seconds": run.cpu_seconds})
    return rows


def _moment_distances(setting: Setting, runs: Sequence[Run]) -> dict[str, float]:
    found: dict[str, float] = {}
    for parameters, number in sorted({run.key[:2] for run in runs}):
        ends = {run.key.text: run.estimate for run in runs if run.key[:2] == (parameters, number) and not run.refused}
        if ends:
            seen = distances(Experiment(setting, parameters, number), ends)
            found |= {(f"{parameters}-set{number}" if name == "truth" else name): d for name, d in seen.items()}
    return found


def _truth_of(run: Run) -> str:
    return f"{run.key.parameters}-set{run.key.number}"


def _methods(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.key.method for run in runs))


def label(run: Run) -> str:
    """Of runs that are told together."""
    return run.key.method if run.key.parameters == TIED else f"{run.key.method}, {run.key.parameters}"


def _pooled(setting: Setting, runs: Sequence[Run], found: Bound,
            errors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Largest errors of all starts of a method together, at the bound, and at the starts themselves."""
    pooled: dict[str, list[np.ndarray]] = {}
    for run in runs:
        pooled.setdefault(label(run), []).append(errors[run.key.text])
    together = {name: np.concatenate(parts) for name, parts in pooled.items()}
    together[AT_BOUND] = law.at_bound(setting, found).ravel()
    together[AT_GAUSSIAN] = law.at_bound(setting, GAUSSIAN).ravel()
    starts = [run.curve[0] for run in runs if run.key.method == runs[0].key.method]
    if starts:
        together[START] = np.concatenate(
            [law.largest_errors(setting, start, setting.n_law)[0] for start in starts])
    return together


def _times(setting: Setting, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Median seconds of each method, beside the baseline and the paper; of a quick look no ratio tells anything."""
    rows = []
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(label(run), []).append(run)
    for name, group in groups.items():
        base = groups.get(BASELINE if group[0].key.parameters == TIED else f"{BASELINE}, {group[0].key.parameters}")
        wall, cpu = (float(np.median([getattr(run, what) for run in group])) for what in ("seconds", "cpu_seconds"))
        base_cpu = float(np.median([run.cpu_seconds for run in base])) if base else None
        rows.append({"method": name, "seconds": wall, "cpu_seconds": cpu,
                     "times_faster_than_torch": base_cpu / cpu if base_cpu and cpu and not setting.quick else None,
                     "times_faster_than_paper": SECONDS_OF_PAPER / wall if wall and not setting.quick else None})
    return rows
