"""Where every game starts, and the baseline beside it: the fit of moments."""

from __future__ import annotations

from fastmas.calibration.given import start_of
from fastmas.calibration.problems import moment_problem
from fastmas.calibration.settings import Settings
from fastmas.calibration.simulator import Simulator
from fastmas.updaters.moments import MomentFit, fit_moments, stand_at


def find_start(simulator: Simulator, settings: Settings) -> MomentFit:
    """From a scan over the bounds, or from where the user wants to begin: there, if moments are not to be fitted."""
    z, problem = start_of(simulator.space, settings.start), moment_problem(simulator, settings)
    if settings.moment_start:
        return fit_moments(problem, None if z is None else z[None], settings.budget.start)
    return stand_at(problem, simulator.region.middle if z is None else z)
