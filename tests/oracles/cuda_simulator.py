"""Runs the CUDA engine in Numba's simulator: `python cuda_simulator.py CASES.json OUT.npz`.

With SIMULATOR in the environment. It has no warps: one thread a path.
`paths_on` is shared with the tests, which give it the other engines.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from fastmas import models
from fastmas.engine import cuda, cuda_memory, devices
from fastmas.engine.job import Job, Sink
from fastmas.lowering.program import program_of
from fastmas.random.address import Address

SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}  # in the environment
GUARD = 77.0
BEFORE, AFTER = 3, 2  # rows of the output that are nobody's
ADDRESS = Address(seed=4294967295, run=3, purpose=2, first_path=1000)
SIZES = {"n_paths": 5, "n_steps": 8, "warmup": 3}


def row_observables(model):
    return [o for o in model.observables if o.transform is None]


def values_of(model, thetas):
    return np.stack([model.space(fixed=one).base for one in thetas])


def job_on(device, model, values, **sizes):
    return Job(model=model, values=values, address=ADDRESS, observables=tuple(row_observables(model)[::-1]),
               n_threads=1, device=device, **sizes)


def paths_on(device, model, values, **sizes):
    """Paths of all rows by `simulate`, the last observable first, between rows that must stay GUARD."""
    job = job_on(device, model, values, **sizes)
    out = np.full((len(job.rows), BEFORE + job.total + AFTER, job.n_times), GUARD, dtype=job.dtype)
    devices.engine_for(device).simulate(job, Sink(out, first=BEFORE))
    return out


def paths_kept(model, values, **sizes):
    """The same by `simulate_on_device`, in the same shape."""
    job = job_on("cuda", model, values, **sizes)
    inner = cuda.simulate_on_device(job).copy_to_host().reshape(len(job.rows), job.total, -1)
    return np.pad(inner, ((0, 0), (BEFORE, AFTER), (0, 0)), constant_values=GUARD)


def main(cases_file, out):
    with open(cases_file) as text:
        cases = json.load(text)
    found = {}
    for key, (name, config, thetas) in cases.items():
        model = models.get(name, **config)
        values = values_of(model, thetas)
        for dtype in ("float32", "float64"):
            sizes = {"common": False, "dtype": dtype, **SIZES}
            found[f"{key}/block/{dtype}"] = paths_on("cuda", model, values, **sizes)
            found[f"{key}/kept/{dtype}"] = paths_kept(model, values, **sizes)
        found[f"{key}/common"] = paths_on("cuda", model, values, common=True, **SIZES)
        # Chunks of four paths to the host, launches of three where paths stay.
        n_rows, n_times = len(row_observables(model)), SIZES["n_steps"] - SIZES["warmup"] + 1
        whole = cuda_memory.CHUNK_BYTES, cuda.LAUNCH_WORK
        cuda_memory.CHUNK_BYTES = 4 * n_rows * n_times * 4
        found[f"{key}/chunks"] = paths_on("cuda", model, values, common=False, **SIZES)
        cuda.LAUNCH_WORK = 3 * SIZES["n_steps"] * max(1, program_of(model).n_counted)
        found[f"{key}/launches"] = paths_kept(model, values, common=False, **SIZES)
        cuda_memory.CHUNK_BYTES, cuda.LAUNCH_WORK = whole
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
