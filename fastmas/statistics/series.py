"""Figures of one long series: its scale, and its shape in units of that scale.

They are free of the scale, which is a figure of its own: under a wrong model the scale can then be matched and the
shape be given up, and not the other way round.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy import float32, float64, int64, uint64

from fastmas.kernel import kernel
from fastmas.random.functions import log_single
from fastmas.statistics import CLIP
from fastmas.statistics.compiled import (
    CHUNK,
    WIDTH,
    Room,
    add_lost,
    add_up,
    begin,
    clear,
    figures,
    increments,
    mean_of,
    read,
    sizes,
)
from fastmas.statistics.moments import MOST_SHAPE, Shape, add_products, add_shape
from fastmas.statistics.scaling import Scaling

MEMORY = (1, 2, 5, 10, 20, 40, 80, 160)  # lags of the correlation of sizes
AVERAGED = (5, 20, 60)  # steps over which sizes are averaged
MOST_COLUMNS = MOST_SHAPE + len(MEMORY) + 2
ONE, BOUND = float32(1.0), float32(CLIP)
FURTHEST = 1e30  # sds: no bound, but a number in float32


def series_moments(scaling: Scaling, paths: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Figures of each series, (..., n_times) to (..., n) in float64: log sd of its increments, then its shape.

    The shape is that of the increments in units of their own sd: `path_moments` without the mean square, correlations
    of their size over long lags, and the sds of averaged sizes. Lags and spans are at most half of `longest`. NaN for
    a series that is not finite or does not move.
    """
    n = paths.shape[-1] - 1
    shape, memory, averaged = _tables(min(n, longest or n))
    tables = (1, tuple(shape), shape.counts(n), memory, averaged)
    n_columns = len(shape.names()) + len(memory) + len(averaged)
    return figures(series_columns, scaling, paths, tables, n_columns, Room(MOST_COLUMNS, 2, 3, n + 1))


def series_names(n_times: int, longest: int | None = None) -> tuple[str, ...]:
    """What `series_moments` calls its columns for series of `n_times` values."""
    n = n_times - 1
    shape, memory, averaged = _tables(min(n, longest or n))
    return ("log sd", *(name for name in shape.names() if name != "square"), *(f"memory {k}" for k in memory),
            *(f"log sd of averages {k}" for k in averaged))


@lru_cache(maxsize=64)
def _tables(n: int) -> tuple[Shape, np.ndarray, np.ndarray]:
    within = [np.array([k for k in lags if k < n // 2], dtype=np.int64) for lags in (MEMORY, AVERAGED)]
    return Shape.of(n), within[0], within[1]


@kernel
def series_columns(paths, scale, tables, space, work, out):
    """The columns of all series, one after the other."""
    logarithm, sd, _, _ = scale
    lanes, shape, counts, memory, averaged = tables
    sums, totals, weights, _ = work
    n_values, n = paths.shape[1], paths.shape[1] - 1
    (values, total), (r, size, logged) = space
    n_shape, n_memory = len(counts), len(memory)
    lost, zero = n_shape + n_memory, int64(0)
    begin(weights)
    for row in range(paths.shape[0]):
        read(paths, row, lanes, logarithm, values)
        increments(values, n, lanes, sd, FURTHEST, r)
        own_sd = np.sqrt(mean_and_variance(r, zero, n, totals)[1])
        in_sds(r, n, own_sd, logged)
        sizes(r, n, size)
        middle, variance = mean_and_variance(logged, zero, n, totals)
        centre(logged, n, middle)
        clear(lost + 1, sums, totals)
        for begun in range(0, n_values, CHUNK):
            part = (begun, min(begun + CHUNK, n), lanes)
            j = add_shape(r, size, part, shape, work)
            for k in memory:
                add_products(logged, part, k, j, sums, weights)
                j += 1
            add_lost(values, min(begun + CHUNK, n_values), begun, lost, sums)
            add_up(lost + 1, sums, totals)
        nothing = mean_of(totals, lost, zero, lanes, 1.0) + 0.0 / own_sd
        for j in range(n_shape):
            out[row, uint64(j)] = mean_of(totals, j, zero, lanes, counts[j]) + nothing
        for i in range(n_memory):
            product = mean_of(totals, n_shape + i, zero, lanes, float64(n - memory[i]))
            out[row, uint64(n_shape + i)] = product / variance + nothing
        out[row, 1] = out[row, 0]  # in the place of the mean square
        out[row, 0] = np.log(own_sd) + nothing
        running_sums(logged, n, total)
        for i in range(len(averaged)):
            k = averaged[i]
            sums_over(total, k, n, size)
            spread = mean_and_variance(size, k, n, totals)[1]
            out[row, uint64(lost + i)] = 0.5 * np.log(spread) - np.log(float64(k)) + nothing


@kernel
def mean_and_variance(x, first, last, places):
    """Of x[first:last], in float64."""
    whole, count = last - (last - first) % WIDTH, float64(last - first)
    mean, moment = 0.0, 0.0
    for squared in (False, True):
        for i in range(WIDTH):
            places[0, i] = 0.0
        for base in range(first, last, WIDTH):
            at = uint64(base)
            for i in range(WIDTH if base < whole else last - whole):
                apart = float64(x[at + uint64(i)]) - mean
                places[0, i] += apart * apart if squared else apart
        moment = 0.0
        for i in range(WIDTH):
            moment += places[0, i]
        moment /= count
        mean = mean if squared else moment
    return mean, moment


@kernel
def in_sds(r, n, sd, size):
    """Increments in units of their own sd, bounded, and asinh of their sizes."""
    per_sd = float32(1.0 / sd)
    for i in range(n):
        z = min(max(r[i] * per_sd, -BOUND), BOUND)
        r[i] = z
        size[i] = log_single(abs(z) + np.sqrt(z * z + ONE))


@kernel
def centre(x, n, middle):
    for i in range(n):
        x[i] -= float32(middle)


@kernel
def running_sums(x, n, total):
    so_far = 0.0
    for i in range(n):
        so_far += float64(x[i])
        total[i] = so_far


@kernel
def sums_over(total, k, n, out):
    """Of the k values that end at each of those from k on."""
    for i in range(k, n):
        out[uint64(i)] = float32(total[uint64(i)] - total[uint64(i - k)])
