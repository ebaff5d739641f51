"""Intervals from the learned score, and what the data cannot tell apart.

The covariance of the estimate is that of the estimating equation mean h(data) = mean h(theta):
J^-1 S J^-T, with h the learned score of the amortised discriminator, J the derivative of its mean in
theta and S its covariance over data sets of this size, both simulated at the estimate (Godambe 1960,
Gourieroux, Monfort and Renault 1993). It is what refitting to simulated data sets gives to first
order, at the cost of one training instead of one per refit. Added to it is the variance of the game
itself, from batch means of where the search stood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from fastmas.calibration.game import arrange
from fastmas.calibration.record import Record
from fastmas.calibration.setup import Setup
from fastmas.discriminators.amortised import Amortised, covariance_of_mean
from fastmas.parameters import Parameter
from fastmas.random.address import Purpose
from fastmas.updaters.moments import both_sides

LEVEL = 0.9
METHOD = "learned score: J^-1 S J^-T simulated at the estimate, plus the variance of the game"
INTERVAL_RUN = 1 << 28  # run numbers of this training, apart from those of the rounds
STEP = 3.0  # spreads: half the difference over which J is taken
N_SERIES = 50  # simulated series behind J when the data are one
N_BATCHES = 5
TOGETHER = 0.95  # correlation from which two parameters are said to move together
VAGUE = 0.2  # standard error in boxes from which a parameter counts as not identified (uniform: 0.29)
NEAR_BOUND = 0.01  # of the box


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


def score_uncertainty(setup: Setup, record: Record, z: np.ndarray) -> Uncertainty:
    """Train an amortised discriminator around the estimate and read the covariance off its scores."""
    _, table = arrange(setup, record, region=z, first_run=INTERVAL_RUN)
    judge = Amortised(table)
    judge.begin()
    u = judge.replay.to_u(z)
    n_paths = N_SERIES if setup.is_series else max(2000, 2 * len(setup.real))
    step = np.minimum(STEP * table.spread, 0.5 * (table.high - table.low))
    step = np.where(setup.space.integer, np.ceil(step), step)
    above, below, apart = both_sides(z, step, setup.low, setup.high)

    def means(points: np.ndarray) -> np.ndarray:
        values = [judge.mean_scores(setup.sample(p[None], n_paths, INTERVAL_RUN, Purpose.INTERVAL)[0], u)
                  for p in points]
        return np.stack(values)

    slopes = (means(above).mean(axis=1) - means(below).mean(axis=1)) / apart[:, None]
    # A series is long enough to say itself how much its mean score varies, also where the model is wrong.
    score_covariance = covariance_of_mean(judge.data_scores(u)) if setup.is_series else (
        covariance_of_mean(means(z[None])[0]) * n_paths / len(setup.real))
    precision = slopes @ np.linalg.solve(score_covariance, slopes.T)
    # A direction that the score does not see is as uncertain as the box is wide.
    prior = np.diag(12.0 / (setup.high - setup.low) ** 2)
    return Uncertainty(np.linalg.inv(precision + prior) + _game_covariance(setup, record))


def _game_covariance(setup: Setup, record: Record) -> np.ndarray:
    """Variance of the averaged search, from the means of N_BATCHES batches."""
    d = setup.space.d
    centres = record.centres[len(record.centres) // 2:]
    if len(centres) < 2 * N_BATCHES:
        return np.zeros((d, d))
    batches = np.stack([np.mean(b, axis=0) for b in np.array_split(np.stack(centres), N_BATCHES)])
    return np.diag(batches.var(axis=0, ddof=1) / N_BATCHES)


def warnings(setup: Setup, record: Record, z: np.ndarray, covariance: np.ndarray) -> list[str]:
    """What a user must know: no convergence, estimates at bounds, parameters the data do not separate."""
    said = [] if record.is_settled else [
        "the search was still moving when its rounds were over: no convergence; free fewer parameters, or look at the "
        "learning curves before using these values"]
    spread, width = np.sqrt(np.diag(covariance)), setup.high - setup.low
    correlation = covariance / np.outer(spread, spread)
    names = setup.space.free
    # A ridge makes both as vague as the box is long; what the data do identify is the news.
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names)) if abs(correlation[i, j]) > TOGETHER]
    for j, name in enumerate(names):
        for bound, where in ((setup.low[j], "lower"), (setup.high[j], "upper")):
            if abs(z[j] - bound) < NEAR_BOUND * width[j]:
                said.append(f"{name} ended at its {where} bound: widen the bounds or fix it")
        if spread[j] > VAGUE * width[j] and not any(j in pair for pair in pairs):
            said.append(f"{name} is hardly identified by these data: its standard error is "
                        f"{spread[j] / width[j]:.0%} of its range")
    return said + [f"{names[i]} and {names[j]} move together (correlation {correlation[i, j]:+.2f}): the data identify "
                   f"{_combination(setup, covariance, i, j)}, not each of them" for i, j in pairs]


def _combination(setup: Setup, covariance: np.ndarray, i: int, j: int) -> str:
    """The best determined combination of two parameters, in words."""
    pair = covariance[np.ix_([i, j], [i, j])]
    weights = np.linalg.eigh(pair)[1][:, 0]
    weights = weights / weights[np.argmax(np.abs(weights))]
    (a, b), (p, q) = weights, (setup.space.free_parameters[i], setup.space.free_parameters[j])
    x, y = setup.space.free[i], setup.space.free[j]
    if p.scale == q.scale == "log":
        if abs(abs(a) - abs(b)) < 0.15:
            return f"{x} / {y}" if a * b < 0 else f"{x} * {y}"
        return f"{_power(x, a)} * {_power(y, b)}"
    return f"{a:.2g} {_coordinate(p, x)} {b:+.2g} {_coordinate(q, y)}"


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:.2g}"


def _coordinate(parameter: Parameter, name: str) -> str:
    return name if parameter.scale == "linear" else f"{parameter.scale}({name})"
