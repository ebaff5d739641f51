"""The posterior as a pair plot: each parameter's histogram, and each pair's draws with their contours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fastmas.report.figures import ESTIMATE, MUTED, OBSERVED, SIMULATED, WIDTH
from fastmas.report.ticks import few_ticks

MOST_SHOWN = 6  # parameters
N_BINS = 24
N_DOTS = 1000  # draws of a pair
MODE = "s"  # marker of another mode


def chosen(draws: Mapping[str, np.ndarray], ranges: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The parameters that are drawn: those whose draws span the largest share of their bounds, in their order."""
    span = {name: np.ptp(np.quantile(_scaled(draws[name], spec), [0.05, 0.95]))
            / np.ptp(_scaled(np.array([spec["low"], spec["high"]]), spec)) for name, spec in ranges.items()}
    widest = sorted(span, key=lambda name: -span[name])[:MOST_SHOWN]
    return [name for name in ranges if name in widest]


def pair_plot(draws: Mapping[str, np.ndarray], ranges: Mapping[str, Mapping[str, Any]], *,
              estimate: Mapping[str, float], modes: Sequence[Mapping[str, float]] = ()) -> Figure:
    """Draw the parameters of `ranges` against each other.

    Parameters
    ----------
    draws : mapping of parameter to (n,)
    ranges : mapping of parameter to its low, high and scale
    estimate, modes : values of the estimate and of other modes
    """
    names = list(ranges)
    n = len(names)
    fig = Figure(figsize=(WIDTH, WIDTH if n > 1 else WIDTH / 2), layout="constrained")
    axes = np.atleast_2d(fig.subplots(n, n))
    ends = {name: _ends(np.append(draws[name], [point[name] for point in (estimate, *modes)]), spec)
            for name, spec in ranges.items()}
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            ax = axes[i, j]
            if j > i:
                ax.remove()
                continue
            _limits(ax, ends, column, row if j < i else None, ranges)
            if i == j:
                _one(ax, draws[row], ranges[row], estimate[row], [m[row] for m in modes])
            else:
                _two(ax, draws, (column, row), estimate, modes)
            _labels(ax, column if i == n - 1 else "", row if j == 0 and i > 0 else "")
    handles, labels = axes[-1, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="upper right", fontsize=9, frameon=False)
    return fig


def _one(ax: Axes, values: np.ndarray, spec: Mapping[str, Any], estimate: float, modes: Sequence[float]) -> None:
    scaled = _scaled(values, spec)
    edges = np.linspace(scaled.min(), scaled.max(), N_BINS + 1)
    edges = np.exp(edges) if spec.get("scale") == "log" else edges
    ax.hist(values, bins=edges.tolist(), color=SIMULATED, alpha=0.6)
    ax.axvline(estimate, color=ESTIMATE, lw=1.4, label="estimate")
    for mode in modes:
        ax.axvline(mode, color=OBSERVED, lw=1.0, ls=":", label="other mode")
    ax.set_yticks([])


def _two(ax: Axes, draws: Mapping[str, np.ndarray], pair: tuple[str, str], estimate: Mapping[str, float],
         modes: Sequence[Mapping[str, float]]) -> None:
    x, y = pair
    ax.plot(draws[x][:N_DOTS], draws[y][:N_DOTS], ls="", marker=".", ms=1.5, alpha=0.35, color=SIMULATED,
            rasterized=True)
    ax.plot([], [], ls="", marker=".", color=SIMULATED, label="draws")
    ax.plot(estimate[x], estimate[y], ls="", marker="+", ms=9, mew=1.8, color=ESTIMATE, label="estimate")
    for number, mode in enumerate(modes):
        ax.plot(mode[x], mode[y], ls="", marker=MODE, ms=5, mfc="none", color=OBSERVED,
                label="other mode" if number == 0 else None)


def _ends(values: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    """From a little below the values to a little above, in natural units."""
    scaled = _scaled(values, spec)
    margin = 0.05 * np.ptp(scaled) or 0.5 * abs(scaled[0]) or 1.0
    ends = np.array([scaled.min() - margin, scaled.max() + margin])
    return np.exp(ends) if spec.get("scale") == "log" else ends


def _limits(ax: Axes, ends: Mapping[str, np.ndarray], x: str, y: str | None,
            ranges: Mapping[str, Mapping[str, Any]]) -> None:
    for name, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        if name is None:
            continue
        low, high = ends[name]
        along = "x" if axis is ax.xaxis else "y"
        logarithmic = ranges[name].get("scale") == "log" and high > 3 * low
        ax.set(**{f"{along}scale": "log" if logarithmic else "linear", f"{along}lim": (low, high)})
        if logarithmic:
            few_ticks(axis, low, high)


def _labels(ax: Axes, below: str, left: str) -> None:
    ax.tick_params(labelsize=7, labelbottom=bool(below), labelleft=bool(left))
    ax.set_xlabel(below, fontsize=9)
    ax.set_ylabel(left, fontsize=9)
    for spine in ax.spines.values():
        spine.set_color(MUTED)


def _scaled(values: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    """Values on the parameter's own scale."""
    values = np.asarray(values, dtype=np.float64)
    return np.log(values) if spec.get("scale") == "log" else values
