"""The values of all parameters of a model, and which of them are free."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fastmas.errors import ParameterError
from fastmas.names import nearest
from fastmas.parameters.parameter import Parameter, shown
from fastmas.region import Region

ENTRY = re.compile(r"(?P<name>.+)\[(?P<agent>0|[1-9][0-9]{0,17})\]", re.DOTALL)
NO_COLUMNS = np.empty(0, dtype=np.intp)
STEP = 1e-6  # of the box, behind a slope
MANY = 64  # free values of one parameter that are mapped together


class _Layout:
    """Where in a row of values (n_entries,) each parameter of a model stands."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self._first: dict[str, tuple[Parameter, int]] = {}
        self.n_entries = 0
        for one in self.parameters:
            if one.name in self._first:
                raise ParameterError(f"two parameters are named {one.name}")
            self._first[one.name] = (one, self.n_entries)
            self.n_entries += one.n_values

    @cached_property
    def entries(self) -> tuple[str, ...]:
        return tuple(e for p in self.parameters for e in p.entries)

    @cached_property
    def defaults(self) -> np.ndarray:
        columns = [np.broadcast_to(np.asarray(p.default, dtype=np.float64), p.n_values) for p in self.parameters]
        return np.concatenate([np.empty(0), *columns])

    @cached_property
    def whole(self) -> np.ndarray:
        """Which entries are whole numbers."""
        return np.repeat([p.integer for p in self.parameters], [p.n_values for p in self.parameters]).astype(bool)

    def find(self, name: Any) -> tuple[Parameter, range, int]:
        """The parameter of this name or of this entry, the places of the values, and the first one's agent."""
        found = self._first.get(name) if isinstance(name, str) else None
        if found is not None:
            parameter, first = found
            return parameter, range(first, first + parameter.n_values), 0
        owned = ENTRY.fullmatch(name) if isinstance(name, str) else None
        if owned is not None and owned["name"] in self._first:
            (parameter, first), agent = self._first[owned["name"]], int(owned["agent"])
            if parameter.n_agents is not None and agent < parameter.n_agents:
                return parameter, range(first + agent, first + agent + 1), agent
        known = [p.name for p in self.parameters]
        alike = nearest(name, known)
        hint = f" (did you mean {alike[0]!r}?)" if alike else ""
        raise ParameterError(f"unknown parameter {name!r}{hint}; this model has: {', '.join(known)}")


class Values(Mapping[str, float]):
    """Values by the names of their entries, looked up when they are asked for."""

    def __init__(self, layout: _Layout, base: np.ndarray) -> None:
        self._layout, self._base = layout, base

    def __getitem__(self, entry: str) -> float:
        try:
            parameter, places, agent = self._layout.find(entry)
        except ParameterError:
            raise KeyError(entry) from None
        if parameter.entry(agent) != entry:  # of all agents at once
            raise KeyError(entry)
        return self._base[places[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout.entries)

    def __len__(self) -> int:
        return len(self._base)

    def items(self) -> Any:
        return dict(zip(self._layout.entries, self._base, strict=True)).items()


class ParameterSpace:
    """The values of a model's parameters and which of them are free.

    Parameters
    ----------
    parameters : sequence of Parameter
    free : str or iterable of str
        Names of parameters (all their entries) or of single entries such as `"b[2]"`.
    fixed : mapping of str to float
        Values in place of the defaults; a parameter's name sets all its entries.

    Raises
    ------
    ParameterError
        Unknown or repeated names, values that are no numbers or outside the bounds.
    """

    def __init__(self, parameters: Sequence[Parameter], free: str | Iterable[str] = (),
                 fixed: Mapping[str, float | Sequence[float]] | None = None) -> None:
        self._layout = _Layout(parameters)
        self._choose(free, fixed)

    def changed(self, free: str | Iterable[str] = (),
                fixed: Mapping[str, float | Sequence[float]] | None = None) -> ParameterSpace:
        """The space of the same parameters with these free ones and values; the others keep their defaults."""
        other = object.__new__(ParameterSpace)
        other._layout = self._layout
        other._choose(free, fixed)
        return other

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self._layout.parameters

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of all values, in the order of `base`."""
        return self._layout.entries

    @property
    def whole(self) -> np.ndarray:
        """Which values are whole numbers, (n_entries,)."""
        return self._layout.whole

    @property
    def values(self) -> Values:
        """`base` by the names of its entries."""
        return Values(self._layout, self.base)

    @property
    def d(self) -> int:
        """Number of free values."""
        return len(self.free)

    @cached_property
    def free_parameters(self) -> tuple[Parameter, ...]:
        """The parameter behind each free value, in the order of `free`."""
        return tuple(p for p, columns, _ in self._runs for _ in columns)

    @cached_property
    def integer(self) -> np.ndarray:
        """Which free values are whole numbers, shape (d,)."""
        return self.whole[self._columns]

    @cached_property
    def z_bounds(self) -> np.ndarray:
        """Bounds in search coordinates, shape (d, 2)."""
        bounds = [np.tile(p.z_bounds, (len(columns), 1)) for p, columns, _ in self._runs]
        return np.concatenate([np.empty((0, 2)), *bounds])

    @property
    def region(self) -> Region:
        """The same as a region."""
        return Region(self.z_bounds[:, 0], self.z_bounds[:, 1], self.integer)

    @property
    def start(self) -> np.ndarray:
        """Fixed or default values of the free entries in natural units, shape (d,)."""
        return self.base[self._columns]

    def to_theta(self, z: np.ndarray) -> np.ndarray:
        """Map z (..., d) to natural units (..., d)."""
        return self._column_by_column(z, Parameter.to_theta)

    def to_z(self, theta: np.ndarray) -> np.ndarray:
        """Map natural units (..., d) to search coordinates (..., d)."""
        return self._column_by_column(theta, Parameter.to_z)

    def slopes(self, z: np.ndarray) -> np.ndarray:
        """d theta / d z of each coordinate at z (d,); one on a bound has that of the side that is left."""
        region = self.region
        step = STEP * region.width
        above, below = region.inside(z + step), region.inside(z - step)
        return (self.to_theta(above) - self.to_theta(below)) / (above - below)

    def _column_by_column(self, given: np.ndarray, mapped: Callable[[Parameter, np.ndarray], np.ndarray]) -> np.ndarray:
        given = np.asarray(given, dtype=np.float64)
        out = np.empty(given.shape)
        for parameter, columns, _ in self._runs:
            if len(columns) >= MANY:
                whole = slice(columns.start, columns.stop)
                out[..., whole] = mapped(parameter, given[..., whole])
                continue
            for j in columns:
                out[..., j] = mapped(parameter, given[..., j])
        return out

    def full(self, theta: np.ndarray) -> np.ndarray:
        """All values of the model from the free ones, (n_theta, d) to (n_theta, n_entries)."""
        theta = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        values = np.tile(self.base, (theta.shape[0], 1))
        values[:, self._columns] = theta
        return values

    def check(self, theta: np.ndarray) -> None:
        """Raise ParameterError for the first free value outside its bounds."""
        for row in np.atleast_2d(theta):
            for parameter, columns, agent in self._runs:
                parameter.check_all(row[columns.start:columns.stop], agent)

    def _choose(self, free: str | Iterable[str], fixed: Mapping[str, Any] | None) -> None:
        self.base = self._layout.defaults.copy()
        self._set(fixed or {})
        names: list[str] = []
        places: list[range] = []
        self._runs: list[tuple[Parameter, range, int]] = []  # with columns among the free values, and the first agent
        for name in (free,) if isinstance(free, str) else free:
            parameter, where, agent = self._layout.find(name)
            self._runs.append((parameter, range(len(names), len(names) + len(where)), agent))
            names += [parameter.entry(i) for i in range(agent, agent + len(where))]
            places.append(where)
        if len(set(names)) != len(names):
            twice = Counter(names).most_common(1)[0][0]
            raise ParameterError(f"parameter {twice!r} is named twice among the free ones")
        self.free = tuple(names)
        self._columns = np.concatenate(places).astype(np.intp) if places else NO_COLUMNS

    def _set(self, values: Mapping[str, float | Sequence[float]]) -> None:
        if not isinstance(values, Mapping):
            raise ParameterError(
                f"parameter values {shown(values)}: give a mapping of names to numbers, as {{'NAME': 1.0}}")
        for name, value in values.items():
            parameter, where, agent = self._layout.find(name)
            given = _numbers(name, value)
            if given.size not in (1, len(where)):
                raise ParameterError(f"parameter {name!r}: {given.size} values for {len(where)} agents")
            if len(where):
                parameter.check_all(given, agent)
            self.base[where.start:where.stop] = given


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise ParameterError(f"parameter {name!r}: {shown(value)} is not a number, give one") from error
