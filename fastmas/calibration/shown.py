"""What the report shows of a fit: stylised facts of prices, and paths to draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastmas.calibration.judged import Judged
from fastmas.calibration.observed import Observed
from fastmas.random.address import Purpose
from fastmas.statistics import stylised_facts
from fastmas.statistics.views import View

N_SERIES = 100  # simulated series behind a stylised fact's range
N_SHOWN = 500  # paths kept for the report


def facts_and_sample(simulator: Judged, z: np.ndarray) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Stylised facts of data and simulated paths, none where a price is not above 0, and paths of both.

    Paths of several observables have these last.
    """
    observed = simulator.observed
    if observed.is_series:
        n_times = observed.x_all.shape[-1]
        simulated = simulator.simulate(z[None], N_SERIES, 2, Purpose.SAMPLE, n_times=n_times)[0].astype(np.float64)
        windows = simulator.simulate(z[None], N_SHOWN, 3, Purpose.SAMPLE,
                                     n_times=observed.observations.horizon + 1)[0]
        facts = list(_of_series(observed, simulated))
        return facts, {"x_obs": observed.observations.x_obs[:N_SHOWN], "x_sim": _shown(observed, windows, N_SHOWN),
                       "series_obs": _outside(observed.x_all)[0], "series_sim": _shown(observed, simulated, 20)}
    n = max(N_SHOWN, observed.n)
    simulated = simulator.simulate(z[None], n, 2, Purpose.SAMPLE)[0].astype(np.float64)
    facts = list(_of_paths(observed, simulated))
    return facts, {"x_obs": observed.observations.x_obs[:N_SHOWN], "x_sim": _shown(observed, simulated, N_SHOWN)}


def _of_series(observed: Observed, simulated: np.ndarray) -> Iterator[dict[str, Any]]:
    for view in _prices(observed):
        series, made = view.of_paths(observed.x_all), view.of_paths(simulated)
        if _usable(made):
            returns = stylised_facts.log_returns(series)[0], stylised_facts.log_returns(made)
            yield from _of(observed, view, stylised_facts.compare(*returns))


def _of_paths(observed: Observed, simulated: np.ndarray) -> Iterator[dict[str, Any]]:
    for view in _prices(observed):
        both = [view.of_paths(x) for x in (observed.x_all, simulated)]
        if all(_usable(x) for x in both):
            returns = [stylised_facts.log_returns(x) for x in both]
            yield from _of(observed, view, stylised_facts.compare_paths(*returns))


def _prices(observed: Observed) -> list[View]:
    return [view for view in observed.views if view.domain.logarithm]


def _of(observed: Observed, view: View, facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts of one of several observables say of which."""
    if observed.k == 1:
        return facts
    return [{**fact, "title": f"{view.name}: {fact['title']}", "observable": view.name} for fact in facts]


def _shown(observed: Observed, paths: np.ndarray, n: int) -> np.ndarray:
    """The first n paths that can be drawn: those that did not run away, if there are any."""
    drawable = np.isfinite(paths).reshape(len(paths), -1).all(axis=1)
    for view in _prices(observed):
        drawable &= (view.of_paths(paths) > 0).all(axis=1)
    return _outside(paths[drawable][:n] if drawable.any() else paths[:n])


def _outside(paths: np.ndarray) -> np.ndarray:
    """As they are given to a user, several observables last."""
    return paths if paths.ndim == 2 else np.ascontiguousarray(np.swapaxes(paths, 1, 2))


def _usable(simulated: np.ndarray) -> bool:
    return bool(np.isfinite(simulated).all() and (simulated > 0).all())
