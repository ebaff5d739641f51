"""The CUDA engine in Numba's simulator, beside the kernels in plain Python: the same code, one thread a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fastmas.conformance.plain import PLAIN_PATHS
from fastmas.conformance.report import FAILED, OK, SKIPPED, Finding
from fastmas.conformance.subject import Subject, job_of
from fastmas.engine import devices
from fastmas.engine.job import Sink
from fastmas.errors import DeviceError

N_PATHS, N_STEPS = 3, 4
AGREE = 1e-4  # of the largest value of an observable: rounding, over a few steps


def examine(subject: Subject, ready: Callable[[], None]) -> Iterator[Finding]:
    """Once the paths of plain Python are there, hold those of the simulator against them."""
    ready()
    if not (subject.folder / PLAIN_PATHS).exists():
        yield Finding(SKIPPED, "CUDA", "not run in the simulator, where a step takes longer still")
        return
    plain = np.load(subject.folder / PLAIN_PATHS)
    n_steps = min(N_STEPS, plain.shape[3] - 1)
    plain = plain[:, 0, :N_PATHS, :n_steps + 1]
    try:
        found = _paths(subject, plain)
    except DeviceError as error:
        yield Finding(SKIPPED, "CUDA", str(error))
        return
    scale = np.nanmax(np.abs(plain), axis=(1, 2), keepdims=True, initial=0.0, where=np.isfinite(plain))
    with np.errstate(invalid="ignore"):
        near = (np.abs(found - plain) <= AGREE * scale) | (found == plain) | (np.isnan(found) & np.isnan(plain))
    agree = near.all(axis=(0, 2))
    text = f"{agree.sum()} of {len(agree)} paths of {n_steps} steps agree in the CUDA simulator with plain Python"
    if agree.all():
        yield Finding(OK, "CUDA", text)
    else:
        yield Finding(FAILED, "CUDA", f"only {text}: look for loops over lanes that leave a lane out")


def _paths(subject: Subject, like: np.ndarray) -> np.ndarray:
    job = job_of(subject.model, subject.base, {"n_paths": like.shape[1], "n_steps": like.shape[2] - 1,
                                               "device": "cuda"})
    out = np.empty(like.shape, dtype=np.float32)
    devices.engine_for("cuda").simulate(job, Sink(out))
    return out
