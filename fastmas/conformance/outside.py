"""What can be seen of a model whose rules are outside fastmas: its paths, its seeds, its bounds, and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastmas import models
from fastmas.conformance.report import FAILED, OK, WARNING, Finding, told
from fastmas.engine.job import Job
from fastmas.external.tally import UNREPEATABLE, Watch
from fastmas.model import Model
from fastmas.simulate import simulate_job

N_PATHS, N_STEPS = 8, 100


def examine(model: Model, theta: Mapping[str, Any] | None) -> Iterator[Finding]:
    """One finding or more for each of the checks below; what one raises is its finding, and ends the examination."""
    for check in (paths, seeds, bounds, place):
        try:
            yield from check(model, model.space(fixed=theta).base)
        except Exception as error:
            yield Finding(FAILED, check.__name__, told(error))
            return


def paths(model: Model, base: np.ndarray) -> Iterator[Finding]:
    """They have their shape, and are finite."""
    watch = Watch(model)
    _simulated(model, base[None], 1)
    lost = watch.now().lines()
    yield Finding(FAILED, "paths", lost[0]) if lost and lost[0] != UNREPEATABLE else Finding(
        OK, "paths", f"{N_PATHS} of {N_STEPS} steps: " + ", ".join(one.name for one in model.observables))


def seeds(model: Model, base: np.ndarray) -> Iterator[Finding]:
    """They alone decide, in whichever process a path is simulated."""
    again = [_simulated(model, base[None], n) for n in (1, 2)]
    if not np.array_equal(again[0], again[1], equal_nan=True):
        yield Finding(FAILED, "seeds", UNREPEATABLE)
    elif N_PATHS > 1 and (again[0] == again[0][:, :, :1]).all():
        yield Finding(WARNING, "seeds", "all paths are the same: nothing comes of the seed")
    else:
        yield Finding(OK, "seeds", "the same path for the same seed, from one process and from two")


def bounds(model: Model, base: np.ndarray) -> Iterator[Finding]:
    """At each of them there are paths."""
    watch, space = Watch(model), model.space([p.name for p in model.parameters])
    ends = space.to_theta(space.z_bounds.T)
    corners = np.repeat(base[None], 2 * space.d, axis=0)
    for j in range(space.d):
        corners[2 * j:2 * j + 2, j] = ends[:, j]
    found = _simulated(model, corners, 2)
    lost = ~np.isfinite(found).all(axis=(0, 2, 3))
    if lost.any():
        worst = int(lost.argmax())
        lines = [line for line in watch.now().lines() if line != UNREPEATABLE]
        at = f"{space.free[worst // 2]}={corners[worst, worst // 2]:g}"
        yield Finding(WARNING, "bounds", f"with {at} paths are lost; {' '.join(lines)}")
    else:
        yield Finding(OK, "bounds", f"each of {len(corners)} gives paths")


def place(model: Model, base: np.ndarray) -> Iterator[Finding]:
    """`resume` finds it again."""
    models.origin(model)
    yield Finding(OK, "place", "it is found again by its file and its name")


def _simulated(model: Model, values: np.ndarray, n_threads: int) -> np.ndarray:
    """(n_observables, n_theta, N_PATHS, n_times)"""
    n_steps = N_STEPS if getattr(model, "any_length", True) else 1
    return simulate_job(Job(model=model, values=values, n_paths=N_PATHS, n_steps=n_steps, warmup=min(1, n_steps - 1),
                            observables=model.observables, n_threads=n_threads), check=False)
