"""Which figures a run has, and the sentence that goes under each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from fastmas.errors import DataError
from fastmas.report import figures
from fastmas.report.reading import Run
from fastmas.statistics.stylised_facts import log_returns


@dataclass(frozen=True)
class Picture:
    """One figure of the report: `name` is its file's, `title` its heading, `caption` one sentence."""

    name: str
    title: str
    caption: str
    figure: Figure


def pictures(run: Run) -> Iterator[Picture]:
    """Draw the figures for which the run has data, in the order of the report."""
    if run.sample:
        yield _paths(run)
        yield from _of_returns(run)
    if run.n_generations:
        yield _learning(run)
        yield from _training(run)


def returns(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Return observed and simulated log returns, (n, T) and (m, T), or None if prices are not all above 0."""
    sample = run.sample
    try:
        if "series_obs" in sample and "series_sim" in sample:
            return log_returns(sample["series_obs"])[None], log_returns(sample["series_sim"])
        return log_returns(sample["x_obs"]), log_returns(sample["x_sim"])
    except DataError:
        return None


def _paths(run: Run) -> Picture:
    sample = run.sample
    if "series_obs" in sample and "series_sim" in sample and (sample["series_sim"][:, 0] > 0).all():
        return Picture(
            "paths", "Real and simulated prices",
            "The observed series and the first simulated ones of the same length, each relative to its first "
            "price; single series need not lie on each other, only look alike.",
            figures.price_series(sample["series_obs"], sample["series_sim"]))
    warmup = run.config.get("warmup")
    return Picture(
        "paths", "Real and simulated paths",
        "The first observed and simulated paths (not picked), and the band that holds 90% of all paths of "
        "either kind at each step.",
        figures.price_paths(sample["x_obs"], sample["x_sim"],
                            first_step=warmup if isinstance(warmup, int) else 0))


def _of_returns(run: Run) -> Iterator[Picture]:
    both = returns(run)
    if both is None or np.ptp(both[0]) == 0 or np.ptp(both[1]) == 0:
        return
    yield Picture(
        "returns", "Distribution of returns",
        "How often each size of return occurs, on a log scale so that the tails show, and below it the "
        "quantiles against each other, which lie on the dotted line where the two laws agree.",
        figures.return_distribution(*both))
    if both[0].shape[1] >= 8 and len(both[1]) >= 2:
        observed = "curve" if len(both[0]) == 1 else "mean over paths"
        yield Picture(
            "autocorrelations", "Memory of returns and of their sizes",
            "Autocorrelation of returns (direction) and of their absolute values (volatility clusters); if "
            f"the model is right, the observed {observed} lies in the shaded range at nine lags in ten.",
            figures.autocorrelations(*both))


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
    columns = ("loss", "discriminator_loss", "logit_real")
    if any(figures.has_values(run.history, column) for column in columns):
        yield Picture(
            "training", "The game between simulator and discriminator",
            "The losses of the two players, and the discriminator's mean logit (above 0: it says real): "
            "where the data it trained on stand above held-out data, it memorises them.",
            figures.training_curves(run.history, str(run.config.get("objective", ""))))
