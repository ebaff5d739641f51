"""The functions of the language: each is one entry, with all that is made of it.

A word is its meaning in plain Python (what a text imports and the oracle runs), its code in a lane kernel, its
slope, and its relaxed form if it is a decision. A new word is one entry of WORDS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastmas.language.graph import Term

ROOT_HALF = math.sqrt(0.5)
FAR = -30.0  # of the exponent of a density that counts as 0: less of one makes numbers so small that they are slow
PER_ROOT_2_PI = 1.0 / math.sqrt(2.0 * math.pi)


def above(x: float, level: float) -> float:
    """1 if x >= level, else 0: a decision, which the relaxed twin smooths."""
    return 1.0 if x >= level else 0.0


def Phi(x: float) -> float:  # noqa: N802  -- as every paper writes it
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x * ROOT_HALF)


def sigmoid(x: float) -> float:
    """The logistic function 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def sqrt(x: float) -> float:
    """The square root; NaN below zero, as in a kernel."""
    return math.sqrt(x) if x >= 0 else math.nan


def exp(x: float) -> float:
    """The exponential, of at most 87 in single precision."""
    return math.exp(min(x, 709.0))


def log(x: float) -> float:
    """The natural logarithm of a positive number."""
    return math.log(x) if x > 0 else math.nan


tanh, floor = math.tanh, math.floor


def mean(state: float, length: int) -> float:
    """The mean of the last `length` values that a state had at the ends of steps, up to t - 1.

    Raises
    ------
    RuntimeError
        Outside a model's step: only there it is known whose past is meant.
    """
    raise RuntimeError("mean(self.x, l) is a word of a model's step: it looks back at a state")


def past(state: float, k: int) -> float:
    """The value that a state had at the end of step t - k, k >= 1.

    Raises
    ------
    RuntimeError
        Outside a model's step.
    """
    raise RuntimeError("past(self.x, k) is a word of a model's step: it looks back at a state")


@dataclass(frozen=True)
class Word:
    """A function of numbers.

    Parameters
    ----------
    name : str
        What texts call it; the operation of its nodes.
    meaning : callable
        In plain Python, float64.
    lanes : str
        Its code in a kernel, with {0}, {1} for the arguments.
    slopes : callable, optional
        (value, *arguments) as terms to the partial derivative along each argument; None: flat wherever it has a slope.
    relaxed : callable, optional
        (temperature, *arguments) as terms to the term that stands for it in the relaxed twin.
    heavy : bool
        Worth a loop over lanes of its own.
    torch : str
        The operation of the torch twin; the name if not given.
    arity : int
        Number of arguments; of two it takes more, pair by pair, if `folds`.
    alike : tuple
        Functions that mean the same in a text, such as math's.
    """

    name: str
    meaning: Callable[..., float]
    lanes: str
    slopes: Callable[..., tuple[Any, ...]] | None = None
    relaxed: Callable[..., Term] | None = None
    heavy: bool = False
    torch: str = ""
    arity: int = 1
    folds: bool = False
    alike: tuple[str, ...] = ()


def _density(x: Term) -> Term:
    """Of the normal distribution; 0 below 2e-18: products of such numbers leave the range where hardware is fast."""
    exponent = -0.5 * (x * x)
    return (exponent > FAR).choose(PER_ROOT_2_PI * exponent.of("max", FAR).of("exp"), 0.0)


def _slope_of_root(y: Term, x: Term) -> tuple[Term]:
    """None at zero, where it would be infinite."""
    inside = y > 0.0
    return (inside.choose(0.5 / inside.choose(y, 1.0), 0.0),)


def _chosen(first: Term) -> tuple[Term, Term]:
    return first.choose(1.0, 0.0), first.choose(0.0, 1.0)


WORDS = {word.name: word for word in (
    Word("above", above, "(ONE if {0} >= {1} else ZERO)", arity=2,
         relaxed=lambda width, x, level: ((x - level) * (1.0 / width)).of("sigmoid")),
    Word("Phi", Phi, "normal_cdf({0})", heavy=True, torch="ndtr",
         slopes=lambda y, x: (_density(x),)),
    Word("sigmoid", sigmoid, "sigmoid({0})", heavy=True, slopes=lambda y, x: (y * (1.0 - y),)),
    Word("tanh", tanh, "tanh({0})", heavy=True, slopes=lambda y, x: (1.0 - y * y,), alike=("math.tanh", "numpy.tanh")),
    Word("exp", exp, "exp({0})", heavy=True, slopes=lambda y, x: (y,), alike=("math.exp", "numpy.exp")),
    Word("log", log, "log({0})", heavy=True, slopes=lambda y, x: (1.0 / x,), alike=("math.log", "numpy.log")),
    Word("sqrt", sqrt, "sqrt({0})", slopes=_slope_of_root, alike=("math.sqrt", "numpy.sqrt")),
    Word("floor", floor, "floor({0})", alike=("math.floor", "numpy.floor")),
    Word("max", max, "max({0}, {1})", slopes=lambda y, a, b: _chosen(a >= b), arity=2, folds=True, torch="maximum",
         alike=("numpy.maximum",)),
    Word("min", min, "min({0}, {1})", slopes=lambda y, a, b: _chosen(b >= a), arity=2, folds=True, torch="minimum",
         alike=("numpy.minimum",)),
    Word("abs", abs, "abs({0})", slopes=lambda y, x: ((x >= 0.0).choose(1.0, -1.0),), alike=("math.fabs", "numpy.abs")),
)}
HISTORY = {"mean": mean, "past": past}
