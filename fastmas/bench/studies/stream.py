"""A million paths, each forgotten when it is seen: time and peak memory of a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator

from fastmas.bench.studies import Options, Row
from fastmas.bench.tasks import TASKS
from fastmas.simulate import iterate_paths

PATHS, QUICK_PATHS = 1_000_000, 100_000


def peak_mb() -> float:
    """Of this process alone: what getrusage tells may be its parent's."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
    import resource  # noqa: PLC0415  -- not on every system

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def stream(n_paths: int, seed: int) -> Row:
    """One thread; memory is that of this process, which should do nothing else."""
    task = TASKS["market-1000"]
    for _ in iterate_paths(task.market, task.theta, n_paths=1, n_steps=1):
        before = peak_mb()
    began, total = time.perf_counter(), 0.0
    for chunk in iterate_paths(task.market, task.theta, n_paths=n_paths, n_steps=task.n_steps, seed=seed, n_threads=1):
        total += float(chunk[:, -1].sum())
    return {"study": "stream", "paths": n_paths, "steps": task.n_steps, "seconds": time.perf_counter() - began,
            "mean_last_price": total / n_paths, "array_mb": n_paths * (task.n_steps + 1) * 4 / 1e6,
            "peak_mb": peak_mb(), "peak_before_mb": before}


def study(options: Options) -> Iterator[Row]:
    """One row."""
    n_paths = QUICK_PATHS if options.quick else PATHS
    code = f"import json; from {__name__} import stream; print(json.dumps(stream({n_paths}, {options.seed})))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    yield json.loads(done.stdout.splitlines()[-1])


STUDY = study
