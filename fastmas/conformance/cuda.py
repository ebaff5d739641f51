"""The CUDA engine in Numba's simulator, beside the kernels in plain Python: the same code, one thread a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fastmas.conformance.plain import PLAIN_PATHS
from fastmas.conformance.report import FAILED, OK, SKIPPED, Finding
from fastmas.conformance.subject import Subject, close, job_of
from fastmas.engine import devices
from fastmas.engine.job import Sink
from fastmas.errors import DeviceError

N_PATHS, N_STEPS = 3, 4


def examine(subject: Subject, ready: Callable[[], None]) -> Iterator[Finding]:
    """Once the paths of plain Python are there, hold those of the simulator against them."""
    ready()
    if not (subject.folder / PLAIN_PATHS).exists():
        yield Finding(SKIPPED, "CUDA", "not run in the simulator, where a step takes longer still")
        return
    plain = np.load(subject.folder / PLAIN_PATHS)
    n_steps = min(N_STEPS, plain.shape[3] - 1)
    plain = plain[:, :, :N_PATHS, :n_steps + 1]
    try:
        found = _paths(subject, plain)
    except DeviceError as error:
        yield Finding(SKIPPED, "CUDA", str(error))
        return
    agree = np.asarray(close(found, plain).all(axis=(0, 1, 3)))
    text = f"{agree.sum()} of {len(agree)} paths of {n_steps} steps agree in the CUDA simulator with plain Python"
    if agree.all():
        yield Finding(OK, "CUDA", text)
    else:
        yield Finding(FAILED, "CUDA", f"only {text}: look for loops over lanes that leave a lane out")


def _paths(subject: Subject, like: np.ndarray) -> np.ndarray:
    sizes = {"n_paths": like.shape[2], "n_steps": like.shape[3] - 1, "device": "cuda"}
    out = np.empty((len(like), *like.shape[2:]), dtype=np.float32)
    devices.engine_for("cuda").simulate(job_of(subject.model, subject.base, sizes), Sink(out))
    return out.reshape(like.shape)
