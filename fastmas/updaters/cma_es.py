"""CMA-ES (Hansen and Ostermeier 2001) by the `cma` package, against a discriminator that knows theta.

Under a discriminator that does not know theta CMA-ES diverges: ranks do not shrink as the
discriminator goes flat, and samples go where it was never trained. The state keeps the losses
told so far and the optimiser is replayed from them, so that nothing of it is ever serialised.

Above SEPARABLE_ABOVE coordinates the covariance is diagonal (Ros and Hansen 2008): a full one takes some d^2 losses to
learn. Where the package's criteria say that a search can go no further, and generations are left, another begins
elsewhere with twice the candidates (IPOP: Auger and Hansen 2005). The search stands where the lowest of them does.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cma
import numpy as np
from cma.sigma_adaptation import CMAAdaptSigmaCSA

from fastmas.errors import ParameterError
from fastmas.evaluation import LOSS, Evaluation
from fastmas.region import Region
from fastmas.updaters import Search, population, ranked
from fastmas.updaters.centring import Centring
from fastmas.updaters.options import check_names, is_number

NAME = "cma-es"
SIGMA_START = 3.0  # spreads: wide enough to see beyond the start's error
SIGMA_LEAST = 0.7  # spreads: a floor, since the discriminator goes on moving
SIGMA_AGAIN = 0.2  # of the region, at a restart: the lowest point may be anywhere
SEPARABLE_ABOVE = 40  # coordinates
RESTARTS = "restarts"  # an option of ours: how many at most
MOST_RESTARTS = 2
STANDING = 5  # generations over which searches are compared
LEAST_LEFT = 3 * STANDING  # generations for which a restart is worth while
# What the search itself decides, what would make results depend on files or clocks, and what is no number.
OURS = frozenset({"seed", "randn", "bounds", "BoundaryHandler", "integer_variables", "fixed_variables", "is_feasible",
                  "scaling_of_variables", "transformation", "typical_x", "termination_callback", "timeout", "vv",
                  "signals_filename", "verbose", "verb_append", "verb_disp", "verb_disp_overwrite", "verb_log",
                  "verb_filenameprefix", "verb_log_expensive", "verb_plot", "verb_time", "CMA_eigenmethod",
                  "CMA_sampler", "CMA_sampler_options"})


@dataclass(frozen=True, eq=False)
class State:
    """`losses` (n_told,) so far, generation after generation."""

    search: Search
    losses: np.ndarray


class CMAES:
    """ask/tell around `cma.CMAEvolutionStrategy`; the object is a cache for each thread, the state is the truth."""

    discriminator = "amortised"
    needs = LOSS
    is_game = True
    is_local = False
    averaged = 1 / 2

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = _checked(options or {})
        self._here = threading.local()

    def of(self, options: Mapping[str, Any]) -> CMAES:
        """One with these options of `cma.CMAOptions`, numbers, truth values or lists of them, and `restarts`."""
        return CMAES(options)

    def start(self, search: Search) -> State:
        return State(search, np.empty(0))

    def ask(self, state: State) -> np.ndarray:
        return self._at(state).asked[:, :len(state.search.start)].copy()

    def tell(self, state: State, seen: Evaluation) -> State:
        play = self._at(state)
        play.tell(seen.loss)
        return replace(state, losses=play.losses)

    def centre(self, state: State) -> np.ndarray:
        return self._at(state).centre()[:len(state.search.start)]

    def _at(self, state: State) -> _Play:
        """The searches as they were after the state's losses."""
        play: _Play | None = getattr(self._here, "play", None)
        if play is None or play.search is not state.search or not np.array_equal(play.losses, state.losses,
                                                                                 equal_nan=True):
            play = _Play(state.search, self._options)
            while len(play.losses) < len(state.losses):
                first = len(play.losses)
                play.tell(state.losses[first:first + len(play.asked)])
            self._here.play = play
        return play


class _Play:
    """A strategy, those it took the place of, and the losses (n_told,) that led there."""

    def __init__(self, search: Search, options: Mapping[str, Any]) -> None:
        self.search, self.options, self.losses = search, options, np.empty(0)
        self._generation, self._restarts = 0, 0
        self._heights: list[float] = []  # of this strategy's generations
        self._best: tuple[float, np.ndarray] | None = None  # an earlier one that still stands lower
        self._wide = _widened(search)
        self._strategy, self._rng = _strategy(self._wide, options, 0)
        self.asked = np.asarray(self._strategy.ask(), dtype=np.float64)

    def tell(self, loss: np.ndarray) -> None:
        loss = np.asarray(loss, dtype=np.float64)
        self._strategy.tell(list(self.asked), list(ranked(loss)))
        self.losses = np.concatenate([self.losses, loss])
        self._heights.append(float(np.median(np.where(np.isfinite(loss), loss, np.inf))))
        self._generation += 1
        if self._best is not None and len(self._heights) >= STANDING and self._height() < self._best[0]:
            self._best = None
        if self._is_over():
            self._begin_again()
        self.asked = np.asarray(self._strategy.ask(), dtype=np.float64)

    def centre(self) -> np.ndarray:
        return self._favourite() if self._best is None else self._best[1].copy()

    def _favourite(self) -> np.ndarray:
        return np.array(self._strategy.result.xfavorite, dtype=np.float64)  # inside the bounds

    def _height(self) -> float:
        return float(np.mean(self._heights[-STANDING:]))

    def _is_over(self) -> bool:
        left = self.search.n_generations - self._generation
        may = self._restarts < self.options.get(RESTARTS, MOST_RESTARTS) and left >= LEAST_LEFT
        return may and bool(self._strategy.stop())

    def _begin_again(self) -> None:
        if self._best is None:
            self._best = self._height(), self._favourite()
        self._restarts, self._heights = self._restarts + 1, []
        region = self._wide.region
        start = region.low + region.width * self._rng.uniform(0.05, 0.95, region.d)
        spread = np.maximum(self._wide.spread, SIGMA_AGAIN / SIGMA_START * region.width)
        again = replace(self._wide, start=start, spread=spread)
        self._strategy, self._rng = _strategy(again, self.options, self._restarts, floor=self._wide.spread)


def _strategy(search: Search, options: Mapping[str, Any], restart: int,
              floor: np.ndarray | None = None) -> tuple[Any, np.random.Generator]:
    """A new one that draws from a generator of its own, and the generator."""
    rng = np.random.default_rng([search.seed, restart])
    d, integer = len(search.start), search.region.integer
    settings = {
        "popsize": population(d), "CMA_stds": list(SIGMA_START * search.spread),
        "minstd": list(SIGMA_LEAST * (search.spread if floor is None else floor)),
        "CMA_diagonal": True if d > SEPARABLE_ABOVE else 0,
        **{name: value for name, value in options.items() if name != RESTARTS},
        "bounds": [list(search.region.low), list(search.region.high)],
        "AdaptSigma": CMAAdaptSigmaCSA if options.get("AdaptSigma", True) else False,
        "verbose": -10,  # no files are looked for
        "seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape)}
    settings["popsize"] = settings["popsize"] * 2**restart
    if integer.any():
        settings["integer_variables"] = list(np.flatnonzero(integer))
    try:
        strategy = cma.CMAEvolutionStrategy(search.start, 1.0, settings)
    except (ValueError, TypeError, IndexError, AssertionError, ZeroDivisionError) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise ParameterError(f"updater_options={dict(options)}: {NAME} cannot begin with them ({told})") from error
    if integer.any():
        low, high = (np.asarray(strategy.boundary_handler.get_bounds(end, d)) for end in ("lower", "upper"))
        strategy.integer_centering = Centring(integer, low, high, rng)
    return strategy, rng


def _widened(search: Search) -> Search:
    """cma fails in one dimension: one that changes nothing is put beside it."""
    if len(search.start) > 1:
        return search
    low, high, integer = search.region.low, search.region.high, search.region.integer
    region = Region(np.append(low, 0.0), np.append(high, 1.0), np.append(integer, False))
    return replace(search, start=np.append(search.start, 0.5), spread=np.append(search.spread, 0.05), region=region)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same; ParameterError for an unknown name or a value that is no number, truth value or list of numbers."""
    known = [*sorted(set(cma.options_parameters.cma_default_options) - OURS), RESTARTS]
    check_names(NAME, options, known, "those of cma.CMAOptions, and restarts")
    for name, value in options.items():
        numbers = value if isinstance(value, (list, tuple)) and value else [value]
        if not isinstance(value, bool) and not all(is_number(one) for one in numbers):
            raise ParameterError(f"option {name}={value!r} of the updater {NAME!r}: give a number, true or false, or a "
                                 "list of numbers")
    for name, least in (("popsize", 4), (RESTARTS, 0)):
        value = options.get(name, least)
        if isinstance(value, (bool, list, tuple)) or value != int(value) or value < least:
            raise ParameterError(f"option {name}={value!r} of the updater {NAME!r}: give a whole number of at least "
                                 f"{least}")
    return dict(options)


UPDATER = CMAES()
