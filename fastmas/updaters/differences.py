"""Slopes by differences: one coordinate at a time, or all at once where they are many.

One at a time, a path tells of one slope. In a two-level design (Plackett and Burman 1946) each pair of points moves
every coordinate by a sign of its own and each path tells of all slopes, so that the paths needed do not grow with
their number. Noise that is left is taken off by its singular values: directions that it alone could show are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import hadamard

from fastmas.region import Region

ONE_BY_ONE = 8  # coordinates at most
SHARED = 16  # times the paths of a point: what upper points of a design have together
MOST_SHARED = 1 << 16  # paths of them at most
LEAST_PATHS = 16  # of an end of a pair
MARGIN = 1.1  # times what noise has shown
STRIDE = 1 << 8  # between the run numbers of pairs

MeansAt = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Differences:
    """Pairs of points (n, d) above and below; `inverse` (d, n) makes slopes of what rises between them.

    One at a time, the i-th pair lies along the i-th coordinate.
    """

    above: np.ndarray
    below: np.ndarray
    inverse: np.ndarray

    @property
    def is_shared(self) -> bool:
        """Whether every pair tells of every slope."""
        return self.above.shape[1] > ONE_BY_ONE

    def n_paths(self, n: int) -> int:
        """Paths of a point where `n` are wanted of one that moves a single coordinate."""
        return max(LEAST_PATHS, min(SHARED * n, MOST_SHARED) // len(self.above)) if self.is_shared else n

    def slopes(self, means_at: MeansAt, run: int) -> np.ndarray:
        """(d, ...) of `means_at(points (n, d), run)`, (n, ...); pairs of a design have random numbers of their own.

        One at a time a slope along which paths ran away is not finite; a pair of a design that did tells nothing.
        """
        if not self.is_shared:
            values = means_at(np.vstack([self.above, self.below]), run)
            rise = values[:len(self.above)] - values[len(self.above):]
            return rise * np.diag(self.inverse).reshape(-1, *[1] * (rise.ndim - 1))
        pairs = zip(self.above, self.below, strict=True)
        rise = np.stack([np.subtract(*means_at(np.stack(ends), run + STRIDE * i)) for i, ends in enumerate(pairs)])
        return np.tensordot(self.inverse, np.where(np.isfinite(rise), rise, 0.0), axes=1)


def differences(z: np.ndarray, step: np.ndarray, region: Region) -> Differences:
    """Points a step (d,) to either side of z (d,), inside the region."""
    signs = np.eye(len(z)) if len(z) <= ONE_BY_ONE else _signs(len(z))
    above, below = (region.inside(z + side * signs * step) for side in (1.0, -1.0))
    apart = above - below
    return Differences(above, below, np.diag(1.0 / np.diag(apart)) if len(z) <= ONE_BY_ONE else np.linalg.pinv(apart))


def without_noise(slopes: np.ndarray) -> np.ndarray:
    """Mean over groups of slopes (d, groups, m), without the directions that noise alone could show, (d, m).

    Groups that are added and subtracted in equal numbers hold noise alone, as much of it as their mean. It is compared
    in units of its sd in each feature: one that is noisy hides no others.
    """
    n = slopes.shape[1]
    mean = slopes.mean(axis=1)
    if n < 2 or n & (n - 1):
        return mean
    unit = (slopes - mean[:, None]).std(axis=(0, 1))
    unit = np.where(unit > 0, unit, 1.0)
    bar = max(np.linalg.norm(np.tensordot(signs / n, slopes / unit, axes=(0, 1)), 2) for signs in hadamard(n)[1:])
    left, values, right = np.linalg.svd(mean / unit, full_matrices=False)
    kept = values > MARGIN * bar
    return (left[:, kept] * values[kept]) @ right[kept] * unit


def _signs(d: int) -> np.ndarray:
    """Orthogonal columns of signs (n, d); a random sign of each keeps sums of neighbours from being moved as one."""
    n = 1 << (d - 1).bit_length()
    return hadamard(n)[:, :d] * np.random.default_rng(d).choice([-1.0, 1.0], d)
