"""The one way to run a model: arrays of paths, or a stream of them that fits any memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastmas.engine.cpu import Address, count_threads, simulate_block
from fastmas.errors import MemoryLimitError, ParameterError, SimulationError
from fastmas.model import Model, Observable
from fastmas.parameters import is_whole, shown

CHUNK_LANES = 1 << 19  # paths whose addresses are laid out at a time: about 10 MB
CHUNK_BYTES = 1 << 23  # of paths at a time: what a transform may copy
SMALL_BYTES = 1 << 24  # always there: not worth a look at the memory
MOST_PATHS = 1 << 32  # addresses of paths are 32 bits wide
BYTES_PER_VALUE = 4

Theta = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def simulate(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: str | None = None, common_random_numbers: bool = False, n_threads: int | None = None,
    run: int = 0, purpose: int = 0,
) -> np.ndarray:
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
    run, purpose : int
        Further parts of the random address, for independent streams under one seed.

    Returns
    -------
    float32 array (n_paths, n_steps - warmup + 1) for one theta, (n_theta, n_paths, ...) for several.

    Raises
    ------
    ParameterError, ModelError
        A value outside its bounds, an unknown name, a size that cannot be.
    MemoryLimitError
        The array does not fit; `iterate_paths` streams it instead.
    SimulationError
        A path left the finite numbers.
    """
    several = theta is not None and not isinstance(theta, Mapping)
    values = _values(model, theta)
    paths = simulate_values(
        model, values, n_paths=n_paths, n_steps=n_steps, warmup=warmup,
        address=_address(seed, run, purpose), observables=[model.observable(observable)],
        common=common_random_numbers, n_threads=n_threads)[0]
    return paths if several else paths[0]


def simulate_values(
    model: Model, values: np.ndarray, *, n_paths: int, n_steps: int, warmup: int, address: Address,
    observables: Sequence[Observable] | None = None, common: bool = True, n_threads: int | None = None,
    check: bool = True,
) -> np.ndarray:
    """Simulate rows of parameter values: the call under `simulate`, without name look-ups.

    Parameters
    ----------
    values : (n_theta, n_entries), as `ParameterSpace.full` gives them
    check : bool
        Raise on values that are not finite; otherwise leave them in the paths.

    Returns
    -------
    float32 array (n_observables, n_theta, n_paths, n_steps - warmup + 1)
    """
    _check_sizes(n_paths, n_steps, warmup)
    chosen = list(observables or model.observables[:1])
    threads = count_threads(n_threads)
    n_theta, n_times = len(values), n_steps - warmup + 1
    _check_addresses(address.first_path + n_theta * n_paths)
    _check_memory(len(chosen) * n_theta * n_paths * n_times * BYTES_PER_VALUE)
    out = np.empty((len(chosen), n_theta, n_paths, n_times), dtype=np.float32)
    rows = tuple(o.row for o in chosen)
    lanes = max(1, min(CHUNK_LANES, CHUNK_BYTES // (len(chosen) * n_times * BYTES_PER_VALUE)))
    for i, p in _chunks(n_theta, n_paths, lanes):
        first = address.first_path + p.start + (0 if common else i.start * n_paths)
        simulate_block(
            model, values[i], p.stop - p.start, n_steps, warmup=warmup,
            address=address._replace(first_path=first), stride=0 if common else n_paths, n_threads=threads,
            out=out.reshape(len(chosen), -1, n_times), rows=rows, first=i.start * n_paths + p.start)
        _transform(out[:, i, p], chosen)
    if check:
        _check_finite(model, out, chosen, warmup)
    return out


def iterate_paths(
    model: Model, theta: Theta = None, *, n_paths: int, n_steps: int, warmup: int = 0, seed: int = 0,
    observable: str | None = None, n_threads: int | None = None, chunk_bytes: int = 1 << 26,
) -> Iterator[np.ndarray]:
    """Yield the paths of `simulate` for one theta, chunk after chunk, bit for bit the same.

    Yields
    ------
    float32 arrays (n_chunk, n_steps - warmup + 1) of at most `chunk_bytes`
    """
    _check_sizes(n_paths, n_steps, warmup)
    _check_addresses(n_paths)
    values = _values(model, theta)
    if len(values) > 1:
        raise ParameterError(f"theta: {len(values)} of them, and iterate_paths streams one: call it for each")
    size = max(1, chunk_bytes // ((n_steps - warmup + 1) * BYTES_PER_VALUE))
    for first in range(0, n_paths, size):
        yield simulate_values(
            model, values[:1], n_paths=min(size, n_paths - first), n_steps=n_steps, warmup=warmup,
            address=_address(seed, first_path=first),
            observables=[model.observable(observable)], n_threads=n_threads)[0, 0]


def available_memory() -> int:
    """Bytes that can be had without swapping."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 1 << 33


def _values(model: Model, theta: Theta) -> np.ndarray:
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


def _address(seed: int, run: int = 0, purpose: int = 0, first_path: int = 0) -> Address:
    for name, value in (("seed", seed), ("run", run), ("purpose", purpose)):
        if not is_whole(value) or not 0 <= value < 2**32:
            raise ParameterError(f"{name}={value}: give a whole number in [0, 2**32)")
    return Address(int(seed), int(run), int(purpose), first_path)


def _check_addresses(n_paths: int) -> None:
    if n_paths > MOST_PATHS:
        raise ParameterError(f"paths={n_paths}: at most 2**32 paths have addresses of their own")


def _check_sizes(n_paths: int, n_steps: int, warmup: int) -> None:
    for name, value, least in (("paths", n_paths, 1), ("steps", n_steps, 1), ("warmup", warmup, 0)):
        if not is_whole(value) or value < least:
            raise ParameterError(f"{name}={value}: give a whole number of at least {least}")
    if warmup > n_steps:
        raise ParameterError(f"warmup={warmup} is longer than steps={n_steps}")


def _check_memory(n_bytes: int) -> None:
    if n_bytes > SMALL_BYTES and n_bytes > 0.9 * (free := available_memory()):
        raise MemoryLimitError(
            f"the paths need {n_bytes / 1e9:.3g} GB and {free / 1e9:.3g} GB are free: "
            "ask for fewer paths or steps, or stream them with fastmas.iterate_paths")


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
            paths[k] = transform(paths[first])
        elif first != k:
            paths[k] = paths[first]


def _check_finite(model: Model, out: np.ndarray, chosen: Sequence[Observable], warmup: int) -> None:
    for k, one in enumerate(chosen):
        finite = np.isfinite(out[k])
        if one.transform is not None:
            finite[..., 0] = True  # a return has no value at the first time
        if not finite.all():
            i, p, j = (int(x) for x in np.argwhere(~finite)[0])
            raise SimulationError(
                f"model {model.name!r}: {one.name} of theta {i}, path {p} is {out[k, i, p, j]} "
                f"at t={warmup + j}; the parameters let it run away")
