"""One parameter of a model: its default, bounds and scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.errors import ParameterError

SCALES = ("linear", "log", "logit")
SHOWN = 60  # characters of a wrong value that a message repeats


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number: an int, or a float without a fraction."""
    if type(value) is int:  # what it nearly always is
        return True
    return (isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
            and math.isfinite(value) and value == int(value))


def check_whole(option: str, value: Any, least: int) -> None:
    """Raise ParameterError where an option is no whole number of at least `least`."""
    if not is_whole(value) or value < least:
        raise ParameterError(f"{option}={shown(value)}: give a whole number of at least {least}")


def check_seed(seed: Any) -> None:
    """Raise ParameterError for what is no seed."""
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ParameterError(f"seed={shown(seed)}: give a whole number in [0, 2**32)")


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
        if self.each:
            return  # of how many agents is known when the model is
        if isinstance(self.default, tuple):
            self.check_all(np.array(self.defaults, dtype=np.float64))
        elif self.n_values:
            self.check(float(self.default))

    @property
    def n_values(self) -> int:
        """Entries: 1, or `n_agents`."""
        return 1 if self.n_agents is None else self.n_agents

    @property
    def defaults(self) -> tuple[float, ...]:
        """Default of each entry, length 1 or `n_agents`."""
        if isinstance(self.default, tuple):
            if len(self.default) != self.n_values:
                raise ParameterError(
                    f"parameter {self.name!r}: {len(self.default)} defaults for {self.n_values} agents")
            return self.default
        return (float(self.default),) * self.n_values

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the values: `name`, or `name[i]` for each agent."""
        if self.n_agents is None:
            return (self.name,)
        return tuple(map(self.entry, range(self.n_agents)))

    def entry(self, i: int) -> str:
        """The name of the i-th value."""
        return self.name if self.n_agents is None else f"{self.name}[{i}]"

    def check(self, value: float, entry: str | None = None) -> None:
        """Raise ParameterError unless `value` lies in the bounds and is whole where it must be."""
        label = entry or self.name
        if not math.isfinite(value) or not self.low <= value <= self.high:
            unit = f" [{self.unit}]" if self.unit else ""
            raise ParameterError(f"parameter {label!r}: {value:g} is outside [{self.low:g}, {self.high:g}]{unit}")
        if self.integer and value != round(value):
            raise ParameterError(f"parameter {label!r}: {value:g} is not a whole number")

    def check_all(self, values: np.ndarray, agent: int | None = None) -> None:
        """The same of values (n,) of agents, who have an entry of their own from `agent` on."""
        if len(values) == 1:
            return self.check(float(values[0]), None if agent is None else self.entry(agent))
        wrong = ~((values >= self.low) & (values <= self.high))
        if self.integer:
            wrong |= values != np.rint(values)
        if wrong.any():
            i = int(wrong.argmax())
            self.check(float(values[i]), None if agent is None else self.entry(agent + i))
        return None

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
