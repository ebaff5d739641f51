"""What the rows say: bias and spread of every arm, and of every estimator of a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastmas import __version__
from fastmas.ablate.arms import Arm
from fastmas.ablate.design import Design
from fastmas.ablate.fits import FIT
from fastmas.ablate.functionals import FUNCTIONALS
from fastmas.ablate.gradients import DIFFERENCES, GRADIENT, SCORE
from fastmas.language.activity import reach
from fastmas.language.reading import read_start, read_step
from fastmas.language.text import Text
from fastmas.parameters import Parameter

NEAR = 3.0  # reference sds
LEAST_FITS = 5  # behind a reference sd
NOTICED = 0.05  # p-value
Row = dict[str, Any]

DEFINITIONS = {
    "bias": "mean over data sets of estimate / truth - 1 in percent, for a parameter on a log scale, or of estimate - "
            "truth in its unit, with its standard error",
    "spread": "standard deviation of the same over data sets",
    "converged": f"share of fits that ended clear of the bounds and in every compared parameter within {NEAR:g} "
                 "reference sds of the median error of their own arm; a reference sd is that of the exact rules' first "
                 f"arm over these data sets, of which there must be {LEAST_FITS}, in search coordinates",
    "near the truth": f"share of fits within {NEAR:g} reference sds of the truth in every compared parameter",
    "noticed": f"share of fits whose verdict has p <= {NOTICED:g}; and of those that have it without what sees the "
               "grid on which the exact rules' values lie",
    "gradient": "d E[f] / d z over E[f] of the exact rules, z the search coordinate (the logarithm of a parameter on a "
                "log scale); bias against central differences of the exact rules with common random numbers, its "
                "standard error that of both; sd of one path's contribution",
    "level": "E[f] under the estimator's rules over that under the exact rules",
}


def summary(design: Design, arms: Sequence[Arm], rows: Sequence[Row]) -> Row:
    """The content of result.json."""
    fits = [row for row in rows if row["kind"] == FIT and row["set"] < design.sets]
    parameters = dict(zip(design.space.free, design.space.free_parameters, strict=True))
    reference = reference_sds(parameters, arms, fits)
    gradients = [row for one in rows if one["kind"] == GRADIENT for row in one["rows"]]
    identity = design.identity()
    return {
        "ablation": "smoothing", "version": __version__,
        "design": {**identity, "sets": design.sets, "game_sets": design.game_sets,
                   "temperatures": list(design.temperatures), "updaters": list(design.updaters)},
        "parameters": {name: {"scale": p.scale, "unit": p.unit, "measure": measure(p)}
                       for name, p in parameters.items()},
        "functionals": {key: f.title for key, f in FUNCTIONALS.items()}, "definitions": DEFINITIONS,
        "reference_sds": reference,
        "fits": [arm_summary(arm, parameters, reference, [r for r in fits if r["arm"] == arm.name]) for arm in arms],
        "gradients": gradient_summary(gradients, design.temperatures), "notes": notes(design, arms, fits, gradients)}


def measure(parameter: Parameter) -> str:
    """What an error of this parameter is told in."""
    return "%" if parameter.scale == "log" else parameter.unit


def errors(parameter: Parameter, name: str, rows: Sequence[Row]) -> np.ndarray:
    """Errors as they are told, (n,)."""
    estimate, truth = (np.array([row[what][name] for row in rows]) for what in ("estimate", "truth"))
    return 100.0 * (estimate / truth - 1.0) if parameter.scale == "log" else estimate - truth


def z_errors(parameter: Parameter, name: str, rows: Sequence[Row]) -> np.ndarray:
    """Errors in search coordinates, (n,)."""
    estimate, truth = (np.array([row[what][name] for row in rows]) for what in ("estimate", "truth"))
    return parameter.to_z(estimate) - parameter.to_z(truth)


def reference_sds(parameters: Mapping[str, Parameter], arms: Sequence[Arm], fits: Sequence[Row]) -> dict[str, float]:
    """Of the first exact arm with LEAST_FITS or more, in search coordinates; nothing if there is none."""
    for arm in (arm for arm in arms if arm.is_exact):
        rows = [row for row in fits if row["arm"] == arm.name and "estimate" in row]
        if len(rows) >= LEAST_FITS:
            return {name: float(z_errors(p, name, rows).std(ddof=1)) for name, p in parameters.items()}
    return {}


def arm_summary(arm: Arm, parameters: Mapping[str, Parameter], reference: Mapping[str, float],
                rows: Sequence[Row]) -> Row:
    """One line of the table."""
    done = [row for row in rows if "estimate" in row]
    made: Row = {"arm": arm.name, "rules": arm.rules, "temperature": arm.temperature, "updater": arm.updater,
                 "n": len(done), "failed": sum("failed" in row and not row.get("refused") for row in rows),
                 "compared": list(arm.compared), "parameters": {}}
    if not done:
        return made
    for name in arm.compared:
        made["parameters"][name] = spread_of(errors(parameters[name], name, done))
    made |= shares(arm, parameters, reference, done)
    made["noticed"] = sum(row["p_value"] <= NOTICED for row in done)
    apart = [row["p_without_grid"] for row in done if "p_without_grid" in row]
    made["noticed_without_grid"] = sum(p <= NOTICED for p in apart) if len(apart) == len(done) else None
    made["seconds"] = float(np.median([row["seconds"] for row in done]))
    made["paths"] = float(np.mean([row["paths_simulated"] for row in done]))
    return made


def spread_of(values: np.ndarray) -> Row:
    """Mean and sd, each with its standard error (of an sd that of normal values); None where one value has none."""
    n = len(values)
    sd = float(values.std(ddof=1)) if n > 1 else None
    return {"bias": float(values.mean()), "bias_se": None if sd is None else sd / n**0.5, "spread": sd,
            "spread_se": None if sd is None else sd / (2 * (n - 1)) ** 0.5}


def shares(arm: Arm, parameters: Mapping[str, Parameter], reference: Mapping[str, float], done: Sequence[Row]) -> Row:
    """How many fits have converged and how many are near the truth, by DEFINITIONS."""
    if not reference or not arm.compared:
        return {"converged": None, "near": None}
    z = np.stack([z_errors(parameters[name], name, done) for name in arm.compared], axis=1)
    bar = NEAR * np.array([reference[name] for name in arm.compared])
    clear = np.array([not row["at_bound"] for row in done])
    own = (np.abs(z - np.median(z, axis=0)) <= bar).all(axis=1)
    return {"converged": int((own & clear).sum()), "near": int((np.abs(z) <= bar).all(axis=1).sum())}


def gradient_summary(rows: Sequence[Row], temperatures: Sequence[float]) -> list[Row]:
    """Every estimate beside the exact derivative, at the temperatures that are asked for."""
    truth = {(r["functional"], r["parameter"]): r for r in rows if r["estimator"] == DIFFERENCES}
    found = []
    for row in rows:
        if "failed" in row or (row["temperature"] is not None and row["temperature"] not in temperatures):
            continue
        exact = truth[row["functional"], row["parameter"]]
        is_truth = row["estimator"] == DIFFERENCES
        found.append({
            **{k: row[k] for k in ("estimator", "temperature", "functional", "parameter", "value", "se", "sd", "n",
                                   "level")},
            "exact": exact["value"], "exact_se": exact["se"],
            "bias": None if is_truth else row["value"] - exact["value"],
            "bias_se": None if is_truth else (row["se"] ** 2 + exact["se"] ** 2) ** 0.5})
    return found


def notes(design: Design, arms: Sequence[Arm], fits: Sequence[Row], gradients: Sequence[Row]) -> list[str]:
    """What is left out or stands for something else, a sentence each."""
    found = []
    for rules in dict.fromkeys(arm.rules for arm in arms if set(arm.compared) != set(design.space.free)):
        arm = next(arm for arm in arms if arm.rules == rules)
        lost = [name for name in design.space.free if name not in arm.compared]
        more = [name for name in arm.free if name not in design.free]
        instead = f"; free instead: {', '.join(more)}" if more else ""
        found.append(f"{rules} has no {', '.join(lost)}{instead}; compared: {', '.join(arm.compared) or 'nothing'}.")
    for arm in arms:
        failed = [row for row in fits if row["arm"] == arm.name and "failed" in row]
        if failed:
            what = "is left out" if failed[0].get("refused") else f"failed on {len(failed)} data sets"
            found.append(f"{arm.name} {what}: {failed[0]['failed']}.")
    for row in gradients:
        if "failed" in row:
            found.append(f"No gradient by {row['key']}: {row['failed']}.")
    text = Text(design.model)
    unseen = [name for name in design.space.free if reach(read_step(text), name, read_start(text)).jumps]
    if unseen:
        found.append(f"The {SCORE} is blind to how a threshold moves with {', '.join(unseen)}.")
    return found
