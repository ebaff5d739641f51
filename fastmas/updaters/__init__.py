"""What moves theta: ask for candidates, tell what a discriminator says of them. One updater per file.

An updater is a module-level object with `start(search) -> state`, `ask(state) -> z (n_pop, d)`,
`tell(state, evaluation) -> state` and `centre(state) -> z (d,)`. A state is a frozen dataclass of arrays and
holds all that is needed to go on bit for bit; `ask` is pure: the same state gives the same answer.
Losses are minimised; NaN has no rank and counts as the worst. One that has options, or that keeps anything
between calls, has `of(options) -> updater` too, which gives each game an object of its own.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

import numpy as np

from fastmas import estimators
from fastmas.errors import ParameterError
from fastmas.estimators import Estimator
from fastmas.evaluation import Evaluation
from fastmas.region import Region
from fastmas.registry import check_has, find, known_as
from fastmas.registry import names as names_of

LEAST_POPULATION = 8
HAS = ("start", "ask", "tell", "centre", "discriminator", "needs", "averaged", "is_game", "is_local")


@dataclass(frozen=True, eq=False)
class Search:
    """Where an updater begins and may go, in search coordinates.

    `spread` (d,) is the statistical error expected of each coordinate at the start: step sizes
    are multiples of it.
    """

    start: np.ndarray
    spread: np.ndarray
    region: Region
    n_generations: int
    seed: int


class Updater(Protocol):
    """See the module's docstring.

    `discriminator` names the one it plays against by default, `averaged` the share of a round's last
    generations whose mean is the estimate; `is_game` is False for one that moves nothing. `needs` says of what an
    evaluation must consist, "loss" or "gradient"; one that needs gradients has an `estimator` of them. `is_local`
    says that it goes down slopes near where it stands, so that losses may change their height from time to time.
    """

    discriminator: str
    needs: str
    averaged: float
    is_game: bool
    is_local: bool

    def start(self, search: Search) -> Any:
        """The state before the first generation."""

    def ask(self, state: Any) -> np.ndarray:
        """Candidates (n_pop, d)."""

    def tell(self, state: Any, seen: Evaluation) -> Any:
        """The state after what was seen of the candidates."""

    def centre(self, state: Any) -> np.ndarray:
        """Where the search stands, (d,)."""


S = TypeVar("S")


def get(name: str) -> Updater:
    """The updater of this name; ParameterError if there is none."""
    own = names_of("fastmas.updaters", "UPDATER")
    if name not in own and name in estimators.names():  # of another package: ours are among `own`
        return _descent(name)
    found: Any = find("fastmas.updaters", "UPDATER", name, "updater")
    found = found() if isinstance(found, type) else found
    return _descent(name, found) if hasattr(found, "rollout") else found


def named(chosen: Any, options: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Name and options of an updater that is given as a name, an object, a class, or an estimator to move by.

    Raises
    ------
    ParameterError
        An object that is no updater, or options given twice.
    """
    given = dict(options or {})
    if isinstance(chosen, Chosen):
        if given:
            raise ParameterError(f"updater_options={given!r}: {chosen!r} has its options already; give them once")
        return chosen.name, dict(chosen.options)
    if isinstance(chosen, str):
        return chosen, given
    if hasattr(chosen, "rollout"):
        check_has("estimator", chosen, estimators.HAS)
        return known_as("updater", chosen), given
    check_has("updater", chosen, HAS)
    return known_as("updater", chosen), given


class Chosen:
    """An updater of fastmas by its name and options, as `fastmas.updaters.CmaEs(popsize=20)` makes it."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name, self.options = name, dict(options)
        self._made = make(name, self.options)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return getattr(self._made, attribute)

    def __repr__(self) -> str:
        return f"fastmas.updaters.{_class_name(self.name)}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"


def __getattr__(name: str) -> Any:
    """`CmaEs` and so on: what makes the updater of that name with options."""
    wanted = {_class_name(one): one for one in names()} if name[:1].isupper() else {}
    if name not in wanted:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return lambda **options: Chosen(wanted[name], options)


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _descent(name: str, estimator: Any = None) -> Any:
    return importlib.import_module("fastmas.updaters.descent").Descent(name, estimator=estimator)


def make(name: str, options: Mapping[str, Any] | None = None) -> Updater:
    """An updater for one game, with these options of its own.

    Raises
    ------
    ParameterError
        An unknown updater, an option that it does not have, a value that cannot be.
    """
    kind, given = get(name), options or {}
    if hasattr(kind, "of"):
        return kind.of(given)
    for option in given:
        raise ParameterError(f"unknown option {option!r} of the updater {name!r}; it has none")
    return kind


def names() -> list[str]:
    """All updaters, and `moments`, which is the start of the others alone."""
    return sorted({*names_of("fastmas.updaters", "UPDATER"), *estimators.names()})


def population(d: int) -> int:
    """Candidates of a generation in d dimensions: even, as cma has it, and at least LEAST_POPULATION and d / 2.

    With 18 in 100 dimensions a game of forty generations ends 1.7 standard errors off, with 50 it is 0.7.
    """
    return max(LEAST_POPULATION, (5 + int(3 * math.log(d))) // 2 * 2, d // 4 * 2)


def estimator_of(updater: Updater) -> Estimator | None:
    """What the gradients that an updater needs are had by; None for one that needs losses alone."""
    return getattr(updater, "estimator", None)


def to_arrays(state: Any) -> dict[str, np.ndarray]:
    """A state as named arrays, for a checkpoint."""
    return {f.name: np.asarray(getattr(state, f.name)) for f in fields(state) if f.name != "search"}


def from_arrays(kind: type[S], search: Search, arrays: dict[str, np.ndarray]) -> S:
    """The state that `to_arrays` wrote."""
    return kind(search=search, **{f.name: arrays[f.name] for f in fields(kind) if f.name != "search"})  # type: ignore[arg-type, call-arg]


def ranked(loss: np.ndarray) -> np.ndarray:
    """Losses with NaN and infinity replaced by something worse than all others."""
    loss = np.asarray(loss, dtype=np.float64)
    finite = loss[np.isfinite(loss)]
    worst = finite.max() + abs(finite.max()) + 1.0 if finite.size else 1.0
    return np.where(np.isfinite(loss), loss, worst)
