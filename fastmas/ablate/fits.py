"""One fit of one arm to one data set, as a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fastmas.ablate.arms import Arm
from fastmas.ablate.design import Design
from fastmas.calibrate import calibrate
from fastmas.calibration import budget as budgets
from fastmas.calibration.budget import BootstrapEffort, Budget, PosteriorEffort, Sizes, ToldApartEffort
from fastmas.errors import FastmasError, Interrupted, ModelError, ParameterError
from fastmas.parameters import ParameterSpace
from fastmas.updaters.moments import Effort, Stage

FIT = "fit"  # the kind of these rows
REFUSALS = (ModelError, ParameterError)  # of an arm on any data
NEAR_BOUND = 0.01  # of the box
UNREAD = ToldApartEffort(steps=1, batch=64, n_null=2)  # the table has the verdict's p-value and no AUC
QUICK = Budget(
    sizes=Sizes(polish_paths=4, least_polish=400, pool_steps=600),
    start=Effort(n_scan=64, n_starts=1, stages=(Stage(1, 0.03, 4), Stage(1, 0.015, 8)), n_profile=3,
                 valley=Stage(2, 0.015, 3)),
    training={"amortised": {"steps": 30, "renew": 10, "n_contrast": 64, "n_windows": 8}},
    bootstrap=BootstrapEffort(least_bank=4000, per_path=40, n_slope=4000),
    told_apart=UNREAD, posterior=PosteriorEffort(most_sets=512, least_sets=128, epochs=3, n_check=199))
QUICK_GENERATIONS = 5


def fit_row(design: Design, arm: Arm, number: int, n_threads: int | None = None) -> dict[str, Any]:
    """The estimate of an arm from the data set of this number, or why there is none."""
    row: dict[str, Any] = {"kind": FIT, "arm": arm.name, "rules": arm.rules, "temperature": arm.temperature,
                           "updater": arm.updater, "set": number, "truth": design.truth_of(number)}
    try:
        fit = _fit(design, arm, number, n_threads)
    except Interrupted:
        raise
    except FastmasError as error:
        return {**row, "failed": " ".join(str(error).split()), "refused": isinstance(error, REFUSALS)}
    space = arm.model.space(arm.free, arm.fixed)
    return {**row, "estimate": fit.estimate, "p_value": fit.p_value,
            "p_without_grid": fit.result["p_without_grid"], "seconds": fit.seconds,
            "paths_simulated": fit.paths_simulated, "at_bound": at_bound(space, fit.estimate)}


def _fit(design: Design, arm: Arm, number: int, n_threads: int | None) -> Any:
    budget = QUICK if design.is_quick else replace(budgets.FULL, told_apart=UNREAD)
    return calibrate(
        arm.model, design.data_of(number, n_threads), free=arm.free, fixed=arm.fixed,
        updater=arm.updater, warmup=design.warmup, seed=design.seeds_of(number)[1], interval=False, draws=0,
        budget=budget, n_threads=n_threads,
        generations=QUICK_GENERATIONS if design.is_quick and arm.is_game else None)


def at_bound(space: ParameterSpace, estimate: dict[str, float]) -> list[str]:
    """Free values within a hundredth of their box from its ends, in search coordinates."""
    z = space.to_z(np.array([estimate[name] for name in space.free]))
    low, high = space.z_bounds.T
    share = (z - low) / (high - low)
    return [name for name, x in zip(space.free, share, strict=True) if not NEAR_BOUND <= x <= 1 - NEAR_BOUND]
