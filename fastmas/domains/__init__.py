"""What the values of an observable are: which are wrong, whether logarithms are taken, what is read of them.

One domain per file, which defines `DOMAIN`; its name is the file's. A domain decides the transformation, the checks of
data and the figures; nothing else in fastmas asks which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmas.registry import find, parts

Codes = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Trait:
    """A figure of a path that belongs to one domain alone, such as the share of zeros in counts.

    Parameters
    ----------
    name, title : str
        Key, and the heading of its row in a table; without a title it is read, and not shown.
    of : callable
        Paths (n, n_times) to (n,).
    say : callable
        The model's and the data's value to a phrase.
    is_hard : bool
        Matched before all others where a model is wrong, as a scale is.
    is_share : bool
        It is a share of times, known to one in their number.
    """

    name: str
    of: Callable[[np.ndarray], np.ndarray]
    title: str = ""
    say: Callable[[float, float], str] = lambda a, b: ""
    is_hard: bool = False
    is_share: bool = False


def _none(codes: Codes) -> tuple[Trait, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One kind of values.

    Parameters
    ----------
    change, changes, values : str
        What a step's change and a value are called.
    is_wrong : callable
        Which of finite values cannot be, an array to one of bools.
    fault : callable
        What is wrong with such a value, and the remedy.
    logarithm : bool
        Logarithms are taken before anything else.
    keeps_level : bool
        The level of one series is evidence; that of a price wanders.
    is_coded : bool
        Values are codes, of which only equality means anything.
    traits : callable
        Figures of its own, given the codes seen in the data (none unless coded).
    """

    change: str
    changes: str
    values: str
    is_wrong: Callable[[np.ndarray], np.ndarray]
    fault: Callable[[float], str]
    logarithm: bool = False
    keeps_level: bool = True
    is_coded: bool = False
    traits: Callable[[Codes], tuple[Trait, ...]] = _none


def wrong_values(domain: Domain, values: np.ndarray, *, keep_missing: bool = False) -> np.ndarray:
    """Indices (n, values.ndim) of what cannot be: not finite (NaN may be kept), or not of the domain."""
    finite = np.isfinite(values)
    wrong = ~finite & ~(np.isnan(values) & keep_missing)
    wrong[finite] = domain.is_wrong(values[finite])
    return np.argwhere(wrong)


def fault_of(domain: Domain, value: float) -> str:
    """What is wrong with a value, and the remedy."""
    if np.isnan(value):
        return f"nan is a missing {'price' if domain.logarithm else 'value'}; fill or drop it"
    if np.isinf(value):
        return f"{float(value)} is infinite; correct or drop it"
    return domain.fault(value)


def names() -> tuple[str, ...]:
    """All domains."""
    return tuple(parts("fastmas.domains", "DOMAIN"))


def get(name: str) -> Any:
    """The domain of this name; ParameterError if there is none."""
    return find("fastmas.domains", "DOMAIN", name, "domain")


def resolved(declared: str, name: str, unit: str, values: np.ndarray) -> str:
    """The domain of an observable: as declared, else a price by its unit or name, else as the data say."""
    if declared:
        return declared
    if _says_price(name) or _says_price(unit):
        return "price"
    return "price" if bool((values > 0).all()) else "real"


def _says_price(text: str) -> bool:
    words = re.split(r"[^a-z]+", text.lower())
    return ("price" in words or "prices" in words) and "log" not in words
