"""Features of each path for the verdict: the pooled moments, and a few more that say what a moment does not.

A data set's mean of them is what the bootstrap judges (`fastmas.calibration.bootstrap`) and what the named
figures are computed from (`fastmas.statistics.named_figures`). On many paths they see both ends of the window;
on one series they see blocks of it, since its level wanders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastmas.domains import Domain
from fastmas.statistics import CLIP
from fastmas.statistics.moments import moment_names, path_moments
from fastmas.statistics.scaling import Scaling

SAME = 1e-3  # sds: closer returns are one value; rounding to a grid would split those at a cell's edge
MOST_SORTED = 1000  # returns of a path among which repeats are counted
END = 3  # values at either end of a window
BLOCK, LONG_BLOCK = 40, 200  # steps
LEAST_LONG_BLOCKS = 2
CACHED_VALUES = 1 << 14  # of paths that are read at a time: what is made of them stays in the cache
TINY = 1e-6  # squared sds, under a logarithm


@dataclass(frozen=True)
class PathFeatures:
    """The features of paths of `n_times` values; `longest` is that of `path_moments`.

    Called with paths (n, n_times), it gives (n, k) in float64, in the order of `names`: NaN for a path
    that ran away, or that falls to 0 or below where the data are positive. `domain` has the words for them.
    """

    scaling: Scaling
    n_times: int
    is_series: bool
    longest: int | None = None
    domain: Domain | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all k features, the moments first."""
        nothing = np.zeros((1, self.n_times))
        return (*self.moment_names, *(name for name, _ in self._others(nothing, nothing[:, 1:], nothing)))

    @cached_property
    def moment_names(self) -> tuple[str, ...]:
        return moment_names(self.n_times, level=not self.is_series, longest=self.longest)

    @cached_property
    def is_hard(self) -> np.ndarray:
        """Which moments are matched before the others where a model is wrong: the scale, (n_moments,)."""
        return np.array([name == "square" for name in self.moment_names])

    @cached_property
    def resolution(self) -> np.ndarray:
        """One count, for features that are shares of steps, and 0 for the others, (k,)."""
        return np.array([1.0 / (self.n_times - 1) if name in GRID else 0.0 for name in self.names])

    @cached_property
    def on_grid(self) -> np.ndarray:
        """Which features see the grid on which values lie, (k,)."""
        return self.resolution > 0

    def __call__(self, paths: np.ndarray) -> np.ndarray:
        size = max(1, CACHED_VALUES // self.n_times)
        return np.concatenate([self._of_some(paths[i:i + size]) for i in range(0, max(1, len(paths)), size)])

    def _of_some(self, paths: np.ndarray) -> np.ndarray:
        paths = np.asarray(paths, dtype=np.float64)
        with np.errstate(all="ignore"):
            moments = path_moments(self.scaling, paths, level=not self.is_series, longest=self.longest)
            returns = np.clip(self.scaling.increments(paths), -CLIP, CLIP)
            level = np.clip(self.scaling.level(paths), -CLIP, CLIP)
            others = [column for _, column in self._others(paths, returns, level)]
        features = np.concatenate([moments, np.stack(others, axis=1)], axis=1)
        features[~self._usable(paths)] = np.nan  # what is clipped looks like a number
        return features

    def _usable(self, paths: np.ndarray) -> np.ndarray:
        fine = np.isfinite(paths).all(axis=1)
        return fine & (paths > 0).all(axis=1) if self.scaling.logarithm else fine

    def _others(self, paths: np.ndarray, r: np.ndarray, level: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        yield from _grid(paths, r)
        yield from _sizes(r)
        yield from _blocks(r) if self.is_series else _ends(r, level)


GRID = ("unmoved", "repeated")  # features that see the grid on which values lie


def _grid(paths: np.ndarray, r: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "unmoved", (np.diff(paths, axis=1) == 0).mean(axis=1)
    gaps = np.diff(np.sort(r[:, :MOST_SORTED], axis=1), axis=1)
    yield "repeated", (gaps <= SAME).sum(axis=1) / min(r.shape[1], MOST_SORTED)


def _sizes(r: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    half = r.shape[1] // 2
    yield "log sd", _log_sd(r)
    yield "largest", np.log(np.abs(r).max(axis=1) + SAME)
    if half:
        yield "late", _log_sd(r[:, half:]) - _log_sd(r[:, :half])
        yield "lead", (r[:, :-1] * r[:, 1:] ** 2).mean(axis=1)


def _ends(r: np.ndarray, level: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "squared log sd", _log_sd(r) ** 2
    for name, part in (("start", level[:, :END]), ("end", level[:, -END:])):
        mean = part.mean(axis=1)
        yield from ((name, mean), (f"squared {name}", mean**2))


def _blocks(r: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if r.shape[1] < LEAST_LONG_BLOCKS * LONG_BLOCK:
        return
    blocks = _cut(r, BLOCK)
    variance = np.log((blocks**2).mean(axis=2) + TINY)
    yield "block spread", variance.std(axis=1)
    yield "block jumps", np.abs(np.diff(variance, axis=1)).mean(axis=1)
    for name, part in (("block sums", blocks), ("long sums", _cut(r, LONG_BLOCK))):
        yield name, np.log((part.sum(axis=2) ** 2).mean(axis=1) / part.shape[2] + TINY)


def _cut(r: np.ndarray, length: int) -> np.ndarray:
    return r[:, : r.shape[1] - r.shape[1] % length].reshape(len(r), -1, length)


def _log_sd(r: np.ndarray) -> np.ndarray:
    return 0.5 * np.log((r * r).mean(axis=1) + TINY)
