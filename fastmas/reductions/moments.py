"""Mean, sd, skewness, excess kurtosis, least and largest value over paths, at each time.

Central sums of parts are joined by the update formulas of Pebay (2008), so that no precision is
lost to a mean far from zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STRIP = 256  # paths whose powers stay in a core's cache


class Moments(NamedTuple):
    """Moments over paths at each time, (n_times,) each, or (n_times, k) of k observables.

    `sd` is the sample's, `kurtosis` is 0 for a normal.
    """

    mean: np.ndarray
    sd: np.ndarray
    skewness: np.ndarray
    kurtosis: np.ndarray
    least: np.ndarray
    largest: np.ndarray
    n_paths: np.ndarray


class _Sums(NamedTuple):
    n: int
    mean: np.ndarray
    square: np.ndarray
    cube: np.ndarray
    fourth: np.ndarray
    least: np.ndarray
    largest: np.ndarray


class MomentsOverPaths:
    """The moments of all paths, cell after cell."""

    def __init__(self) -> None:
        self._sums: _Sums | None = None

    def look(self, paths: np.ndarray) -> _Sums:
        shape, paths = paths.shape[1:], paths.reshape(len(paths), -1)  # several observables have an axis of their own
        mean = paths.mean(axis=0, dtype=np.float64)
        powers = np.zeros((3, paths.shape[1]))
        for first in range(0, len(paths), STRIP):
            apart = paths[first:first + STRIP] - mean
            square = apart * apart
            powers[0] += square.sum(axis=0)
            powers[1] += np.einsum("ij,ij->j", square, apart)
            powers[2] += np.einsum("ij,ij->j", square, square)
        parts = (mean, *powers, paths.min(axis=0), paths.max(axis=0))
        return _Sums(len(paths), *(part.reshape(shape) for part in parts))

    def add(self, part: _Sums) -> None:
        self._sums = part if self._sums is None else _join(self._sums, part)

    def result(self) -> Moments:
        assert self._sums is not None
        n, mean, square, cube, fourth, least, largest = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):  # where all paths are alike there is no shape
            sd = np.sqrt(square / (np.float64(n) - 1.0))
            skewness = np.sqrt(n) * cube / square**1.5
            kurtosis = n * fourth / square**2 - 3.0
        return Moments(mean, sd, skewness, kurtosis, least, largest, np.array(n))


def _join(a: _Sums, b: _Sums) -> _Sums:
    n, d = a.n + b.n, b.mean - a.mean
    pair = a.n * b.n / n
    cube = (a.cube + b.cube + d**3 * (pair * (a.n - b.n) / n) + d * (3.0 / n) * (a.n * b.square - b.n * a.square))
    fourth = (a.fourth + b.fourth + d**4 * (pair * (a.n**2 - a.n * b.n + b.n**2) / n**2)
              + d**2 * (6.0 / n**2) * (a.n**2 * b.square + b.n**2 * a.square)
              + d * (4.0 / n) * (a.n * b.cube - b.n * a.cube))
    return _Sums(n, a.mean + d * (b.n / n), a.square + b.square + d**2 * pair, cube, fourth,
                 np.minimum(a.least, b.least), np.maximum(a.largest, b.largest))


REDUCTION = MomentsOverPaths
