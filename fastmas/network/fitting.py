"""Train a network in place of a model, and judge it as a model is judged: the baseline of the paper's figure 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fastmas
from fastmas import discriminators
from fastmas.calibration import budget as budgets
from fastmas.calibration.budget import Budget
from fastmas.calibration.config import described
from fastmas.calibration.given import Asked, observations_of
from fastmas.calibration.isolation import isolated
from fastmas.calibration.observed import Observed
from fastmas.calibration.verdict import Verdict, judge
from fastmas.calibration.workers import Workers
from fastmas.errors import ParameterError
from fastmas.network.comparison import Mechanism, beside
from fastmas.network.fit import KIND, NetworkFit
from fastmas.network.game import mean_moment_distance, play
from fastmas.network.settings import NetworkSettings, decide
from fastmas.network.simulator import NOWHERE, NetworkSimulator
from fastmas.network.transition import Frame, build
from fastmas.run_directory import RunDirectory

AS_IT_IS = ("the verdict takes the network as it is: a model's parameters are forgiven for being a little off, by one "
            "step of the fit, and a network's weights are not stepped")


@isolated()
def fit_network(
    data: Any, *, discriminator: str | None = None, objective: str | None = None, statistic: str | None = None,
    generations: int | None = None, paths: int | None = None, horizon: int | None = None, column: str | None = None,
    heldout_share: float | None = None, seed: int = 1, n_threads: int | None = None, against: str | Path | None = None,
    out: str | Path | None = None, overwrite: bool = False, budget: Budget | None = None,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> NetworkFit:
    """Train a neural transition to make paths like the data: the black box that a calibrated model stands beside.

    Parameters
    ----------
    data, horizon, column, heldout_share
        As in `fastmas.calibrate`; the same data are split alike.
    discriminator : {"windowed", "path"}, optional
        Those of a calibration that are trained on the data; "windowed" by default.
    objective : str, optional
        One on logits (docs/objectives.md), "non-saturating" by default.
    statistic : str, optional
        What the discriminator sees of a path; it must let gradients through, as all of fastmas do.
    generations : int, optional
        Steps of the network; 1000 by default.
    paths : int, optional
        Simulated for either player in a generation; 128, or 64 pieces of 150 steps of a series.
    against : path, optional
        Run directory of a finished calibration to the same data, to stand beside the network in `against` of the
        result.
    out : path, optional
        Folder for weights, result and report. It is written at the end; training cannot be resumed.
    progress : callable, optional
        Told a mapping with phase, done, total, loss.
    budget : Budget, optional
        How long the discriminator trains, and how much the verdict simulates.

    Returns
    -------
    NetworkFit

    Raises
    ------
    DataError, ParameterError
        Data, names or sizes that cannot be used.
    RunDirectoryError, OutputError
        `against` is no such run; `out` exists already, or cannot be written.
    """
    observations = observations_of(None, data, Asked(column, None, horizon, heldout_share, is_usual=False))
    if len(observations.names) > 1:
        raise ParameterError(f"{observations.source}: a network imitates one observable, and these data have "
                             f"{len(observations.names)}; observe one of them")
    settings = decide(observations, discriminator=discriminator, objective=objective, statistic=statistic,
                      generations=generations, paths=paths, seed=seed)
    observed, effort = Observed(observations, settings.statistic), budget or budgets.FULL
    mechanism = None if against is None else Mechanism(against, observations)
    if out is not None:
        RunDirectory.check(out, overwrite=overwrite)
    frame = Frame.of(observed, settings.warmup)
    simulator = NetworkSimulator(build(frame, settings.seed), observed, Workers(n_threads), settings.seed)
    tell, seconds = progress or (lambda event: None), {}

    with simulator.workers.at_work():
        began, before = time.perf_counter(), mean_moment_distance(simulator, effort)
        rows = play(simulator, settings, effort, tell)
        after, seconds["game"] = mean_moment_distance(simulator, effort), time.perf_counter() - began
        tell({"phase": "verdict", "text": "simulating data sets by the network"})
        began = time.perf_counter()
        verdict = judge(simulator, effort, NOWHERE)
        seconds["verdict"] = time.perf_counter() - began

    config = _config(observed, settings, frame)
    result = _result(simulator, settings, verdict) | {
        "mean_moment_distance_start": before, "mean_moment_distance": after, "seconds": sum(seconds.values()),
        "seconds_by_phase": seconds}
    if mechanism is not None:
        result["against"] = beside(result, mechanism)
    fit = NetworkFit.of(simulator.network, config, result, rows, verdict.sample)
    if out is not None:
        fit.save(out, overwrite=overwrite)
    return fit


def _config(observed: Observed, settings: NetworkSettings, frame: Frame) -> dict[str, Any]:
    """What config.json holds: a run's of no free parameters, and the frame of the network."""
    return {"kind": KIND, "model": KIND, "free": [], "parameters": {}, "values": {}, "data": described(observed),
            "horizon": observed.observations.horizon, "device": "cpu", **asdict(settings), "network": frame.plain(),
            "curves": discriminators.curves_of(settings.discriminator, settings.objective)}


def _result(simulator: NetworkSimulator, settings: NetworkSettings, verdict: Verdict) -> dict[str, Any]:
    observed = simulator.observed
    return {"model": KIND, "n_parameters": simulator.network.n_parameters, "discriminator": settings.discriminator,
            "objective": settings.objective, "statistic": observed.statistic_name, "seed": settings.seed,
            "estimate": {}, "regime": observed.regime.name, "paths_simulated": simulator.n_simulated,
            "version": fastmas.__version__, "warnings": [*observed.observations.warnings, AS_IT_IS], **verdict.result()}
