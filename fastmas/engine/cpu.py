"""The CPU engine: many thetas x paths x steps in blocks of lanes, on any number of threads.

A lane's numbers depend on its own theta and address alone, so neither threads nor chunks nor the
other lanes of its block change a bit. Threads are Python threads around kernels that release the
GIL: unlike a parallel Numba region they cost nothing to a small run and may be used from several
threads at once.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from fastmas.engine.source import LANES, load_runner, observable_rows
from fastmas.errors import ParameterError
from fastmas.model import Model
from fastmas.parameters import is_whole

TASK_PATH_STEPS = 1 << 21  # about ten milliseconds: how long Ctrl-C waits
SMALL_RUN = 1 << 18  # path-steps below which starting threads costs more than it saves


class Address(NamedTuple):
    """Where the random numbers of a call begin: key (seed, run), purpose, first path."""

    seed: int
    run: int = 0
    purpose: int = 0
    first_path: int = 0


def simulate_block(model: Model, values: np.ndarray, n_paths: int, n_steps: int, *, warmup: int,
                   address: Address, stride: int, n_threads: int, out: np.ndarray, rows: tuple[int, ...],
                   first: int = 0) -> None:
    """Simulate `n_paths` paths for each row of `values`.

    Parameters
    ----------
    values : (n_theta, n_entries) in natural units
    stride : int
        Theta i owns the path addresses from address.first_path + i * stride on; 0 gives every
        theta the same random numbers.
    out : C-contiguous float32 array (len(rows), at least first + n_theta * n_paths, n_steps - warmup + 1)
        Path p of theta i goes to out[:, first + i * n_paths + p].
    rows : state rows that go to `out`; of a row that is named twice only the first place is written
    """
    thetas, integers = model.split(values)
    run = load_runner(model, thetas.shape[1])
    lane_theta, lane_path, lane_row = _lanes(integers, n_paths, address.first_path, stride, first)
    slots = np.array([rows.index(r) if r in rows else -1 for r in observable_rows(model)], dtype=np.int64)

    def task(first_block: int, last_block: int) -> None:
        run(first_block, last_block, thetas, integers, lane_theta, lane_path, lane_row, n_steps, warmup,
            address.seed, address.run, address.purpose, slots, out)

    _run_tasks(task, len(lane_theta), max(1, TASK_PATH_STEPS // (LANES * max(1, n_steps))),
               1 if len(thetas) * n_paths * n_steps < SMALL_RUN else n_threads)


def count_threads(n_threads: int | None = None) -> int:
    """The number of threads to use: as given, or the CPUs this process may run on.

    Raises
    ------
    ParameterError
        If `n_threads` is not a whole number of at least 1.
    """
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not is_whole(n_threads) or n_threads < 1:
        raise ParameterError(f"threads={n_threads}: give a whole number of at least 1")
    return int(n_threads)


def _lanes(integers: np.ndarray, n_paths: int, first_path: int, stride: int,
           first_row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which theta, path address and output row each lane has, (n_blocks, LANES) each; row -1 is padding.

    Lanes of one block share their integers, so thetas are grouped by them.
    """
    parts = [_pad(thetas, n_paths) for thetas in _groups(integers)]
    theta = np.concatenate([p[0] for p in parts])
    path = np.concatenate([p[1] for p in parts])
    row = np.where(path >= 0, first_row + theta * n_paths + path, -1)
    path = np.maximum(path, 0) + first_path + theta * stride
    shape = (-1, LANES)
    return (theta.astype(np.int32).reshape(shape), path.astype(np.uint32).reshape(shape),
            row.astype(np.int64).reshape(shape))


def _groups(integers: np.ndarray) -> list[np.ndarray]:
    """Positions of the thetas that share their integers."""
    if (integers == integers[0]).all():
        return [np.arange(len(integers))]
    groups = np.unique(integers, axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]


def _pad(thetas: np.ndarray, n_paths: int) -> tuple[np.ndarray, np.ndarray]:
    theta = np.repeat(thetas, n_paths)
    path = np.tile(np.arange(n_paths, dtype=np.int64), len(thetas))
    missing = -len(theta) % LANES
    return (np.concatenate([theta, np.full(missing, thetas[-1])]),
            np.concatenate([path, np.full(missing, -1, dtype=np.int64)]))


def _run_tasks(task, n_blocks: int, blocks_per_task: int, n_threads: int) -> None:
    share = -(-n_blocks // n_threads)
    size = max(1, min(blocks_per_task, share))
    spans = [(first, min(first + size, n_blocks)) for first in range(0, n_blocks, size)]
    if n_threads == 1 or len(spans) == 1:
        for first, last in spans:
            task(first, last)
        return
    pool = ThreadPoolExecutor(n_threads)
    try:
        for future in [pool.submit(task, *span) for span in spans]:
            future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
