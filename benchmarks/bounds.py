"""Claim: what is the best that anybody can do for kappa, data set by data set.

The information bound on log kappa of the exact market for the very data sets of `calibration.py`: prices and thus the
sum of the noise and fundamental demands are seen, the split, the value P* and its variance are not. The score of each
path, d log p(prices) / d log kappa, comes from a particle filter by Fisher's identity (Cappe, Moulines and Ryden 2005,
section 10.1.3): the mean over particles of the scores that they have gathered. kappa enters the law of a step alone,
and the public signal is new at every step, so each gathers d log g exactly. The filter is told the other parameters
and the prices before the window too: nobody who is not can do better. The bound is the sum of the squared scores
to the power -1/2; the sum of the scores over that of their squares is the error of an efficient estimator on these
data.

    python benchmarks/bounds.py [--sets 20] [--particles 100] [--out FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import lines
import numpy as np
from calibration_tasks import BOUND_PATHS, FIRST_SEED, exact_market
from scipy.special import comb, roots_hermitenorm
from scipy.stats import binom, norm

import fastmas as fm

STEP = 1e-3  # of log kappa: half the width of a difference of two quadratures
NODES = 200
LEAST = 1e-300  # a particle that the data exclude is never chosen


class Bound(NamedTuple):
    """Standard error of an efficient estimator of log kappa, its error on these data and that error's own sd."""

    sd: float
    error: float
    error_sd: float


def law_of_noise(kappa: float, n: int, ratio_sd: float) -> np.ndarray:
    """P(k of n noise traders buy), k = 0..n, over the public signal; eqs. (3) to (5)."""
    nodes, weights = roots_hermitenorm(NODES)
    chance = norm.cdf(kappa * nodes * ratio_sd)
    return np.asarray(binom.pmf(np.arange(n + 1)[:, None], n, chance) @ (weights / weights.sum()))


def scores(market: Any, values: dict[str, float], seen: dict[str, np.ndarray], first: int, n_particles: int,
           seed: int) -> np.ndarray:
    """d log p(prices) / d log kappa of each path's steps after `first`, (n_paths,).

    `seen` are prices (n_paths, n_times) from t = 0 on and buyers (n_paths, n_times) of both types together.
    """
    rng = np.random.default_rng(seed)
    p = {q.name: q.default for q in market.parameters} | values
    n1, n3, ratio = market.n_noise, market.n_fundamental, p["sigma_public"] / p["sigma_individual"]
    law = law_of_noise(p["kappa"], n1, ratio)
    slope = (law_of_noise(p["kappa"] * np.exp(STEP), n1, ratio)
             - law_of_noise(p["kappa"] * np.exp(-STEP), n1, ratio)) / (2 * STEP)
    shape = (len(seen["price"]), n_particles)
    value, variance, gathered = np.full(shape, p["value_0"]), np.full(shape, p["variance_0"]), np.zeros(shape)
    rows = np.arange(shape[0])[:, None]
    for t in range(1, seen["price"].shape[1]):
        variance = (variance + p["v2"] * (p["mu2"] - np.maximum(variance, 0.0))
                    + np.sqrt(np.maximum(variance, 0.0)) * rng.standard_normal(shape))  # eq. (8)
        value = (value + p["v1"] * (p["mu1"] - value)
                 + np.sqrt(np.maximum(variance, 0.0)) * rng.standard_normal(shape))  # eq. (7)
        chance = norm.cdf((value - seen["price"][:, t - 1, None]) / p["sigma_fundamental"])  # eq. (9)
        chances = np.stack([comb(n3, j) * chance**j * (1.0 - chance)**(n3 - j) for j in range(n3 + 1)])
        noise = seen["buyers"][:, t, None] - np.arange(n3 + 1)  # buyers of the first type, if j of the others buy
        inside = (noise >= 0) & (noise <= n1)
        likely, change = (np.where(inside, of[np.clip(noise, 0, n1)], 0.0) for of in (law, slope))
        g = np.einsum("pj,jpn->pn", likely, chances)
        if t > first:
            gathered = gathered + np.einsum("pj,jpn->pn", change, chances) / np.maximum(g, LEAST)
        heaped = np.cumsum(g, axis=1)
        at = (np.arange(n_particles) + rng.random((shape[0], 1))) / n_particles * heaped[:, -1:]
        chosen = np.minimum(np.stack([np.searchsorted(*pair) for pair in zip(heaped, at, strict=True)]),
                            n_particles - 1)
        value, variance, gathered = value[rows, chosen], variance[rows, chosen], gathered[rows, chosen]
    return np.asarray(gathered.mean(axis=1))


def bound_of(market: Any, truth: dict[str, float], seen: dict[str, np.ndarray], first: int,
             n_particles: int = 100) -> Bound:
    """The bound for these paths, from two runs of the filter with other particles."""
    runs = [scores(market, truth, seen, first, n_particles, seed) for seed in (1, 2)]
    information = float((runs[0] * runs[1]).sum())  # the filters' own noise is not information
    errors = [float(one.sum()) / information for one in runs]
    return Bound(information**-0.5, float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(2)))


def observed(market: Any, truth: dict[str, float], n_paths: int, seed: int) -> dict[str, np.ndarray]:
    """Prices of a data set from t = 0 on, and how many noise and fundamental traders bought."""
    price, noise, fundamental = (fm.simulate(market, truth, n_paths=n_paths, n_steps=100, seed=seed, observable=name)
                                 for name in ("price", "demand_noise", "demand_fundamental"))
    return {"price": price.astype(float), "buyers": np.rint(
        (noise + fundamental + market.n_noise + market.n_fundamental) / 2).astype(int)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--particles", type=int, default=100)
    parser.add_argument("--out", type=Path, default=lines.place_of("bounds"))
    options = parser.parse_args()
    rows = []
    for number in range(options.sets):
        market, truth = exact_market(number)
        seen = observed(market, truth, BOUND_PATHS, FIRST_SEED + number)
        found = bound_of(market, truth, seen, 50, options.particles)
        rows.append({"set": number, "truth": truth, **found._asdict()})
        print(f"{number:2d} kappa {truth['kappa']:.3f}: bound {found.sd:.4f}, efficient error {found.error:+.4f} "
              f"(+-{found.error_sd:.4f}), {found.error / found.sd:+.2f} bounds", flush=True)
    units = np.array([r["error"] / r["sd"] for r in rows])
    print(f"efficient errors: rms {np.sqrt((units**2).mean()):.2f} bounds", file=sys.stderr)
    lines.write(options.out, [lines.head(), *rows])


if __name__ == "__main__":
    main()
