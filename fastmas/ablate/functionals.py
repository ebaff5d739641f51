"""Fixed functionals of paths whose expectations any text has, with their slopes along the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Values = Callable[[np.ndarray], np.ndarray]


class Functional(NamedTuple):
    """`of` takes levels (n_paths, n_times) to values (n_paths,), `slope` to derivatives (n_paths, n_times)."""

    title: str
    of: Values
    slope: Values


def _squares(y: np.ndarray) -> np.ndarray:
    return (np.diff(y, axis=1) ** 2).mean(axis=1)


def _squares_slope(y: np.ndarray) -> np.ndarray:
    r = 2.0 * np.diff(y, axis=1) / (y.shape[1] - 1)
    slope = np.zeros_like(y)
    slope[:, 1:] += r
    slope[:, :-1] -= r
    return slope


def _reach(y: np.ndarray) -> np.ndarray:
    return (y[:, -1] - y[:, 0]) ** 2


def _reach_slope(y: np.ndarray) -> np.ndarray:
    slope = np.zeros_like(y)
    slope[:, -1] = 2.0 * (y[:, -1] - y[:, 0])
    slope[:, 0] = -slope[:, -1]
    return slope


FUNCTIONALS = {
    "squares": Functional("mean squared change of a step", _squares, _squares_slope),
    "reach": Functional("squared change over the window", _reach, _reach_slope),
}


class Levels(NamedTuple):
    """What changes are taken of: logarithms where all values are positive, else values."""

    logarithm: bool

    def of(self, x: np.ndarray) -> np.ndarray:
        """Levels of paths x, in float64."""
        x = np.asarray(x, dtype=np.float64)
        return np.log(x) if self.logarithm else x

    def slope(self, x: np.ndarray) -> np.ndarray:
        """d level / d x."""
        return 1.0 / np.asarray(x, dtype=np.float64) if self.logarithm else np.ones(x.shape)
