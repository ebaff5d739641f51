"""Calibrate a model to data: moments, the game, the verdict and the intervals, resumable throughout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

import fastmas
from fastmas import models, updaters
from fastmas.calibration.fit import Fit, write_result
from fastmas.calibration.found import modes_in_words, search_in_words
from fastmas.calibration.game import find_start, play
from fastmas.calibration.given import bounded, start_of
from fastmas.calibration.identified import combinations
from fastmas.calibration.interval import LEVEL, Uncertainty, intervals, uncertainty, warnings
from fastmas.calibration.posterior import Posterior, posterior
from fastmas.calibration.record import Record
from fastmas.calibration.settings import N_DRAWS, Settings, decide
from fastmas.calibration.settle import Settled, settle
from fastmas.calibration.setup import Setup
from fastmas.calibration.verdict import Verdict, judge
from fastmas.data import Observations, observe
from fastmas.errors import Interrupted, ParameterError, RunDirectoryError
from fastmas.model import Model
from fastmas.parameters import ParameterSpace
from fastmas.run_directory import RunDirectory

HELDOUT_SERIES = 0.2
HELDOUT_PATHS, MOST_HELDOUT_PATHS = 0.1, 50  # a share, and the number that is enough for a verdict
SAVE_EVERY = 1.0  # seconds between checkpoints
DATA_FILE = "data.npz"


def calibrate(
    model: Model, data: Any, *, free: Iterable[str] | None = None, fixed: Mapping[str, Any] | None = None,
    updater: str = "cma-es", discriminator: str | None = None, objective: str | None = None, statistic: Any = None,
    generations: int | None = None, paths: int | None = None, horizon: int | None = None,
    warmup: int | None = None, column: str | None = None, heldout_share: float | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None, start: Mapping[str, float] | None = None, seed: int = 1,
    n_threads: int | None = None, device: str = "cpu", interval: bool = True, draws: int = N_DRAWS,
    out: str | Path | None = None, overwrite: bool = False, progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> Fit:
    """Find the parameters that make a model's paths look like the data.

    Parameters
    ----------
    data
        What `fastmas.observe` takes: a file, "sp500", an array of one series or of many paths, a
        pandas object; or its result.
    free : iterable of str, optional
        Parameters to calibrate; the model's own choice for this regime if not given.
    fixed : mapping, optional
        Values of others in place of their defaults.
    updater : {"cma-es", "parameter-score", "moments"}
    discriminator : {"amortised", "windowed", "path", "conditional"}, optional
        By default "amortised": conditioned on theta and trained on simulations alone. "windowed" and
        "path" (the paper's) are trained on the data; cma-es needs one that knows theta.
    objective : {"non-saturating", "saturating"}, optional
        Of the discriminators that are trained on the data.
    statistic : str or callable, optional
        What the discriminator sees of a path; a function of paths (n_paths, n_times) is one, too.
    generations : int, optional
        Of a round; a game within a region plays another round while it leaves the region.
    paths : int, optional
        Simulated for each candidate: as many as observed, or 32 series.
    horizon, column, heldout_share
        As in `observe`; a tenth of many paths, at most 50, is held out, and the last fifth of a series.
    bounds : mapping of str to (low, high), optional
        Narrower bounds of free parameters, in natural units, inside the model's own.
    start : mapping of str to float, optional
        Where to begin in place of a scan over the bounds; free parameters that are not named begin at their defaults.
    warmup : int, optional
        Steps simulated before the window: 50, or 200 for a series.
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
    observations = _observe(data, column, horizon, heldout_share)
    settings = decide(
        observations, updater=updater, discriminator=discriminator, objective=objective, statistic=statistic,
        generations=generations, paths=paths, warmup=warmup, seed=seed, interval=interval,
        draws=draws)
    space = bounded(_space(model, free, fixed, observations.regime), bounds or {})
    start_of(space, start or {})
    settings = replace(settings, bounds={n: [float(x) for x in b] for n, b in (bounds or {}).items()},
                       start={n: float(x) for n, x in (start or {}).items()})
    setup = Setup(model, space, observations, settings, statistic, n_threads, device)
    run = None
    if out is not None:
        if callable(statistic):
            raise ParameterError("a run directory cannot keep a statistic that is a function: leave `out` away")
        config = {**setup.describe(), "model_factory": models.origin(model)}
        run = RunDirectory.create(out, config, overwrite=overwrite)
        run.save_arrays(DATA_FILE, _data_arrays(observations))
    return _run(setup, Record(), run, progress)


def resume(path: str | Path, *, n_threads: int | None = None,
           progress: Callable[[Mapping[str, Any]], None] | None = None) -> Fit:
    """Go on with a run where its last checkpoint left it; the result is bit for bit the uninterrupted one.

    Raises
    ------
    RunDirectoryError
        If the folder is no run, is damaged, of another version, or finished already.
    """
    run = RunDirectory.open(path)
    if run.has_result:
        raise RunDirectoryError(f"{path} is finished: see `fastmas report {quote(str(path))}`")
    checkpoint, config = run.load_checkpoint(), run.config
    with _damage(run, "config.json"):
        model = models.get(config["model_factory"], **_plain_config(config["model_config"]))
        settings = Settings(**{k: config[k] for k in Settings.__dataclass_fields__})
        space = bounded(model.space(config["free"], config["values"]), settings.bounds)
    if not (run.path / DATA_FILE).exists():
        raise RunDirectoryError(f"{path} has no {DATA_FILE}: its run was stopped before it began; start it anew with "
                                "--overwrite")
    with _damage(run, DATA_FILE):
        observations = _observations(run)
    with _damage(run, "checkpoint.safetensors"):
        record = Record() if checkpoint is None else Record.unpack(*checkpoint)
    setup = Setup(model, space, observations, settings, None, n_threads, config.get("device", "cpu"))
    return _run(setup, record, run, progress)


def _space(model: Model, free: Iterable[str] | None, fixed: Mapping[str, Any] | None, regime: str) -> ParameterSpace:
    """The named free parameters, or the model's own choice without those that have a value."""
    if free is None:
        free = [name for name in model.default_free(regime) if name not in (fixed or {})]
    space = model.space(free, fixed)
    if not space.free:
        raise ParameterError(f"nothing to calibrate: name free parameters of {model.name!r}")
    both = set(space.free) & set(model.space(list(fixed or {})).free)
    if both:
        raise ParameterError(f"parameter {min(both)!r} is both free and given a value: choose one")
    return space


@contextmanager
def _damage(run: RunDirectory, name: str) -> Iterator[None]:
    """What the content of a file breaks is a fault of that file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(
            f"{run.path / name} is damaged or foreign ({type(error).__name__}: {error}); restore it, or start anew in "
            "another folder") from error


def _run(setup: Setup, record: Record, run: RunDirectory | None,
         progress: Callable[[Mapping[str, Any]], None] | None) -> Fit:
    tell = progress or (lambda event: None)
    last_saved = time.monotonic()
    setup.paths_simulated = record.paths_simulated

    def save(record: Record, at_once: bool) -> None:
        nonlocal last_saved
        if run is not None and (at_once or time.monotonic() - last_saved > SAVE_EVERY):
            run.save_checkpoint(*record.pack())
            if record.rows:
                run.save_history(record.rows)
            last_saved = time.monotonic()

    with setup.threads(), run.lock() if run is not None else nullcontext():
        try:
            find_start(setup, record, save, tell)
            play(setup, record, save, tell)
            fit = _conclude(setup, record, tell)
        except KeyboardInterrupt as stop:
            if run is None:
                raise
            raise Interrupted(
                f"stopped; the state is saved: go on with `fastmas resume {quote(str(run.path))}`") from stop
        if run is not None:
            write_result(run, fit)
    return fit


def _conclude(setup: Setup, record: Record, tell: Callable[[Mapping[str, Any]], None]) -> Fit:
    def timed(phase: str, text: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        tell({"phase": phase, "text": text})
        done = work()
        record.seconds[phase] = time.perf_counter() - began
        return done

    assert record.start is not None
    settled = timed("last step", "comparing candidates by simulation", lambda: settle(setup, record))
    if setup.space.integer.any():
        z, z_train = (setup.space.to_z(setup.space.to_theta(z)) for z in (settled.z, settled.z_train))
        settled = replace(settled, z=z, z_train=z_train)
    start = record.start.z if updaters.get(setup.settings.updater).is_game else None
    verdict = timed("verdict", "simulating data sets at the estimate", lambda: judge(setup, settled.z_train, start))
    found = None
    if setup.settings.interval:
        found = timed("interval", "simulating around the estimate", lambda: uncertainty(setup, record, settled.z))
    covariance = record.start.covariance if found is None else found.covariance
    drawn = None
    if setup.settings.draws:
        drawn = timed("posterior", "simulating data sets over the bounds",
                      lambda: posterior(setup, settled.z, covariance))
    return _fit(setup, record, settled, verdict, found, drawn)


def _fit(setup: Setup, record: Record, settled: Settled, verdict: Verdict, uncertainty: Uncertainty | None,
         drawn: Posterior | None) -> Fit:
    assert record.start is not None
    z = settled.z
    def by_name(z: np.ndarray) -> dict[str, float]:
        return dict(zip(setup.space.free, setup.space.to_theta(z).tolist(), strict=True))

    named, start = by_name(z), by_name(record.start.z)
    covariance = record.start.covariance if uncertainty is None else uncertainty.covariance
    found = combinations(setup, covariance)
    said = warnings(setup, record, z, covariance, found) + modes_in_words(setup, settled)
    said += [drawn.warning] if drawn and drawn.warning else []
    interval, method = (None, None) if uncertainty is None else intervals(setup, z, uncertainty, drawn)
    seconds = sum(record.seconds.values())
    config, judged = setup.describe(), verdict.result()
    result = {
        **{k: config[k] for k in ("model", "rule", "mode", "updater", "discriminator", "objective", "statistic",
                                  "seed")},
        "estimate": named, "interval": interval, "interval_level": LEVEL,
        "interval_method": method, "draws_method": drawn and drawn.method,
        **judged, "start": start,
        "search": search_in_words(settled), "distance": settled.distance, "degrees": settled.degrees,
        "misfit": settled.tau, "candidates": settled.distances, "estimate_training": by_name(settled.z_train),
        "modes": [{"estimate": by_name(mode), "distance": distance} for mode, distance in settled.modes],
        "moment_distance": record.start.distance, "moment_degrees": record.start.degrees,
        "paths_simulated": setup.paths_simulated, "seconds": seconds, "seconds_by_phase": record.seconds,
        "version": fastmas.__version__, "warnings": said,
        "identified": [one.plain(setup.space.free) for one in found], "regime": setup.observations.regime,
        "effective_windows": setup.observations.n_effective_windows, "rounds": record.round + 1,
    }
    return Fit(estimate=named, interval=interval, p_value=verdict.p_value, verdict=verdict.sentence,
               auc_heldout=judged["auc_heldout"], told_apart=judged["told_apart"], warnings=said,
               seconds=seconds, paths_simulated=setup.paths_simulated, start=start, history=record.rows,
               result=result, config=config, sample=verdict.sample,
               draws={} if drawn is None else drawn.by_name(setup))


def _observe(data: Any, column: str | None, horizon: int | None, share: float | None) -> Observations:
    if isinstance(data, Observations):
        for name, value in (("column", column), ("horizon", horizon), ("heldout_share", share)):
            if value is not None:
                raise ParameterError(f"{name}={value!r}: these data are observed already; give it to `observe`")
        return data
    if share is not None:
        return observe(data, column=column, horizon=horizon, heldout_share=share)
    seen = observe(data, column=column, horizon=horizon, heldout_share=HELDOUT_SERIES)
    if seen.regime == "series":
        return seen
    n_paths = len(seen.x_obs) + len(seen.x_heldout)
    share = min(HELDOUT_PATHS, (MOST_HELDOUT_PATHS + 0.5) / n_paths)
    return observe(data, column=column, horizon=horizon, heldout_share=share)


def _data_arrays(observations: Observations) -> dict[str, np.ndarray]:
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
                        source=data["source"], column=data["column"], **parts)


def _plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no tuples; models take them."""
    return {k: tuple(tuple(x) if isinstance(x, list) else x for x in v) if isinstance(v, list) else v
            for k, v in config.items()}
