"""What a comparison shows: the best beside the data, and where the data lie in what each of them simulates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fastmas.compare.ranking import Comparison, Row
from fastmas.errors import DataError
from fastmas.report.dots import dots_of_many
from fastmas.report.figures import ESTIMATE, HELD_OUT, OBSERVED, SIMULATED, panels
from fastmas.report.pictures import Picture
from fastmas.report.ticks import few_ticks
from fastmas.statistics.stylised_facts import log_returns

N_SHOWN = 3  # of the best
COLOURS = (SIMULATED, ESTIMATE, HELD_OUT)
MARKS = "oD^"


def pictures(found: Comparison) -> list[Picture]:
    """For one series the best rows' prices and returns, and for any data their facts."""
    best = [row for row in found.rows if found.samples.get(row["name"])][:N_SHOWN]
    drawn = []
    if best and "series_obs" in found.samples[best[0]["name"]]:
        drawn.append(Picture(
            "paths", "The best beside the data",
            "Prices in units of the first one, on a logarithmic scale, and log returns: the data, and below them the "
            "first simulated series (not picked) of each of the best. No series has to run as the data do; look at how "
            "large moves come together, and how large they are.", _series(found, best)))
    facts = [row for row in best if row["stylised_facts"]]
    if facts:
        drawn.append(Picture(
            "facts", "Stylised facts of the best",
            "Where each fact of the data lies in the range that holds nine in ten simulated series of a model, which "
            "is grey, on a scale of its own for each model; a triangle is further out than the picture.",
            _facts(facts)))
    return drawn


def _series(found: Comparison, best: Sequence[Row]) -> Figure:
    data = found.samples[best[0]["name"]]["series_obs"]
    fig, axes = panels(len(best) + 1, 2, height=0.6 + 1.45 * (len(best) + 1), sharex=True)
    r = log_returns(data[None])[0]
    most = 1.1 * np.abs(r).max()
    _row(axes[:2], data, OBSERVED, found.source, most)
    for i, (row, colour) in enumerate(zip(best, cycle(COLOURS), strict=False), start=1):
        _row(axes[2 * i:2 * i + 2], found.samples[row["name"]]["series_sim"][0], colour, row["name"], most)
    axes[-2].set_xlabel("step")
    axes[-1].set_xlabel("step")
    axes[0].set_title("price / first price", fontsize=10)
    axes[1].set_title("log return [%]", fontsize=10)
    return fig


def _row(axes: Sequence[Axes], series: np.ndarray, colour: str, label: str, most: float) -> None:
    left, right = axes
    left.plot(series / series[0], color=colour, lw=0.9)
    left.set_yscale("log")
    few_ticks(left.yaxis, *left.get_ylim())
    left.set_ylabel(label, fontsize=9)
    try:
        r = 100 * log_returns(series[None].astype(np.float64))[0]
    except DataError:  # a price that is not above 0
        r = np.zeros(len(series) - 1)
    right.plot(r, color=colour, lw=0.5)
    right.set_ylim(-100 * most, 100 * most)
    right.set_ylabel("%", fontsize=9)


def _facts(best: Sequence[Row]) -> Figure:
    rows = {row["name"]: {fact["title"]: fact for fact in row["stylised_facts"]} for row in best}
    titles = list(dict.fromkeys(title for facts in rows.values() for title in facts))
    styles = {name: {"color": colour, "marker": mark}
              for name, colour, mark in zip(rows, cycle(COLOURS), cycle(MARKS), strict=False)}
    values = {name: [(fact["observed"], [fact["low"], fact["high"]]) if (fact := facts.get(title)) else None
                     for title in titles] for name, facts in rows.items()}
    return dots_of_many(titles, values, styles, band="simulated, 90% range of each")
