"""Parameters of a model: bounds, scale, and the search coordinates of the free ones.

`theta` holds values in natural units, `z` the same in search coordinates: the identity, the
logarithm or the logit within the bounds, one coordinate per free value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.errors import ParameterError

SCALES = ("linear", "log", "logit")
SHOWN = 60  # characters of a wrong value that a message repeats


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number: an int, or a float without a fraction."""
    return (isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
            and math.isfinite(value) and value == int(value))


def shown(value: Any) -> str:
    """A value as a message of one line repeats it, whatever it is."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Parameters
    ----------
    default, low, high : float
        In `unit`; the search runs in [low, high].
    scale : {"linear", "log", "logit"}
        The search coordinate: theta, log(theta), or logit of the position between the bounds.
    unit : str
        "" for a pure number.
    name : str
        As the source names it, in ASCII; in a class it is the name that it is bound to.
    integer : bool
        Whole numbers only, such as a window length. Integers are the same for all paths of a
        block, so that a kernel may loop over them.
    each : str
        In a class: the option that says how many agents there are, each with a value of its own.
    n_agents : int or None
        None: one value shared by all agents of the type. Otherwise one value per agent, named
        `name[0]`, `name[1]` and so on.
    doc, source : str
        One line each: what it is, where its default and bounds come from.

    Raises
    ------
    ParameterError
        If the bounds, the default or the scale contradict each other.
    """

    default: float | tuple[float, ...]
    low: float
    high: float
    scale: str = "linear"
    unit: str = ""
    doc: str = ""
    source: str = ""
    integer: bool = False
    each: str = ""
    n_agents: int | None = None
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        if not self.name:
            object.__setattr__(self, "name", name)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ParameterError(f"parameter {self.name!r}: scale {self.scale!r} is none of {SCALES}")
        self._check_bounds()
        if not self.each:
            for value in self.defaults:
                self.check(value)

    @property
    def defaults(self) -> tuple[float, ...]:
        """Default of each entry, length 1 or `n_agents`."""
        n = 1 if self.n_agents is None else self.n_agents
        if isinstance(self.default, tuple):
            if len(self.default) != n:
                raise ParameterError(
                    f"parameter {self.name!r}: {len(self.default)} defaults for {n} agents")
            return self.default
        return (float(self.default),) * n

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the values: `name`, or `name[i]` for each agent."""
        if self.n_agents is None:
            return (self.name,)
        return tuple(f"{self.name}[{i}]" for i in range(self.n_agents))

    def check(self, value: float, entry: str | None = None) -> None:
        """Raise ParameterError unless `value` lies in the bounds and is whole where it must be."""
        label = entry or self.name
        if not math.isfinite(value) or not self.low <= value <= self.high:
            unit = f" [{self.unit}]" if self.unit else ""
            raise ParameterError(
                f"parameter {label!r}: {value:g} is outside [{self.low:g}, {self.high:g}]{unit}")
        if self.integer and value != round(value):
            raise ParameterError(f"parameter {label!r}: {value:g} is not a whole number")

    def _check_bounds(self) -> None:
        for name, bound in (("low", self.low), ("high", self.high)):
            if not isinstance(bound, (int, float, np.integer, np.floating)) or not math.isfinite(bound):
                raise ParameterError(
                    f"parameter {self.name!r}: {name}={shown(bound)} is no bound, give a finite number")
            if self.integer and not is_whole(bound):
                raise ParameterError(
                    f"parameter {self.name!r}: {name}={bound} must be whole, as the parameter is")
        if not self.low < self.high:
            raise ParameterError(f"parameter {self.name!r}: low={self.low} must be below high={self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ParameterError(f"parameter {self.name!r}: a log scale needs low > 0, got {self.low}")

    def to_z(self, theta: np.ndarray) -> np.ndarray:
        """Map natural units to the search coordinate, elementwise."""
        if self.scale == "log":
            return np.log(theta)
        if self.scale == "logit":
            share = np.clip((theta - self.low) / (self.high - self.low), 1e-12, 1 - 1e-12)
            return np.log(share) - np.log1p(-share)
        return np.asarray(theta, dtype=np.float64)

    def to_theta(self, z: np.ndarray) -> np.ndarray:
        """Map the search coordinate to natural units, inside the bounds, elementwise."""
        if self.scale == "log":
            theta = np.exp(z)
        elif self.scale == "logit":
            theta = self.low + (self.high - self.low) / (1.0 + np.exp(-z))
        else:
            theta = np.asarray(z, dtype=np.float64)
        theta = np.clip(theta, self.low, self.high)
        return np.rint(theta) if self.integer else theta

    @property
    def z_bounds(self) -> tuple[float, float]:
        """Bounds of the search coordinate; a logit is cut at +-6 (0.25% of the box at each end)."""
        if self.scale == "logit":
            return -6.0, 6.0
        low, high = self.to_z(np.array([self.low, self.high]))
        return float(low), float(high)


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

    def __init__(
        self,
        parameters: Sequence[Parameter],
        free: str | Iterable[str] = (),
        fixed: Mapping[str, float | Sequence[float]] | None = None,
    ) -> None:
        self.parameters = tuple(parameters)
        self._owner = {e: p for p in self.parameters for e in p.entries}
        self.entries = tuple(self._owner)
        self._place = {entry: i for i, entry in enumerate(self.entries)}
        self.base = np.array([v for p in self.parameters for v in p.defaults], dtype=np.float64)
        self._set(fixed or {})
        chosen = (free,) if isinstance(free, str) else free
        names = [e for name in chosen for e in self._expand(name)]
        if len(set(names)) != len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise ParameterError(f"parameter {twice!r} is named twice among the free ones")
        self.free = tuple(names)
        self._columns = np.array([self._place[n] for n in names], dtype=np.intp)

    @property
    def d(self) -> int:
        """Number of free values."""
        return len(self.free)

    @property
    def free_parameters(self) -> tuple[Parameter, ...]:
        """The parameter behind each free value, in the order of `free`."""
        return tuple(self._owner[n] for n in self.free)

    @property
    def integer(self) -> np.ndarray:
        """Which free values are whole numbers, shape (d,)."""
        return np.array([p.integer for p in self.free_parameters], dtype=bool)

    @property
    def z_bounds(self) -> np.ndarray:
        """Bounds in search coordinates, shape (d, 2)."""
        return np.array([p.z_bounds for p in self.free_parameters], dtype=np.float64).reshape(self.d, 2)

    @property
    def start(self) -> np.ndarray:
        """Fixed or default values of the free entries in natural units, shape (d,)."""
        return self.base[self._columns]

    def to_theta(self, z: np.ndarray) -> np.ndarray:
        """Map z (..., d) to natural units (..., d)."""
        z = np.asarray(z, dtype=np.float64)
        columns = [p.to_theta(z[..., j]) for j, p in enumerate(self.free_parameters)]
        return np.stack(columns, axis=-1)

    def to_z(self, theta: np.ndarray) -> np.ndarray:
        """Map natural units (..., d) to search coordinates (..., d)."""
        theta = np.asarray(theta, dtype=np.float64)
        columns = [p.to_z(theta[..., j]) for j, p in enumerate(self.free_parameters)]
        return np.stack(columns, axis=-1)

    def full(self, theta: np.ndarray) -> np.ndarray:
        """All values of the model from the free ones, (n_theta, d) to (n_theta, n_entries)."""
        theta = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        values = np.tile(self.base, (theta.shape[0], 1))
        values[:, self._columns] = theta
        return values

    def check(self, theta: np.ndarray) -> None:
        """Raise ParameterError for the first free value outside its bounds."""
        for row in np.atleast_2d(theta):
            for name, parameter, value in zip(self.free, self.free_parameters, row, strict=True):
                parameter.check(float(value), name)

    def _expand(self, name: str) -> tuple[str, ...]:
        if name in self._owner:
            return (name,)
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter.entries
        known = ", ".join(p.name for p in self.parameters)
        raise ParameterError(f"unknown parameter {name!r}; this model has: {known}")

    def _set(self, values: Mapping[str, float | Sequence[float]]) -> None:
        if not isinstance(values, Mapping):
            raise ParameterError(
                f"parameter values {shown(values)}: give a mapping of names to numbers, as {{'NAME': 1.0}}")
        for name, value in values.items():
            entries, given = self._expand(name), _numbers(name, value)
            if given.size not in (1, len(entries)):
                raise ParameterError(f"parameter {name!r}: {given.size} values for {len(entries)} agents")
            for entry, number in zip(entries, np.broadcast_to(given, (len(entries),)), strict=True):
                self._owner[entry].check(float(number), entry)
                self.base[self._place[entry]] = number


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise ParameterError(f"parameter {name!r}: {shown(value)} is not a number, give one") from error
