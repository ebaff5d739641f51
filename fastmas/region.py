"""A box in search coordinates: where a search may go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Region:
    """`low` and `high` (d,) are never left; `integer` (d,) marks whole numbers."""

    low: np.ndarray
    high: np.ndarray
    integer: np.ndarray

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return len(self.low)

    @property
    def width(self) -> np.ndarray:
        """From low to high, (d,)."""
        return self.high - self.low

    @property
    def middle(self) -> np.ndarray:
        """(d,)."""
        return (self.low + self.high) / 2.0

    @property
    def precision(self) -> np.ndarray:
        """Of a uniform over the box, (d,): what is known of a direction that no feature sees."""
        return 12.0 / self.width**2

    def inside(self, z: np.ndarray) -> np.ndarray:
        """The nearest points of the box to z (..., d)."""
        return np.clip(z, self.low, self.high)

    def without(self, j: int) -> Region:
        """The box of the other coordinates."""
        return Region(*(np.delete(x, j) for x in (self.low, self.high, self.integer)))
