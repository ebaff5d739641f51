"""Repeated calls that take turns, and what is told of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SAMPLE = 0.02  # seconds at least: shorter calls are repeated within a sample
FEWEST = 3
PAUSE = 0.02  # seconds before a sample: threads of the peer before it spin for a while before they sleep
WALL, CPU = 0, 1

Call = Callable[[int], Any]


def take_turns(calls: Mapping[str, Call], repeats: int, seed: int, budget: float = np.inf) -> dict[str, np.ndarray]:
    """Seconds of a call on the wall and of CPU, (2, repeats) for each name.

    Every call of a round has the seed of that round. A call that would take more than `budget` seconds in
    all is made in fewer rounds, but in at least three.
    """
    gc.collect()
    gc.freeze()  # what is there already is not looked through again
    try:
        return _take_turns(calls, repeats, seed, budget)
    finally:
        gc.unfreeze()


def _take_turns(calls: Mapping[str, Call], repeats: int, seed: int, budget: float) -> dict[str, np.ndarray]:
    size = {name: _sample_size(call, seed) for name, call in calls.items()}
    rounds = {name: int(min(repeats, max(FEWEST, budget / max(n * each, 1e-9)))) for name, (n, each) in size.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for r in range(repeats):
        for name, call in calls.items():
            if r < rounds[name]:
                n = size[name][0]
                gc.collect()  # what one peer leaves behind is not another's time
                time.sleep(PAUSE)
                began = time.perf_counter(), time.process_time()
                for i in range(n):
                    call(seed + r * n + i)
                seconds[name].append(((time.perf_counter() - began[0]) / n, (time.process_time() - began[1]) / n))
    return {name: np.array(found).T for name, found in seconds.items()}


def _sample_size(call: Call, seed: int) -> tuple[int, float]:
    """Calls in a sample and seconds of one; it has been called before."""
    began = time.perf_counter()
    call(seed)
    each = time.perf_counter() - began
    return max(1, int(np.ceil(SAMPLE / max(each, 1e-6)))), each


def summary(seconds: np.ndarray, units: float) -> dict[str, float]:
    """Nanoseconds per unit of work: median, quartiles and best on the wall, median of CPU time."""
    wall, cpu = 1e9 * seconds / units
    low, median, high = np.quantile(wall, [0.25, 0.5, 0.75])
    return {"median_ns": float(median), "low_ns": float(low), "high_ns": float(high), "best_ns": float(wall.min()),
            "cpu_ns": float(np.median(cpu)), "repeats": len(wall)}


def ratio(above: np.ndarray, below: np.ndarray, clock: int = CPU) -> float:
    """How many times longer the one takes than the other: the median over the rounds that both were in."""
    n = min(above.shape[1], below.shape[1])
    return float(np.median(above[clock, :n] / below[clock, :n]))
