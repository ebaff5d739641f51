"""Intervals of the estimator that was run, and what the data cannot tell apart.

The covariance is that of the last step's estimating equation, J^-1 S J^-T over the features that it used, simulated at
the estimate (Godambe 1960, Gourieroux, Monfort and Renault 1993), with the noise of the simulation and, under a wrong
model, the misfit tau. It is what refitting to simulated data sets gives to first order. Where one series leaves a
parameter vague, first order is not enough: valleys bend within a standard error, and an estimate that ended where the
slopes are steep claims too much. There the intervals are quantiles of posterior draws that a regression has made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.stats import norm

from fastmas.calibration.game import VAGUE
from fastmas.calibration.identified import Combination, combinations, listed
from fastmas.calibration.posterior import Posterior, is_vague
from fastmas.calibration.record import Record
from fastmas.calibration.settle import whole_problem
from fastmas.calibration.setup import Setup
from fastmas.updaters.scoring import covariance_at

LEVEL = 0.9
METHOD = "J^-1 S J^-T of the features of the last step, simulated at the estimate"
BY_DRAWS = "quantiles of the posterior draws and the estimate, since these data leave a parameter vague"
LEAST_DRAWS = 500  # whose quantiles are ends
NEAR_BOUND = 0.01  # of the box
MOST_TOLD = 5  # combinations


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
        return _between(setup, *(np.clip(z + side * reach, setup.low, setup.high) for side in (-1, 1)))


def uncertainty(setup: Setup, record: Record, z: np.ndarray) -> Uncertainty:
    """Of the estimate z (d,) from all data."""
    return Uncertainty(covariance_at(whole_problem(setup, record), z))


def intervals(setup: Setup, z: np.ndarray, found: Uncertainty,
              drawn: Posterior | None) -> tuple[dict[str, list[float]], str]:
    """Ends of each parameter's interval around the estimate z (d,) in natural units, and how they were found."""
    by_draws = drawn is not None and drawn.is_learned and len(drawn.z) >= LEAST_DRAWS
    if drawn is None or not by_draws or not setup.is_series or not is_vague(setup, found.spread):
        return found.interval(setup, z), METHOD
    low, high = np.quantile(drawn.z, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
    return _between(setup, np.minimum(low, z), np.maximum(high, z)), BY_DRAWS


def warnings(setup: Setup, record: Record, z: np.ndarray, covariance: np.ndarray,
             found: Sequence[Combination] | None = None) -> list[str]:
    """What a user must know: no convergence, estimates at bounds, parameters the data do not separate.

    `found` is what `combinations` finds; in a few lines, however many parameters there are.
    """
    said = [] if record.is_settled else [
        "the search was still moving when its rounds were over: no convergence; free fewer parameters, or look at the "
        "learning curves before using these values"]
    found = combinations(setup, covariance) if found is None else found
    spread, width, names = np.sqrt(np.diag(covariance)), setup.high - setup.low, setup.space.free
    for bound, where in ((setup.low, "lower"), (setup.high, "upper")):
        for some in _by_parameter(setup, np.abs(z - bound) < NEAR_BOUND * width):
            one = len(some) == 1
            said.append(f"{listed([names[j] for j in some])} ended at {'its' if one else 'their'} {where} "
                        f"bound{'' if one else 's'}: widen the bounds or fix {'it' if one else 'them'}")
    # A ridge makes each as vague as the box is long; what the data do identify is the news.
    vague = spread > VAGUE * width
    vague[[j for one in found for j in one.members]] = False
    for some in _by_parameter(setup, vague):
        least, most = (f"{share:.0%}" for share in (min(spread[some] / width[some]), max(spread[some] / width[some])))
        error = f"its standard error is {least} of its range" if len(some) == 1 else (
            f"their standard errors are {least if least == most else f'{least} to {most}'} of their ranges")
        are = "is" if len(some) == 1 else "are"
        said.append(f"{listed([names[j] for j in some])} {are} hardly identified by these data: {error}")
    said += [_told(names, one, covariance) for one in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        said.append(f"{len(found) - MOST_TOLD} more groups of parameters move together: free fewer of them")
    return said


def _between(setup: Setup, low: np.ndarray, high: np.ndarray) -> dict[str, list[float]]:
    """Both ends (d,) in natural units, by name."""
    ends = setup.space.to_theta(low), setup.space.to_theta(high)
    return {n: [float(a), float(b)] for n, a, b in zip(setup.space.free, *ends, strict=True)}


def _by_parameter(setup: Setup, marked: np.ndarray) -> list[list[int]]:
    """Places that are marked (d,), those of one parameter together."""
    places = [int(j) for j in np.flatnonzero(marked)]
    return [list(some) for _, some in groupby(places, key=lambda j: setup.space.free_parameters[j].name)]


def _told(names: Sequence[str], one: Combination, covariance: np.ndarray) -> str:
    how = ""
    if len(one.members) == 2:
        i, j = one.members
        how = f" (correlation {covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j]):+.2f})"
    others = f" and {one.n_others} other combination{'s' if one.n_others > 1 else ''}" if one.n_others else ""
    return (f"{listed([names[j] for j in one.members])} move together{how}: the data identify {one.words}{others}, not "
            "each of them")
