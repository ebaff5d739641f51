"""The paper's H: what a discriminator sees of a path. One statistic per file, or a user's function.

A statistic is a function that looks at the training data once and returns a `Statistic`: paths
(n_paths, n_times) to samples (n_paths, n_samples, k) in float32, standardised by the data. Those of this
folder take torch tensors too (`fastmas.statistics.tensors`) and leave them on their device. One that takes a second
argument, `scaling`, is given that of an observable which is no price; of several observables it is fitted to each, and
their samples stand side by side.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.registry import find, parts
from fastmas.statistics.tensors import in_float32, join

if TYPE_CHECKING:
    from fastmas.statistics.views import View

Statistic = Callable[[np.ndarray], np.ndarray]
CLIP = 8.0  # standard deviations: a runaway path must not blow the discriminator up


def name_of(chosen: str | Callable[[Any], Any]) -> str:
    """What a statistic is called in results: its name, or that of the user's function."""
    return chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "function")


def fit(chosen: str | Callable[[Any], Any], x_obs: np.ndarray, views: Sequence[View] = ()) -> Statistic:
    """The statistic of this name, or a user's function, standardised by `x_obs` (n_paths, n_times).

    A user's function takes paths (n_paths, n_times) as a NumPy array and returns a NumPy array or a
    torch tensor (n_paths, k) or (n_paths, n_samples, k). Of several observables `x_obs` is (n_paths, k, n_times), and a
    user's function takes (n_paths, n_times, k). Without `views` all is one price.

    Raises
    ------
    ParameterError
        Unknown name, or a function whose result has another shape.
    """
    if callable(chosen):
        return _standardised(chosen, x_obs)
    make = find("fastmas.statistics", "STATISTIC", chosen, "statistic")
    if not views or (len(views) == 1 and views[0].is_plain):
        return make(x_obs)
    return _side_by_side(make, x_obs, views)


def _side_by_side(make: Callable[..., Statistic], x_obs: np.ndarray, views: Sequence[View]) -> Statistic:
    """One statistic of each observable, their samples joined."""
    from fastmas.statistics.views import layers_of  # noqa: PLC0415  -- it reads this file

    takes_scaling = "scaling" in inspect.signature(make).parameters
    parts = []
    for layer in layers_of(views, x_obs):
        given = {"scaling": layer.scaling} if takes_scaling else {}
        parts.append((layer, make(layer.of_paths(x_obs), **given)))
    return lambda paths: join([one(layer.of_paths(paths)) for layer, one in parts])


def pieces() -> dict[str, str]:
    """Statistics by name, with what one sample of each is in words."""
    return parts("fastmas.statistics", "PIECE")


def _standardised(function: Callable[[Any], Any], x_obs: np.ndarray) -> Statistic:
    name = getattr(function, "__name__", function)

    def samples(paths: np.ndarray) -> np.ndarray:
        seen = np.asarray(paths)
        values = function(seen if seen.ndim == 2 else np.swapaxes(seen, 1, 2))
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
