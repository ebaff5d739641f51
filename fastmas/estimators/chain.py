"""The chain rule between search coordinates, paths and what a discriminator sees of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fastmas.differentiate import PathDerivatives, derivable, differentiate_job
from fastmas.engine.job import Job
from fastmas.estimators import Scene
from fastmas.lowering.program import Derivatives
from fastmas.model import Model

NUDGE = 1e-2  # sds of a path's values: half a difference along a tangent
TOUCH = 1e-3  # of a value, to see what reads it
CHUNK = 1 << 20  # values of paths at a time


def simulate(scene: Scene, model: Model, values: np.ndarray, names: tuple[str, ...], run: int,
             score: bool) -> PathDerivatives:
    """Paths of a model at `values` (n_entries,) with derivatives by entries, at a rollout's addresses."""
    job = Job(model=model, values=values[None], n_paths=scene.n_paths, n_steps=scene.warmup + scene.n_times - 1,
              warmup=scene.warmup, address=scene.address._replace(run=run),
              observables=(derivable(model, scene.observable),), derivatives=Derivatives(names, score),
              n_threads=scene.n_threads)
    with np.errstate(all="ignore"):
        return differentiate_job(job, check=False)


def samples_of(scene: Scene, paths: np.ndarray) -> np.ndarray:
    """Samples of paths (n_paths, n_times); of one that ran away they are 0."""
    finite = np.isfinite(paths).all(axis=1)
    with np.errstate(all="ignore"):
        samples = np.asarray(scene.statistic(np.where(finite[:, None], paths, paths[finite.argmax()])))
    return np.where(finite[:, None, None], samples, 0.0).astype(np.float32)


def along_paths(scene: Scene, paths: np.ndarray, tangents: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """What a loss gains along tangents (d, n_paths, n_times) of each path, (d, n_sound), by its slope at their samples.

    A path that ran away, or whose tangent did, tells nothing and is left out.
    """
    sound = np.isfinite(paths).all(axis=1) & np.isfinite(tangents).all(axis=(0, 2))
    paths, tangents, slope = paths[sound], tangents[:, sound], slope[sound]
    if scene.reads_tensors:
        adjoint = adjoint_of(scene.statistic, torch.from_numpy(paths), torch.from_numpy(slope)).numpy()
        return np.einsum("jit,it->ji", tangents, adjoint, dtype=np.float64)
    return np.stack([_nudged(scene.statistic, paths, tangent, slope) for tangent in tangents])


def adjoint_of(statistic: Callable[[Any], Any], paths: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """d loss / d paths, (n_paths, n_times), from d loss / d samples."""
    paths = paths.detach().clone().requires_grad_(True)
    (adjoint,) = torch.autograd.grad(statistic(paths), paths, slope)
    return torch.nan_to_num(adjoint)


def _nudged(statistic: Callable[[Any], Any], paths: np.ndarray, tangent: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The same along one tangent (n_paths, n_times), by the difference of samples a little to either side."""
    size = np.abs(tangent).max()
    if size == 0.0:
        return np.zeros(len(paths))
    step = NUDGE * float(paths.std()) / float(size)
    rise = np.asarray(statistic(paths + step * tangent)) - np.asarray(statistic(paths - step * tangent))
    return (slope * rise).sum(axis=(1, 2), dtype=np.float64) / (2.0 * step)


def ends_of(statistic: Callable[[Any], Any], path: np.ndarray) -> np.ndarray:
    """The last time that each sample of a path (n_times,) reads, (n_samples,): what comes later cannot move it."""
    first = np.asarray(statistic(path[None]))[0]
    ends = np.zeros(len(first), dtype=np.int64)
    size = max(1, CHUNK // len(path))
    touch = TOUCH * (np.abs(path) + path.std())
    for t in range(0, len(path), size):
        times = np.arange(t, min(t + size, len(path)))
        touched = np.repeat(path[None], len(times), axis=0)
        touched[np.arange(len(times)), times] += touch[times]
        moved = (np.asarray(statistic(touched)) != first).any(axis=2)
        ends = np.maximum(ends, np.where(moved, times[:, None], 0).max(axis=0))
    return ends
