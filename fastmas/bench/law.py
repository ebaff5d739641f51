"""Whether a peer simulates the same market: moments of its paths against those of fastmas."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from fastmas.bench.peers import LeftOut, Peer
from fastmas.bench.tasks import AGENTS, Task
from fastmas.simulate import simulate

FARTHEST = 5.0  # standard errors; six moments and a dozen peers meet it by chance once in 20,000 benchmarks
REFERENCE_PATHS = 40_000
SEED = 9


def moments(paths: np.ndarray) -> np.ndarray:
    """Six numbers of each path, (n_paths, 6): level, spread, and how returns hang together."""
    paths = np.asarray(paths, dtype=np.float64)
    level = paths[:, -1] / paths[:, 0] - 1.0
    returns = np.diff(paths, axis=1) / paths[:, :-1]
    late = returns[:, returns.shape[1] // 2:]
    return np.stack([level, level**2, (returns**2).mean(axis=1), (late**2).mean(axis=1),
                     (late[:, 1:] * late[:, :-1]).mean(axis=1), (returns**4).mean(axis=1)], axis=1)


@cache
def reference(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Mean and squared standard error of each moment, from agents that fastmas visits one by one."""
    one_by_one = replace(task, mode=AGENTS)
    found = moments(simulate(one_by_one.market, one_by_one.theta, n_paths=REFERENCE_PATHS, n_steps=task.n_steps,
                             seed=SEED))
    return found.mean(axis=0), found.var(axis=0) / len(found)


class Law(NamedTuple):
    """The largest distance of a moment in standard errors, and seconds of a call per random number."""

    distance: float
    seconds_per_draw: float


def check_law(peer: Peer, task: Task) -> Law:
    """Compare a peer's small market with the reference.

    Raises
    ------
    LeftOut
        If a moment is more than FARTHEST away, or the paths are no paths.
    """
    small = task.small()
    prepared = peer.prepare(small)
    if prepared.compiles:
        prepared.call(SEED)
    began = time.perf_counter()
    result = prepared.call(SEED + 1)
    seconds = time.perf_counter() - began
    paths = np.asarray(prepared.prices(result))
    if paths.shape != (small.n_paths, small.n_steps + 1) or not np.isfinite(paths).all():
        raise LeftOut(f"its paths are {paths.shape} and not ({small.n_paths}, {small.n_steps + 1}) finite prices")
    mean, squared_error = reference(small)
    found = moments(paths)
    distance = np.abs(found.mean(axis=0) - mean) / np.sqrt(found.var(axis=0) / len(found) + squared_error)
    if distance.max() > FARTHEST:
        raise LeftOut(f"it simulates another law: a moment is {distance.max():.3g} standard errors away")
    return Law(float(distance.max()), seconds / small.draws)
