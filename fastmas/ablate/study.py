"""The ablation of smoothing: the same data fitted with exact, relaxed and smoothed rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastmas import updaters as known_updaters
from fastmas.ablate.arms import MOMENTS, arms_of
from fastmas.ablate.design import (
    DEFAULT,
    TEMPERATURES,
    Design,
    check_data,
    check_model,
    check_sizes,
    check_temperatures,
)
from fastmas.ablate.fits import FIT, fit_row
from fastmas.ablate.folder import PAGE, PICTURE, RESULT, Folder
from fastmas.ablate.gradients import DIFFERENCES, GRADIENT, Setting, estimators, gradient_rows, truth_rows
from fastmas.ablate.summary import summary
from fastmas.calibration.given import space_of
from fastmas.errors import Interrupted
from fastmas.files import to_json
from fastmas.model import Model
from fastmas.progress import Progress

SETS, PATHS = 20, 200
GRADIENT_PATHS, QUICK_GRADIENT_PATHS = 1_000_000, 100_000
QUICK_SETS, QUICK_PATHS, QUICK_TEMPERATURES = 3, 60, (1.0, 0.1)


def design_of(
    model: Model, *, free: Iterable[str] | None = None, fixed: Mapping[str, Any] | None = None, truth: str = DEFAULT,
    sets: int | None = None, game_sets: int | None = None, paths: int | None = None, horizon: int = 50,
    warmup: int = 50, temperatures: Iterable[float] | None = None, updaters: Iterable[str] | None = None,
    gradient_paths: int | None = None, seed: int = 1, quick: bool = False,
) -> Design:
    """What `smoothing` would compare; the arguments are its own.

    Raises
    ------
    ModelError, ParameterError, DataError
        As `smoothing`.
    """
    check_model(model)
    if temperatures is None:
        temperatures = QUICK_TEMPERATURES if quick else TEMPERATURES
    by = [MOMENTS] if quick else [MOMENTS, *(n for n in known_updaters.names() if n != MOMENTS)]
    by = by if updaters is None else list(dict.fromkeys(updaters))
    for name in by:
        known_updaters.get(name)
    space = space_of(model, free, fixed, "paths")
    names = tuple(dict.fromkeys(free)) if free is not None else tuple(
        name for name in model.default_free("paths") if name not in (fixed or {}))
    sets = (QUICK_SETS if quick else SETS) if sets is None else sets
    paths = (QUICK_PATHS if quick else PATHS) if paths is None else paths
    if gradient_paths is None:
        gradient_paths = QUICK_GRADIENT_PATHS if quick else GRADIENT_PATHS
    design = Design(
        model=model, free=names or space.free, fixed=dict(fixed or {}), truth=truth, sets=sets,
        game_sets=sets if game_sets is None else game_sets, paths=paths, horizon=horizon, warmup=warmup,
        temperatures=check_temperatures(temperatures), updaters=tuple(by), seed=seed, is_quick=quick,
        gradient_paths=gradient_paths)
    check_sizes(design)
    return design


def smoothing(
    model: Model, *, out: str | Path, n_threads: int | None = None, overwrite: bool = False,
    progress: Progress | None = None, **options: Any,
) -> dict[str, Any]:
    """Fit exact, relaxed and smoothed rules to data of the exact rules, and compare gradients of them.

    Parameters
    ----------
    model : Model
        Exact rules, a text.
    out : path
        Folder of rows, result, picture and page. The same call goes on where an earlier one stopped.
    n_threads : int, optional
        Results do not depend on it.
    overwrite : bool
        Begin anew in a folder that holds an ablation.
    progress : callable, optional
        Told a mapping with phase, done, total, text.
    free, fixed, truth, sets, game_sets, paths, horizon, warmup, temperatures, updaters, gradient_paths,
    seed, quick
        Names that are free, as in `calibrate`; values of other parameters; "default" or "drawn" anew for each data
        set; data sets (20); how many of them updaters that play a game fit (all); paths of each (200),
        t = warmup..warmup + horizon; temperatures of relaxed decisions; updaters of the exact rules, by default all;
        paths of a difference (10**6; tangents have a tenth, the torch twin a 200th, 0 leaves gradients out);
        `quick` makes all of it small, to see that it works.

    Returns
    -------
    The content of result.json: design, definitions, fits, gradients, notes.

    Raises
    ------
    ModelError
        The model has no relaxed twin, or nothing that could be relaxed.
    ParameterError
        An unknown name, a temperature that is not above 0, a size that cannot be.
    DataError
        The exact rules stand still in the window.
    RunDirectoryError, OutputError
        `out` holds something else, or cannot be written.
    Interrupted
        Ctrl-C; what is done is kept.
    """
    design = design_of(model, **options)
    check_data(design, n_threads)
    folder = Folder(out, design.identity(), overwrite=overwrite)
    tell = progress or (lambda event: None)
    try:
        with folder.lock():
            _gradients(Setting(design, n_threads), folder, tell)
            _fits(design, folder, tell, n_threads)
            return _finish(design, folder)
    except (KeyboardInterrupt, Interrupted) as error:
        raise Interrupted(f"interrupted; the same command goes on with {folder.path}") from error


def _fits(design: Design, folder: Folder, tell: Progress, n_threads: int | None) -> None:
    """Every arm on one data set, then on the next, so that an ablation that stops early still compares."""
    arms = arms_of(design)
    done = {(row["arm"], row["set"]) for row in folder.rows if row["kind"] == FIT}
    refused = {row["arm"] for row in folder.rows if row["kind"] == FIT and row.get("refused")}
    left = [(number, arm) for number in range(design.sets) for arm in arms
            if (arm.name, number) not in done and (number < design.game_sets or not arm.is_game)]
    for i, (number, arm) in enumerate(left):
        tell({"phase": "fits", "done": i, "total": len(left), "text": f"data set {number + 1}: {arm.name}"})
        if arm.name not in refused:
            row = fit_row(design, arm, number, n_threads)
            folder.add(row)
            if row.get("refused"):
                refused.add(arm.name)


def _gradients(setting: Setting, folder: Folder, tell: Progress) -> None:
    """The exact derivative first, then every estimator of it."""
    if not setting.space.free or not setting.design.gradient_paths:
        return
    rows = [row for row in folder.rows if row["kind"] == GRADIENT]
    truth = [row for row in rows if row["estimator"] == DIFFERENCES]
    if not truth:
        tell({"phase": "exact derivative", "text": f"{setting.design.effort.difference:,} paths"})
        truth = truth_rows(setting)
        folder.add({"kind": GRADIENT, "key": DIFFERENCES, "estimator": DIFFERENCES, "rows": truth})
    else:
        truth = truth[0]["rows"]
    done = {row["key"] for row in rows}
    left = [one for one in estimators(setting) if one.key not in done]
    for i, one in enumerate(left):
        tell({"phase": "gradients", "done": i, "total": len(left), "text": one.key})
        folder.add({"kind": GRADIENT, "key": one.key, "estimator": one.name,
                    "rows": gradient_rows(setting, one, truth)})


def _finish(design: Design, folder: Folder) -> dict[str, Any]:
    """Result, picture and page of the rows on record."""
    from fastmas.ablate.page import page  # noqa: PLC0415  -- matplotlib is slow to import
    from fastmas.ablate.picture import picture  # noqa: PLC0415

    result = summary(design, arms_of(design), folder.rows)
    drawn = picture(result)
    folder.write(PICTURE, drawn)
    folder.write(PAGE, page(result, drawn))
    folder.write(RESULT, to_json(result))
    return result
