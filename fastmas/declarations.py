"""What a text declares: states, numbers of agents, and what a path shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas import domains
from fastmas.errors import ModelError
from fastmas.parameters import Parameter, is_whole, shown


@dataclass(frozen=True)
class Observable:
    """What a path shows.

    `row` is the state row that holds it, found from `of`, the name of a state, in a class with a text; n_state + h
    is row h of the history. An observable with a `transform` is computed from the stored paths of that row,
    (..., n_times) to (..., n_times), for instance a log return. `domain` says what its values are, as that of a
    `State` does.
    """

    name: str = ""
    row: int = -1
    unit: str = ""
    transform: Callable[[np.ndarray], np.ndarray] | None = None
    of: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        _check_domain("Observable", self.domain)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", self.name or name)


@dataclass(frozen=True, eq=False)
class State:
    """A number of a path that steps carry on.

    Parameters
    ----------
    start : number or Parameter
        Its value at t = 0, unless the model's `start` says otherwise.
    unit : str
    shown : bool
        Whether it is an observable; one that is not can be observed by its name.
    domain : {"price", "real", "count", "share", "category"}, optional
        What its values are. If not said it is a price where the unit or the name says so, and else what the data say:
        a price if all of them are above 0, a real number if not.
    """

    start: Any = 0.0
    unit: str = ""
    shown: bool = True
    name: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        _check_domain("State", self.domain)
        if not isinstance(self.start, Parameter) and not is_number(self.start):
            raise ModelError(f"State({shown(self.start)}): a state starts at a number or at a Parameter")

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)


@dataclass(frozen=True, eq=False)
class Agents:
    """A number of each agent that steps carry on.

    Parameters
    ----------
    n : str or int
        How many agents: a number, or the name of an option.
    start : number
        Of every agent at t = 0.
    """

    n: str | int
    start: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.n, str) and not (is_whole(self.n) and self.n >= 0):
            raise ModelError(f"Agents({shown(self.n)}): give a whole number of agents, or the name of an option")
        if not is_number(self.start):
            raise ModelError(f"Agents(start={shown(self.start)}): give a number, and set others in `start`")

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)


def _check_domain(kind: str, domain: Any) -> None:
    if domain != "" and domain not in domains.names():
        raise ModelError(f"{kind}(domain={shown(domain)}): give one of {', '.join(domains.names())}")


def log_return(price: np.ndarray) -> np.ndarray:
    """Log returns of prices (..., n); the first is NaN, so that times stay aligned."""
    out = np.full(price.shape, np.nan, dtype=price.dtype)
    np.log(price[..., 1:] / price[..., :-1], out=out[..., 1:])
    return out


def is_number(value: Any) -> bool:
    """Whether it is a number of Python or NumPy, and no bool."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
