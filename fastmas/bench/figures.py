"""What the rows of a benchmark come to: the numbers it is made for, and what they are meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.bench.peers import REFERENCE

Row = dict[str, Any]
TIMES = "x"


@dataclass(frozen=True)
class Figure:
    """A number that follows from the rows, and what it is meant to be."""

    name: str
    value: float
    unit: str
    goal: str


def figures(rows: Sequence[Row]) -> list[Figure]:
    """Costs and ratios in CPU time, threads, starts and GPUs in time on the wall; those without rows are left out."""
    found = [*_of_tasks(rows), *_of_threads(rows), *_of_starts(rows), *_of_gpu(rows)]
    return [one for one in found if np.isfinite(one.value)]


def _of_tasks(rows: Sequence[Row]) -> list[Figure]:
    cells = {(r["task"], r["peer"]): r for r in rows if "cost_ns" in r and "study" not in r}

    def cost(task: str) -> float:
        return cells.get((task, REFERENCE), {}).get("cost_ns", np.nan)

    def times(task: str, peer: str) -> float:
        return cells.get((task, peer), {}).get("versus", np.nan)

    return [
        Figure("market of 15, 16,384 paths: fastmas over C", 1 / times("market-16384", "c"), TIMES, "at most 1.25"),
        Figure("market of 15, 1,000 paths: fastmas over C", 1 / times("market-1000", "c"), TIMES, "at most 1.25"),
        Figure("a path-step at 1,000 paths over one at 16,384", cost("market-1000") / cost("market-16384"), TIMES,
               "at most 1.3"),
        Figure("10^6 like agents, a core", 1 / cost("crowd-1e6"), "G agent-steps/s", "at least 5"),
        Figure("10^6 like agents: speed over C with a word each", times("crowd-1e6", "c"), TIMES, "at least 0.75"),
        Figure("10^6 like agents: speed over C by bit planes", times("crowd-1e6", "c-planes"), TIMES, "at least 0.75"),
        Figure("10^4 traders with values of their own, a core", 1e3 / cost("own-1e4"), "M agent-steps/s",
               "at least 500"),
        Figure("aggregate: 10^9 agents over 10^3", cost("aggregate-1e9") / cost("aggregate-1e3"), TIMES,
               "at most 1.2"),
        Figure("aggregate, 10^6 agents: speed over NumPy's binomials", times("aggregate-1e6", "numpy"), TIMES,
               "at least 3"),
    ]


def _of_threads(rows: Sequence[Row]) -> list[Figure]:
    found = {(r["task"], r["value"]): r["median_ns"] for r in rows if r.get("axis") == "threads"}

    def gain(task: str) -> float:
        return found.get((task, 1), np.nan) / found.get((task, 2), np.nan)

    return [Figure(f"{what}: two threads against one", gain(task), TIMES, "at least 1.85")
            for task, what in (("market-16384", "market of 15"), ("crowd-1e6", "10^6 like agents"))]


def _of_gpu(rows: Sequence[Row]) -> list[Figure]:
    found = {r["task"]: r["median_ns"] for r in rows if r.get("study") == "gpu"}
    return [Figure("GPU: 10^6 like agents", 1 / found.get("gpu-crowd", np.nan), "G agent-steps/s", "at least 100"),
            Figure("GPU: market of 15", 1 / found.get("gpu-market", np.nan), "G path-steps/s", "at least 5"),
            Figure("GPU: a generation of 12 thetas x 1,000 paths x 100 steps",
                   1e-6 * found.get("gpu-generation", np.nan), "ms", "at most 5")]


def _of_starts(rows: Sequence[Row]) -> list[Figure]:
    found = {r["what"]: r["median_s"] for r in rows if r.get("study") == "start"}
    return [Figure("start of a process to its first path, nothing compiled", found.get("cold", np.nan), "s",
                   "at most 10"),
            Figure("the same, compiled before", found.get("warm", np.nan), "s", "at most 1")]
