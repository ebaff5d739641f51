"""Where every game starts, and the baseline beside it: the fit of moments."""

from __future__ import annotations

from fastmas.calibration.given import start_of
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.updaters.moments import MomentFit, fit_moments


def find_start(simulator: Simulator, settings: Settings) -> MomentFit:
    """From a scan over the bounds, or from where the user wants to begin."""
    z = start_of(simulator.space, settings.start)
    return fit_moments(moment_problem(simulator, settings), None if z is None else z[None], settings.budget.start)
