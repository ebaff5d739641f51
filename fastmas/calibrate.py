"""Calibrate a model to data: moments, the game, the verdict and the intervals, resumable throughout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fastmas import models, updaters
from fastmas.calibration import budget as budgets
from fastmas.calibration.budget import Budget
from fastmas.calibration.config import Config
from fastmas.calibration.fit import Fit
from fastmas.calibration.game import Game
from fastmas.calibration.given import Asked, bounded, observations_of, space_of, start_of
from fastmas.calibration.interval import uncertainty
from fastmas.calibration.isolation import isolated
from fastmas.calibration.keeping import Keeper, Stored
from fastmas.calibration.observed import Observed
from fastmas.calibration.posterior import posterior
from fastmas.calibration.prepare import prepare
from fastmas.calibration.record import Record
from fastmas.calibration.result import Found, fit_of
from fastmas.calibration.robust import outliers_in_words, replace_outliers
from fastmas.calibration.sentence import DOUBTFUL
from fastmas.calibration.settings import N_DRAWS, Settings, decide
from fastmas.calibration.settle import features_of, settle
from fastmas.calibration.settling import stationarity
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.start import find_start
from fastmas.calibration.verdict import judge
from fastmas.errors import ParameterError
from fastmas.model import Model
from fastmas.updaters.options import plain

Progress = Callable[[Mapping[str, Any]], None]
T = TypeVar("T")


@isolated()
def calibrate(
    model: Model, data: Any, *, free: Iterable[str] | None = None, fixed: Mapping[str, Any] | None = None,
    updater: str = "cma-es", discriminator: str | None = None, objective: str | None = None, statistic: Any = None,
    generations: int | None = None, paths: int | None = None, horizon: int | None = None,
    warmup: int | None = None, column: Any = None, observable: Any = None, heldout_share: float | None = None,
    missing: str | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None, start: Mapping[str, float] | None = None,
    moment_start: bool = True, seed: int = 1, n_threads: int | None = None, device: str = "cpu", interval: bool = True,
    draws: int = N_DRAWS, out: str | Path | None = None, overwrite: bool = False, progress: Progress | None = None,
    budget: Budget | None = None, updater_options: Mapping[str, Any] | None = None, robust: bool = False,
) -> Fit:
    """Find the parameters that make a model's paths look like the data.

    Parameters
    ----------
    data
        What `fastmas.observe` takes: a file, "sp500", an array of one series or of many paths, a
        pandas object; or its result.
    observable : str or sequence of str, optional
        Which of the model's observables, or of its states, the data are, in their order; the first one if not given.
        Arrays of k observables are (n_times, k) or (n_paths, n_times, k).
    free : iterable of str, optional
        Parameters to calibrate; the model's own choice for this regime if not given.
    fixed : mapping, optional
        Values of others in place of their defaults.
    updater : {"cma-es", "parameter-score", "avo", "moments"}
        Or one that moves by a gradient, which not every model has: "decision-score", "pathwise", "relaxed" or
        "straight-through" (`fastmas.estimators`).
    discriminator : {"amortised", "windowed", "path", "conditional", "closed-form"}, optional
        By default the one that the objective is for, or "amortised": conditioned on theta and trained on simulations
        alone. "windowed" and "path" (the paper's) are trained on the data; cma-es needs one that knows theta, as
        "conditional" does, or that is known, as those in closed form are.
    objective : str, optional
        The divergence that is played for: "fisher" by default, "non-saturating" against discriminators that are
        trained on the data, or another of docs/objectives.md.
    statistic : str or callable, optional
        What the discriminator sees of a path; a function of paths (n_paths, n_times), or (n_paths, n_times, k) of k
        observables, is one, too.
    generations : int, optional
        Of a round; a game within a region plays another round while it leaves the region.
    paths : int, optional
        Simulated for each candidate: as many as observed, or 32 series.
    horizon, column, heldout_share, missing
        As in `observe`; a tenth of many paths, at most 50, is held out, and the last fifth of a series, or 60 values
        or half of one below 295. Columns are found by the observables' names unless they are named.
    bounds : mapping of str to (low, high), optional
        Narrower bounds of free parameters, in natural units, inside the model's own.
    start : mapping of str to float, optional
        Where to begin in place of a scan over the bounds; free parameters that are not named begin at their defaults.
    moment_start : bool
        Fit moments from there, and begin the game at this fit. False begins it at `start` itself, or in the middle of
        the bounds: for those who study the game.
    warmup : int, optional
        Steps simulated before the window: 50, or 200 for a series. A warning names a longer one where the model
        has not settled by then; 0 says that paths begin where the model does.
    device : {"cpu", "cuda"}
        Where paths are simulated; on a GPU they stay there and the discriminator reads them there. The
        result differs from the CPU's by rounding.
    interval : bool
        Compute 90% intervals.
    draws : int
        How many to draw from the posterior; 0 for none.
    out : path, optional
        Run directory to write, from which `resume` can go on.
    progress : callable, optional
        Told a mapping with phase, done, total, loss, estimate.
    budget : Budget, optional
        How much work each part does; less is faster and rougher.
    updater_options : mapping, optional
        Of the updater: those of `cma.CMAOptions` and `restarts` for cma-es; `population` and steps for the scores.
    robust : bool
        Replace single prices that the model never gives between the prices on either side, as wrong ticks are, and
        look at simulated paths in the same way (docs/calibration.md, "Dirty data"). Data without any are fitted as
        without this, to the bit.

    Returns
    -------
    Fit

    Raises
    ------
    DataError, ParameterError, ModelError, DeviceError
        Data, names, values or a device that cannot be used.
    RunDirectoryError, OutputError
        `out` exists already, or cannot be written.
    Interrupted
        Ctrl-C; with `out` the state is saved.
    """
    observations = observations_of(model, data, Asked(
        column, observable, horizon, heldout_share, missing, is_usual=statistic is None))
    settings = decide(
        observations, updater=updater, discriminator=discriminator, objective=objective, statistic=statistic,
        generations=generations, paths=paths, warmup=warmup, seed=seed, interval=interval,
        draws=draws, robust=robust)
    space = bounded(space_of(model, free, fixed, observations.regime), bounds or {})
    start_of(space, start or {})
    settings = replace(settings, bounds={n: [float(x) for x in b] for n, b in (bounds or {}).items()},
                       start={n: float(x) for n, x in (start or {}).items()}, budget=budget or budgets.FULL,
                       updater_options=plain(updater_options or {}), moment_start=bool(moment_start))
    simulator = prepare(model, space, Observed(observations, statistic or settings.statistic), settings,
                        n_threads=n_threads, device=device)
    keeper = Keeper()
    if out is not None:
        if callable(statistic):
            raise ParameterError("a run directory cannot keep a statistic that is a function: leave `out` away")
        config = Config.of(simulator, settings, models.origin(model))
        keeper = Keeper.create(out, config, observations, overwrite=overwrite)
    return _run(simulator, settings, Record(), keeper, progress)


@isolated()
def resume(path: str | Path, *, n_threads: int | None = None, progress: Progress | None = None) -> Fit:
    """Go on with a run where its last checkpoint left it; the result is bit for bit the uninterrupted one.

    Raises
    ------
    RunDirectoryError
        If the folder is no run, is damaged, of another version, or finished already.
    """
    stored = Stored(path)
    settings = stored.settings
    simulator = prepare(stored.model, stored.space, Observed(stored.observations, settings.statistic), settings,
                        n_threads=n_threads, device=stored.device)
    return _run(simulator, settings, stored.record, Keeper(stored.run), progress)


def _run(simulator: Simulator, settings: Settings, record: Record, keeper: Keeper, progress: Progress | None) -> Fit:
    """The algorithm, from where the record stands."""
    tell = progress or (lambda event: None)
    timed = partial(_timed, record, tell)
    simulator.n_simulated = record.paths_simulated

    def save(record: Record, at_once: bool) -> None:
        record.paths_simulated = simulator.n_simulated
        keeper.save(record, at_once)

    with simulator.workers.at_work(), keeper.at_work():
        if settings.robust:
            record.outliers = timed("outliers", "looking for outliers", replace_outliers, simulator, settings,
                                    record.outliers)
            save(record, True)
        if record.start is None:
            record.start = timed("start", "fitting moments", find_start, simulator, settings)
            record.region = record.start.z
            save(record, True)
        Game(simulator, settings, save, tell).play(record)

        features = features_of(simulator.observed, record, settings.discriminator)
        settled = timed("last step", "comparing candidates by simulation", settle, simulator, settings, record,
                        features)
        steady = timed("stationarity", "looking at later times", stationarity, simulator, settled.z)
        fitted = settings.moment_start and updaters.get(settings.updater).is_game
        start = record.start.z if fitted else None
        verdict = timed("verdict", "simulating data sets at the estimate", judge, simulator, settings.budget,
                        settled.z_train, start)
        outliers = []
        if verdict.p_value <= DOUBTFUL and not settings.robust:
            outliers = timed("outliers", "looking for outliers", outliers_in_words, simulator, settled.z)
        spread, drawn = None, None
        if settings.interval:
            spread = timed("interval", "simulating around the estimate", uncertainty, simulator, settings, record,
                           features, settled.z)
        if settings.draws:
            covariance = record.start.covariance if spread is None else spread.covariance
            drawn = timed("posterior", "simulating data sets over the bounds", posterior, simulator, settled.z,
                          covariance, settings.draws, settings.budget.posterior)
        fit = fit_of(simulator, settings, record, Found(settled, steady, verdict, spread, drawn, outliers))
        keeper.finish(fit)
    return fit


def _timed(record: Record, tell: Progress, phase: str, text: str, work: Callable[..., T], *given: Any) -> T:
    """What a phase gives, its seconds on record."""
    began = time.perf_counter()
    tell({"phase": phase, "text": text})
    done = work(*given)
    record.seconds[phase] = time.perf_counter() - began
    return done
