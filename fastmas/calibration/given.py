"""What a user gives: data, free parameters, narrower bounds, and where to start."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastmas import domains
from fastmas.data import Observations, observe
from fastmas.errors import DataError, ParameterError
from fastmas.model import Model, Observable
from fastmas.parameters import Parameter, ParameterSpace, shown

HELDOUT_SERIES = 0.2
HELDOUT_PATHS, MOST_HELDOUT_PATHS = 0.1, 50  # a share, and the number that is enough for a verdict
SHORT_SERIES, HELDOUT_SHORT, SHORT_HORIZONS = 295, 60, 6  # values; the most held out, and a part that is a horizon
PRICE = Observable("price", domain="price")
EXAMPLES = {"bounds": "{'gamma': (0.1, 20)}", "start": "{'kappa': 1.5}"}


@dataclass(frozen=True)
class Asked:
    """How data are to be read; what is None is decided here. `missing` None is an error."""

    column: str | Sequence[str] | None = None
    observable: str | Sequence[str] | None = None
    horizon: int | None = None
    heldout_share: float | None = None
    missing: str | None = None
    is_usual: bool = True  # no statistic is named, whose needs would be others


def observations_of(model: Model | None, data: Any, asked: Asked = Asked()) -> Observations:
    """Data as `fastmas.observe` takes them, or its result, as these observables of a model, with a part held out.

    Without a model they are one price.

    Raises
    ------
    DataError, ParameterError, ModelError
        What `observe` says, an unknown observable, or an option for data that are observed already.
    """
    if isinstance(data, Observations):
        for name in ("column", "horizon", "heldout_share", "missing"):
            if getattr(asked, name) is not None:
                raise ParameterError(f"{name}={getattr(asked, name)!r}: these data are observed already; give it to "
                                     "`observe`")
        return data if model is None else _as_observed(model, data, asked.observable)
    chosen = (PRICE,) if model is None else model.observed(asked.observable)
    n_columns = 1 if asked.column is None or isinstance(asked.column, str) else len(asked.column)
    if asked.column is not None and n_columns != len(chosen):
        raise ParameterError(f"{n_columns} for column= and {len(chosen)} observables "
                             f"({', '.join(one.name for one in chosen)}): name as many columns, in their order")
    names, kinds = [one.name for one in chosen], [_declared(one) for one in chosen]
    # A lone price is looked for by the names that prices have; everything else by the observable's own.
    by_name = names if asked.observable is not None or kinds != ["price"] else None
    given: dict[str, Any] = {"column": asked.column, "observable": by_name, "domain": kinds, "horizon": asked.horizon,
                             "missing": asked.missing or "error"}
    seen = observe(data, heldout_share=HELDOUT_SERIES if asked.heldout_share is None else asked.heldout_share, **given)
    if asked.heldout_share is None:
        seen = _usual_share(data, seen, given, is_usual=asked.is_usual and asked.horizon is None)
    return replace(seen, names=tuple(names))


def _usual_share(data: Any, seen: Observations, given: dict[str, Any], *, is_usual: bool) -> Observations:
    """With as much held out as a verdict needs."""
    if seen.series is None:
        n_paths = len(seen.x_obs) + len(seen.x_heldout)
        return observe(data, heldout_share=min(HELDOUT_PATHS, (MOST_HELDOUT_PATHS + 0.5) / n_paths), **given)
    n = len(seen.series)
    if n >= SHORT_SERIES or not is_usual:
        return seen
    share = min(HELDOUT_SHORT, n // 2) / n
    short = observe(data, heldout_share=share, **{**given, "horizon": max(1, n // SHORT_HORIZONS)})
    return replace(short, warnings=(*short.warnings, _short(short, n)))


def _short(seen: Observations, n: int) -> str:
    """What so short a series cannot tell."""
    return (f"a series of {n} values is short: the size of its moves is known to {1 / np.sqrt(2 * n):.0%} at best, "
            f"nothing is learned of what one step in {n} does or of memory beyond {n // 2} steps, and a verdict on it "
            "finds gross misfits alone; look at the intervals, and give more data if there are any")


def _as_observed(model: Model, data: Observations, observable: str | Sequence[str] | None) -> Observations:
    """Data that have been observed, under the names and domains of the model's observables."""
    k = len(data.names)
    named = observable is not None or k > 1 or model.shows(data.names[0])
    chosen = model.observed(observable or (data.names if named else None))
    if len(chosen) != k:
        raise ParameterError(f"{k} observable{'s' if k > 1 else ''} in the data ({', '.join(data.names)}) and "
                             f"{len(chosen)} of the model ({', '.join(one.name for one in chosen)}): name as many with "
                             "observable=")
    kinds = tuple(_kept(data, j, one, kind) for j, (one, kind) in enumerate(zip(chosen, data.domains, strict=True)))
    return replace(data, names=tuple(one.name for one in chosen), domains=kinds)


def _kept(data: Observations, j: int, one: Observable, seen_as: str) -> str:
    """The domain of observable j: as the model has it, which the data must meet, else as they were read."""
    kind, declared = _declared(one) or seen_as, _declared(one)
    if not kind:
        return ""
    values, domain = data.values[..., j], domains.get(kind)
    wrong = domains.wrong_values(domain, values)
    if wrong.size and declared:
        raise DataError(f"{data.source}, observable {one.name!r}: {domains.fault_of(domain, values[tuple(wrong[0])])}")
    return "" if wrong.size else kind


def _declared(one: Observable) -> str:
    """The domain of an observable, "" where only the data can say."""
    nothing = np.zeros(1)  # what is not positive is no price by its values
    return one.domain or domains.resolved("", one.name, one.unit, nothing).replace("real", "")


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
