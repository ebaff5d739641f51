"""How well anybody can estimate b, c and d: the information in what the traders without a trend demand.

rho, N, the windows and d give the demand of the technical traders from past prices, and the price gives that of all:
what is left, y(t), is the demand of noise and fundamental traders. The information of a path is taken from the means of
many functions of y: Hermite polynomials, their products with the price's distance from its mean, and with the
derivative of the trend traders' demand in d. It is as good as these functions are: an estimator may be a little better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermevander
from numpy.typing import NDArray

from fastmas.reproduce.experiment import market, values
from fastmas.reproduce.setting import Setting
from fastmas.simulate import simulate

STEPS = np.array([0.1, 0.25, 0.02])  # halves of the differences in b, c and d
RUN = 50_000  # of the random numbers
N_HERMITE, N_CROSSED, N_TRENDED = 8, 4, 6  # polynomials: alone, with the price's distance, with the trend
CENTRE = 100.0  # price units: mu_1
CHUNK = 20_000  # paths whose features are made at a time

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """Covariance (3, 3) of b, c, d that an estimator at the bound has on the data of one set."""

    covariance: Array

    @property
    def sd(self) -> Array:
        """(3,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> float:
        """Of b and c."""
        return float(self.covariance[0, 1] / (self.sd[0] * self.sd[1]))

    def draw(self, setting: Setting, n: int) -> Array:
        """Estimates (n, 3) around the truth."""
        rng = np.random.default_rng([setting.seed, RUN])
        return rng.multivariate_normal(setting.truth, self.covariance, size=n)


def _correlated(sd: tuple[float, float, float], correlation: float) -> Bound:
    covariance = np.diag(np.square(sd))
    covariance[0, 1] = covariance[1, 0] = correlation * sd[0] * sd[1]
    return Bound(covariance)


# What a normal law with the prices' mean and covariance would hold; the law is not normal: of d that is too much.
GAUSSIAN = _correlated((0.024, 0.12, 0.0021), 0.90)


def bound(setting: Setting, n_threads: int | None = None) -> Bound:
    """The inverse of n_paths m' C^-1 m, with C the features' covariance and m their derivatives at the truth.

    Derivatives are central differences under common random numbers; products are of different halves of the paths,
    whose noise would count as information otherwise.
    """
    around = np.concatenate([setting.truth + np.diag(STEPS), setting.truth - np.diag(STEPS), setting.truth[None]])
    longest = max(long for _, long in setting.windows)
    before = min(longest, setting.first_of_data)  # prices that the moving averages look back to
    last = setting.first_of_data + setting.n_times - 1
    found: list[Array] = []
    scale = None
    for theta in around[::-1]:  # the truth first: its sd is the unit of all
        paths = simulate(market(setting), values(theta, rho=setting.rho), n_paths=setting.n_information, n_steps=last,
                         warmup=setting.first_of_data - before, seed=setting.seed, run=RUN, n_threads=n_threads)
        demands = [left_over(setting, piece.astype(np.float64)) for piece in _pieces(paths)]
        scale = np.concatenate([y for y, _, _ in demands]).std() if scale is None else scale
        found.insert(0, np.concatenate([_features(*one, scale) for one in demands]))
    up, down, here = found[:3], found[3:6], found[6]
    slopes = np.stack([(u - v) / (2 * h) for u, v, h in zip(up, down, STEPS, strict=True)])
    one, other = (half.mean(axis=1) for half in np.array_split(slopes, 2, axis=1))
    product = one @ np.linalg.solve(np.cov(here.T), other.T)
    return Bound(np.linalg.inv(setting.n_paths * (product + product.T) / 2))


def left_over(setting: Setting, paths: Array) -> tuple[Array, Array, Array]:
    """y(t), the price before it less its mean, and the slope in d of the trend traders' demand, each (n, steps)."""
    longest = max(long for _, long in setting.windows)
    n_steps = min(setting.n_times - 1, paths.shape[1] - 1 - longest)
    total = np.cumsum(np.concatenate([np.zeros((len(paths), 1)), paths], axis=1), axis=1)
    ends = np.arange(paths.shape[1] - n_steps, paths.shape[1])  # price t is made from those before it
    trend, slope = np.zeros((len(paths), n_steps)), np.zeros((len(paths), n_steps))
    for short, long in setting.windows:
        m = (total[:, ends] - total[:, ends - short]) / short - (total[:, ends] - total[:, ends - long]) / long
        decided = np.tanh(setting.d * m / 2)
        trend += decided
        slope += m / 2 * (1 - decided**2)
    n_traders = 7 + len(setting.windows) + 3
    demand = (paths[:, ends] / paths[:, ends - 1] - 1) * n_traders / setting.rho  # eq. (2)
    return demand - trend, paths[:, ends - 1] - CENTRE, slope


def _features(y: Array, away: Array, slope: Array, scale: float) -> Array:
    """Their means over a path, (n, k)."""
    h = hermevander(np.clip(y / scale, -6, 6), N_HERMITE)[..., 1:]
    pull = np.tanh(away / 2)  # what a fundamental trader makes of the distance, eq. (9) smoothed
    known = np.stack([slope * away, slope * away**3 / 100, slope * pull, slope**2, away**2, pull**2, away * pull], -1)
    parts = [h, known, *(h[..., :N_CROSSED] * by[..., None] for by in (away / 3, pull, pull**2, slope * pull)),
             h[..., :N_TRENDED] * slope[..., None], (y[:, 1:] * y[:, :-1])[..., None]]
    return np.concatenate([part.mean(axis=1) for part in parts], axis=1)


def _pieces(paths: np.ndarray) -> list[np.ndarray]:
    return np.array_split(paths, max(1, len(paths) // CHUNK))
