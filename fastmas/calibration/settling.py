"""Whether the warm-up was long enough at the estimate, and whether data that are taken for stationary look so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from fastmas.calibration.observed import Observed
from fastmas.calibration.simulator import Simulator
from fastmas.random.address import Purpose
from fastmas.statistics.settling import N_PATHS, Settling, examine
from fastmas.statistics.settling_words import plain, warning
from fastmas.statistics.stationarity import Halves, compare_halves

P_VALUE, RATIO = 0.01, 1.2  # of halves of a series that are told to differ


@dataclass(frozen=True)
class Stationarity:
    """Of the model at the estimate, and of the volatility of a series' halves."""

    model: Settling
    halves: Halves | None
    begins_with_the_model: bool

    def result(self) -> dict[str, Any]:
        """The content of `stationarity` in result.json."""
        data = None if self.halves is None else self.halves._asdict()
        return {**plain(self.model), "data": data}

    def warnings(self) -> list[str]:
        """What is not stationary; paths of data that begin where the model does, a warm-up of 0, need not be."""
        said = None if self.begins_with_the_model else warning(self.model)
        return [text for text in (said, self._of_data()) if text]

    def _of_data(self) -> str | None:
        if self.halves is None or self.halves.p_value > P_VALUE:
            return None
        ratio, p = self.halves
        if max(ratio, 1.0 / ratio) < RATIO:
            return None
        shown = f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
        return (f"the data themselves do not look stationary: volatility of the second half is {ratio:.2g} times that "
                f"of the first ({shown}), and one series is fitted as if it were; calibrate to a part that looks alike")


def stationarity(simulator: Simulator, z: np.ndarray) -> Stationarity:
    """Of the model at z (d,), by paths of their own, and of the data."""
    observed = simulator.observed

    @cache
    def simulated(n_times: int, run: int) -> np.ndarray:
        return simulator.simulate(z[None], N_PATHS, run, Purpose.STATIONARITY, n_times=n_times)[0]

    found = [examine(lambda n_times, run, view=view: view.of_paths(simulated(n_times, run)),  # type: ignore[misc]
                     simulator.warmup, observed.n_times, view.scaling.logarithm) for view in observed.views]
    seen = next((one for one in found if not one.is_long_enough), found[0])
    halves = _halves(observed)
    return Stationarity(seen, halves, begins_with_the_model=simulator.warmup == 0 and not observed.is_series)


def _halves(observed: Observed) -> Halves | None:
    """Only of a series, which is taken for stationary."""
    if not observed.is_series:
        return None
    found = [compare_halves(view.scaling.increments(view.of_paths(observed.x_all))[0]) for view in observed.views]
    return min(found, key=lambda halves: halves.p_value)
