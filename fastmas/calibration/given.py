"""What a user gives: data, free parameters, narrower bounds, and where to start."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastmas.data import Observations, observe
from fastmas.errors import ParameterError
from fastmas.model import Model
from fastmas.parameters import Parameter, ParameterSpace, shown

HELDOUT_SERIES = 0.2
HELDOUT_PATHS, MOST_HELDOUT_PATHS = 0.1, 50  # a share, and the number that is enough for a verdict
EXAMPLES = {"bounds": "{'gamma': (0.1, 20)}", "start": "{'kappa': 1.5}"}


def observations_of(data: Any, column: str | None, horizon: int | None, share: float | None) -> Observations:
    """Data as `fastmas.observe` takes them, or its result, with a part held out.

    Raises
    ------
    DataError, ParameterError
        What `observe` says, or an option for data that are observed already.
    """
    if isinstance(data, Observations):
        for name, value in (("column", column), ("horizon", horizon), ("heldout_share", share)):
            if value is not None:
                raise ParameterError(f"{name}={value!r}: these data are observed already; give it to `observe`")
        return data
    if share is not None:
        return observe(data, column=column, horizon=horizon, heldout_share=share)
    seen = observe(data, column=column, horizon=horizon, heldout_share=HELDOUT_SERIES)
    if seen.regime == "series":
        return seen
    n_paths = len(seen.x_obs) + len(seen.x_heldout)
    share = min(HELDOUT_PATHS, (MOST_HELDOUT_PATHS + 0.5) / n_paths)
    return observe(data, column=column, horizon=horizon, heldout_share=share)


def space_of(model: Model, free: Iterable[str] | None, fixed: Mapping[str, Any] | None, regime: str) -> ParameterSpace:
    """The named free parameters, or the model's own choice without those that have a value.

    Raises
    ------
    ParameterError
        An unknown name, nothing that is free, or a name that is free and has a value.
    """
    if free is None:
        free = [name for name in model.default_free(regime) if name not in (fixed or {})]
    space = model.space(free, fixed)
    if not space.free:
        raise ParameterError(f"nothing to calibrate: name free parameters of {model.name!r}")
    both = set(space.free) & set(model.space(list(fixed or {})).free)
    if both:
        raise ParameterError(f"parameter {min(both)!r} is both free and given a value: choose one")
    return space


def bounded(space: ParameterSpace, bounds: Mapping[str, Sequence[float]]) -> ParameterSpace:
    """The space with the search kept within these (low, high) of free parameters, in natural units.

    Raises
    ------
    ParameterError
        A name that is not free, ends that are no pair of numbers in order or lie outside the parameter's domain.
    """
    if not bounds:
        return space
    narrower = copy.copy(space)
    narrower.__dict__["z_bounds"] = ends = space.z_bounds.copy()
    for name, given in _each("bounds", bounds):
        low, high = _pair(name, given)
        for j, parameter in _places(space, name, "bounds"):
            if low < parameter.low or high > parameter.high:
                raise ParameterError(
                    f"bounds of {name!r}: [{low:g}, {high:g}] leaves the model's own [{parameter.low:g}, "
                    f"{parameter.high:g}]; give ends inside it")
            z = parameter.to_z(np.array([low, high]))
            ends[j] = np.clip(z, *parameter.z_bounds)
    return narrower


def start_of(space: ParameterSpace, start: Mapping[str, float]) -> np.ndarray | None:
    """Search coordinates (d,) of a start, what is not named at its default or the nearest bound; None if none is named.

    Raises
    ------
    ParameterError
        A name that is not free, a value that is no number or outside the bounds.
    """
    if not start:
        return None
    low, high = space.z_bounds.T
    z = np.clip(space.to_z(space.start), low, high)
    for name, value in _each("start", start):
        for j, parameter in _places(space, name, "start"):
            if not isinstance(value, (int, float, np.integer, np.floating)):
                raise ParameterError(f"start of {name!r}: {shown(value)} is not a number, give one")
            ends = space.to_theta(space.z_bounds.T)[:, j]
            slack = 1e-9 * (ends[1] - ends[0])
            if not ends[0] - slack <= value <= ends[1] + slack:
                raise ParameterError(f"start of {name!r}: {value:g} is outside its bounds [{ends[0]:g}, {ends[1]:g}]; "
                                     "start inside them, or change the bounds")
            z[j] = np.clip(parameter.to_z(np.array(float(value))), low[j], high[j])
    return z


def _each(what: str, given: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(given, Mapping):
        raise ParameterError(f"{what}={shown(given)}: give a mapping of names, as {EXAMPLES[what]}")
    yield from given.items()


def _pair(name: str, given: Any) -> tuple[float, float]:
    try:
        low, high = (float(x) for x in given)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"bounds of {name!r}: {shown(given)} is no pair of numbers, give (low, high)") from error
    if not low < high:
        raise ParameterError(f"bounds of {name!r}: low={low:g} must be below high={high:g}")
    return low, high


def _places(space: ParameterSpace, name: str, what: str) -> list[tuple[int, Parameter]]:
    """Where a parameter's free values stand: all of them for its own name, one for an entry such as `b[2]`."""
    places = [(j, p) for j, (entry, p) in enumerate(zip(space.free, space.free_parameters, strict=True))
              if name in (entry, p.name)]
    if not places:
        raise ParameterError(f"{what} of {name!r}: it is not free; free are {', '.join(space.free)}")
    return places
