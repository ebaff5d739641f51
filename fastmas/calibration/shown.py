"""What the report shows of a fit: stylised facts, and paths to draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmas.calibration.judged import Judged
from fastmas.random.address import Purpose
from fastmas.statistics import stylised_facts

N_SERIES = 100  # simulated series behind a stylised fact's range
N_SHOWN = 500  # paths kept for the report


def facts_and_sample(simulator: Judged, z: np.ndarray) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Stylised facts of data and simulated paths, none where a price is not above 0, and paths of both."""
    observations = simulator.observed.observations
    if simulator.observed.is_series:
        assert observations.series is not None
        series = observations.series
        simulated = simulator.simulate(z[None], N_SERIES, 2, Purpose.SAMPLE, n_times=len(series))[0].astype(np.float64)
        windows = simulator.simulate(z[None], N_SHOWN, 3, Purpose.SAMPLE, n_times=observations.horizon + 1)[0]
        facts = stylised_facts.compare(*_returns(series[None], simulated)) if _usable(simulated) else []
        return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": _shown(windows, N_SHOWN), "series_obs": series,
                       "series_sim": _shown(simulated, 20)}
    n = max(N_SHOWN, simulator.observed.n)
    simulated = simulator.simulate(z[None], n, 2, Purpose.SAMPLE)[0].astype(np.float64)
    both = simulator.observed.x_all
    facts = []
    if _usable(simulated) and _usable(both):
        facts = stylised_facts.compare_paths(*(stylised_facts.log_returns(x) for x in (both, simulated)))
    return facts, {"x_obs": observations.x_obs[:N_SHOWN], "x_sim": _shown(simulated, N_SHOWN)}


def _shown(paths: np.ndarray, n: int) -> np.ndarray:
    """The first n paths that can be drawn: those that did not run away, if there are any."""
    drawable = np.array([_usable(path) for path in paths])
    return paths[drawable][:n] if drawable.any() else paths[:n]


def _returns(series: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stylised_facts.log_returns(series)[0], stylised_facts.log_returns(simulated)


def _usable(simulated: np.ndarray) -> bool:
    return bool(np.isfinite(simulated).all() and (simulated > 0).all())
