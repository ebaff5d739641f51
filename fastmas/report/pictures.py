"""Which figures a run has, and the sentence that goes under each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from fastmas.report import figures, pairs
from fastmas.report.observables import Seen, observables
from fastmas.report.reading import Run


@dataclass(frozen=True)
class Picture:
    """One figure of the report: `name` is its file's, `title` its heading, `caption` one sentence."""

    name: str
    title: str
    caption: str
    figure: Figure


def pictures(run: Run) -> Iterator[Picture]:
    """Draw the figures for which the run has data, in the order of the report.

    Each observable has its own. Prices that are not all above 0 have no log returns, and then no figure of them.
    """
    if len(run.draws):
        yield _posterior(run)
    if run.sample:
        for seen in observables(run.sample, run.config["data"]):
            yield from _of_observable(run, seen)
    if run.n_generations:
        if run.free:
            yield _learning(run)
        yield from _training(run)


def _posterior(run: Run) -> Picture:
    shown = pairs.chosen(run.draws, run.ranges)
    modes = [mode["estimate"] for mode in run.result.get("modes") or []]
    which = "" if len(shown) == len(run.free) else f"; shown are the {len(shown)} that the data leave vaguest"
    return Picture(
        "posterior", "What the data leave open",
        f"Draws of the parameters from their posterior: {run.result['draws_method']}{which}. A parameter that "
        "the data do not see fills its bounds; a narrow slanted cloud is a combination that they see better than "
        "either.",
        pairs.pair_plot(run.draws, {name: run.ranges[name] for name in shown}, estimate=run.result["estimate"],
                        modes=modes))


def _of_observable(run: Run, seen: Seen) -> Iterator[Picture]:
    both = seen.moves()
    yield _paths(run, seen) if both is None or not run.one_series else _series(seen)
    if both is not None:
        yield from _of_moves(seen, *both)


def _series(seen: Seen) -> Picture:
    is_price = seen.domain.logarithm
    first = ", each relative to its first price" if is_price else ""
    title = "Real and simulated prices" if is_price and not seen.of else f"Real and simulated series{seen.of}"
    return Picture(
        f"paths{seen.mark}", title,
        f"The observed series and the first simulated ones of the same length{first}; single series need not lie on "
        "each other, only look alike.",
        figures.price_series(seen.sample["series_obs"], seen.sample["series_sim"], label=seen.label,
                             is_relative=is_price))


def _paths(run: Run, seen: Seen) -> Picture:
    warmup = run.config.get("warmup")
    first_step = warmup if isinstance(warmup, int) and not run.one_series else 0
    return Picture(
        f"paths{seen.mark}", f"Real and simulated paths{seen.of}",
        "The first observed and simulated paths (not picked), and the band that holds 90% of all paths of "
        "either kind at each step.",
        figures.price_paths(seen.sample["x_obs"], seen.sample["x_sim"], first_step=first_step, label=seen.label))


def _of_moves(seen: Seen, observed: np.ndarray, simulated: np.ndarray) -> Iterator[Picture]:
    if np.ptp(observed) == 0 or np.ptp(simulated) == 0:
        return
    what = f"{seen.units}{seen.of if seen.domain.logarithm else ''}"
    yield Picture(
        f"returns{seen.mark}", f"Distribution of {what}", _of_codes(seen) if seen.domain.is_coded else
        f"How often each size of {'return' if seen.domain.logarithm else 'value'} occurs, on a log scale so that the "
        "tails show, and below it the quantiles against each other, which lie on the dotted line where the two laws "
        "agree.",
        figures.return_distribution(observed, simulated, label=seen.unit, has_quantiles=not seen.domain.is_coded))
    if observed.shape[1] >= 8 and len(simulated) >= 2:
        shown = "curve" if len(observed) == 1 else "mean over paths"
        read = ("Autocorrelation of returns (direction) and of their absolute values (volatility clusters)"
                if seen.domain.logarithm else f"Autocorrelation of {seen.units} and of their sizes")
        yield Picture(
            f"autocorrelations{seen.mark}", f"Memory of {what} and of their sizes",
            f"{read}; if the model is right, the observed {shown} lies in the shaded range at nine lags in ten.",
            figures.autocorrelations(observed, simulated, label=seen.units))


def _of_codes(seen: Seen) -> str:
    return f"How often {seen.name} has each of its codes, on a log scale."


def _learning(run: Run) -> Picture:
    result = run.result
    seen = ["the value in each generation"]
    seen += ["dotted the moment fit it started from"] if result.get("start") else []
    seen += ["in orange the estimate"] if result else []
    seen += ["shaded its interval"] if result.get("interval") else []
    figure = figures.learning_curves(
        run.history, run.ranges, start=result.get("start"), estimate=result.get("estimate"),
        interval=result.get("interval"))
    return Picture("learning", "How the parameters were found",
                   f"Each free parameter: {', '.join(seen)}; bounds are drawn where they are near.", figure)


def _training(run: Run) -> Iterator[Picture]:
    curves = run.config.get("curves") or {}
    columns = curves.get("columns") or {}
    if any(figures.has_values(run.history, column) for column in columns):
        yield Picture("training", "The game between simulator and discriminator", str(curves.get("caption") or ""),
                      figures.training_curves(run.history, columns, curves.get("levels")))
