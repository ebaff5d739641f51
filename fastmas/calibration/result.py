"""What a calibration found, all parts together: a `Fit`, and the content of result.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import fastmas
from fastmas.calibration.config import Config
from fastmas.calibration.fit import Fit
from fastmas.calibration.found import modes_in_words, pairing_in_words, search_in_words, ways
from fastmas.calibration.identified import combinations
from fastmas.calibration.interval import LEVEL, Uncertainty, intervals, warnings
from fastmas.calibration.posterior import Posterior
from fastmas.calibration.record import Record
from fastmas.calibration.settings import Settings
from fastmas.calibration.settle import Settled
from fastmas.calibration.settling import Stationarity
from fastmas.calibration.simulator import Simulator
from fastmas.calibration.verdict import Verdict

Values = dict[str, float]


@dataclass(frozen=True)
class Found:
    """What the parts of a calibration after the game found; no interval and no draws where they were not asked for."""

    settled: Settled
    stationarity: Stationarity
    verdict: Verdict
    uncertainty: Uncertainty | None
    posterior: Posterior | None
    outliers: list[str]


@dataclass(frozen=True)
class Result:
    """The content of result.json beside the verdict's part; values are in natural units, distances squared.

    `covariance` and `correlation` are those of the estimates, in the order of `estimate`; the correlation is that of
    the search coordinates, in which the law of an estimate is nearest to a normal one.
    """

    model: str
    rule: str | None
    mode: str | None
    updater: str
    discriminator: str
    objective: str
    statistic: str
    gradients: dict[str, str]
    seed: int
    estimate: Values
    interval: dict[str, list[float]] | None
    interval_level: float
    interval_method: str | None
    covariance: list[list[float]]
    correlation: list[list[float]]
    draws_method: str | None
    start: Values
    search: str
    distance: float
    degrees: int
    misfit: float
    candidates: Values
    estimate_training: Values
    modes: list[dict[str, Any]]
    moment_distance: float
    moment_degrees: int
    paths_simulated: int
    seconds: float
    seconds_by_phase: dict[str, float]
    version: str
    warnings: list[str]
    stationarity: dict[str, Any]
    identified: list[dict[str, Any]]
    regime: str
    effective_windows: int
    rounds: int


def fit_of(simulator: Simulator, settings: Settings, record: Record, found: Found) -> Fit:
    """Everything under its name."""
    assert record.start is not None
    space, settled, drawn = simulator.space, found.settled, found.posterior
    interval, method = (None, None) if found.uncertainty is None else intervals(
        space, settled.z, found.uncertainty, drawn, is_series=simulator.observed.is_series)
    covariance = record.start.covariance if found.uncertainty is None else found.uncertainty.covariance
    groups = combinations(space, covariance)
    slopes, sds = space.slopes(settled.z), np.sqrt(np.diag(covariance))
    config = Config.of(simulator, settings)
    result = Result(
        model=config.model, rule=config.rule, mode=config.mode, updater=settings.updater,
        discriminator=settings.discriminator, objective=settings.objective, statistic=settings.statistic,
        gradients=ways(simulator, settings), seed=settings.seed, estimate=simulator.by_name(settled.z),
        interval=interval, interval_level=LEVEL,
        interval_method=method, covariance=(np.outer(slopes, slopes) * covariance).tolist(),
        correlation=(covariance / np.outer(sds, sds)).tolist(), draws_method=None if drawn is None else drawn.method,
        start=simulator.by_name(record.start.z), search=search_in_words(settled, settings.moment_start),
        distance=settled.distance, degrees=settled.degrees, misfit=settled.tau, candidates=settled.distances,
        estimate_training=simulator.by_name(settled.z_train),
        modes=[{"estimate": simulator.by_name(z), "distance": distance} for z, distance in settled.modes],
        moment_distance=record.start.distance, moment_degrees=record.start.degrees,
        paths_simulated=simulator.n_simulated, seconds=sum(record.seconds.values()), seconds_by_phase=record.seconds,
        version=fastmas.__version__,
        warnings=[*simulator.observed.observations.warnings, *found.outliers, *found.stationarity.warnings(),
                  *simulator.lost.now().lines(),
                  *warnings(space, record, settled.z, covariance, groups), *modes_in_words(space, settled),
                  *pairing_in_words(settings),
                  *([drawn.warning] if drawn and drawn.warning else [])],
        stationarity=found.stationarity.result(),
        identified=[one.plain(space.free) for one in groups], regime=simulator.observed.regime.name,
        effective_windows=simulator.observed.observations.n_effective_windows, rounds=record.round + 1)
    judged = found.verdict.result()
    return Fit(estimate=result.estimate, interval=interval, p_value=found.verdict.p_value,
               verdict=found.verdict.sentence, auc_heldout=judged["auc_heldout"], told_apart=judged["told_apart"],
               warnings=result.warnings, seconds=result.seconds, paths_simulated=result.paths_simulated,
               start=result.start, history=record.rows, result={**asdict(result), **judged}, config=config.plain(),
               sample=found.verdict.sample, draws={} if drawn is None else drawn.by_name(space))
