"""NumPy: arrays over paths (and agents), float64 where prices live, float32 for the numbers of agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from fastmas.bench.peers import Prepared, package_versions
from fastmas.bench.tasks import AGGREGATE, Task

BLOCK = 1 << 16  # numbers at a time: they stay in the cache

Count = Callable[[np.random.Generator, int, np.ndarray], np.ndarray]


def count_agents(rng: np.random.Generator, n: int, p: np.ndarray) -> np.ndarray:
    """How many of n agents decide for it, (n_paths,); p is (n_paths,), or (n, n_paths) for agents of their own."""
    size = max(1, BLOCK // p.shape[-1])
    p = p.astype(np.float32)
    count = np.zeros(p.shape[-1], dtype=np.int64)
    for first in range(0, n, size):
        k = min(size, n - first)
        chance = p if p.ndim == 1 else p[first:first + k]
        count += (rng.random((k, p.shape[-1]), dtype=np.float32) < chance).sum(axis=0)
    return count


def count_binomial(rng: np.random.Generator, n: int, p: np.ndarray) -> np.ndarray:
    return rng.binomial(n, p)


class Technical:
    """Technical traders, eq. (6): one mean per length, one sorted array of thresholds per pair of windows."""

    def __init__(self, windows: np.ndarray, gamma: Any) -> None:
        thresholds = np.broadcast_to(gamma, len(windows))
        self.groups = [((int(a), int(b)), np.sort(thresholds[(windows == (a, b)).all(axis=1)]))
                       for a, b in np.unique(windows, axis=0)]

    def demand(self, t: int, sums: np.ndarray) -> np.ndarray | float:
        total: np.ndarray | float = 0.0
        for (short, long), gamma in self.groups:
            if t >= long:
                m = (sums[t] - sums[t - short]) / short - (sums[t] - sums[t - long]) / long
                total = total + np.searchsorted(gamma, m, "right") - np.searchsorted(gamma, -m, "right")
        return total


def simulate(task: Task, seed: int, technical: Technical, count: Count) -> np.ndarray:
    """Prices (n_steps + 1, n_paths)."""
    q, rng = task.numbers, np.random.Generator(np.random.SFC64(seed))
    kappa = np.asarray(q["kappa"])[..., None] if np.ndim(q["kappa"]) else q["kappa"]
    value, variance = np.full(task.n_paths, q["value_0"]), np.full(task.n_paths, q["variance_0"])
    prices = np.full((task.n_steps + 1, task.n_paths), q["price_0"])
    sums = np.zeros((task.n_steps + 2, task.n_paths))  # sums[k] of the first k prices
    sums[1] = prices[0]
    for t in range(1, task.n_steps + 1):
        price, demand = prices[t - 1], np.zeros(task.n_paths)
        signal = q["sigma_public"] * rng.standard_normal(task.n_paths)
        demand += 2 * count(rng, task.n_noise, ndtr(kappa * signal / q["sigma_individual"])) - task.n_noise  # eq. (4)
        if task.n_fundamental:
            root = np.sqrt(np.maximum(variance, 0.0))
            variance = (variance + q["v2"] * (q["mu2"] - np.maximum(variance, 0.0))
                        + root * rng.standard_normal(task.n_paths))  # eq. (8)
            value = (value + q["v1"] * (q["mu1"] - value)
                     + np.sqrt(np.maximum(variance, 0.0)) * rng.standard_normal(task.n_paths))  # eq. (7)
            chance = ndtr((value - price) / q["sigma_fundamental"])
            demand += 2 * count(rng, task.n_fundamental, chance) - task.n_fundamental  # eq. (9)
        demand += technical.demand(t, sums)
        prices[t] = price * (1.0 + q["rho"] * demand / task.n_agents)  # eq. (2)
        sums[t + 1] = sums[t] + prices[t]
    return prices


class NumPy:
    def versions(self) -> dict[str, str]:
        return package_versions("numpy", "scipy")

    def prepare(self, task: Task) -> Prepared:
        technical = Technical(task.numbers["windows"], task.numbers["gamma"])
        count = count_binomial if task.mode == AGGREGATE else count_agents
        return Prepared(lambda seed: simulate(task, seed, technical, count), prices=np.transpose)


PEER = NumPy()
