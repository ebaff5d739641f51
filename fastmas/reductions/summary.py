"""Mean and sd of all values of all paths, and of their log returns where every value is positive."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Summary(NamedTuple):
    """Numbers over paths and times, or (k,) of k observables; those of log returns are NaN if a value is not positive.
    """

    mean: np.ndarray
    sd: np.ndarray
    return_mean: np.ndarray
    return_sd: np.ndarray


class _Pool(NamedTuple):
    """Number of values, their mean, and the sum of squares around it."""

    n: int
    mean: float
    squares: float

    def joined(self, other: _Pool) -> _Pool:
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n, apart = self.n + other.n, other.mean - self.mean
        return _Pool(n, self.mean + apart * other.n / n,
                     self.squares + other.squares + apart**2 * self.n * other.n / n)

    @property
    def sd(self) -> float:
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else math.nan


class SummaryOfPaths:
    """The summary of all paths, cell after cell; NaN is left out, as in the first log return."""

    def __init__(self) -> None:
        self._each: list[_OfOne] = []

    def look(self, paths: np.ndarray) -> list[tuple[_Pool, _Pool | None]]:
        return [_look(layer) for layer in ([paths] if paths.ndim == 2 else np.moveaxis(paths, -1, 0))]

    def add(self, part: list[tuple[_Pool, _Pool | None]]) -> None:
        self._each = self._each or [_OfOne() for _ in part]
        for one, seen in zip(self._each, part, strict=True):
            one.add(seen)

    def result(self) -> Summary:
        found = [one.result() for one in self._each]
        return Summary(*(np.array(x if len(found) > 1 else x[0]) for x in zip(*found, strict=True)))


class _OfOne:
    """What is summed up of one observable."""

    def __init__(self) -> None:
        self._values = self._returns = _Pool(0, math.nan, 0.0)
        self._is_positive = True

    def add(self, part: tuple[_Pool, _Pool | None]) -> None:
        values, returns = part
        self._values = self._values.joined(values)
        self._is_positive = self._is_positive and returns is not None
        if returns is not None:
            self._returns = self._returns.joined(returns)

    def result(self) -> tuple[float, float, float, float]:
        returns = self._returns if self._is_positive else _Pool(0, math.nan, 0.0)
        return self._values.mean, self._values.sd, returns.mean, returns.sd


def _look(paths: np.ndarray) -> tuple[_Pool, _Pool | None]:
    values = paths.astype(np.float64)
    if not (values > 0).all():
        return _pool(values), None
    return _pool(values), _pool(np.diff(np.log(values), axis=1))


def _pool(values: np.ndarray) -> _Pool:
    seen = values[~np.isnan(values)] if np.isnan(values).any() else values
    if seen.size == 0:
        return _Pool(0, math.nan, 0.0)
    mean = float(seen.mean())
    return _Pool(seen.size, mean, float(np.square(seen - mean).sum()))


REDUCTION = SummaryOfPaths
