"""One grade of the parameters: the p-value of a parametric bootstrap, and what is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmas.calibration import odd_paths
from fastmas.calibration.bootstrap import N_SETS, Bootstrap, bootstrap, is_enough, simulate_bank
from fastmas.calibration.budget import BootstrapEffort
from fastmas.calibration.goodness import either, largest, quadratic_form, smallest_p, standardised
from fastmas.calibration.judged import Judged
from fastmas.statistics.named_figures import Figure, Terms

LEVEL = 0.95  # of the bar beyond which the largest figure deviates
GROSS = 8.0  # sds beyond which the grid counts on a series: estimates of one series are far off, and so are its counts
LOST = 0.01  # share of simulated paths that ran away, from which they are a misfit by themselves
HARDLY = 2.0  # sds before the step of the fit: a figure that is right at the estimate is not told, whatever a step does
TIERS = (10.0, 6.0)  # sds: figures of one tier are told in the order of FIGURES


@dataclass(frozen=True)
class Deviation:
    """A named figure of the data beside its value at the estimate, in the user's units, and their distance in sds.

    `text` says it in words; `is_told` marks those beyond the bar, the first of its family, in `rank`, from 0.
    """

    name: str
    title: str
    model: float
    data: float
    sds: float
    text: str
    rank: int | None


@dataclass(frozen=True)
class Judgement:
    """The grade of one point.

    `p_value` counts everything; `p_figures` leaves odd paths out, and `p_without_grid` the grid as well.
    `odd_paths` are numbers of training paths, from 0; `lost` is the share of simulated paths that ran away;
    `least_p` is the smallest p-value that there can be.
    """

    p_value: float
    p_figures: float
    p_without_grid: float
    p_oddest: float | None
    deviations: tuple[Deviation, ...]
    odd_paths: tuple[int, ...]
    lost: float
    least_p: float
    n_paths: int | None
    changes: str

    @property
    def told(self) -> list[Deviation]:
        """Figures beyond the bar, the first to be told first, one of a family."""
        return sorted((d for d in self.deviations if d.rank is not None), key=lambda d: d.rank or 0)


def judge_at(simulator: Judged, z: np.ndarray, effort: BootstrapEffort) -> Judgement:
    """Simulate data sets at z and compare the data with them.

    The p-value is that of the smaller p of two statistics: a quadratic form of all features, and the largest
    of the named figures; on many paths also of the oddest path. On one series what sees the grid on which
    values lie counts only where it is far off.
    """
    observed = simulator.observed
    read = observed.features
    bank, lost = simulate_bank(simulator, z, read, effort)
    n_paths = None if observed.is_series else observed.n
    least, terms = 1.0 / (N_SETS + 1), Terms.of(observed.scaling, observed.views[0].domain)
    if not is_enough(observed, bank, lost):
        return Judgement(least, least, least, None, (), (), lost, least, n_paths, terms.changes)
    seen = bootstrap(simulator, z, read, bank, lost, effort)
    resolution = read.resolution / np.sqrt(observed.n)
    figures = standardised(seen.named, _figure_resolution(seen, resolution))
    p_figures, p_without_grid = _of_figures(seen, figures)
    if observed.is_series:
        on_grid = np.array([f.on_grid for f in seen.figures])
        p_figures = least if np.abs(figures[0, on_grid]).max(initial=0.0) > GROSS else p_without_grid
    p_oddest, odd = (None, []) if observed.is_series else _odd(seen)
    p = p_figures if p_oddest is None else either(p_figures, p_oddest)
    least = least if p_oddest is None else either(least, 1.0)
    deviations = _deviations(seen, figures, terms)
    return Judgement(least if lost > LOST else p, p_figures, p_without_grid, p_oddest, deviations, tuple(odd), lost,
                     least, n_paths, terms.changes)


def _figure_resolution(seen: Bootstrap, resolution: np.ndarray) -> np.ndarray:
    """That of the feature which a figure on the grid, or a share, is, (m,)."""
    of_feature = dict(zip(seen.read.names, resolution, strict=True))
    return np.array([of_feature[f.needs[0]] if f.on_grid or f.is_share else 0.0 for f in seen.figures])


def _of_figures(seen: Bootstrap, figures: np.ndarray) -> tuple[float, float]:
    """P-value of features and figures, with what sees the grid and without."""
    grid_feature = seen.read.on_grid
    grid_figure = np.array([f.on_grid for f in seen.figures])
    whole = smallest_p([quadratic_form(seen.features), largest(figures)])
    return whole, smallest_p([quadratic_form(seen.features[:, ~grid_feature]), largest(figures[:, ~grid_figure])])


def _odd(seen: Bootstrap) -> tuple[float, list[int]]:
    n_moments = len(seen.read.moment_names)
    groups = (slice(0, n_moments), slice(n_moments, None))
    p = odd_paths.path_p_values(seen.bank, seen.observed, groups, seen.read.resolution)
    return odd_paths.oddest(p), odd_paths.odd(p)


def _deviations(seen: Bootstrap, figures: np.ndarray, terms: Terms) -> tuple[Deviation, ...]:
    sds = figures[0]
    bar = np.quantile(largest(figures[1:]), LEVEL)
    off = np.where(np.abs(seen.apart) > HARDLY, sds, 0.0)
    ranks = {j: rank for rank, j in enumerate(_in_order(seen.figures, off, float(bar)))}
    rows = zip(seen.figures, seen.model, seen.data, sds, strict=True)
    return tuple(Deviation(f.name, f.title.format(**vars(terms)), f.worth(float(a), terms), f.worth(float(b), terms),
                           float(-z), f.say(float(a), float(b), terms), ranks.get(j))
                 for j, (f, a, b, z) in enumerate(rows))


def _in_order(figures: tuple[Figure, ...], sds: np.ndarray, bar: float) -> list[int]:
    """Numbers of the figures beyond the bar, grossest tier first, one of a family."""
    size = np.abs(sds)
    order = sorted(np.flatnonzero(size > bar), key=lambda j: (sum(size[j] <= t for t in TIERS), j))
    seen: set[str] = set()
    told = []
    for j in order:
        family = figures[j].family or figures[j].name
        if family not in seen:
            seen.add(family)
            told.append(int(j))
    return told
