"""Options of an updater, given by name: checked before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from fastmas.errors import ParameterError
from fastmas.names import nearest

T = TypeVar("T")


def check_names(updater: str, given: Iterable[str], known: Iterable[str], listed: str = "") -> None:
    """Raise ParameterError for a name that is not known: it names near ones, or what is `listed`, or all."""
    known = list(known)
    for name in given:
        if name not in known:
            alike = nearest(name, known, 2)
            hint = f"did you mean {' or '.join(alike)}?" if alike else f"there are: {listed or ', '.join(known)}"
            raise ParameterError(f"unknown option {name!r} of the updater {updater!r}; {hint}")


def read(kind: type[T], updater: str, given: Mapping[str, Any]) -> T:
    """A dataclass of numbers, those given in place of its defaults, each within `least` and `most` of its metadata.

    Raises
    ------
    ParameterError
        An unknown name, or a value that cannot be.
    """
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    check_names(updater, given, known)
    for name, value in given.items():
        least, most = known[name].metadata.get("least", -math.inf), known[name].metadata.get("most", math.inf)
        whole = known[name].metadata.get("whole", False)
        if not is_number(value) or not least <= value <= most or (whole and value != int(value)):
            what = "a whole number" if whole else "a number"
            ends = " and ".join(f"{word} {end:g}" for word, end in (("at least", least), ("at most", most))
                                if math.isfinite(end))
            raise ParameterError(f"option {name}={value!r} of the updater {updater!r}: give {what}"
                                 + (f" of {ends}" if ends else ""))
    return kind(**{name: int(value) if known[name].metadata.get("whole") else float(value)
                   for name, value in given.items()})


def plain(given: Any) -> dict[str, Any]:
    """Options as JSON has them; ParameterError if they are no mapping of names."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ParameterError(f"updater_options={given!r}: give names and values, such as {{'popsize': 20}}")
    return {name: np.asarray(value).tolist() if isinstance(value, (np.generic, np.ndarray, tuple)) else value
            for name, value in given.items()}


def is_number(value: Any) -> bool:
    """A finite number that is no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
