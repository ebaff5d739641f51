"""The CPU engine: many thetas x paths x steps in blocks of lanes, on any number of threads.

A lane's numbers depend on its own theta and address alone, so neither threads nor chunks nor the
other lanes of its block change a bit. Threads are Python threads around kernels that release the
GIL: unlike a parallel Numba region they cost little to a small run and may be used from several
threads at once.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastmas.caching.optimising import compiling_only
from fastmas.engine import threads
from fastmas.engine.faults import compiling
from fastmas.engine.job import Job, Sink, rows_of, slots_of
from fastmas.engine.source import ENTRY_POINT, LANES, STACK_BYTES, load_runner
from fastmas.limits import check_memory
from fastmas.lowering.program import Program

__all__ = ["prepare", "simulate"]

MOST_PACES = 256  # remembered
MOST_PROGRAMS = 64  # whose runners, and whose last values, are at hand
SMALL_VALUES = 1 << 12  # bytes of values, and
SMALL_PATHS = 1 << 13  # number of paths up to which their layout is remembered
_paces: dict[Any, float] = {}  # seconds of one step of one block, by kernel and whole numbers


class _Tables(NamedTuple):
    """Values as the kernels read them; `grouped` if the whole numbers differ between thetas."""

    thetas: np.ndarray
    integers: np.ndarray
    grouped: bool


class _Lanes(NamedTuple):
    """Which theta, path address and output row each lane has, (n_blocks, width) each; row -1 is padding."""

    theta: np.ndarray
    path: np.ndarray
    row: np.ndarray


class _Ready(NamedTuple):
    """A compiled runner, the values it reads and the slots it stores to; `pace` finds out how fast it is."""

    run: Any
    tables: _Tables
    slots: np.ndarray
    pace: tuple[Any, bytes]


def simulate(job: Job, sink: Sink, *, lanes: int = LANES, program: Program | None = None) -> None:
    """Simulate the paths of a job into an array.

    Parameters
    ----------
    lanes : int
        Paths of a block.
    program : Program, optional
        What runs in place of the job's own program, as kernels that are watched.

    Raises
    ------
    ModelError
        The kernels cannot be compiled; says where and why.
    MemoryLimitError
        The history of a block is larger than the memory.
    """
    ready = prepare(job, lanes=lanes, program=program)
    run, tables = ready.run, ready.tables
    layout = _layout(job, tables, sink.first, lanes)
    total, n_blocks, n_threads = job.total, len(layout.row), job.n_threads
    whole_call = (tables[:2], tuple(layout), (job.n_steps, job.warmup), job.address[:3], ready.slots, sink.out)

    def task(first_block: int, last_block: int, stop: np.ndarray) -> None:
        began = time.perf_counter()
        n_done = run((first_block, last_block), *whole_call, stop)
        if 0 < n_done == last_block - first_block:
            _remember(ready.pace, (time.perf_counter() - began) / (n_done * job.n_steps))
            if sink.finish is not None and not tables.grouped:
                sink.finish(slice(sink.first + lanes * first_block, sink.first + min(lanes * last_block, total)))

    seconds = _paces[ready.pace] * job.n_steps if ready.pace in _paces else None
    tick = sink.tick
    counted = None if tick is None else lambda n: tick(min(n * lanes, total))
    if sink.stop is None:
        threads.share(task, n_blocks, n_threads, seconds, counted)
    else:
        threads.go_through(task, n_blocks, seconds, counted, sink.stop)
    if sink.finish is not None and tables.grouped and not sink.stopped:
        sink.finish(slice(sink.first, sink.first + total))


def prepare(job: Job, *, lanes: int = LANES, program: Program | None = None) -> _Ready:
    """Compile for a job, or load from the cache, in this thread, where Ctrl-C is heard; raises as `simulate`."""
    program = program or job.program
    tables = _tables_of(program, job)
    run, slots = _runner_and_slots(program, job.rows, tables.thetas.shape[1], job.dtype, lanes)
    ready = _Ready(run, tables, slots, (run, tables.integers[0].tobytes()))
    _check_history(job, program, lanes)
    if ready.pace not in _paces:
        _compile(job, ready, lanes)
    return ready


@lru_cache(maxsize=MOST_PROGRAMS)
def _runner_and_slots(program: Program, rows: tuple[int, ...], n_theta: int, dtype: str,
                      lanes: int) -> tuple[Any, np.ndarray]:
    return (load_runner(program, n_theta, rows_of(program, rows), dtype, lanes),
            np.array(slots_of(program, rows), dtype=np.int64))


def _compile(job: Job, ready: _Ready, lanes: int) -> None:
    """Call the runner for no block at all."""
    none = _lanes_of_one(0, 0, 0, lanes)
    out = np.empty((len(job.observables), 0, job.n_times), dtype=job.dtype)
    with compiling(job.model.name), compiling_only(ENTRY_POINT):
        ready.run((0, 0), ready.tables[:2], tuple(none), (job.n_steps, job.warmup), job.address[:3], ready.slots, out,
                  np.zeros(1, dtype=np.int64))


def _check_history(job: Job, program: Program, lanes: int) -> None:
    n_bytes = program.n_history * lanes * np.dtype(program.history_in(job.dtype)).itemsize
    if n_bytes > STACK_BYTES:
        check_memory(n_bytes * job.n_threads, None, f"{program.n_history} rows of history on {job.n_threads} threads",
                     "use fewer threads, or a model that remembers less")


def _remember(key: Any, seconds: float) -> None:
    if len(_paces) >= MOST_PACES and key not in _paces:
        _paces.clear()
    _paces[key] = seconds


def _tables_of(program: Program, job: Job) -> _Tables:
    if job.values.nbytes > SMALL_VALUES:
        return _split(program, job.values, job.dtype)
    return _small_tables(program, job.values.tobytes(), len(job.values), job.dtype)


@lru_cache(maxsize=MOST_PROGRAMS)
def _small_tables(program: Program, values: bytes, n_theta: int, dtype: str) -> _Tables:
    return _split(program, np.frombuffer(values, dtype=np.float64).reshape(n_theta, -1).copy(), dtype)


def _split(program: Program, values: np.ndarray, dtype: str) -> _Tables:
    reals, integers = program.split(values)
    return _Tables(reals.astype(dtype, copy=False), integers, bool((integers != integers[0]).any()))


def _layout(job: Job, tables: _Tables, first_row: int, lanes: int) -> _Lanes:
    n_theta, first_path = len(job.values), job.address.first_path
    if n_theta == 1:
        of_one = _small_lanes if job.n_paths <= SMALL_PATHS else _lanes_of_one
        return of_one(job.n_paths, first_path, first_row, lanes)
    groups = _groups(tables.integers) if tables.grouped else [np.arange(n_theta)]
    return _lanes_of_groups(groups, job, first_row, lanes)


def _lanes_of_groups(groups: list[np.ndarray], job: Job, first_row: int, lanes: int) -> _Lanes:
    """Lanes of one block share their integers, so thetas are grouped by them."""
    n_paths, first_path = job.n_paths, job.address.first_path
    sizes = [-(-len(group) * n_paths // lanes) for group in groups]
    theta = np.empty(lanes * sum(sizes), dtype=np.int32)
    path = np.empty(len(theta), dtype=np.uint32)
    row = np.empty(len(theta), dtype=np.int64)
    place = 0
    for group, size in zip(groups, sizes, strict=True):
        n, end = len(group) * n_paths, place + lanes * size
        each = (len(group), n_paths)
        theta[place:place + n].reshape(each)[:] = group[:, None]
        path[place:place + n].reshape(each)[:] = np.arange(n_paths) + (first_path + group[:, None] * job.stride)
        row[place:place + n].reshape(each)[:] = np.arange(n_paths) + (first_row + group[:, None] * n_paths)
        theta[place + n:end], path[place + n:end], row[place + n:end] = group[-1], first_path, -1
        place = end
    shape = (-1, lanes)
    return _Lanes(theta.reshape(shape), path.reshape(shape), row.reshape(shape))


def _lanes_of_one(n_paths: int, first_path: int, first_row: int, lanes: int) -> _Lanes:
    shape = (-(-n_paths // lanes), lanes)
    lane = np.arange(shape[0] * lanes)
    row = lane + first_row
    row[n_paths:] = -1
    path = (lane + first_path).astype(np.uint32)
    return _Lanes(np.zeros(shape, dtype=np.int32), path.reshape(shape), row.reshape(shape))


_small_lanes = lru_cache(maxsize=32)(_lanes_of_one)


def _groups(integers: np.ndarray) -> list[np.ndarray]:
    """Positions of the thetas that share their integers."""
    groups = np.unique(integers, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups))[:-1])
