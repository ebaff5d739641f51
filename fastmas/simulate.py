"""The one way to run a model: arrays of paths, a stream of them, or what a reduction leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastmas import reductions
from fastmas.engine import devices
from fastmas.engine.cache import n_compiled
from fastmas.engine.cpu import Address, count_threads
from fastmas.engine.threads import in_order
from fastmas.errors import ParameterError, SimulationError
from fastmas.limits import available_memory, check_memory, parse_bytes
from fastmas.model import Model, Observable
from fastmas.parameters import is_whole, shown
from fastmas.progress import Progress, counting_paths

__all__ = ["available_memory", "iterate_paths", "simulate", "simulate_values", "warm_up"]

CHUNK_LANES = 1 << 19  # paths whose addresses are laid out at a time: about 10 MB
CHUNK_BYTES = 1 << 26  # of a chunk of a stream
MOST_PATHS = 1 << 32  # addresses of paths are 32 bits wide
COPIES = 4  # of a cell's paths that a reduction may need while it looks at them
CELLS_OF_A_LAUNCH = 64  # of a device that one cell would leave idle
DTYPES = ("float32", "float64")

Theta = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Tick = Callable[[int], None]


def simulate(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: str | None = None, common_random_numbers: bool = False, dtype: Any = "float32",
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
    observable : str, optional
        One of `model.observables`; the first if not given.
    common_random_numbers : bool
        Give every theta the same random numbers, so that differences show theta alone.
    dtype : {"float32", "float64"}
        Of the arithmetic and of the paths. The random words are the same.
    device : {"cpu", "cuda"}
        Where the paths are simulated; they come back as host arrays.
    reduce : str, callable or object, optional
        Hand back what this makes of the paths instead of the paths, which are never kept:

        - "moments" or another name of `fastmas.reductions`: moments over paths at each time;
        - a function of paths (n, n_times), such as a statistic or a discriminator's loss, that returns
          one number or one array a path, (n, ...), as NumPy or torch: its mean over all paths with the
          standard error. It is called from several threads at once and may depend on its paths alone;
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
    Array (n_paths, n_steps - warmup + 1) for one theta, (n_theta, n_paths, ...) for several. With
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
    task = _plan(model, values_of(model, theta), n_paths, n_steps, warmup, address_of(seed, run, purpose),
                 [model.observable(observable)], common_random_numbers, n_threads, dtype, device)
    limit = parse_bytes(memory_limit)
    with counting_paths(progress, len(task.values) * task.n_paths) as tick:
        if reduce is not None:
            return _reduce(task, reduce, limit, several, tick)
        paths = _simulate(task, limit, True, tick)[0]
    return paths if several else paths[0]


def simulate_values(
    model: Model, values: np.ndarray, *, n_paths: int, n_steps: int, warmup: int, address: Address,
    observables: Sequence[Observable] | None = None, common: bool = True, n_threads: int | None = None,
    check: bool = True, dtype: Any = "float32", device: str = "cpu",
) -> np.ndarray:
    """Simulate rows of parameter values: the call under `simulate`, without name look-ups.

    Parameters
    ----------
    values : (n_theta, n_entries), as `ParameterSpace.full` gives them
    check : bool
        Raise on values that are not finite; otherwise leave them in the paths.

    Returns
    -------
    Array (n_observables, n_theta, n_paths, n_steps - warmup + 1) of this dtype
    """
    task = _plan(model, values, n_paths, n_steps, warmup, address, list(observables or model.observables[:1]), common,
                 n_threads, dtype, device)
    return _simulate(task, None, check, None)


def iterate_paths(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: str | None = None, common_random_numbers: bool = False, dtype: Any = "float32", device: str = "cpu",
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
    task = _plan(model, values_of(model, theta), n_paths, n_steps, warmup, address_of(seed, 0, 0),
                  [model.observable(observable)], common_random_numbers, n_threads, dtype, device)
    limit = parse_bytes(memory_limit)
    size = max(1, min(chunk_bytes, limit or chunk_bytes) // task.path_bytes)
    _check_memory(min(size, task.n_paths) * task.path_bytes, limit)
    return _iterate(task, size, several, progress)


def _iterate(task: _Task, size: int, several: bool, progress: bool | Progress | None) -> Iterator[Any]:
    with counting_paths(progress, len(task.values) * task.n_paths) as tick:
        for i, first, n in task.parts(size):
            done = _shifted(tick, i * task.n_paths + first)
            paths = _simulate(task.part(i, first, n), None, True, done, (i, first))[0, 0]
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
    _compile(_plan(model, values_of(model, None), 1, 1, 0, Address(0), [model.observable()], True, 1, dtype, device))
    return n_compiled() != before


class _Task(NamedTuple):
    """What to simulate; `_plan` checks it."""

    model: Model
    values: np.ndarray
    n_paths: int
    n_steps: int
    warmup: int
    address: Address
    chosen: list[Observable]
    common: bool
    n_threads: int
    dtype: str
    device: str

    @property
    def n_times(self) -> int:
        return self.n_steps - self.warmup + 1

    @property
    def path_bytes(self) -> int:
        return len(self.chosen) * self.n_times * np.dtype(self.dtype).itemsize

    def parts(self, size: int) -> Iterator[tuple[int, int, int]]:
        """(theta, first path, number of paths) of parts of at most so many paths of one theta."""
        for i in range(len(self.values)):
            for first in range(0, self.n_paths, size):
                yield i, first, min(size, self.n_paths - first)

    def part(self, i: int, first: int, n: int) -> _Task:
        """The task of some paths of one theta."""
        return self._replace(values=self.values[i:i + 1], n_paths=n, common=True,
                             address=self.first_address(i, first))

    def first_address(self, i: int, first: int) -> Address:
        own = 0 if self.common else i * self.n_paths
        return self.address._replace(first_path=self.address.first_path + own + first)


def _plan(model: Model, values: np.ndarray, n_paths: Any, n_steps: Any, warmup: Any, address: Address,
          chosen: list[Observable], common: bool, n_threads: int | None, dtype: Any, device: str) -> _Task:
    """The task, if it can be."""
    for name, value, least in (("paths", n_paths, 1), ("steps", n_steps, 1), ("warmup", warmup, 0)):
        if not is_whole(value) or value < least:
            raise ParameterError(f"{name}={shown(value)}: give a whole number of at least {least}")
    if warmup > n_steps:
        raise ParameterError(f"warmup={warmup} is longer than steps={n_steps}")
    if address.first_path + n_paths * (1 if common else len(values)) > MOST_PATHS:
        raise ParameterError(f"paths={n_paths}: at most 2**32 paths have addresses of their own")
    return _Task(model, values, int(n_paths), int(n_steps), int(warmup), address, chosen, common,
                 count_threads(n_threads), _dtype(dtype), devices.check(device))


def _simulate(task: _Task, limit: int | None, check: bool, tick: Tick | None, place: tuple[int, int] = (0, 0),
              stop: np.ndarray | None = None) -> np.ndarray:
    """The paths of a task; `place` is the theta and path that its first one has in the whole."""
    n_theta, n_paths = len(task.values), task.n_paths
    _check_memory(n_theta * n_paths * task.path_bytes, limit)
    out = np.empty((len(task.chosen), n_theta, n_paths, task.n_times), dtype=task.dtype)
    flat = out.reshape(len(task.chosen), -1, task.n_times)
    engine, rows, flaws = devices.engine_for(task.device), tuple(o.row for o in task.chosen), list[int]()

    def finish(span: slice) -> None:
        _transform(flat[:, span], task.chosen)
        if check and not _is_finite(flat[:, span], task.chosen):
            flaws.append(span.start)

    for i, p in _chunks(n_theta, n_paths, CHUNK_LANES):
        first = i.start * n_paths + p.start
        engine.simulate_block(
            task.model, task.values[i], p.stop - p.start, task.n_steps, warmup=task.warmup,
            address=task.first_address(i.start, p.start), stride=0 if task.common else n_paths,
            n_threads=task.n_threads, out=flat, rows=rows, first=first, finish=finish, tick=_shifted(tick, first),
            stop=stop)
    if flaws:
        _raise_flaw(task, flat, min(flaws), place)
    return out


def _reduce(task: _Task, reduce: Any, limit: int | None, several: bool, tick: Tick | None) -> Any:
    """What a reduction leaves of the paths, cell by cell."""
    found = reductions.start(reduce, len(task.values))
    cell = min(reductions.cell_paths(task.n_times), task.n_paths)
    size = cell * (1 if task.device == "cpu" else CELLS_OF_A_LAUNCH)
    n_bytes = (size + (COPIES - 1) * cell) * task.path_bytes
    check_memory(n_bytes, limit, "the paths", "no part of them fits, ask for fewer paths or steps, or a longer warmup")
    ahead = min(2 * task.n_threads, (limit or available_memory()) // n_bytes)
    n_done = 0
    under_way: dict[tuple[int, int], int] = {}

    def look(item: tuple[int, int, int], stop: np.ndarray) -> tuple[int, int, int, list[Any]]:
        i, first, n = item
        paths = _simulate(task.part(i, first, n), None, True, lambda k: under_way.__setitem__((i, first), k),
                          (i, first), stop)[0, 0]
        return i, first, n, [found[i].look(paths[k:k + cell]) for k in range(0, n, cell) if not stop[0]]

    def count() -> None:
        if tick is not None:
            tick(n_done + sum(list(under_way.values())))

    _compile(task)
    for i, first, n, parts in in_order(look, task.parts(size), task.n_threads, ahead, count):
        for part in parts:
            found[i].add(part)
        n_done += n
        under_way.pop((i, first), None)
        count()
    return reductions.results(found, several)


def _compile(task: _Task) -> None:
    """Compile in this thread, where Ctrl-C is heard."""
    devices.engine_for(task.device).simulate_block(
        task.model, task.values[:1], 0, 1, warmup=0, address=task.address, stride=0, n_threads=1,
        out=np.empty((1, 0, 2), dtype=task.dtype), rows=(task.chosen[0].row,))


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


def address_of(seed: int, run: int, purpose: int) -> Address:
    for name, value in (("seed", seed), ("run", run), ("purpose", purpose)):
        if not is_whole(value) or not 0 <= value < 2**32:
            raise ParameterError(f"{name}={value}: give a whole number in [0, 2**32)")
    return Address(int(seed), int(run), int(purpose))


def _dtype(dtype: Any) -> str:
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in DTYPES:
        raise ParameterError(f"dtype={shown(dtype)}: give one of {', '.join(DTYPES)}")
    return name


def _check_memory(n_bytes: int, limit: int | None) -> None:
    check_memory(n_bytes, limit, "the paths", "ask for fewer paths or steps, stream them with fastmas.iterate_paths, "
                                              "or give simulate a `reduce`")


def _shifted(tick: Tick | None, before: int) -> Tick | None:
    """A tick for a part, which has so many paths before it."""
    return None if tick is None else lambda n: tick(before + n)


def _chunks(n_theta: int, n_paths: int, lanes: int) -> Iterator[tuple[slice, slice]]:
    if n_paths >= lanes:
        for i in range(n_theta):
            for p in range(0, n_paths, lanes):
                yield slice(i, i + 1), slice(p, min(p + lanes, n_paths))
        return
    size = max(1, lanes // n_paths)
    for i in range(0, n_theta, size):
        yield slice(i, min(i + size, n_theta)), slice(0, n_paths)


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


def _raise_flaw(task: _Task, flat: np.ndarray, first_row: int, place: tuple[int, int]) -> None:
    for layer, one in zip(flat, task.chosen, strict=True):
        finite = np.isfinite(layer[first_row:])
        if one.transform is not None:
            finite[:, 0] = True
        if not finite.all():
            row, j = (int(x) for x in np.argwhere(~finite)[0])
            i, p = divmod(first_row + row, task.n_paths)
            raise SimulationError(
                f"model {task.model.name!r}: {one.name} of theta {place[0] + i}, path {place[1] + p} is "
                f"{layer[first_row + row, j]} at t={task.warmup + j}; the parameters let it run away")
