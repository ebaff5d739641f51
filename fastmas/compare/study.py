"""A comparison: each market calibrated, judged, and put on record, so that it goes on where it stopped."""

# ruff: noqa: PLC0415  -- pictures bring matplotlib, which a comparison without a folder need not wait for

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastmas import models
from fastmas.calibrate import calibrate, resume
from fastmas.calibration.budget import FULL, Budget
from fastmas.calibration.given import Asked, observations_of
from fastmas.calibration.keeping import arrays_of
from fastmas.calibration.loading import load
from fastmas.calibration.settings import decide
from fastmas.compare.candidates import Candidate, candidates, minutes
from fastmas.compare.ranking import Comparison, Row, ranked, row_of, sentence
from fastmas.data import Observations
from fastmas.errors import (
    DataError,
    Interrupted,
    MemoryLimitError,
    ModelError,
    ParameterError,
    RunDirectoryError,
    SimulationError,
)
from fastmas.files import to_json
from fastmas.model import Model
from fastmas.progress import Progress
from fastmas.statistics import library_facts
from fastmas.statistics.stylised_facts import log_returns
from fastmas.storage import digests
from fastmas.storage.layout import CONFIG
from fastmas.storage.layout import RESULT as RUN_RESULT
from fastmas.storage.run_directory import RunDirectory
from fastmas.study_folder import StudyFolder

LIMIT = 5.0  # minutes of CPU
UPDATER = "moments"
RESULT, PAGE = "compare.json", "compare.html"
SAMPLE = "sample.npz"
OF_A_MODEL = (DataError, ModelError, ParameterError, SimulationError, MemoryLimitError)  # a row says so


class Folder(StudyFolder):
    """Other models may be asked for."""

    format, kind, made = "fastmas-comparison", "comparison", (RESULT, PAGE)


@dataclass(frozen=True, eq=False)
class Plan:
    """How every candidate is calibrated."""

    observations: Observations
    updater: str
    seed: int
    budget: Budget
    limit: float
    n_threads: int | None
    folder: Folder | None
    tell: Progress

    def place(self, name: str) -> Path | None:
        """The run directory of a candidate."""
        return None if self.folder is None else self.folder.path / name


def compare(
    data: Any, *, models: Iterable[str | Model] | None = None, column: str | None = None, horizon: int | None = None,
    updater: str = UPDATER, seed: int = 1, out: str | Path | None = None, limit: float = LIMIT,
    n_threads: int | None = None, overwrite: bool = False, progress: Progress | None = None,
    budget: Budget | None = None,
) -> Comparison:
    """Calibrate every market to the same data, with its own free parameters, and rank them by the verdict.

    Yardsticks without agents stand beside them, calibrated and judged in the same way: a random walk, normal and
    Student's, and GARCH(1,1).

    Parameters
    ----------
    data
        What `fastmas.observe` takes, or its result.
    models : iterable of str or Model, optional
        Which markets: names, FILE.py:NAME, or models. Every built-in one that shows a price, if not given.
    column, horizon
        As in `observe`.
    updater : str
        As in `calibrate`; "moments" plays no game and takes half a minute a model, "cma-es" two to four times as long.
    seed : int
        Of every calibration; the same seed gives the same bits.
    out : path, optional
        Folder for compare.html, compare.json and a run directory of each model. The same call goes on where an earlier
        one stopped.
    limit : float
        Minutes of CPU: a model that would take longer is left out, unless `models` names it.
    n_threads : int, optional
        Results do not depend on it.
    overwrite : bool
        Begin anew in a folder that holds a comparison.
    progress : callable, optional
        Told a mapping with phase, done, total, text.
    budget : Budget, optional
        As in `calibrate`.

    Returns
    -------
    Comparison
        A model that could not be calibrated has a row that says why.

    Raises
    ------
    DataError, ParameterError, ModelError
        Data that cannot be used, an unknown model or updater, a model that shows no price.
    RunDirectoryError, OutputError
        `out` holds something else, or cannot be written.
    Interrupted
        Ctrl-C; what is done is kept.
    """
    chosen = candidates(models)
    observations = observations_of(None, data, Asked(column, horizon=horizon))
    decide(observations, updater=updater, discriminator=None, objective=None, statistic=None, generations=None,
           paths=None, warmup=None, seed=seed, interval=False)
    given = budget or FULL
    design = {"updater": updater, "seed": seed}
    identity = {**design, "source": observations.source, "data": digests.of_arrays(arrays_of(observations)),
                "budget": asdict(given)}
    folder = None if out is None else Folder(out, identity, overwrite=overwrite)
    plan = Plan(observations, updater, seed, given, limit, n_threads, folder, progress or (lambda event: None))
    try:
        with contextlib.nullcontext() if folder is None else folder.lock():
            rows, samples = _rows(plan, chosen, overwrite)
            return _finish(plan, rows, samples, design)
    except (KeyboardInterrupt, Interrupted) as error:
        on = "" if folder is None else f"; the same command goes on with {folder.path}"
        raise Interrupted(f"interrupted{on}") from error


def _rows(plan: Plan, chosen: list[Candidate], anew: bool) -> tuple[list[Row], dict[str, dict[str, np.ndarray]]]:
    """A row of each candidate, those on record as they are."""
    on_record = {} if plan.folder is None else {row["name"]: row for row in plan.folder.rows if "failed" not in row}
    rows, samples = [], {}
    for number, one in enumerate(chosen):
        plan.tell({"phase": one.name, "text": f"{number + 1} of {len(chosen)}"})
        row, sample = on_record.get(one.name), None
        if row is None:
            row, sample = _row(plan, one, anew)
            if plan.folder is not None:
                plan.folder.add(row)
        rows.append(row)
        if "failed" not in row:
            samples[one.name] = sample or _stored(plan, one.name)
    return rows, samples


def _row(plan: Plan, one: Candidate, anew: bool) -> tuple[Row, dict[str, np.ndarray] | None]:
    """Calibrate a candidate; what it cannot is its row."""
    what = {"name": one.name, "yardstick": one.model.yardstick, "options": one.options}
    try:
        if not one.asked and (why := _too_long(plan, one)):
            return {**what, "failed": why}, None
        result, sample = _calibrated(plan, one, anew)
    except OF_A_MODEL as error:
        return {**what, "failed": str(error)}, None
    return row_of(what, result), sample


def _too_long(plan: Plan, one: Candidate) -> str:
    """Why a candidate is left out, or nothing."""
    series = plan.observations.series
    if series is None:
        return ""
    needed = minutes(one.model, len(series))
    if needed <= plan.limit:
        return ""
    return f"left out: about {needed:.0f} minutes of CPU; name it with --models, or give --limit {needed + 1:.0f}"


def _calibrated(plan: Plan, one: Candidate, anew: bool) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    """The result and the sample of a calibration, begun, gone on with, or there."""
    place, tell = plan.place(one.name), _within(plan.tell, one.name)
    if place is not None and not anew and (place / CONFIG).exists():
        if (place / RUN_RESULT).exists():
            fit = load(place)
            return fit.result, fit.sample
        with contextlib.suppress(RunDirectoryError):  # stopped before it had anything to go on with
            begun = RunDirectory.open(place, unfinished=True).config.get("model_factory")
            fit = resume(place, n_threads=plan.n_threads, progress=tell, trust=begun == models.origin(one.model))
            return fit.result, fit.sample
    fit = calibrate(one.model, plan.observations, updater=plan.updater, seed=plan.seed, interval=False, draws=0,
                    budget=plan.budget, n_threads=plan.n_threads, progress=tell, out=place, overwrite=place is not None)
    return fit.result, fit.sample


def _stored(plan: Plan, name: str) -> dict[str, np.ndarray]:
    place = plan.place(name)
    return {} if place is None else RunDirectory.open(place).load_arrays(SAMPLE)


def _within(tell: Progress, name: str) -> Callable[[Mapping[str, Any]], None]:
    """Events of a calibration under its model's name."""
    return lambda event: tell({**event, "phase": f"{name}: {event.get('phase')}"})


def _finish(plan: Plan, rows: list[Row], samples: dict[str, dict[str, np.ndarray]], design: Row) -> Comparison:
    """Rank, and write result, pages and reports."""
    in_order = ranked(rows)
    source = plan.observations.source
    found = Comparison(source, in_order, sentence(in_order, source), _notes(plan.observations), design, samples)
    if plan.folder is not None:
        from fastmas import report
        from fastmas.compare.page import page

        for name in samples:
            place = plan.folder.path / name
            if not (place / "report.html").exists():
                plan.tell({"phase": "reports", "text": name})
                report.build(place)
        plan.folder.write(PAGE, page(found))
        plan.folder.write(RESULT, to_json(found.plain()))
    return found


def _notes(observations: Observations) -> list[str]:
    """A likelihood beside the yardstick GARCH, where a library has one; what looks wrong in the data."""
    said = list(observations.warnings)
    if observations.series_train is None:
        return said
    if not library_facts.is_there("arch"):
        return [*said, f"no fit of GARCH(1,1) by likelihood beside ours: arch is missing; {library_facts.INSTALL}"]
    values = library_facts.garch_fit(log_returns(observations.series_train)).params
    listed = ", ".join(f"{name.partition('[')[0]} {value:.3g}" for name, value in values.items())
    return [*said, f"GARCH(1,1) by arch's likelihood, on the same part of the data: {listed}"]
