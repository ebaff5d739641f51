"""What a level says beside its increments: how far and how long it strays, and whether steps are larger out there.

For the regression on one series; a level is the price or any other observable, a return too: the memory of its size is
then that of volatility.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmas.statistics import CLIP
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.series import MEMORY

AVERAGED = (5, 20, 60, 240)  # steps over which the level and its size are averaged
OVERLAP = 5  # averages begin a fifth of their span apart: nearer ones say the same
REACHES = (0.5, 1.0, 2.0)  # sds of the level at which its distribution is read
TINY = 1e-6


def level_summaries(scaling: Scaling, paths: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Of each series, (n, n_times) to (n, k) in float64; lags and spans are at most half of `longest`."""
    level = np.asarray(scaling.level(paths), dtype=np.float64)
    n = min(level.shape[-1] - 1, longest or level.shape[-1] - 1)
    mean, sd = level.mean(axis=-1), level.std(axis=-1)
    z = np.clip((level - mean[:, None]) / (sd + TINY)[:, None], -CLIP, CLIP).astype(np.float32)
    size = np.abs(np.diff(level, axis=-1))
    relative = np.minimum(size / (size.mean(axis=-1, keepdims=True) + TINY), CLIP).astype(np.float32)
    columns = [np.arcsinh(mean), np.log(sd + TINY), *_shape(z), *_memory(z, n), *_memory(np.abs(z), n),
               *_size_by_level(relative, z[:, :-1])]
    return np.stack(columns, axis=-1).astype(np.float64)


def _shape(z: np.ndarray) -> Iterator[np.ndarray]:
    square = z * z
    yield from (_product(square, z), np.log(_product(square, square) + TINY))
    yield from ((np.abs(z) > np.float32(reach)).mean(axis=-1) for reach in REACHES)


def _memory(z: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """How far apart values are over several lags, which is exact where they are hardly apart, and sds of averages."""
    for k in (k for k in MEMORY if k < n // 2):
        change = z[:, k:] - z[:, :-k]
        yield 0.5 * np.log(_product(change, change) + TINY)
    total = np.cumsum(z, axis=-1, dtype=np.float64)
    for k in (k for k in AVERAGED if k < n // 2):
        every = max(1, k // OVERLAP)
        yield np.log((total[:, k::every] - total[:, :-k:every]).std(axis=-1) / k + TINY)


def _size_by_level(relative: np.ndarray, z: np.ndarray) -> Iterator[np.ndarray]:
    """Whether steps are larger where the level is high, or far off."""
    around = relative - relative.mean(axis=-1, keepdims=True)
    yield from (_product(around, x) for x in (z, np.abs(z), z * z))


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b) / a.shape[-1]
