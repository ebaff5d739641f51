"""Pooled moments of a path: what the moment fit matches, and every discriminator's start.

Each moment is a mean over the times of one path. They see the distribution of returns, their serial
dependence and that of their size, the pull of moving averages, and (for paths) of the level.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy import float32, float64, int64, uint64

from fastmas.kernel import kernel
from fastmas.statistics import CLIP
from fastmas.statistics.characteristic import (
    ALONE,
    CHARACTERISTIC,
    PAIRS,
    add_alone,
    add_pairs,
    add_threes,
    characteristic_counts,
    characteristic_names,
)
from fastmas.statistics.compiled import (
    CHUNK,
    WIDTH,
    Room,
    add_lost,
    add_up,
    begin,
    beyond,
    bounded,
    clear,
    figures,
    increments,
    lanes_for,
    mean_of,
    read,
    sizes,
    standardised,
)
from fastmas.statistics.scaling import Scaling

QUANTILES = (0.5, 1.0, 1.5, 2.0)  # sds at which the distribution function of |r| is read
LAGS = (1, 2, 3, 4, 5, 6, 8, 10)
SIZE_LAGS = (1, 2, 4, 10, 20, 40)
SPANS = (2, 4, 7, 10)
BOUNDED = (4.0, 3.0)  # sds of returns and of levels beyond which a few far paths would decide a mean of powers
POWERS = ("mean", "square", "size", "cube", "fourth")
PULLS = ("pull", "cubic pull", "size pull")
OF_LEVEL = ("level", "squared level", "reversion", "size reversion", "cubic reversion")
MOST_SHAPE = len(POWERS) + len(QUANTILES) + len(LAGS) + len(SIZE_LAGS) + len(PULLS) * len(SPANS)
MOST_COLUMNS = MOST_SHAPE + len(OF_LEVEL) + len(CHARACTERISTIC) + 1
STEEP = float32(4.0)  # of the step at a quantile, per sd


class Shape(NamedTuple):
    """Quantiles, lags and spans of the columns of a path's returns."""

    quantiles: np.ndarray
    lags: np.ndarray
    size_lags: np.ndarray
    spans: np.ndarray

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, n: int) -> Shape:
        """For n returns: lags are at most half of them."""
        def whole(values: Any) -> np.ndarray:
            return np.array(list(values), dtype=np.int64)

        return cls(np.array(QUANTILES, dtype=np.float32), whole(k for k in LAGS if k < n // 2),
                   whole(k for k in SIZE_LAGS if k < n // 2), whole(k for k in SPANS if k + 2 < n))

    def names(self) -> tuple[str, ...]:
        """Of the columns, in the order in which `add_shape` fills them."""
        return (*POWERS, *(f"beyond {q:g}" for q in self.quantiles), *(f"lag {k}" for k in self.lags),
                *(f"size lag {k}" for k in self.size_lags), *(f"{what} {k}" for k in self.spans for what in PULLS))

    def counts(self, n: int) -> np.ndarray:
        """Times over which each column's mean is taken, of n returns."""
        lost = [*[0] * (len(POWERS) + len(self.quantiles)), *self.lags, *self.size_lags,
                *np.repeat(self.spans + 1, len(PULLS))]
        return n - np.array(lost, dtype=np.float64)


def path_moments(scaling: Scaling, paths: np.ndarray, *, level: bool, longest: int | None = None,
                 reach: tuple[float, float] = (CLIP, CLIP), characteristic: bool = False) -> np.ndarray:
    """Moments of each path, (..., n_times) to (..., n_moments) in float64; NaN for a path that is not finite.

    Lags are at most half of the returns, or half of `longest`: pieces and the whole then have the same moments.
    Returns and levels count no further than `reach` sds. `characteristic` adds the moments of that name.
    """
    n_times = paths.shape[-1]
    n = n_times - 1
    shape = Shape.of(min(n, longest or n))
    more = characteristic_names(n_times) if characteristic else ()
    counts = np.concatenate([shape.counts(n), np.full(len(OF_LEVEL) if level else 0, float(n)),
                             characteristic_counts(n) if more else ()])
    tables = (lanes_for(n_times), (level, bool(more)), (float(reach[0]), float(reach[1])), tuple(shape), counts)
    room = Room(MOST_COLUMNS, 1, 5, n_times * tables[0])
    return figures(path_columns, scaling, paths, tables, len(counts), room)


def moment_names(n_times: int, *, level: bool, longest: int | None = None,
                 characteristic: bool = False) -> tuple[str, ...]:
    """What `path_moments` calls its columns for paths of `n_times` values."""
    n = n_times - 1
    return (*Shape.of(min(n, longest or n)).names(), *(OF_LEVEL if level else ()),
            *(characteristic_names(n_times) if characteristic else ()))


@kernel
def path_columns(paths, scale, tables, space, work, out):
    """The columns of all paths, in groups of `lanes`."""
    logarithm, sd, level_mean, level_sd = scale
    lanes, (has_level, has_more), reach, shape, counts = tables
    sums, totals, weights, _ = work
    n_columns = out.shape[1]
    n, n_values = (paths.shape[1] - 1) * lanes, paths.shape[1] * lanes
    (values,), (r, size, level, sines, cosines) = space
    begin(weights)
    for first in range(0, paths.shape[0], lanes):
        read(paths, first, lanes, logarithm, values)
        increments(values, n, lanes, sd, reach[0], r)
        sizes(r, n, size)
        standardised(values, n, level_mean, level_sd, reach[1], level)
        clear(n_columns + 1, sums, totals)
        for begun in range(0, n_values, CHUNK):
            part = (begun, min(begun + CHUNK, n), lanes)
            j = add_shape(r, size, part, shape, work)
            if has_level:
                j = add_level(r, level, part, j, work)
            if has_more:
                rows = (r, level, cosines, sines)
                add_alone(rows, part, j, sums, weights)
                add_pairs(rows, part, j + len(ALONE), sums, weights)
                add_threes(rows, part, j + len(ALONE) + len(PAIRS), sums, weights)
            add_lost(values, min(begun + CHUNK, n_values), begun, n_columns, sums)
            add_up(n_columns + 1, sums, totals)
        for w in range(min(lanes, paths.shape[0] - first)):
            lost = mean_of(totals, n_columns, w, lanes, 1.0)
            for j in range(n_columns):
                out[uint64(first + w), uint64(j)] = mean_of(totals, j, w, lanes, counts[j]) + lost


@kernel
def add_shape(r, size, part, shape, work):
    """Sums of the columns that `Shape.names` lists; gives the number of them."""
    quantiles, lags, size_lags, spans = shape
    sums, _, weights, _ = work
    add_powers(r, part, sums, weights)
    j = int64(len(POWERS))
    for q in quantiles:
        add_beyond(size, part, q, j, sums, weights)
        j += 1
    for k in lags:
        add_products(r, part, k, j, sums, weights)
        j += 1
    for k in size_lags:
        add_products(size, part, k, j, sums, weights)
        j += 1
    for k in spans:
        add_pull(r, part, k, j, work)
        j += 3
    return j


@kernel
def add_powers(r, part, sums, weights):
    first, last, _ = part
    for base in range(first, last, WIDTH):
        at, of = uint64(base), beyond(base, last)
        for i in range(WIDTH):
            x, weight = r[at + uint64(i)], weights[of + uint64(i)]
            square = x * x
            sums[0, i] += weight * x
            sums[1, i] += weight * square
            sums[2, i] += weight * abs(x)
            sums[3, i] += weight * (square * x)
            sums[4, i] += weight * (square * square)


@kernel
def add_beyond(size, part, q, j, sums, weights):
    first, last, _ = part
    for base in range(first, last, WIDTH):
        at, of = uint64(base), beyond(base, last)
        for i in range(WIDTH):
            sums[uint64(j), i] += weights[of + uint64(i)] * bounded(STEEP * (size[at + uint64(i)] - q))


@kernel
def add_products(r, part, k, j, sums, weights):
    first, last, lanes = part
    for base in range(max(first, k * lanes), last, WIDTH):
        at, before, of = uint64(base), uint64(base - k * lanes), beyond(base, last)
        for i in range(WIDTH):
            sums[uint64(j), i] += weights[of + uint64(i)] * (r[at + uint64(i)] * r[before + uint64(i)])


@kernel
def add_pull(r, part, k, j, work):
    """A return and the sum of the k before it, per its sd."""
    first, last, lanes = part
    sums, _, weights, pulls = work
    own, per_sd = sums[j:], float32(1.0 / np.sqrt(float64(k)))
    for base in range(max(first, (k + 1) * lanes), last, WIDTH):
        at, of = uint64(base), beyond(base, last)
        for i in range(WIDTH):
            pulls[i] = r[uint64(base - lanes) + uint64(i)]
        for back in range(2, k + 1):
            before = uint64(base - back * lanes)
            for i in range(WIDTH):
                pulls[i] += r[before + uint64(i)]
        for i in range(WIDTH):
            x, weight, pull = r[at + uint64(i)], weights[of + uint64(i)], pulls[i] * per_sd
            own[0, i] += weight * (x * bounded(pull))
            own[1, i] += weight * (x * (pull * pull * pull))
            own[2, i] += weight * ((x * x) * (pull * pull))


@kernel
def add_level(r, level, part, j, work):
    """A return and the level before it."""
    first, last, _ = part
    sums, _, weights, _ = work
    own = sums[j:]
    for base in range(first, last, WIDTH):
        at, of = uint64(base), beyond(base, last)
        for i in range(WIDTH):
            x, before, weight = r[at + uint64(i)], level[at + uint64(i)], weights[of + uint64(i)]
            square, product = before * before, before * x
            own[0, i] += weight * before
            own[1, i] += weight * square
            own[2, i] += weight * product
            own[3, i] += weight * (product * product)
            own[4, i] += weight * (square * product)
    return j + 5
