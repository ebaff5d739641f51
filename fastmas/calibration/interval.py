"""Intervals of the estimator that was run, and what the data cannot tell apart.

The covariance is that of the last step's estimating equation, J^-1 S J^-T over the features that it used, simulated at
the estimate (Godambe 1960, Gourieroux, Monfort and Renault 1993), with the noise of the simulation and, under a wrong
model, the misfit tau. It is what refitting to simulated data sets gives to first order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from fastmas.calibration.record import Record
from fastmas.calibration.settle import whole_problem
from fastmas.calibration.setup import Setup
from fastmas.parameters import Parameter
from fastmas.updaters.scoring import covariance_at

LEVEL = 0.9
METHOD = "J^-1 S J^-T of the features of the last step, simulated at the estimate"
TOGETHER = 0.95  # correlation from which two parameters are said to move together
VAGUE = 0.2  # standard error in boxes from which a parameter counts as not identified (uniform: 0.29)
NEAR_BOUND = 0.01  # of the box
NEGLIGIBLE = 0.01  # standard error in boxes below which a parameter is known by itself
LEAST_SHARE = 0.1  # of a combination's largest part: a smaller one is left out
ALIKE = 0.15  # exponents that differ by less are the same


@dataclass(frozen=True)
class Uncertainty:
    """Covariance of the estimate in search coordinates, (d, d)."""

    covariance: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """Standard errors, (d,)."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, setup: Setup, z: np.ndarray) -> dict[str, list[float]]:
        """Ends of each parameter's interval at LEVEL in natural units, inside the bounds."""
        reach = norm.ppf(0.5 + LEVEL / 2) * self.spread
        ends = [setup.space.to_theta(np.clip(z + side * reach, setup.low, setup.high)) for side in (-1, 1)]
        return {n: [float(a), float(b)] for n, a, b in zip(setup.space.free, *ends, strict=True)}


def uncertainty(setup: Setup, record: Record, z: np.ndarray) -> Uncertainty:
    """Of the estimate z (d,) from all data."""
    return Uncertainty(covariance_at(whole_problem(setup, record), z))


def warnings(setup: Setup, record: Record, z: np.ndarray, covariance: np.ndarray) -> list[str]:
    """What a user must know: no convergence, estimates at bounds, parameters the data do not separate."""
    said = [] if record.is_settled else [
        "the search was still moving when its rounds were over: no convergence; free fewer parameters, or look at the "
        "learning curves before using these values"]
    spread, width = np.sqrt(np.diag(covariance)), setup.high - setup.low
    names, ridges = setup.space.free, _ridges(covariance, width)
    # A ridge makes each as vague as the box is long; what the data do identify is the news.
    for j, name in enumerate(names):
        for bound, where in ((setup.low[j], "lower"), (setup.high[j], "upper")):
            if abs(z[j] - bound) < NEAR_BOUND * width[j]:
                said.append(f"{name} ended at its {where} bound: widen the bounds or fix it")
        if spread[j] > VAGUE * width[j] and not any(j in members for members, _ in ridges):
            said.append(f"{name} is hardly identified by these data: its standard error is "
                        f"{spread[j] / width[j]:.0%} of its range")
    for members, weights in ridges:
        first, last = [names[j] for j in members[:-1]], names[members[-1]]
        how = ""
        if len(members) == 2:
            i, j = members
            how = f" (correlation {covariance[i, j] / (spread[i] * spread[j]):+.2f})"
        said.append(f"{', '.join(first)} and {last} move together{how}: the data identify "
                    f"{_combination(setup, members, weights)}, not each of them")
    return said


def _ridges(covariance: np.ndarray, width: np.ndarray) -> list[tuple[list[int], np.ndarray]]:
    """Groups of parameters of which a combination is known far better than each, with its weights.

    A group holds those that the others predict with a correlation above TOGETHER, though the data leave each of them
    vague; the combination is the one that varies least.
    """
    boxes = covariance / np.outer(width, width)
    vague = [int(j) for j in np.flatnonzero(np.sqrt(np.diag(boxes)) > NEGLIGIBLE)]
    found = []
    while len(vague) > 1:
        part = boxes[np.ix_(vague, vague)]
        predicted = 1.0 - 1.0 / np.maximum(np.diag(part) * np.diag(np.linalg.pinv(part)), 1.0)
        vague = [j for j, share in zip(vague, predicted, strict=True) if share > TOGETHER**2]
        if len(vague) < 2:
            break
        part = boxes[np.ix_(vague, vague)]
        weights = np.linalg.eigh(part)[1][:, 0]
        share = np.abs(weights) * np.sqrt(np.diag(part))
        kept = share > LEAST_SHARE * share.max()
        members = [j for j, one in zip(vague, kept, strict=True) if one]
        if len(members) > 1:
            found.append((members, weights[kept] / width[members]))
        vague = [j for j in vague if j not in members]
    return found


def _combination(setup: Setup, members: list[int], weights: np.ndarray) -> str:
    """The best determined combination of parameters, in words."""
    parameters, names = [setup.space.free_parameters[j] for j in members], [setup.space.free[j] for j in members]
    weights = weights / weights[np.argmax(np.abs(weights))]
    if all(p.scale == "log" for p in parameters):
        weights = np.where(np.abs(np.abs(weights) - 1.0) < ALIKE, np.sign(weights), weights)
        if len(members) == 2 and (weights == [-1.0, 1.0]).all():
            weights = -weights
        above = " * ".join(_power(x, w) for x, w in zip(names, weights, strict=True) if w != -1.0)
        return " / ".join([above or "1", *(x for x, w in zip(names, weights, strict=True) if w == -1.0)])
    words = [f"{w:+.2g} {_coordinate(p, x)}" for w, p, x in zip(weights, parameters, names, strict=True)]
    return " ".join(words).removeprefix("+")


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:.2g}"


def _coordinate(parameter: Parameter, name: str) -> str:
    return name if parameter.scale == "linear" else f"{parameter.scale}({name})"
