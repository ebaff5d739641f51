"""Claim: the exact market costs a few nanoseconds per path-step and core, in bounded memory at any size.

The market with 7, 5 and 3 traders, 100 steps, the array of prices included:

- `one-thread`: ns per path-step for 1,000 and 16,384 paths;
- `two-threads`: two threads against one at 16,384 paths, in turns;
- `numpy`: the same rules in NumPy below (float64, arrays of agents x paths), in turns with the kernel at
  1,000 paths, where its arrays fit the cache; that both have the same law is checked first;
- `large`: ns per agent and step where every one of a million noise traders draws a word of its own;
- `stream`: 1,000,000 paths through `iterate_paths` in a fresh process, with its peak memory.

All but the last are repeated, and median and best given. A machine that does other things at the same time
stretches the time on the wall; CPU time of the process (`cpu_median_ns`) counts only what it worked itself.
The load average stands in the first line of the result.

    python benchmarks/simulation.py [--repeats 60] [--stream 1000000] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastmas as fm

STEPS = 100
MANY, FEW = 16_384, 1000
LARGE, LARGE_PATHS, LARGE_STEPS = 1_000_000, 64, 5
THETA = {"kappa": 1.0, "gamma": 2.0}
FARTHEST = 5.0  # standard errors between the two laws


def numpy_market(n_paths: int, rng: np.random.Generator, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """The paper's exact market at THETA with NumPy: prices (STEPS + 1, n_paths)."""
    n_noise, n_technical, n_fundamental = 7, len(windows), 3
    n = n_noise + n_technical + n_fundamental
    value, variance = np.full(n_paths, 100.0), np.full(n_paths, 0.01)
    prices = np.full((STEPS + 1, n_paths), 100.0)
    sums = np.zeros((STEPS + 2, n_paths))  # sums[k] of the first k prices: a moving average is one difference
    sums[1] = prices[0]
    for t in range(1, STEPS + 1):
        price = prices[t - 1]
        signal, z_variance, z_value = rng.standard_normal((3, n_paths))
        root = np.sqrt(np.maximum(variance, 0.0))
        variance = variance + 0.1 * (0.01 - np.maximum(variance, 0.0)) + root * z_variance  # eq. (8)
        value = value + 0.1 * (100.0 - value) + np.sqrt(np.maximum(variance, 0.0)) * z_value  # eq. (7)
        buys = THETA["kappa"] * signal + 3.0 * rng.standard_normal((n_noise, n_paths)) >= 0.0  # eq. (4)
        sees_more = value + rng.standard_normal((n_fundamental, n_paths)) >= price  # eq. (9)
        demand = 2.0 * buys.sum(axis=0) - n_noise + 2.0 * sees_more.sum(axis=0) - n_fundamental
        for short, long in windows:
            if t >= long:
                m = (sums[t] - sums[t - short]) / short - (sums[t] - sums[t - long]) / long
                demand += (m >= THETA["gamma"]) * 1.0 - (m <= -THETA["gamma"])  # eq. (6)
        prices[t] = price * (1.0 + 0.1 * demand / n)  # eq. (2)
        sums[t + 1] = sums[t] + prices[t]
    return prices


def check_same_law(market: Any) -> float:
    """The largest distance, in standard errors, between moments of NumPy's paths and the kernel's."""
    ours = fm.simulate(market, THETA, n_paths=20_000, n_steps=STEPS, seed=9).astype(np.float64)
    theirs = numpy_market(20_000, np.random.default_rng(9), market.windows).T
    distances = []
    for moment in (lambda x: x[:, -1], lambda x: x[:, -1] ** 2, lambda x: np.diff(x, axis=1).std(axis=1),
                   lambda x: (np.diff(x)[:, 1:] * np.diff(x)[:, :-1]).mean(axis=1)):
        a, b = moment(ours), moment(theirs)
        distances.append(abs(a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / len(a)))
    if max(distances) > FARTHEST:
        raise SystemExit(f"the NumPy market has another law: moments differ by {distances} standard errors")
    return float(max(distances))


def in_turns(repeats: int, *calls: Callable[[], Any]) -> list[np.ndarray]:
    """Seconds on the wall and of CPU, (2, repeats) for each call; calls take turns and see the same machine."""
    seconds = np.empty((len(calls), 2, repeats))
    for call in calls:
        call()
    for r in range(repeats):
        for i, call in enumerate(calls):
            began = time.perf_counter(), time.process_time()
            call()
            seconds[i, :, r] = time.perf_counter() - began[0], time.process_time() - began[1]
    return list(seconds)


def summary(seconds: np.ndarray, units: float) -> dict[str, float]:
    """Nanoseconds per unit of work."""
    wall, cpu = 1e9 * seconds / units
    return {"median_ns": float(np.median(wall)), "best_ns": float(wall.min()), "cpu_median_ns": float(np.median(cpu))}


def ratio(above: np.ndarray, below: np.ndarray) -> dict[str, float]:
    """How many times longer the one takes than the other, on the wall."""
    return {"ratio_median": float(np.median(above[0] / below[0])), "ratio_best": float(above[0].min() / below[0].min())}


def simulate(market: Any, n_paths: int, n_threads: int, n_steps: int = STEPS) -> Callable[[], Any]:
    return lambda: fm.simulate(market, THETA, n_paths=n_paths, n_steps=n_steps, seed=1, n_threads=n_threads)


def measure(repeats: int) -> list[dict[str, Any]]:
    """All that is repeated."""
    market = fm.models.stock_market()
    few, many, two = in_turns(repeats, simulate(market, FEW, 1), simulate(market, MANY, 1), simulate(market, MANY, 2))
    rows = [{"what": "one-thread", "paths": n, **summary(s, n * STEPS)} for n, s in ((FEW, few), (MANY, many))]
    rows.append({"what": "two-threads", "paths": MANY, **summary(two, MANY * STEPS), **ratio(many, two)})
    distance = check_same_law(market)
    rng = np.random.Generator(np.random.SFC64(1))  # the fastest normals that NumPy has
    kernel, peer = in_turns(repeats, simulate(market, FEW, 1), lambda: numpy_market(FEW, rng, market.windows))
    rows.append({"what": "numpy", "paths": FEW, **summary(peer, FEW * STEPS), **ratio(peer, kernel),
                 "same_law_errors": distance})
    crowd = fm.models.stock_market(n_noise=LARGE, n_technical=0, n_fundamental=0)
    (seconds,) = in_turns(max(3, repeats // 5), simulate(crowd, LARGE_PATHS, 1, LARGE_STEPS))
    rows.append({"what": "large", "agents": LARGE, **summary(seconds, LARGE * LARGE_PATHS * LARGE_STEPS)})
    return rows


def stream(n_paths: int) -> dict[str, Any]:
    """Simulate paths and forget them, one thread; memory is that of this process."""
    import resource  # noqa: PLC0415  -- not on every system

    def peak() -> float:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

    market = fm.models.stock_market()
    fm.simulate(market, THETA, n_paths=1, n_steps=1)
    before, began, total, n = peak(), time.perf_counter(), 0.0, 0
    for chunk in fm.iterate_paths(market, THETA, n_paths=n_paths, n_steps=STEPS, seed=1, n_threads=1):
        total, n = total + float(chunk[:, -1].sum(dtype=np.float64)), n + len(chunk)
    return {"what": "stream", "paths": n, "seconds": time.perf_counter() - began, "mean_last_price": total / n,
            "array_mb": n * (STEPS + 1) * 4 / 1e6, "peak_mb": peak(), "peak_before_mb": before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--stream", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "simulation.jsonl")
    parser.add_argument("--stream-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream_only:
        print(json.dumps(stream(options.stream)))
        return
    from machine import machine  # noqa: PLC0415  -- brings torch, which the stream must not count

    child = subprocess.run([sys.executable, __file__, "--stream-only", "--stream", str(options.stream)],
                           check=True, capture_output=True, text=True)
    rows = [{"machine": machine(), "load": os.getloadavg(), "steps": STEPS, "repeats": options.repeats},
            *measure(options.repeats), json.loads(child.stdout)]
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
