"""Whole numbers in CMA-ES: candidates are centred on them before they move the mean.

Marty, Hansen, Auger, Semet and Heron (2024), "LB+IC-CMA-ES: Two simple modifications of CMA-ES to handle mixed-integer
problems". The package `cma` has it too and draws from NumPy's global state while it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Centring:
    """Of the coordinates marked `integer` (d,), within `low` and `high` (d,)."""

    integer: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rng: np.random.Generator

    def __call__(self, solutions: Sequence[np.ndarray], mean: np.ndarray) -> Sequence[np.ndarray]:
        """Change solutions, each (d,), in place and return them.

        One whose whole number is not the mean's is put on it; the bias that this gives is taken back by moving the
        others towards the mean's whole number, as far as they go.
        """
        x, whole = self._inside(np.array(solutions)), np.round(mean)
        nearest = np.round(x)
        stays = nearest == whole
        bias = np.where(self.integer & ~stays, nearest - x, 0.0).sum(axis=0)
        room = np.where(self.integer & stays, whole - x, 0.0)
        share = np.zeros(len(mean))
        for side in (np.maximum(room, 0.0).sum(axis=0), np.minimum(room, 0.0).sum(axis=0)):
            against = bias * side < 0
            share[against] = np.minimum(1.0, -bias[against] / side[against])
        x = np.where(self.integer & ~stays, nearest, x + np.where(bias * room < 0, share * room, 0.0))
        for solution, moved in zip(solutions, x, strict=True):
            solution[:] = moved
        return solutions

    def _inside(self, x: np.ndarray) -> np.ndarray:
        """Whole numbers (n, d) beyond a bound, put between it and its own whole number where that is allowed."""
        for outside, bound, allowed in ((x < self.low, self.low, np.round(self.low) > self.low),
                                        (x > self.high, self.high, np.round(self.high) < self.high)):
            inward = np.where(allowed, np.round(bound) - bound, 0.0)
            at = bound + inward * self.rng.random(x.shape)
            x = np.where(outside & self.integer, at, x)
        return x
