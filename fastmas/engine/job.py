"""One simulation as every part of this project takes it: model, values, sizes, address, what is wanted, where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fastmas.engine import devices
from fastmas.engine.threads import count_threads
from fastmas.errors import ModelError, ParameterError
from fastmas.lowering.program import Derivatives, Program, program_of
from fastmas.model import Model, Observable, width_of
from fastmas.parameters import check_whole, shown
from fastmas.random.address import Address

MOST_PATHS = 1 << 32  # addresses of paths are 32 bits wide
DTYPES = ("float32", "float64")


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What to simulate; it can be pickled, and gives the same bits wherever it runs.

    An engine takes it as `simulate(job, sink)`; a later `advance(state, t0, t1, actions)` would stand there.

    Parameters
    ----------
    values : (n_theta, n_entries) in natural units, as `ParameterSpace.full` gives them
    n_paths : int
        Paths for each theta.
    n_steps, warmup : int
        Steps counted from t = 0; a path shows t = warmup..n_steps.
    address : Address
    common : bool
        Every theta has the same random numbers; otherwise theta i owns the paths from i * n_paths on.
    observables : tuple of Observable, optional
        The model's first one if not given. Row n_state + h is row h of the history.
    derivatives : Derivatives, optional
        Which program of the model runs; its rows hold them.
    dtype : {"float32", "float64"}
    device : {"cpu", "cuda"}
    n_threads : int
        By default every CPU.

    Raises
    ------
    ParameterError, ModelError, DeviceError
        A size, a row or a device that cannot be.
    """

    model: Model
    values: np.ndarray
    n_paths: int
    n_steps: int
    warmup: int = 0
    address: Address = Address(0)
    common: bool = True
    observables: tuple[Observable, ...] = ()
    derivatives: Derivatives | None = None
    dtype: str = "float32"
    device: str = "cpu"
    n_threads: int = field(default_factory=count_threads)

    def __post_init__(self) -> None:
        self._check_sizes()
        vars(self).update(
            n_paths=int(self.n_paths), n_steps=int(self.n_steps), warmup=int(self.warmup),
            n_threads=count_threads(self.n_threads), dtype=_dtype(self.dtype),
            device=devices.check_for(self.model, self.device),
            observables=tuple(self.observables) or self.model.observables[:1])
        self._check_rows()

    def _check_sizes(self) -> None:
        if not isinstance(self.values, np.ndarray) or self.values.ndim != 2 or self.values.dtype != np.float64:
            raise ParameterError(f"values={shown(self.values)}: give a float64 array (n_theta, n_entries)")
        if self.values.shape[1] != width_of(self.model):
            raise ParameterError(f"values of shape {self.values.shape}: model {self.model.name!r} has "
                                 f"{width_of(self.model)} values a theta")
        if not len(self.values):
            raise ParameterError("no theta given: an empty array")
        for name, value, least in (("paths", self.n_paths, 1), ("steps", self.n_steps, 1),
                                   ("warmup", self.warmup, 0)):
            check_whole(name, value, least)
        if self.warmup > self.n_steps:
            raise ParameterError(f"warmup={self.warmup} is longer than steps={self.n_steps}")
        own = 1 if self.common else len(self.values)
        if self.address.first_path + self.n_paths * own > MOST_PATHS:
            raise ParameterError(f"paths={self.n_paths}: at most 2**32 paths have addresses of their own")

    def _check_rows(self) -> None:
        for one in self.observables:
            if not 0 <= one.row < self.program.n_rows:
                raise ModelError(f"model {self.model.name!r}: {one.name} is row {one.row}, and rows are 0 to "
                                 f"{self.program.n_rows - 1}, of the state first and then of the history")

    @property
    def program(self) -> Program:
        return program_of(self.model, self.derivatives)

    @property
    def n_times(self) -> int:
        return self.n_steps - self.warmup + 1

    @property
    def total(self) -> int:
        """Paths of all thetas."""
        return len(self.values) * self.n_paths

    @property
    def path_bytes(self) -> int:
        """Of one path of all observables."""
        return len(self.observables) * self.n_times * np.dtype(self.dtype).itemsize

    @property
    def stride(self) -> int:
        """Path addresses from one theta to the next."""
        return 0 if self.common else self.n_paths

    @property
    def rows(self) -> tuple[int, ...]:
        """The row of each observable."""
        return tuple(one.row for one in self.observables)

    def parts(self, size: int) -> Iterator[tuple[int, int, int]]:
        """(theta, first path, number of paths) of parts of at most so many paths of one theta."""
        for i in range(len(self.values)):
            for first in range(0, self.n_paths, size):
                yield i, first, min(size, self.n_paths - first)

    def part(self, i: int, first: int, n: int) -> Job:
        """The job of some paths of one theta."""
        return replace(self, values=self.values[i:i + 1], n_paths=n, address=self.first_address(i, first))

    def chunks(self, n_lanes: int) -> Iterator[tuple[Job, int]]:
        """Jobs of at most so many paths, each with the number of paths before it."""
        if self.total <= n_lanes:
            yield self, 0
        elif self.n_paths >= n_lanes:
            for i, first, n in self.parts(n_lanes):
                yield self.part(i, first, n), i * self.n_paths + first
        else:
            size = max(1, n_lanes // self.n_paths)
            for i in range(0, len(self.values), size):
                yield (replace(self, values=self.values[i:i + size], address=self.first_address(i, 0)),
                       i * self.n_paths)

    def first_address(self, i: int, first: int) -> Address:
        """The address of a path of theta i."""
        return self.address._replace(first_path=self.address.first_path + i * self.stride + first)


class Sink(NamedTuple):
    """Where the paths of a job go, and who is told.

    `out` is a C-contiguous array (n_observables, at least first + n_theta * n_paths, n_times) of the job's
    dtype: path p of theta i goes to out[:, first + i * n_paths + p]. Of a row that two observables show only
    the first place is written, and no transform is taken.

    `finish` is called with each span of rows of `out` that is complete, perhaps from several threads at once;
    `tick` is told the number of paths done so far, now and then and at the end, in the calling thread. Whoever
    gives `stop`, an int64 array (1,), hears Ctrl-C in another thread: everything runs in this one, and is
    left unfinished soon after stop[0] is set.
    """

    out: np.ndarray
    first: int = 0
    finish: Callable[[slice], None] | None = None
    tick: Callable[[int], None] | None = None
    stop: np.ndarray | None = None

    @property
    def stopped(self) -> bool:
        return self.stop is not None and bool(self.stop[0])


class Rows(NamedTuple):
    """Which rows a compiled runner stores: these of the state, and so many of the history, chosen at each run."""

    state: tuple[int, ...]
    n_history: int


def rows_of(program: Program, wanted: tuple[int, ...]) -> Rows:
    """The rows that a runner stores for a job that wants these."""
    state = dict.fromkeys(row for row in (*program.observed, *wanted) if row < program.n_state)
    return Rows(tuple(state), len({row for row in wanted if row >= program.n_state}))


def slots_of(program: Program, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """For each stored row its place among those wanted, or -1; then the history rows that are stored."""
    place = {row: k for k, row in reversed(list(enumerate(wanted)))}
    history = [row for row in place if row >= program.n_state]
    return (*(place.get(row, -1) for row in rows_of(program, wanted).state), *(place[row] for row in history),
            *(row - program.n_state for row in history))


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
