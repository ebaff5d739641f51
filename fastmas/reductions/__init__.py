"""What is left of paths that are not kept. One reduction per file, a user's function, or a user's object.

Paths arrive in cells: parts of one theta's paths whose size depends on their length alone. Cells are
looked at by several threads at once and added up in their order, so that neither threads nor the
memory that there is change a bit of the result.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastmas.errors import ParameterError
from fastmas.parameters import shown
from fastmas.registry import find, parts

CELL_VALUES = 1 << 19  # of one cell: 2 MB in float32, some milliseconds of work
LEAST_PATHS = 64  # a block of lanes


class PathMean(NamedTuple):
    """Mean over paths of what a function makes of each path, with its standard error; arrays of one shape."""

    mean: np.ndarray
    standard_error: np.ndarray
    n_paths: np.ndarray


class Reduction(Protocol):
    """What a reduction does with the cells of one theta."""

    def look(self, paths: np.ndarray) -> Any:
        """What is needed of one cell (n, n_times); called from several threads at once."""

    def add(self, part: Any) -> None:
        """Take in what `look` gave; called cell after cell."""

    def result(self) -> Any:
        """What remains of all of them."""


def start(reduce: Any, n_theta: int) -> list[Reduction]:
    """A reduction for each theta from what a user gives as `reduce`.

    Raises
    ------
    ParameterError
        An unknown name, or nothing that can reduce paths.
    """
    if isinstance(reduce, str):
        kind = find("fastmas.reductions", "REDUCTION", reduce, "reduction")
        return [kind() for _ in range(n_theta)]
    if isinstance(reduce, type):
        return [_Object(reduce()) for _ in range(n_theta)]
    if hasattr(reduce, "update") and hasattr(reduce, "result"):
        return [_Object(reduce if n_theta == 1 else copy.deepcopy(reduce)) for _ in range(n_theta)]
    if callable(reduce):
        return [_Function(reduce) for _ in range(n_theta)]
    known = ", ".join(parts("fastmas.reductions", "REDUCTION"))
    raise ParameterError(f"reduce={shown(reduce)}: give a name ({known}), a function of paths, or an object with "
                         "update(paths) and result()")


def results(reductions: list[Reduction], several: bool) -> Any:
    """The result of one theta, or of several: arrays of them, a list where they are a user's own."""
    found = [one.result() for one in reductions]
    if not several:
        return found[0]
    if isinstance(reductions[0], _Object):
        return found
    return type(found[0])(*(np.stack(column) for column in zip(*found, strict=True)))


def cell_paths(n_times: int) -> int:
    """Paths of a cell."""
    return max(LEAST_PATHS, CELL_VALUES // n_times // LEAST_PATHS * LEAST_PATHS)


class _Object:
    """A user's object with update and result, which sees every cell in order."""

    def __init__(self, reducer: Any) -> None:
        self._reducer = reducer
        self.add, self.result = reducer.update, reducer.result

    def look(self, paths: np.ndarray) -> np.ndarray:
        return paths


class _Function:
    """Mean and standard error of a function of paths, cells joined as by Chan, Golub and LeVeque (1983)."""

    def __init__(self, function: Callable[[np.ndarray], Any]) -> None:
        self._function = function
        self._n = 0
        self._mean = self._squares = np.zeros(())

    def look(self, paths: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        values = self._function(paths)
        if hasattr(values, "detach"):  # a torch tensor may carry its gradient, or live elsewhere
            values = values.detach().cpu()
        values = np.asarray(values, dtype=np.float64)
        if values.ndim == 0 or len(values) != len(paths):
            name = getattr(self._function, "__name__", self._function)
            raise ParameterError(f"reduce={name}: it returned shape {values.shape} for {len(paths)} paths; "
                                 "return one value, or one array, for each path")
        mean = values.mean(axis=0)
        return len(values), mean, np.square(values - mean).sum(axis=0)

    def add(self, part: tuple[int, np.ndarray, np.ndarray]) -> None:
        n, mean, squares = part
        total = self._n + n
        apart = mean - self._mean
        self._mean = self._mean + apart * (n / total)
        self._squares = self._squares + squares + apart**2 * (self._n * n / total)
        self._n = total

    def result(self) -> PathMean:
        with np.errstate(invalid="ignore", divide="ignore"):  # one path has no error
            error = np.sqrt(self._squares / (np.float64(self._n) - 1.0) / self._n)
        return PathMean(self._mean, error, np.array(self._n))
