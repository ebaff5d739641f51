"""Pooled moments of a path: what the moment fit matches, and every discriminator's start.

Each moment is a mean over the times of one path. They see the distribution of returns, their serial
dependence and that of their size, the pull of moving averages, and (for paths) of the level. Those of one
long series are free of its scale, which is a figure of its own: under a wrong model the scale can then be
matched and the shape be given up, and not the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastmas.statistics import CLIP
from fastmas.statistics.scaling import Scaling

QUANTILES = (0.5, 1.0, 1.5, 2.0)  # sds at which the distribution function of |r| is read
LAGS = (1, 2, 3, 4, 5, 6, 8, 10)
SIZE_LAGS = (1, 2, 4, 10, 20, 40)
SPANS = (2, 4, 7, 10)
BOUNDED = (4.0, 3.0)  # sds of returns and of levels beyond which a few far paths would decide a mean of powers
MEMORY = (1, 2, 5, 10, 20, 40, 80, 160)  # lags of the correlation of sizes in a series
AVERAGED = (5, 20, 60)  # steps over which sizes are averaged


def path_moments(scaling: Scaling, paths: np.ndarray, *, level: bool, longest: int | None = None,
                 reach: tuple[float, float] = (CLIP, CLIP)) -> np.ndarray:
    """Moments of each path, (..., n_times) to (..., n_moments) in float64.

    Lags are at most half of the returns, or half of `longest`: pieces and the whole then have the same moments.
    Returns and levels count no further than `reach` sds.
    """
    returns = np.clip(scaling.increments(paths), -reach[0], reach[0]).astype(np.float32)
    columns = [column for _, column in _returns(returns, min(returns.shape[-1], longest or returns.shape[-1]))]
    if level:
        levels = np.clip(scaling.level(paths), -reach[1], reach[1]).astype(np.float32)
        columns += [c for _, c in _level(returns, levels)]
    return np.stack([c.mean(axis=-1, dtype=np.float64) for c in columns], axis=-1)


def moment_names(n_times: int, *, level: bool, longest: int | None = None) -> tuple[str, ...]:
    """What `path_moments` calls its columns for paths of `n_times` values."""
    r = np.zeros((1, n_times - 1), dtype=np.float32)
    named = list(_returns(r, min(r.shape[-1], longest or r.shape[-1])))
    named += _level(r, np.zeros((1, n_times), dtype=np.float32)) if level else []
    return tuple(name for name, _ in named)


def series_moments(scaling: Scaling, paths: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Figures of each series, (..., n_times) to (..., n) in float64: log sd of its increments, then its shape.

    The shape is that of the increments in units of their own sd: `path_moments` without the mean square, correlations
    of their size over long lags, and the sds of averaged sizes. Lags and spans are at most half of `longest`.
    """
    increments = scaling.increments(paths)
    sd = increments.std(axis=-1, keepdims=True)
    z = np.clip(increments / sd, -CLIP, CLIP).astype(np.float32)
    n = min(z.shape[-1], longest or z.shape[-1])
    shape = [c.mean(axis=-1, dtype=np.float64) for name, c in _returns(z, n) if name != "square"]
    return np.stack([np.log(sd[..., 0]), *shape, *_memory(np.arcsinh(np.abs(z)), n)], axis=-1)


def _memory(size: np.ndarray, n: int) -> Iterator[np.ndarray]:
    around = size - size.mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    variance = np.square(around).mean(axis=-1, dtype=np.float64)
    for k in (k for k in MEMORY if k < n // 2):
        yield (around[..., k:] * around[..., :-k]).mean(axis=-1, dtype=np.float64) / variance
    total = np.cumsum(around, axis=-1, dtype=np.float64)
    for k in (k for k in AVERAGED if k < n // 2):
        yield np.log((total[..., k:] - total[..., :-k]).std(axis=-1) / k)


def _returns(r: np.ndarray, n: int) -> Iterator[tuple[str, np.ndarray]]:
    size, square = np.abs(r), r * r
    yield from (("mean", r), ("square", square), ("size", size), ("cube", square * r), ("fourth", square * square))
    for q in QUANTILES:
        yield f"beyond {q:g}", np.tanh(np.float32(4.0) * (size - np.float32(q)))
    for k in (k for k in LAGS if k < n // 2):
        yield f"lag {k}", r[..., k:] * r[..., :-k]
    for k in (k for k in SIZE_LAGS if k < n // 2):
        yield f"size lag {k}", size[..., k:] * size[..., :-k]
    total = np.cumsum(r, axis=-1)
    for k in (k for k in SPANS if k + 2 < n):
        pull = (total[..., k:-1] - total[..., :-k - 1]) / np.float32(np.sqrt(k))
        latest = r[..., k + 1:]
        yield f"pull {k}", latest * np.tanh(pull)
        yield f"cubic pull {k}", latest * pull * pull * pull
        yield f"size pull {k}", latest * latest * pull * pull


def _level(r: np.ndarray, level: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    before = level[..., :-1]
    square = before * before
    yield from (("level", before), ("squared level", square), ("reversion", before * r),
                ("size reversion", square * r * r), ("cubic reversion", square * before * r))
