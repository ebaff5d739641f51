"""The one way to run a model: arrays of paths, a stream of them, or what a reduction leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastmas import reductions
from fastmas.caching.cache import n_compiled
from fastmas.engine import devices
from fastmas.engine.job import Job, Sink
from fastmas.engine.threads import count_threads, in_order
from fastmas.errors import ParameterError, SimulationError
from fastmas.limits import available_memory, check_memory, parse_bytes
from fastmas.model import Model, Observable
from fastmas.parameters import shown
from fastmas.progress import Progress, counting_paths
from fastmas.random.address import address_of

__all__ = ["available_memory", "iterate_paths", "simulate", "simulate_job", "warm_up"]

CHUNK_LANES = 1 << 19  # paths whose addresses are laid out at a time: about 10 MB
CHUNK_BYTES = 1 << 26  # of a chunk of a stream
COPIES = 4  # of a cell's paths that a reduction may need while it looks at them
CELLS_OF_A_LAUNCH = 64  # of a device that one cell would leave idle

Theta = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Tick = Callable[[int], None]
Names = str | Sequence[str] | None


def simulate(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: Names = None, common_random_numbers: bool = False, dtype: Any = "float32",
    device: str = "cpu", reduce: Any = None, n_threads: int | None = None, memory_limit: int | str | None = None,
    progress: bool | Progress | None = None, run: int = 0, purpose: int = 0,
) -> Any:
    """Simulate exact paths of a model.

    Parameters
    ----------
    theta : mapping or sequence of mappings, optional
        Values by parameter name, in natural units; what is not named keeps its default.
    n_paths : int
        Paths for each theta.
    n_steps : int
        Steps counted from t = 0.
    warmup : int
        Steps simulated and not returned: a path has n_steps - warmup + 1 values, t = warmup..n_steps.
    seed : int
        In [0, 2**32). Same seed, same bits, whatever the number of threads.
    observable : str or sequence of str, optional
        One of `model.observables`, or another state; the first if not given. Several in a sequence stand in the last
        axis of the paths.
    common_random_numbers : bool
        Give every theta the same random numbers, so that differences show theta alone.
    dtype : {"float32", "float64"}
        Of the arithmetic and of the paths. The random words are the same.
    device : {"cpu", "cuda"}
        Where the paths are simulated; they come back as host arrays.
    reduce : str, callable or object, optional
        Hand back what this makes of the paths instead of the paths, which are never kept:

        - "moments" or another name of `fastmas.reductions`: moments over paths at each time;
        - a function of paths (n, n_times), or (n, n_times, k) of k observables, such as a statistic or a
          discriminator's loss, that returns one number or one array a path, (n, ...), as NumPy or torch: its mean over
          all paths with the standard error. It is called from several threads at once and may depend on its paths
          alone;
        - an object with `update(paths)` and `result()`: it is given all paths in their order, a part at
          a time, in the calling thread. Several thetas have a copy each (a class: an object each).

        No bit of the result depends on the number of threads or on the memory there is.
    n_threads : int, optional
        By default every CPU.
    memory_limit : int or str, optional
        Bytes, or a text as "2GB": more is refused, and a reduction keeps to it.
    progress : bool or callable, optional
        True writes to standard error when a run takes longer than a second; a callable is given a mapping
        with done, total (paths) and text (paths per second), some ten times a second.
    run, purpose : int
        Further parts of the random address, for independent streams under one seed.

    Returns
    -------
    Array (n_paths, n_steps - warmup + 1) for one theta, (n_theta, n_paths, ...) for several; of k observables
    (n_paths, n_steps - warmup + 1, k). With
    `reduce`: its result; for several thetas each array of it has the first axis n_theta, and objects
    of one's own give a list.

    Raises
    ------
    ParameterError, ModelError
        A value outside its bounds, an unknown name, a size that cannot be.
    MemoryLimitError
        The array does not fit; `reduce` or `iterate_paths` do without it.
    SimulationError
        A path left the finite numbers.
    """
    several = theta is not None and not isinstance(theta, Mapping)
    job = Job(
        model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps, warmup=warmup,
        address=address_of(seed, run, purpose), common=common_random_numbers, dtype=dtype, device=device,
        observables=model.observed(observable), n_threads=count_threads(n_threads))
    limit = parse_bytes(memory_limit)
    with counting_paths(progress, job.total) as tick:
        if reduce is not None:
            return _reduce(job, reduce, limit, several, tick)
        paths = _axes(_simulate(job, limit, True, tick))
    return paths if several else paths[0]


def simulate_job(job: Job, *, check: bool = True) -> np.ndarray:
    """Simulate a job: the call under `simulate`, without name look-ups.

    Parameters
    ----------
    check : bool
        Raise on values that are not finite; otherwise leave them in the paths.

    Returns
    -------
    Array (n_observables, n_theta, n_paths, n_steps - warmup + 1) of the job's dtype
    """
    return _simulate(job, None, check, None)


def iterate_paths(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: Names = None, common_random_numbers: bool = False, dtype: Any = "float32", device: str = "cpu",
    n_threads: int | None = None, chunk_bytes: int = CHUNK_BYTES, memory_limit: int | str | None = None,
    progress: bool | Progress | None = None,
) -> Iterator[Any]:
    """Iterate over the paths of `simulate`, chunk after chunk, bit for bit the same.

    Parameters
    ----------
    chunk_bytes : int
        The most that a chunk takes, if one path is not longer than that.
    memory_limit : int or str, optional
        Bytes, or a text as "2GB": chunks are smaller where it asks for it.

    Yields
    ------
    Arrays (n_chunk, n_steps - warmup + 1) for one theta; for several (index of theta, index of the first
    path, array) in this order, as `fastmas.export.write_paths` takes them

    Raises
    ------
    ParameterError, ModelError, MemoryLimitError, SimulationError
        As `simulate`: all but the last at once, before the first chunk is asked for.
    """
    several = theta is not None and not isinstance(theta, Mapping)
    job = Job(
        model=model, values=values_of(model, theta), n_paths=n_paths, n_steps=n_steps, warmup=warmup,
        address=address_of(seed, 0, 0), common=common_random_numbers, dtype=dtype, device=device,
        observables=model.observed(observable), n_threads=count_threads(n_threads))
    limit = parse_bytes(memory_limit)
    size = max(1, min(chunk_bytes, limit or chunk_bytes) // job.path_bytes)
    _check_memory(min(size, job.n_paths) * job.path_bytes, limit)
    return _iterate(job, size, several, progress)


def _iterate(job: Job, size: int, several: bool, progress: bool | Progress | None) -> Iterator[Any]:
    with counting_paths(progress, job.total) as tick:
        for i, first, n in job.parts(size):
            done = _shifted(tick, i * job.n_paths + first)
            paths = _axes(_simulate(job.part(i, first, n), None, True, done, (i, first)))[0]
            yield (i, first, paths) if several else paths


def warm_up(model: Model, dtype: Any = "float32", device: str = "cpu") -> bool:
    """Compile the kernels of a model for `simulate`, or load them from the cache.

    Returns
    -------
    Whether anything had to be compiled.

    Raises
    ------
    ParameterError, DeviceError
        A dtype or device that cannot be.
    ModelError
        The kernels cannot be compiled; says where and why.
    """
    before = n_compiled()
    _prepare(Job(model=model, values=values_of(model, None), n_paths=1, n_steps=1, dtype=dtype, device=device))
    return n_compiled() != before


def _simulate(job: Job, limit: int | None, check: bool, tick: Tick | None, place: tuple[int, int] = (0, 0),
              stop: np.ndarray | None = None) -> np.ndarray:
    """The paths of a job; `place` is the theta and path that its first one has in the whole."""
    _check_memory(job.total * job.path_bytes, limit)
    out = np.empty((len(job.observables), len(job.values), job.n_paths, job.n_times), dtype=job.dtype)
    flat = out.reshape(len(job.observables), -1, job.n_times)
    engine, flaws = devices.engine_for(job.device), list[int]()

    def finish(span: slice) -> None:
        _transform(flat[:, span], job.observables)
        if check and not _is_finite(flat[:, span], job.observables):
            flaws.append(span.start)

    for chunk, first in job.chunks(CHUNK_LANES):
        engine.simulate(chunk, Sink(flat, first, finish, _shifted(tick, first), stop))
    if flaws:
        _raise_flaw(job, flat, min(flaws), place)
    return out


def _reduce(job: Job, reduce: Any, limit: int | None, several: bool, tick: Tick | None) -> Any:
    """What a reduction leaves of the paths, cell by cell."""
    found = reductions.start(reduce, len(job.values))
    cell = min(reductions.cell_paths(job.n_times), job.n_paths)
    size = cell * (1 if job.device == "cpu" else CELLS_OF_A_LAUNCH)
    n_bytes = (size + (COPIES - 1) * cell) * job.path_bytes
    check_memory(n_bytes, limit, "the paths", "no part of them fits, ask for fewer paths or steps, or a longer warmup")
    ahead = min(2 * job.n_threads, (limit or available_memory()) // n_bytes)
    n_done = 0
    under_way: dict[tuple[int, int], int] = {}

    def look(item: tuple[int, int, int], stop: np.ndarray) -> tuple[int, int, int, list[Any]]:
        i, first, n = item
        paths = _axes(_simulate(job.part(i, first, n), None, True, lambda k: under_way.__setitem__((i, first), k),
                                (i, first), stop))[0]
        return i, first, n, [found[i].look(paths[k:k + cell]) for k in range(0, n, cell) if not stop[0]]

    def count() -> None:
        if tick is not None:
            tick(n_done + sum(list(under_way.values())))

    _prepare(job)
    for i, first, n, parts in in_order(look, job.parts(size), job.n_threads, ahead, count):
        for part in parts:
            found[i].add(part)
        n_done += n
        under_way.pop((i, first), None)
        count()
    return reductions.results(found, several)


def _axes(layers: np.ndarray) -> np.ndarray:
    """Paths (n_theta, n_paths, n_times) of layers, k first; of several observables k comes last."""
    return layers[0] if len(layers) == 1 else np.ascontiguousarray(np.moveaxis(layers, 0, -1))


def _prepare(job: Job) -> None:
    """Compile in this thread, where Ctrl-C is heard."""
    devices.engine_for(job.device).prepare(job)


def values_of(model: Model, theta: Theta) -> np.ndarray:
    """All values of each theta, (n_theta, n_entries)."""
    if theta is None or isinstance(theta, Mapping):
        return model.space(fixed=theta).base[None]
    given = list(theta) if isinstance(theta, Iterable) else [theta]
    for one in given:
        if not isinstance(one, Mapping):
            name = next((p.name for p in model.parameters), "NAME")
            raise ParameterError(f"theta={shown(theta)}: give a mapping of names to values, "
                                 f"as {{{name!r}: 1.0}}, or a list of such mappings")
    if not given:
        raise ParameterError("no theta given: an empty sequence")
    return np.stack([model.space(fixed=one).base for one in given])


def _check_memory(n_bytes: int, limit: int | None) -> None:
    check_memory(n_bytes, limit, "the paths", "ask for fewer paths or steps, stream them with fastmas.iterate_paths, "
                                              "or give simulate a `reduce`")


def _shifted(tick: Tick | None, before: int) -> Tick | None:
    """A tick for a part, which has so many paths before it."""
    return None if tick is None else lambda n: tick(before + n)


def _transform(paths: np.ndarray, chosen: Sequence[Observable]) -> None:
    """Fill the layers of observables that share a state row or compute something from it, in place."""
    rows = [one.row for one in chosen]
    for k in reversed(range(len(chosen))):  # the first layer of a row, which has its paths, comes last
        first, transform = rows.index(rows[k]), chosen[k].transform
        if transform is not None:
            with np.errstate(all="ignore"):  # what is not finite is named later, or wanted
                paths[k] = transform(paths[first])
        elif first != k:
            paths[k] = paths[first]


def _is_finite(paths: np.ndarray, chosen: Sequence[Observable]) -> bool:
    """Whether all is; a return has no value at the first time."""
    return all(bool(np.isfinite(layer if one.transform is None else layer[:, 1:]).all())
               for layer, one in zip(paths, chosen, strict=True))


def _raise_flaw(job: Job, flat: np.ndarray, first_row: int, place: tuple[int, int]) -> None:
    for layer, one in zip(flat, job.observables, strict=True):
        finite = np.isfinite(layer[first_row:])
        if one.transform is not None:
            finite[:, 0] = True
        if not finite.all():
            row, j = (int(x) for x in np.argwhere(~finite)[0])
            i, p = divmod(first_row + row, job.n_paths)
            raise SimulationError(
                f"model {job.model.name!r}: {one.name} of theta {place[0] + i}, path {place[1] + p} is "
                f"{layer[first_row + row, j]} at t={job.warmup + j}; the parameters let it run away")
