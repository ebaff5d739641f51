"""The CPU engine: many thetas x paths x steps in blocks of lanes, on any number of threads.

A lane's numbers depend on its own theta and address alone, so neither threads nor chunks nor the
other lanes of its block change a bit. Threads are Python threads around kernels that release the
GIL: unlike a parallel Numba region they cost little to a small run and may be used from several
threads at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastmas.engine import threads
from fastmas.engine.faults import compiling
from fastmas.engine.optimising import optimising_only
from fastmas.engine.source import ENTRY_POINT, LANES, load_runner, observable_rows
from fastmas.engine.threads import count_threads
from fastmas.model import Model

__all__ = ["Address", "count_threads", "simulate_block"]

DTYPES = {"f": "float32", "d": "float64"}
MOST_PACES = 256  # remembered
_paces: dict[Any, float] = {}  # seconds of one step of one block, by kernel and whole numbers


class Address(NamedTuple):
    """Where the random numbers of a call begin: key (seed, run), purpose, first path."""

    seed: int
    run: int = 0
    purpose: int = 0
    first_path: int = 0


def simulate_block(
    model: Model, values: np.ndarray, n_paths: int, n_steps: int, *, warmup: int, address: Address, stride: int,
    n_threads: int, out: np.ndarray, rows: tuple[int, ...], first: int = 0,
    finish: Callable[[slice], None] | None = None, tick: Callable[[int], None] | None = None,
    stop: np.ndarray | None = None,
) -> None:
    """Simulate `n_paths` paths for each row of `values`; none at all only compiles.

    Parameters
    ----------
    values : (n_theta, n_entries) in natural units
    stride : int
        Theta i owns the path addresses from address.first_path + i * stride on; 0 gives every
        theta the same random numbers.
    out : C-contiguous array (len(rows), at least first + n_theta * n_paths, n_steps - warmup + 1)
        Path p of theta i goes to out[:, first + i * n_paths + p]; its dtype, float32 or float64, is the
        arithmetic's.
    rows : state rows that go to `out`; of a row that is named twice only the first place is written
    finish : callable, optional
        Called with each span of rows of `out` that is complete, perhaps from several threads at once.
    tick : callable, optional
        Told the number of paths done so far, now and then and at the end, in the calling thread.
    stop : int64 array (1,), optional
        Whoever gives it hears Ctrl-C in another thread: everything runs in this one, and is left
        unfinished soon after stop[0] is set.
    """
    thetas, integers = model.split(values)
    thetas = thetas.astype(out.dtype, copy=False)
    run = load_runner(model, thetas.shape[1], dtype=DTYPES[out.dtype.char])
    grouped = len(integers) > 1 and bool((integers != integers[0]).any())
    lanes = _lanes(integers if grouped else integers[:1], len(values), n_paths, address.first_path, stride, first)
    slots = np.array([rows.index(r) if r in rows else -1 for r in observable_rows(model)], dtype=np.int64)
    total, n_blocks = len(values) * n_paths, len(lanes[0])
    pace = (run, integers[0].tobytes())

    def task(first_block: int, last_block: int, stop: np.ndarray) -> None:
        began = time.perf_counter()
        n_done = run(first_block, last_block, thetas, integers, *lanes, n_steps, warmup, address.seed, address.run,
                     address.purpose, slots, out, stop)
        if 0 < n_done == last_block - first_block:
            _remember(pace, (time.perf_counter() - began) / (n_done * n_steps))
            if finish is not None and not grouped:
                finish(slice(first + LANES * first_block, first + min(LANES * last_block, total)))

    if pace not in _paces:
        with compiling(model.name), optimising_only(ENTRY_POINT):
            task(0, 0, np.zeros(1, dtype=np.int64))
    seconds = _paces[pace] * n_steps if pace in _paces else None
    counted = None if tick is None else lambda n: tick(min(n * LANES, total))
    if stop is None:
        threads.share(task, n_blocks, n_threads, seconds, counted)
    else:
        threads.go_through(task, n_blocks, seconds, counted, stop)
    if finish is not None and grouped and not (stop is not None and stop[0]):
        finish(slice(first, first + total))


def _remember(key: Any, seconds: float) -> None:
    if len(_paces) >= MOST_PACES and key not in _paces:
        _paces.clear()
    _paces[key] = seconds


def _lanes(integers: np.ndarray, n_theta: int, n_paths: int, first_path: int, stride: int,
           first_row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which theta, path address and output row each lane has, (n_blocks, LANES) each; row -1 is padding.

    Lanes of one block share their integers, so thetas are grouped by them; one row of integers is for all.
    """
    if n_theta == 1:
        return _lanes_of_one(n_paths, first_path, first_row)
    groups = [np.arange(n_theta)] if len(integers) == 1 else _groups(integers)
    sizes = [-(-len(group) * n_paths // LANES) for group in groups]
    theta = np.empty(LANES * sum(sizes), dtype=np.int32)
    path = np.empty(len(theta), dtype=np.uint32)
    row = np.empty(len(theta), dtype=np.int64)
    place = 0
    for group, size in zip(groups, sizes, strict=True):
        n, end = len(group) * n_paths, place + LANES * size
        each = (len(group), n_paths)
        theta[place:place + n].reshape(each)[:] = group[:, None]
        path[place:place + n].reshape(each)[:] = np.arange(n_paths) + (first_path + group[:, None] * stride)
        row[place:place + n].reshape(each)[:] = np.arange(n_paths) + (first_row + group[:, None] * n_paths)
        theta[place + n:end], path[place + n:end], row[place + n:end] = group[-1], first_path, -1
        place = end
    shape = (-1, LANES)
    return theta.reshape(shape), path.reshape(shape), row.reshape(shape)


def _lanes_of_one(n_paths: int, first_path: int, first_row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (-(-n_paths // LANES), LANES)
    lane = np.arange(shape[0] * LANES)
    row = lane + first_row
    row[n_paths:] = -1
    path = (lane + first_path).astype(np.uint32)
    return np.zeros(shape, dtype=np.int32), path.reshape(shape), row.reshape(shape)


def _groups(integers: np.ndarray) -> list[np.ndarray]:
    """Positions of the thetas that share their integers."""
    groups = np.unique(integers, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups))[:-1])
