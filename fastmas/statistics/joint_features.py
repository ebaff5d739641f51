"""Features and named figures for the verdict on several observables, or on one that is no price.

What prices have is read of each observable that is a number, its domain adds its own, and pairs of observables theirs.
Where there are several, names and phrases begin with the observable's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from fastmas.domains import Trait
from fastmas.statistics.joint_moments import lost, own_columns
from fastmas.statistics.level_figures import FAR
from fastmas.statistics.named_figures import Figure, Means, Terms, defined
from fastmas.statistics.pairs import joint, of_both, within
from fastmas.statistics.path_features import PathFeatures
from fastmas.statistics.views import View

LEAST_VARIANCE = 1e-9  # in units of the data's
LEAST_SHARE = 1e-6  # of times with a code


@dataclass(frozen=True)
class JointFeatures:
    """As `PathFeatures`, of paths of `n_times` values seen through `views`."""

    views: tuple[View, ...]
    n_times: int
    is_series: bool
    longest: int | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all features, the moments first."""
        return tuple(name for name, _ in self._columns(self._nothing))

    @cached_property
    def moment_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._moments(self._nothing))

    @cached_property
    def is_hard(self) -> np.ndarray:
        """Which moments are matched before the others where a model is wrong: scales, and shares of codes."""
        hard = {self._named(view, name) for view in self.views
                for name in ("square", *FAR, *(trait.name for trait in view.traits if trait.is_hard))}
        return np.array([name in hard for name in self.moment_names])

    @cached_property
    def resolution(self) -> np.ndarray:
        """One count, for features that are shares of times, and 0 for the others, (k,)."""
        shares = {self._named(view, trait.name) for view in self.views for trait in view.traits if trait.is_share}
        of_one = np.where([name in shares for name in self.names], 1.0 / (self.n_times - 1), 0.0)
        return np.where(self.on_grid, 1.0 / (self.n_times - 1), of_one)

    @cached_property
    def on_grid(self) -> np.ndarray:
        """Which features see the grid on which values lie, (k,)."""
        on_grid = {self._named(view, name) for view, read in self._numbers
                   for name, one in zip(read.names, read.on_grid, strict=True) if one}
        return np.array([name in on_grid for name in self.names])

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """All that can be computed from these features."""
        return tuple(self._figures())

    def __call__(self, paths: np.ndarray) -> np.ndarray:
        paths = np.asarray(paths, dtype=np.float64)
        with np.errstate(all="ignore"):
            features = np.stack([column for _, column in self._columns(paths)], axis=1)
        features[lost(paths)] = np.nan
        return features

    # ------------------------------------------------------------------ columns

    @property
    def _nothing(self) -> np.ndarray:
        return np.ones((1, len(self.views), self.n_times)) if len(self.views) > 1 else np.ones((1, self.n_times))

    @cached_property
    def _numbers(self) -> tuple[tuple[View, PathFeatures], ...]:
        """The observables that are numbers, and what is read of each as of a price."""
        return tuple((view, PathFeatures(view.scaling, self.n_times, self.is_series, self.longest, view.domain))
                     for view in self.views if not view.domain.is_coded)

    def _columns(self, paths: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        usual = {view.place: read(view.of_paths(paths)) for view, read in self._numbers}
        yield from self._moments(paths, usual)
        for view, read in self._numbers:
            n_moments = len(read.moment_names)
            yield from self._prefixed(view, zip(read.names[n_moments:], usual[view.place].T[n_moments:], strict=True))

    def _moments(self, paths: np.ndarray, usual: Mapping[int, np.ndarray] | None = None
                 ) -> Iterator[tuple[str, np.ndarray]]:
        usual = usual or {view.place: read(view.of_paths(paths)) for view, read in self._numbers}
        for view, read in self._numbers:
            yield from self._prefixed(view, zip(read.moment_names, usual[view.place].T, strict=False))
        for view in self.views:
            own = own_columns(view, view.of_paths(paths), is_series=self.is_series, longest=self.longest)
            yield from self._prefixed(view, own)
        yield from joint(self.views, paths)

    def _prefixed(self, view: View, columns: Iterator[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
        return ((self._named(view, name), column) for name, column in columns)

    def _named(self, view: View, name: str) -> str:
        return f"{view.name}: {name}" if len(self.views) > 1 else name

    # ------------------------------------------------------------------ figures

    def _figures(self) -> Iterator[Figure]:
        for view in self.views:
            terms, own = Terms.of(view.scaling, view.domain), own_figures(view)
            usual = () if view.domain.is_coded else defined(self._numbers_of(view).names)
            names = {name.removeprefix(self._named(view, "")) for name in self.names}
            found = (*usual, *(figure for figure in own if set(figure.needs) <= names))
            yield from (self._bound(view, figure, terms) for figure in found)
        for one, other in combinations(self.views, 2):
            yield from (replace(figure, title=_plain(figure.title)) for figure in _of_pair(one, other, self.is_series)
                        if set(figure.needs) <= set(self.names))

    def _numbers_of(self, view: View) -> PathFeatures:
        return next(read for one, read in self._numbers if one == view)

    def _bound(self, view: View, figure: Figure, terms: Terms) -> Figure:
        """A figure of one observable: it finds its features, and says what it is of."""
        before = self._named(view, "")

        def of(means: Means) -> np.ndarray:
            return figure.of({name: means[before + name] for name in figure.needs})

        return replace(
            figure, name=before + figure.name, title=_plain(before + figure.title.format(**vars(terms))),
            needs=tuple(before + name for name in figure.needs), of=of, family=before + (figure.family or figure.name),
            worth=lambda value, _: figure.worth(value, terms),
            say=lambda a, b, _: before + figure.say(a, b, terms))


def _plain(title: str) -> str:
    """A title that nothing is filled into any more."""
    return title.replace("{", "{{").replace("}", "}}")


def own_figures(view: View) -> Iterator[Figure]:
    """Figures that prices have not: those of the domain, and of the level of a series."""
    yield from (_of_trait(trait) for trait in view.traits if trait.title)
    if view.domain.keeps_level:
        yield from LEVEL_FIGURES


def _of_trait(trait: Trait) -> Figure:
    return Figure(name=trait.name, title=trait.title, needs=(trait.name,), of=lambda m: m[trait.name],
                  say=lambda a, b, terms: trait.say(a, b), is_share=trait.is_share)


def _variance(means: Means) -> np.ndarray:
    return np.maximum(means["mean squared level"] - means["mean level"] ** 2, LEAST_VARIANCE)


def _say_level(a: float, b: float, terms: Terms) -> str:
    return (f"{terms.values} too {'low' if a < b else 'high'} (typically {terms.level(a):.4g}, data "
            f"{terms.level(b):.4g})")


def _say_spread(a: float, b: float, terms: Terms) -> str:
    low, high = (terms.scaling.level_sd * np.exp(x) for x in (a, b))
    return f"spread of {terms.values} too {'small' if a < b else 'large'} (sd {low:.3g}, data {high:.3g})"


def _level_lag(k: int) -> Figure:
    return Figure(
        name=f"ac level {k}", title=f"autocorrelation of {{values}}, {k} apart", family="ac level",
        needs=(f"level lag {k}", "mean squared level", "mean level"),
        of=lambda m: (m[f"level lag {k}"] - m["mean level"] ** 2) / _variance(m),
        say=lambda a, b, terms: f"autocorrelation of {terms.values} {a:.2f} at lag {k}, data {b:.2f}")


def _say_part(i: int) -> Figure:
    return Figure(
        name=f"level of part {i}", title=f"typical {{values}} in quarter {i} of the window", family="course",
        needs=(f"level of part {i}",), of=lambda m: m[f"level of part {i}"],
        worth=lambda value, terms: terms.level(value),
        say=lambda a, b, terms: f"{terms.values} in quarter {i} of the window too {'low' if a < b else 'high'} "
                                f"(typically {terms.level(a):.4g}, data {terms.level(b):.4g})")


LEVEL_FIGURES: tuple[Figure, ...] = (
    Figure(name="level", title="typical {values}", needs=("mean level",), of=lambda m: m["mean level"], say=_say_level,
           worth=lambda value, terms: terms.level(value)),
    Figure(name="spread of the level", title="spread of {values}", needs=("mean squared level", "mean level"),
           of=lambda m: 0.5 * np.log(_variance(m)), say=_say_spread,
           worth=lambda value, terms: float(np.exp(value)) * terms.scaling.level_sd),
    _level_lag(1), _level_lag(10), _say_part(1), _say_part(2), _say_part(3),
    Figure(name="peak", title="typical largest of {values} in a path", needs=("peak",), of=lambda m: m["peak"],
           worth=lambda value, terms: terms.level(value),
           say=lambda a, b, terms: f"peaks too {'low' if a < b else 'high'} (typically {terms.level(a):.4g}, data "
                                   f"{terms.level(b):.4g})"),
    Figure(name="time of the peak", title="when a path is largest, 0 first and 1 last", needs=("time of the peak",),
           of=lambda m: m["time of the peak"],
           say=lambda a, b, terms: f"peaks come too {'early' if a < b else 'late'} (at {a:.0%} of the window, data "
                                   f"{b:.0%})"),
)


def _of_pair(one: View, other: View, is_series: bool) -> Iterator[Figure]:
    if one.domain.is_coded == other.domain.is_coded:
        if not one.domain.is_coded:
            yield _correlation(one, other, is_series)
        return
    coded, number = (one, other) if one.domain.is_coded else (other, one)
    yield from (_mean_within(coded, number, code) for code in coded.codes[1:])


def _what(view: View) -> str:
    return view.name if view.domain.keeps_level else f"{view.domain.changes} of {view.name}"


def _correlation(one: View, other: View, is_series: bool) -> Figure:
    """Of what is read step by step: increments, or levels."""
    product, both = of_both(one, other, "product +0"), f"{_what(one)} and {_what(other)}"
    (mean, square), (other_mean, other_square) = (_first_two(view, is_series) for view in (one, other))

    def of(m: Means) -> np.ndarray:
        variances = (m[square] - m[mean] ** 2) * (m[other_square] - m[other_mean] ** 2)
        return (m[product] - m[mean] * m[other_mean]) / np.sqrt(np.maximum(variances, LEAST_VARIANCE))

    return Figure(
        name=of_both(one, other, "correlation"), title=f"correlation of {both}", of=of,
        needs=(product, mean, square, other_mean, other_square),
        say=lambda a, b, terms: f"correlation of {both} {a:.2f}, data {b:.2f}")


def _first_two(view: View, is_series: bool) -> tuple[str, str]:
    """Names of the mean and the mean square of what is read of it step by step."""
    if not view.domain.keeps_level:
        mean, square = "mean", "square"
    else:
        mean, square = ("mean level", "mean squared level") if is_series else ("level", "squared level")
    return f"{view.name}: {mean}", f"{view.name}: {square}"


def _mean_within(coded: View, number: View, code: float) -> Figure:
    power, share = within(coded, number, code, "power 1"), f"{coded.name}: share of {code:g}"
    where = f"{number.name} where {coded.name} is {code:g}"

    def worth(value: float) -> float:
        if number.domain.keeps_level:
            return Terms.of(number.scaling, number.domain).level(value)
        return value * number.scaling.increment_sd

    return Figure(
        name=within(coded, number, code, "mean"), title=f"mean of {where}", needs=(power, share),
        of=lambda m: m[power] / np.maximum(m[share], LEAST_SHARE), worth=lambda value, terms: worth(value),
        say=lambda a, b, terms: f"{where} too {'low' if a < b else 'high'} (mean {worth(a):.4g}, data {worth(b):.4g})")
