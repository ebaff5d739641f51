"""What the level of an observable says that does not wander: its law, its memory, and its course over a window.

Each is a mean over the times of one path of powers, steps and products of the standardised level, bounded. On one
series they stand beside the shape of its increments; on many paths, whose moments see the level already, the course
over the window stands there, by which an epidemic is told from the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmas.statistics.scaling import Scaling

Columns = Iterator[tuple[str, np.ndarray]]

BOUND = 4.0  # sds
LAGS = (1, 2, 5, 10, 20, 50)
SIZE_LAGS = (1, 5, 20)
EDGES = (-1.0, -0.5, 0.0, 0.5, 1.0)  # sds at which the distribution function is read
STEEP = 4.0  # of the step there, per sd
N_PARTS = 4  # of a window
FAR = ("far level", "log sd of the level")  # not bounded, so that a search far from the data sees where they are
TINY = 1e-6


def level_figures(scaling: Scaling, paths: np.ndarray, longest: int | None = None) -> Columns:
    """Of series (n, n_times), by name; lags are at most half of `longest`."""
    z = bounded_level(scaling, paths)
    n = min(z.shape[1] - 1, longest or z.shape[1] - 1)
    square = z * z
    yield from _far(scaling, paths)
    yield "mean level", z.mean(axis=1)
    yield "mean squared level", square.mean(axis=1)
    yield "cubed level", (square * z).mean(axis=1)
    yield "fourth level", (square * square).mean(axis=1)
    yield from ((f"level beyond {edge:g}", step(z - edge).mean(axis=1)) for edge in EDGES)
    yield from ((f"level lag {k}", (z[:, k:] * z[:, :-k]).mean(axis=1)) for k in LAGS if k < n // 2)
    size = np.abs(z)
    yield from ((f"level size lag {k}", (size[:, k:] * size[:, :-k]).mean(axis=1)) for k in SIZE_LAGS if k < n // 2)


def course(scaling: Scaling, paths: np.ndarray) -> Columns:
    """Of paths (n, n_times) over one window: levels of its parts but the last, the peak, and when it is reached."""
    z = bounded_level(scaling, paths)
    n = z.shape[1]
    ends = np.linspace(0, n, N_PARTS + 1).astype(int)
    yield from _far(scaling, paths)
    if n >= 2 * N_PARTS:
        for i in range(N_PARTS - 1):
            yield f"level of part {i + 1}", z[:, ends[i]:ends[i + 1]].mean(axis=1)
        yield "peak", z.max(axis=1)
        yield "time of the peak", z.argmax(axis=1) / (n - 1)


def _far(scaling: Scaling, paths: np.ndarray) -> Columns:
    z = np.asarray(scaling.level(paths), dtype=np.float64)
    yield FAR[0], np.arcsinh(z.mean(axis=1))
    yield FAR[1], 0.5 * np.log(z.var(axis=1) + TINY)


def bounded_level(scaling: Scaling, paths: np.ndarray) -> np.ndarray:
    """The standardised level (n, n_times)."""
    return np.clip(np.asarray(scaling.level(paths), dtype=np.float64), -BOUND, BOUND)


def step(x: np.ndarray) -> np.ndarray:
    """What a sign is like, without its jump: a cubic from -1 to 1."""
    u = np.clip(x * (STEEP * 2 / 3), -1.0, 1.0)
    return u * (1.5 - 0.5 * u * u)
