"""Empirical characteristic functions of a path: what the moments miss of the law of a return and of sums of neighbours.

Each is the mean over a path of cos(w v) for increments v, sums of two and of three neighbours and their differences; of
the same weighed by how far off the level is; and of products of sines, which see the side to which the level pulls.
Under the smoothed market they double the distance between its two basins (27 to 67 against 25 to 30 for the moments
alone, 1,000 paths).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmas.statistics import CLIP
from fastmas.statistics.scaling import Scaling

OF_ONE = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # frequencies, per sd of an increment
OF_TWO = (0.5, 1.0, 2.0, 3.0)
OF_THREE = (0.5, 1.0, 2.0)
OF_LEVEL = (1.0, 2.0, 4.0)
OF_PAIRS = (1.0, 2.0)
LEAST_TIMES = 6  # below it sums of three have too few values to be worth their columns
FAR = 3.0  # sds at which the level counts no further


def characteristic_moments(scaling: Scaling, paths: np.ndarray) -> np.ndarray:
    """Of each path, (..., n_times) to (..., n) in float64; n is 0 for paths of fewer than six times."""
    if paths.shape[-1] < LEAST_TIMES:
        return np.empty((*paths.shape[:-1], 0))
    r = np.clip(scaling.increments(paths), -CLIP, CLIP).astype(np.float32)
    level = np.clip(scaling.level(paths), -FAR, FAR).astype(np.float32)[..., :-1]
    return np.stack([c.mean(axis=-1, dtype=np.float64) for c in _columns(r, level)], axis=-1)


def _columns(r: np.ndarray, level: np.ndarray) -> Iterator[np.ndarray]:
    two, three = r[..., 1:] + r[..., :-1], r[..., 2:] + r[..., 1:-1] + r[..., :-2]
    for values, frequencies in ((r, OF_ONE), (two, OF_TWO), (r[..., 1:] - r[..., :-1], OF_TWO), (three, OF_THREE)):
        yield from (np.cos(np.float32(w) * values) for w in frequencies)
    far = level * level
    yield from (np.cos(np.float32(w) * r) * far for w in OF_LEVEL)
    yield from (np.sin(np.float32(w) * r) * level for w in OF_LEVEL)
    for w in OF_PAIRS:
        sines = np.sin(np.float32(w) * r)
        yield sines[..., 1:] * sines[..., :-1]
