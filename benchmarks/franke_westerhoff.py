"""Claim: what is the best that anybody can do for five parameters of Franke and Westerhoff, data set by data set.

The protocol of okarlicek/DiplomaThesis: 3,000 prices after 200 steps, the two noises known, phi, chi, alpha_0, alpha_n
and alpha_p uniform in a box, 100 data sets at the same truth. Given the prices the likelihood is exact but for
the share at the first of them, which is set to one half and forgotten in the steps that are left out. Draws go from
the whole box to the posterior by rising powers of the likelihood (Del Moral, Doucet and Jasra 2006).

    python benchmarks/franke_westerhoff.py [--sets 100] [--out FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lines
import numba
import numpy as np
from scipy.optimize import brentq

import fastmas as fm
from fastmas.language import exp, sigmoid, sqrt

TRUTH = {"phi": 0.12, "chi": 1.5, "alpha_0": -0.327, "alpha_n": 1.79, "alpha_p": 18.43}
BOX = {"phi": (0.0, 3.0), "chi": (0.0, 3.0), "alpha_0": (-1.0, 1.0), "alpha_n": (0.5, 4.0), "alpha_p": (5.0, 50.0)}
IMPACT, SIGMA_F, SIGMA_C = 0.01, 0.758, 2.087
N_PRICES, WARMUP, FIRST_SEED = 3000, 200, 900_000
FORGETS = 50  # steps that are left out of the likelihood
DRAWS, MOVES, LAST_MOVES = 1000, 6, 18
SCALES = 2.38 / np.sqrt(len(TRUTH)) * np.sqrt([0.05, 0.3, 1.0])  # of a step, in sds: ridges are narrow and curved
RMSE = "root mean square errors over sqrt |truth|, their mean over the five parameters"


class Prices(fm.Model):
    """The model of `fastmas.models` in prices, whose level is data too, with the box as its bounds."""

    impact: float = IMPACT
    sigma_f: float = SIGMA_F
    sigma_c: float = SIGMA_C
    phi = fm.Parameter(TRUTH["phi"], *BOX["phi"])
    chi = fm.Parameter(TRUTH["chi"], *BOX["chi"])
    alpha_0 = fm.Parameter(TRUTH["alpha_0"], *BOX["alpha_0"])
    alpha_n = fm.Parameter(TRUTH["alpha_n"], *BOX["alpha_n"])
    alpha_p = fm.Parameter(TRUTH["alpha_p"], *BOX["alpha_p"])

    price = fm.State(1.0)
    log_price = fm.State(0.0)
    share = fm.State(0.5)
    before = fm.State(0.0, shown=False)

    def step(self, t, draw):
        n_f, n_c = self.share, 1 - self.share
        trend = self.log_price - self.before
        sd = sqrt((n_f * self.sigma_f) ** 2 + (n_c * self.sigma_c) ** 2)
        attraction = self.alpha_0 + self.alpha_n * (n_f - n_c) + self.alpha_p * self.log_price**2
        change = self.impact * (n_c * self.chi * trend - n_f * self.phi * self.log_price + sd * draw.normal())
        self.before = self.log_price
        self.log_price += change
        self.share = sigmoid(attraction)
        self.price = exp(self.log_price)


def prices(number: int) -> np.ndarray:
    """The series of a data set, (N_PRICES,)."""
    return fm.simulate(Prices(), TRUTH, n_paths=1, n_steps=WARMUP + N_PRICES - 1, warmup=WARMUP,
                       seed=FIRST_SEED + number)[0]


@numba.njit
def log_likelihood(p: np.ndarray, theta: np.ndarray) -> float:
    """Of log prices."""
    phi, chi, alpha_0, alpha_n, alpha_p = theta
    share, total = 0.5, 0.0
    for t in range(1, len(p) - 1):
        mean = IMPACT * ((1 - share) * chi * (p[t] - p[t - 1]) - share * phi * p[t])
        variance = IMPACT**2 * ((share * SIGMA_F) ** 2 + ((1 - share) * SIGMA_C) ** 2)
        if t > FORGETS:
            total -= 0.5 * (np.log(variance) + (p[t + 1] - p[t] - mean) ** 2 / variance)
        share = 1 / (1 + np.exp(-(alpha_0 + alpha_n * (2 * share - 1) + alpha_p * p[t] ** 2)))
    return total


@numba.njit
def log_likelihoods(p: np.ndarray, thetas: np.ndarray) -> np.ndarray:
    return np.array([log_likelihood(p, theta) for theta in thetas])


def posterior(p: np.ndarray, low: np.ndarray, high: np.ndarray, seed: int) -> np.ndarray:
    """Draws (DRAWS, d) of the uniform prior's posterior, given log prices."""
    rng = np.random.default_rng(seed)
    draws = rng.uniform(low, high, (DRAWS, len(low)))
    heights, power = log_likelihoods(p, draws), 0.0
    while power < 1:
        step = next_step(heights, 1 - power)
        power += step
        weights = np.cumsum(np.exp(step * (heights - heights.max())))
        chosen = np.searchsorted(weights, (np.arange(DRAWS) + rng.random()) / DRAWS * weights[-1])
        draws, heights = draws[chosen], heights[chosen]
        for scale in rng.choice(SCALES, MOVES if power < 1 else LAST_MOVES):
            tried = draws + scale * rng.multivariate_normal(np.zeros(len(low)), np.cov(draws.T), DRAWS)
            inside = np.flatnonzero(((tried > low) & (tried < high)).all(axis=1))
            found = log_likelihoods(p, tried[inside])
            taken = np.log(rng.random(len(inside))) < power * (found - heights[inside])
            draws[inside[taken]], heights[inside[taken]] = tried[inside[taken]], found[taken]
    return draws


def next_step(heights: np.ndarray, most: float) -> float:
    """By how much the power of the likelihood may grow so that half of the draws are left in effect."""
    def left(step: float) -> float:
        weights = np.exp(step * (heights - heights.max()))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(heights) - 0.5)

    return most if left(most) > 0 else float(brentq(left, 0.0, most))


def root_mean_square(estimates: np.ndarray) -> np.ndarray:
    """Of estimates (n, 5), in the unit of RMSE; its mean is the thesis' figure."""
    truth = np.array(list(TRUTH.values()))
    return np.sqrt(((estimates - truth) ** 2).mean(axis=0) / np.abs(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--out", type=Path, default=lines.place_of("franke_westerhoff"))
    options = parser.parse_args()
    low, high = np.array(list(BOX.values())).T
    rows: list[lines.Row] = []
    for number in range(options.sets):
        draws = posterior(np.log(prices(number).astype(float)), low, high, number)
        ends = np.quantile(draws, [0.05, 0.95], axis=0)
        rows.append({"set": number, **{name: dict(zip(TRUTH, values.tolist(), strict=True)) for name, values in (
            ("mean", draws.mean(axis=0)), ("sd", draws.std(axis=0)), ("low", ends[0]), ("high", ends[1]))}})
        print(f"{number:3d} " + ", ".join(f"{n} {rows[-1]['mean'][n]:.3f} +- {rows[-1]['sd'][n]:.3f}" for n in TRUTH),
              flush=True)
    lines.write(options.out, [lines.head(), *rows])
    found = root_mean_square(np.array([list(row["mean"].values()) for row in rows]))
    covered = np.mean([[row["low"][n] <= TRUTH[n] <= row["high"][n] for n in TRUTH] for row in rows], axis=0)
    print(f"{RMSE}: {found.mean():.3f} ({', '.join(f'{n} {x:.2f}' for n, x in zip(TRUTH, found, strict=True))}); "
          f"90% intervals cover {', '.join(f'{x:.2f}' for x in covered)}")


if __name__ == "__main__":
    main()
