"""Named figures: what a user calls the properties in which simulated paths can differ from data.

A figure is one entry of FIGURES: how it is computed from a data set's mean path features, what it is worth in
the user's units, and how a deviation is said. A figure whose features do not exist (lag 5 of four returns,
blocks of a short series) is not defined. FIGURES stand in the order in which deviations of like size are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastmas.domains import Domain
from fastmas.statistics.path_features import BLOCK, GRID, LONG_BLOCK
from fastmas.statistics.scaling import Scaling

Means = Mapping[str, np.ndarray]
MANY = 3.0  # times, from which on a factor is said instead of a percentage
LEAST_VARIANCE = 1e-9  # in units of the data's: a model without any is told from one that has some
NO_SPREAD = 1e-3  # standardised sd of a level below which all paths count as alike


@dataclass(frozen=True)
class Terms:
    """What a step's change and a value are called, and the data's scale."""

    change: str
    changes: str
    values: str
    scaling: Scaling

    @classmethod
    def of(cls, scaling: Scaling, domain: Domain | None = None) -> Terms:
        """Those of the domain, or returns of prices where the data are positive and changes of values elsewhere."""
        if domain is not None:
            return cls(domain.change, domain.changes, domain.values, scaling)
        return cls("return", "returns", "prices", scaling) if scaling.logarithm else cls(
            "change", "changes", "values", scaling)

    def level(self, standardised: float) -> float:
        """A mean standardised level in the data's units (of a logarithm: the geometric mean)."""
        level = self.scaling.level_mean + self.scaling.level_sd * standardised
        return float(np.exp(level)) if self.scaling.logarithm else float(level)


Worth = Callable[[float, Terms], float]
Say = Callable[[float, float, Terms], str]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One named figure.

    Parameters
    ----------
    name, title : str
        Key, and the heading of its row in a table, in which {changes} and {values} are filled in.
    needs : sequence of str
        Path features it is computed from.
    of : callable
        Means of the features over the paths of data sets, each (...,), to values (...,).
    worth : callable
        A value in the user's units, for a table.
    say : callable
        The model's and the data's value, and terms, to a phrase.
    family : str
        Of deviating figures of a family one is told.
    on_grid : bool
        It sees the grid on which values lie, which moves in no straight line with the parameters.
    is_share : bool
        It is a share of times, known to one in their number.
    """

    name: str
    title: str
    needs: Sequence[str]
    of: Callable[[Means], np.ndarray]
    say: Say
    worth: Worth = lambda value, terms: value
    family: str = ""
    on_grid: bool = False
    is_share: bool = False


def percent(share: float) -> str:
    """A share without its sign, in two figures."""
    return f"{abs(share):.0%}" if abs(share) >= 0.095 else f"{abs(share):.1%}"


def too(model: float, data: float, low: str, high: str) -> str:
    """How far a model's logarithm of a size is off the data's: 45% too low, 3.2 times too high."""
    ratio = np.exp(np.clip(model - data, -50.0, 50.0))
    return f"{f'{ratio:.2g} times' if ratio > MANY else percent(ratio - 1.0)} too {low if model < data else high}"


def _exp(value: float, terms: Terms) -> float:
    return float(np.exp(value))


def _sd(means: Means) -> np.ndarray:
    return np.sqrt(means["square"])


def _lag(k: int) -> Figure:
    return Figure(
        name=f"ac {k}", title=f"autocorrelation of {{changes}}, {k} apart", needs=(f"lag {k}", "square"),
        family="ac", of=lambda m: m[f"lag {k}"] / m["square"],
        say=lambda a, b, terms: f"autocorrelation of {terms.changes} {a:.2f} at lag {k}, data {b:.2f}")


def _size_lag(k: int) -> Figure:
    def of(m: Means) -> np.ndarray:
        return (m[f"size lag {k}"] - m["size"] ** 2) / np.maximum(m["square"] - m["size"] ** 2, LEAST_VARIANCE)
    return Figure(
        name=f"ac |r| {k}", title=f"autocorrelation of |{{changes}}|, {k} apart",
        needs=(f"size lag {k}", "size", "square"), family="ac |r|", of=of,
        say=lambda a, b, terms: f"autocorrelation of |{terms.changes}| {a:.2f} at lag {k}, data {b:.2f}")


def _spread_at(end: str) -> Figure:
    def of(m: Means) -> np.ndarray:
        return 0.5 * np.log(np.maximum(m[f"squared {end}"] - m[end] ** 2, LEAST_VARIANCE))

    def say(a: float, b: float, terms: Terms) -> str:
        where = f"paths at the {end} of the window"
        if a < np.log(NO_SPREAD):
            return f"{where} all alike"
        return f"{where} {too(a, b, 'close together', 'far apart')}"

    return Figure(
        name=f"spread at the {end}", title=f"spread of paths at the {end} of the window",
        needs=(end, f"squared {end}"), family=end, of=of, say=say,
        worth=lambda value, terms: float(np.exp(value)) * terms.scaling.level_sd)


def _level_at(end: str) -> Figure:
    def say(a: float, b: float, terms: Terms) -> str:
        return (f"{terms.values} at the {end} of the window too {'low' if a < b else 'high'} "
                f"(typically {terms.level(a):.4g}, data {terms.level(b):.4g})")
    return Figure(
        name=f"level at the {end}", title=f"typical {{values}} at the {end} of the window",
        needs=(end,), family=end, of=lambda m: m[end], say=say, worth=lambda value, terms: terms.level(value))


def _sums(name: str, steps: int) -> Figure:
    return Figure(
        name=f"{steps}-step volatility", title=f"volatility over {steps} steps, per step", needs=(name,),
        of=lambda m: m[name] / 2, worth=lambda value, terms: float(np.exp(value)) * terms.scaling.increment_sd,
        say=lambda a, b, terms: f"volatility over {steps} steps {too(a, b, 'low', 'high')}")


def _say_late(a: float, b: float, terms: Terms) -> str:
    rises = "rises" if b > a else "falls"
    return f"volatility {rises} by {percent(np.expm1(b - a))} more from the first half to the second in the data"


FIGURES: tuple[Figure, ...] = (
    Figure(
        name="volatility", title="volatility: sd of {changes}", needs=("square",), of=lambda m: np.log(_sd(m)),
        worth=lambda value, terms: float(np.exp(value)) * terms.scaling.increment_sd,
        say=lambda a, b, terms: f"volatility of {terms.changes} {too(a, b, 'low', 'high')}"),
    Figure(
        name="unmoved", title="share of {values} that stay as they were", needs=(GRID[0],), on_grid=True,
        of=lambda m: m["unmoved"],
        say=lambda a, b, terms: f"{a:.1%} of {terms.values} stay as they were, data {b:.1%}"),
    _spread_at("start"), _level_at("start"),
    Figure(
        name="late / early", title="volatility of the second half in that of the first", needs=("late",),
        of=lambda m: m["late"], worth=_exp, say=_say_late),
    Figure(
        name="volatility of blocks varies", title=f"sd of log variance over blocks of {BLOCK} steps",
        needs=("block spread",), of=lambda m: m["block spread"],
        say=lambda a, b, terms: f"volatility changes too {'little' if a < b else 'much'} over time (sd of log "
                                f"variance {a:.2f}, data {b:.2f})"),
    Figure(
        name="kurtosis", title="kurtosis of {changes}", needs=("square", "fourth"), worth=_exp,
        of=lambda m: np.log(m["fourth"] / m["square"] ** 2),
        say=lambda a, b, terms: f"tails too {'thin' if a < b else 'heavy'} (kurtosis {np.exp(a):.1f}, data "
                                f"{np.exp(b):.1f})"),
    Figure(
        name="repeated", title="share of a path's {changes} that repeat another", needs=(GRID[1],), on_grid=True,
        of=lambda m: m["repeated"],
        say=lambda a, b, terms: f"{a:.0%} of a path's {terms.changes} repeat a value, data {b:.0%}"),
    _lag(1), _size_lag(1),
    Figure(
        name="skewness", title="skewness of {changes}", needs=("cube", "square"),
        of=lambda m: m["cube"] / _sd(m) ** 3,
        say=lambda a, b, terms: f"skewness {a:.2f}, data {b:.2f}"),
    _spread_at("end"), _level_at("end"),
    _sums("block sums", BLOCK), _sums("long sums", LONG_BLOCK),
    Figure(
        name="volatility jumps", title=f"mean jump of log variance between blocks of {BLOCK} steps",
        needs=("block jumps",), of=lambda m: m["block jumps"],
        say=lambda a, b, terms: f"volatility jumps too {'little' if a < b else 'much'} between blocks of {BLOCK} "
                                f"steps"),
    _lag(2), _lag(5), _size_lag(4), _size_lag(10), _size_lag(20),
    Figure(
        name="leverage", title="a {change} and the next squared one", needs=("lead", "square"),
        of=lambda m: m["lead"] / _sd(m) ** 3,
        say=lambda a, b, terms: f"a {terms.change} and the next squared one: {a:.2f}, data {b:.2f}"),
    Figure(
        name="paths differ in volatility", title="spread of the paths' volatilities (sd of log sd)",
        needs=("squared log sd", "log sd"), worth=_exp,
        of=lambda m: 0.5 * np.log(np.maximum(m["squared log sd"] - m["log sd"] ** 2, LEAST_VARIANCE)),
        say=lambda a, b, terms: f"paths too {'alike' if a < b else 'unlike'} in volatility (sd of log sd "
                                f"{np.exp(a):.2f}, data {np.exp(b):.2f})"),
    Figure(
        name="largest", title="typical largest |{change}| of a path", needs=("largest",), of=lambda m: m["largest"],
        worth=lambda value, terms: float(np.exp(value)) * terms.scaling.increment_sd,
        say=lambda a, b, terms: f"largest moves {too(a, b, 'small', 'large')}"),
    Figure(
        name="large moves", title="|{changes}| beyond 2 sd (-1 none, 1 all)", needs=("beyond 2",),
        of=lambda m: m["beyond 2"],
        say=lambda a, b, terms: f"too {'few' if a < b else 'many'} large moves"),
)


def defined(names: Sequence[str]) -> tuple[Figure, ...]:
    """The figures that can be computed from features of these names."""
    return tuple(figure for figure in FIGURES if set(figure.needs) <= set(names))


def values_of(figures: Sequence[Figure], names: Sequence[str], means: np.ndarray) -> np.ndarray:
    """Figures (..., m) of mean features (..., k)."""
    named = dict(zip(names, np.moveaxis(means, -1, 0), strict=True))
    for name in names:
        if name.endswith("square"):
            named[name] = np.maximum(named[name], LEAST_VARIANCE)
    return np.stack([figure.of(named) for figure in figures], axis=-1)
