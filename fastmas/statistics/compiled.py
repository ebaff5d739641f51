"""What kernels of moments share: paths laid out for vectors, sums over time, and the module they are compiled in.

Values lie flat, `lanes` paths side by side: value i is time i // lanes of path i % lanes. Short paths go through in
groups of WIDTH, long ones each alone; a column is summed in WIDTH places of which each sees one path alone, whatever
else there is, so that a path's moments do not depend on its company.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy import float32, float64, int64, uint64

from fastmas.caching.cache import load_module
from fastmas.caching.digest import digest_of
from fastmas.caching.optimising import compiling_only
from fastmas.kernel import kernel
from fastmas.statistics.scaling import Scaling

WIDTH = 64  # places of a sum: below, LLVM unrolls their loop before it vectorises it
LONG = 256  # times from which on a path fills vectors alone
CHUNK = 1 << 13  # values that are summed in float32 before they are added up in float64, and stay in the cache
NAN = float64(np.nan)
INFINITE = float64(np.inf)
ROOT_HALF_BITS = int64(0x3FE6A09E667F3BCD)
EXPONENT_BITS = int64(-(2**52))
PER_EXPONENT = 2.0**-52
LOG_2 = 0.6931471805599453
ONE, TWO_THIRDS, HALF, THREE_HALVES = float32(1.0), float32(2 / 3), float32(0.5), float32(1.5)

TEMPLATE = '''"""Moments of paths, compiled; the name is a hash of all sources. Safe to delete."""
import numpy as np
from numba import float32, float64, njit

from fastmas.engine.lanes import stack_array, widest_vectors
from fastmas.statistics.{module} import {function}

sums = stack_array(({n_columns}, {width}), float32)
totals = stack_array(({n_columns}, {width}), float64)
weights = stack_array(({width} * 2,), float32)
row = stack_array(({width},), float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={{"contract"}})
def run(paths, scale, tables, space, out):
    widest_vectors()
    {function}(paths, scale, tables, space, (sums(), totals(), weights(), row()), out)
'''


@cache
def runner(function: Any, n_columns: int) -> Callable[..., None]:
    """The compiled `run` around a kernel at the top level of its file, with room for sums of `n_columns`."""
    plain = function.py_func
    text = TEMPLATE.format(module=plain.__module__.rpartition(".")[2], function=plain.__name__, n_columns=n_columns,
                           width=WIDTH)
    run: Callable[..., None] = load_module("fastmas_moments_" + digest_of(text, function), text).run
    return run


class Room(NamedTuple):
    """Columns of sums, and arrays of float64 and of float32 for values, that a kernel needs."""

    n_columns: int
    n_wide: int
    n_single: int
    n_values: int

    def arrays(self) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Zeros, and as many beyond the last value as a vector may read."""
        size = self.n_values + WIDTH
        return tuple(np.zeros((self.n_wide, size))), tuple(np.zeros((self.n_single, size), dtype=np.float32))


def figures(function: Any, scaling: Scaling, paths: np.ndarray, tables: tuple[Any, ...], n_columns: int,
            room: Room) -> np.ndarray:
    """What a kernel makes of each path, (..., n_times) to (..., n_columns) in float64: NaN where one is not finite."""
    rows = np.ascontiguousarray(paths.reshape(-1, paths.shape[-1]), dtype=np.float64)
    out = np.empty((len(rows), n_columns))
    scale = (scaling.logarithm, float(scaling.increment_sd), float(scaling.level_mean), float(scaling.level_sd))
    space = room.arrays()
    run = runner(function, room.n_columns)
    if not run.signatures:  # type: ignore[attr-defined]
        with compiling_only(run.__name__):
            run(rows[:0], scale, tables, space, out[:0])
    run(rows, scale, tables, space, out)
    return out.reshape(*paths.shape[:-1], n_columns)


@kernel
def log_wide(x):
    """Natural logarithm of a float64 to 1e-15, and NaN of what has none that is finite."""
    bits = float64(x).view(int64)
    exponent = (bits - ROOT_HALF_BITS) & EXPONENT_BITS
    f = int64(bits - exponent).view(float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    value = float64(exponent) * (PER_EXPONENT * LOG_2) + (2.0 * s + 2.0 * s * z * p)
    return value if 0.0 < x < INFINITE else NAN


@kernel
def read(paths, first, lanes, logarithm, level):
    """Lay out the (log) values of `lanes` paths from `first` on; the last one again where there are no more."""
    n_times = paths.shape[1]
    for w in range(lanes):
        row = min(first + w, paths.shape[0] - 1)
        for t in range(n_times):
            level[uint64(t * lanes + w)] = paths[uint64(row), uint64(t)]
    if logarithm:
        for i in range(n_times * lanes):
            level[i] = log_wide(level[i])


@kernel
def increments(level, n, lanes, sd, reach, out):
    """Standardised and bounded, n of them."""
    for i in range(n):
        out[i] = float32(min(max((level[uint64(i) + uint64(lanes)] - level[i]) / sd, -reach), reach))


@kernel
def bounded(x):
    """What tanh is like, without its cost: a cubic of slope 1 at 0 that is -1 and 1 from 1.5 on."""
    u = min(max(x * TWO_THIRDS, -ONE), ONE)
    return u * (THREE_HALVES - HALF * u * u)


@kernel
def sizes(r, n, out):
    for i in range(n):
        out[i] = abs(r[i])


@kernel
def standardised(level, n, mean, sd, reach, out):
    for i in range(n):
        out[i] = float32(min(max((level[i] - mean) / sd, -reach), reach))


@kernel
def clear(n_columns, sums, totals):
    for j in range(n_columns):
        for i in range(WIDTH):
            sums[j, i] = float32(0.0)
            totals[j, i] = 0.0


@kernel
def add_up(n_columns, sums, totals):
    """Into the totals; the sums begin anew."""
    for j in range(n_columns):
        for i in range(WIDTH):
            totals[j, i] += float64(sums[j, i])
            sums[j, i] = float32(0.0)


@kernel
def begin(weights):
    """Weights that leave out what lies beyond the last value."""
    for i in range(WIDTH):
        weights[i] = float32(1.0)
        weights[WIDTH + i] = float32(0.0)


@kernel
def beyond(base, last):
    """Where the weights of the values from `base` on begin."""
    return uint64(max(0, base + WIDTH - last))


@kernel
def mean_of(totals, j, w, lanes, count):
    """Of column j over the times of the path in lane w."""
    total = 0.0
    for i in range(w, WIDTH, lanes):
        total += totals[uint64(j), uint64(i)]
    return total / count


@kernel
def add_lost(level, n, first, j, sums):
    """NaN into a column where a value is not finite, else 0."""
    for base in range(first, n, WIDTH):
        at = uint64(base)
        for i in range(WIDTH):
            value = level[at + uint64(i)]
            sums[uint64(j), i] += float32(value - value)


def lanes_for(n_times: int) -> int:
    """Short paths side by side, a long one alone."""
    return WIDTH if n_times < LONG else 1
