"""Many paths, or one long series: what a calibration does differently. A regime is one class and one entry of REGIMES.

One series is assumed stationary; its figures weigh far less, so that more is simulated for each of its values, and its
covariances come from few simulated series.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fastmas.calibration.budget import Sizes

LEAST_CANDIDATE = 8  # paths of a candidate


class Regime(Protocol):
    """See the module's docstring.

    `warmup` steps come before the window by default; `least_samples` are what either part of the data must have;
    `ridge` is that of a weight near the estimate; `blur` is the sd of noise, in sds of a return, that keeps a network
    from the lattice on which few agents leave returns; `most_rounds` bounds a game.
    """

    name: str
    is_series: bool
    warmup: int
    least_samples: int
    ridge: float
    blur: float
    most_rounds: int

    def soft(self, k: int) -> np.ndarray | None:
        """Which of k features a wrong model may miss, (k,), or None."""

    def n_candidate(self, n_observed: int) -> int:
        """Paths of a candidate of the game by default."""

    def n_sim(self, n_observed: int) -> int:
        """Paths of a theta at the least effort."""

    def n_polish(self, n_observed: int, sizes: Sizes) -> int:
        """Paths of the last steps and of covariances."""

    def n_weigh(self, n_observed: int, sizes: Sizes) -> int:
        """Paths of a covariance where fewer are simulated for a mean."""

    def pool(self, n_times: int, sizes: Sizes) -> tuple[int, int | None]:
        """Paths of a theta that a network learns from, and their length if not that of the data."""


class Paths:
    """Many paths over one window."""

    name = "paths"
    is_series = False
    warmup = 50
    least_samples = 1
    ridge = 0.0
    blur = 0.0
    most_rounds = 4

    def soft(self, k: int) -> None:
        return None

    def n_candidate(self, n_observed: int) -> int:
        return max(LEAST_CANDIDATE, n_observed)

    def n_sim(self, n_observed: int) -> int:
        return max(500, 2 * n_observed)

    def n_polish(self, n_observed: int, sizes: Sizes) -> int:
        return max(min(max(sizes.polish_paths * n_observed, sizes.least_polish), sizes.most_polish), 2 * n_observed)

    def n_weigh(self, n_observed: int, sizes: Sizes) -> int:
        return min(sizes.least_polish, self.n_polish(n_observed, sizes))

    def pool(self, n_times: int, sizes: Sizes) -> tuple[int, int | None]:
        return max(4, sizes.pool_steps // (n_times - 1)), None


class Series:
    """One long series."""

    name = "series"
    is_series = True
    warmup = 200  # a lone series is meant to be stationary
    least_samples = 8
    ridge = 0.02  # a covariance of one series' figures comes from few of them
    blur = 0.3
    most_rounds = 2

    def soft(self, k: int) -> np.ndarray:
        """All but the first, the scale of a price."""
        return np.arange(k) > 0

    def n_candidate(self, n_observed: int) -> int:
        return 12

    def n_sim(self, n_observed: int) -> int:
        return 32

    def n_polish(self, n_observed: int, sizes: Sizes) -> int:
        return sizes.polish_series

    def n_weigh(self, n_observed: int, sizes: Sizes) -> int:
        return sizes.weigh_series

    def pool(self, n_times: int, sizes: Sizes) -> tuple[int, int | None]:
        return 2, min(n_times, sizes.pool_steps // 2)


REGIMES: dict[str, Any] = {one.name: one for one in (Paths(), Series())}
