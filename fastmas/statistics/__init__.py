"""The paper's H: what a discriminator sees of a path. One statistic per file, or a user's function.

A statistic is a function that looks at the training data once and returns a `Statistic`: paths
(n_paths, n_times) to samples (n_paths, n_samples, k) in float32, standardised by the data. Those of this
folder take torch tensors too (`fastmas.statistics.tensors`) and leave them on their device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.registry import find, parts
from fastmas.statistics.tensors import in_float32

Statistic = Callable[[np.ndarray], np.ndarray]
CLIP = 8.0  # standard deviations: a runaway path must not blow the discriminator up


def name_of(chosen: str | Callable[[Any], Any]) -> str:
    """What a statistic is called in results: its name, or that of the user's function."""
    return chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "function")


def fit(chosen: str | Callable[[Any], Any], x_obs: np.ndarray) -> Statistic:
    """The statistic of this name, or a user's function, standardised by `x_obs` (n_paths, n_times).

    A user's function takes paths (n_paths, n_times) as a NumPy array and returns a NumPy array or a
    torch tensor (n_paths, k) or (n_paths, n_samples, k).

    Raises
    ------
    ParameterError
        Unknown name, or a function whose result has another shape.
    """
    if callable(chosen):
        return _standardised(chosen, x_obs)
    return find("fastmas.statistics", "STATISTIC", chosen, "statistic")(x_obs)


def pieces() -> dict[str, str]:
    """Statistics by name, with what one sample of each is in words."""
    return parts("fastmas.statistics", "PIECE")


def _standardised(function: Callable[[Any], Any], x_obs: np.ndarray) -> Statistic:
    name = getattr(function, "__name__", function)

    def samples(paths: np.ndarray) -> np.ndarray:
        values = function(np.asarray(paths))
        if hasattr(values, "detach"):  # a torch tensor may carry its gradient
            values = values.detach()
        values = np.asarray(values, dtype=np.float64)
        if values.ndim not in (2, 3) or len(values) != len(paths):
            raise ParameterError(
                f"statistic {name!r} returned shape {values.shape} for "
                f"{len(paths)} paths: return (n_paths, k) or (n_paths, n_samples, k)")
        return values if values.ndim == 3 else values[:, None, :]

    seen = samples(x_obs)
    if not np.isfinite(seen).all():
        path, sample, entry = np.argwhere(~np.isfinite(seen))[0]
        raise ParameterError(
            f"statistic {name!r} is {seen[path, sample, entry]} for the data (path {path}, sample {sample}, "
            f"entry {entry}): return finite numbers")
    mean, sd = seen.mean(axis=(0, 1)), seen.std(axis=(0, 1))
    scale = np.where(sd > 0, sd, 1.0)

    def standardised(paths: np.ndarray) -> np.ndarray:
        values = samples(paths)
        if values.shape[-1] != len(mean):
            raise ParameterError(
                f"statistic {name!r} returned {values.shape[-1]} numbers for paths of {paths.shape[-1]} prices and "
                f"{len(mean)} for {x_obs.shape[-1]}: its size must not depend on the length")
        return clipped((values - mean) / scale)

    return standardised


def clipped(samples: Any) -> Any:
    """Samples within +-CLIP in float32; NaN stays NaN."""
    return in_float32(samples.clip(-CLIP, CLIP))
