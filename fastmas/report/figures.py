"""Figures of a calibration; every function returns a matplotlib Figure and touches no global state.

Observed is dark grey and simulated blue throughout; estimates are vermilion and held-out data green (the
colour-blind-safe palette of Okabe and Ito). Figures are 6.4 inches wide with panels one above the other, to
be read on a phone too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fastmas.report.ticks import few_ticks
from fastmas.statistics.stylised_facts import autocorrelation, mean_range, series_range

OBSERVED, SIMULATED, ESTIMATE, HELD_OUT, MUTED = "#333333", "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
WIDTH = 6.4  # inches
MAX_LATTICE = 200  # distinct returns, up to which they are drawn one by one

History = Mapping[str, np.ndarray]


def learning_curves(
    history: History,
    ranges: Mapping[str, Mapping[str, Any]],
    *,
    start: Mapping[str, float] | None = None,
    estimate: Mapping[str, float] | None = None,
    interval: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw each free parameter against the generation, one panel each.

    Parameters
    ----------
    history : mapping of column to (n_generations,)
        "generation" and a column for each key of `ranges`, in natural units; a DataFrame will do.
    ranges : mapping of parameter to its low, high, unit and scale
    start, estimate : mapping of parameter to value, optional
    interval : mapping of parameter to (low, high), optional
    """
    n_columns = 1 if len(ranges) <= 4 else 2
    n_rows = -(-len(ranges) // n_columns)
    fig, axes = panels(n_rows, n_columns, height=0.5 + 1.7 * n_rows, sharex=True)
    for ax, (name, spec) in zip(axes, ranges.items(), strict=False):
        _line(ax, history, name, color=SIMULATED, label="value")
        drawn = _marks(ax, (start or {}).get(name), (estimate or {}).get(name), (interval or {}).get(name))
        _scale(ax, spec, np.concatenate([np.asarray(history[name], dtype=np.float64), drawn]))
        ax.set_ylabel(_with_unit(name, spec.get("unit")), fontsize=9)
    for ax in axes[len(ranges):]:  # an odd number of parameters leaves a cell
        ax.remove()
        axes[len(ranges) - n_columns].tick_params(labelbottom=True)
    fig.supxlabel("generation", fontsize=10)
    shared_legend(fig, axes)
    return fig


def training_curves(history: History, columns: Mapping[str, Sequence[str]],
                    levels: Mapping[str, float] | None = None) -> Figure:
    """Draw columns of the history, those of one panel together.

    Parameters
    ----------
    history : mapping of column to (n_generations,)
    columns : mapping of column to its panel and its label
    levels : mapping of panel to the value where the discriminator knows nothing, optional
    """
    grouped: dict[str, list[tuple[str, str]]] = {}
    for column, (panel, label) in columns.items():
        if has_values(history, column):
            grouped.setdefault(panel, []).append((column, label))
    fig, axes = panels(max(1, len(grouped)), 1, height=0.5 + 1.7 * max(1, len(grouped)), sharex=True)
    for ax, (panel, lines) in zip(axes, grouped.items(), strict=False):
        for (column, label), colour in zip(lines, cycle((SIMULATED, OBSERVED, HELD_OUT, ESTIMATE)), strict=False):
            _line(ax, history, column, color=colour, label=label)
        if levels and panel in levels:
            ax.axhline(levels[panel], color=MUTED, ls=":", lw=1.4, label="knows nothing")
        ax.set_ylabel(panel, fontsize=9)
        if any(label for _, label in lines) or (levels and panel in levels):
            ax.legend(frameon=False, fontsize=9, ncols=3)
    axes[-1].set_xlabel("generation")
    return fig


def price_paths(x_obs: np.ndarray, x_sim: np.ndarray, *, first_step: int = 0, n_shown: int = 5,
                label: str = "price") -> Figure:
    """Draw the first few paths of each side on one axis, with the 5% and 95% quantiles over all.

    Parameters
    ----------
    x_obs, x_sim : (n, T) and (m, T) prices
    first_step : int
        Step of the first column.
    label : str
        What they are, if no prices.
    """
    fig, (ax,) = panels(1, 1, height=3.6)
    steps = first_step + np.arange(x_obs.shape[1])
    for x, colour, side in ((x_obs, OBSERVED, "observed"), (x_sim, SIMULATED, "simulated")):
        ax.plot(steps, x[:n_shown].T, color=colour, lw=0.7, alpha=0.75, label=_first(side, x[:n_shown]))
        if len(x) >= 20:  # fewer have no 5% quantile
            ax.plot(steps, np.quantile(x, [0.05, 0.95], axis=0).T, color=colour, lw=1.8, ls=(0, (4, 2)),
                    label=_first(f"{side}, 5% and 95% of all", [0, 1]))
    ax.set(xlabel="step", ylabel=label, xlim=(steps[0], steps[-1]))
    shared_legend(fig, [ax])
    return fig


def price_series(series_obs: np.ndarray, series_sim: np.ndarray, *, n_shown: int = 4, label: str = "price",
                 is_relative: bool = True) -> Figure:
    """Draw one observed series and the first few simulated ones, prices each relative to its first.

    Parameters
    ----------
    series_obs, series_sim : (n,) and (k, n) prices above 0
    label : str
        What they are, if no prices.
    is_relative : bool
        Divide by the first value, which prices are worth looking at.
    """
    fig, (ax,) = panels(1, 1, height=3.6)
    shown, observed = series_sim[:n_shown], series_obs
    if is_relative:
        shown, observed = shown / shown[:, :1], observed / observed[0]
    ax.plot(shown.T, color=SIMULATED, lw=0.7, alpha=0.75, label=_first("simulated", shown))
    ax.plot(observed, color=OBSERVED, lw=1.2 if is_relative else 0.8, label="observed")
    drawn = np.concatenate([shown.ravel(), observed])
    if is_relative and drawn.max() > 5 * drawn.min():
        ax.set_yscale("log")
    ax.set(xlabel="step", ylabel=f"{label} / first {label}" if is_relative else label, xlim=(0, len(series_obs) - 1))
    shared_legend(fig, [ax])
    return fig


def return_distribution(r_obs: np.ndarray, r_sim: np.ndarray, *, label: str = "log return",
                        has_quantiles: bool = True) -> Figure:
    """Draw the distribution of log returns on a log scale, and their quantiles against each other.

    Parameters
    ----------
    r_obs, r_sim : (n, T) and (m, T) log returns, not all equal
    label : str
        What one of them is, if no return.
    has_quantiles : bool
        Codes have none.
    """
    observed, simulated = np.ravel(r_obs), np.ravel(r_sim)
    fig, (top, *below) = panels(2 if has_quantiles else 1, 1, height=6.2 if has_quantiles else 3.4)
    top.set_yscale("log")  # first, so that the limits are found on this scale
    if _is_lattice(observed, simulated):
        _masses(top, observed, simulated)
    else:
        _densities(top, observed, simulated)
    top.set_xlabel(f"{label} per step" if label == "log return" else label)
    top.legend(frameon=False, fontsize=9)
    for ax in below:
        _quantiles(ax, observed, simulated, label)
    return fig


def autocorrelations(r_obs: np.ndarray, r_sim: np.ndarray, *, label: str = "returns") -> Figure:
    """Draw the autocorrelation of returns and of their sizes, with the range expected of the data.

    One observed series is compared with the 90% range of single simulated series, many paths with the 90%
    range of their mean.

    Parameters
    ----------
    r_obs, r_sim : (n, T) and (m, T) log returns, m at least 2, T at least 8
    label : str
        What they are, if no returns.
    """
    lags = np.arange(1, min(100, r_obs.shape[1] // 4) + 1)
    fig, axes = panels(2, 1, height=5.2, sharex=True)
    for ax, sizes, what in zip(axes, (False, True), (label, f"|{label}|"), strict=True):
        transform = np.abs if sizes else np.asarray
        _autocorrelation(ax, lags, transform(r_obs), transform(r_sim))
        ax.set_ylabel(f"autocorrelation of {what}", fontsize=10 if label == "returns" else 8)
    axes[-1].set_xlabel("lag [steps]")
    shared_legend(fig, axes)
    return fig


def has_values(history: History, column: str) -> bool:
    """Return whether `column` is in the history with at least one finite value."""
    return column in history and bool(np.isfinite(np.asarray(history[column])).any())


def panels(n_rows: int, n_columns: int, *, height: float, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of the house's width [inches] with its axes row by row."""
    fig = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    axes = list(fig.subplots(n_rows, n_columns, sharex=sharex, squeeze=False).ravel())
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(visible=True, color="#E6E6E6", lw=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=9)
    return fig, axes


def _first(label: str, lines: Sequence[Any] | np.ndarray) -> list[str]:
    """Return labels of which only the first shows in a legend."""
    return [label] + ["_"] * (len(lines) - 1)


def shared_legend(fig: Figure, axes: Sequence[Axes]) -> None:
    """One legend above all axes, each label once."""
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    n_columns = 2 if sum(map(len, entries)) > 50 else max(1, len(entries))  # 50 letters fill the width
    fig.legend(list(entries.values()), list(entries), loc="outside upper center", ncols=n_columns,
               frameon=False, fontsize=9)


def _line(ax: Axes, history: History, column: str, **style: Any) -> None:
    values = np.asarray(history[column], dtype=np.float64)
    marker = "o" if len(values) <= 20 else ""  # a line needs two points to be seen
    ax.plot(history["generation"], values, marker=marker, ms=3, **({"lw": 1.2} | style))


def _marks(
    ax: Axes, start: float | None, estimate: float | None, ends: Sequence[float] | None,
) -> list[float]:
    """Draw what is given across the panel, and return the values drawn."""
    if start is not None:
        ax.axhline(start, color=MUTED, lw=1.4, ls=":", zorder=1.5, label="moment fit")
    if ends is not None:
        ax.axhspan(ends[0], ends[1], color=ESTIMATE, alpha=0.25, lw=0, label="interval")
    if estimate is not None:
        ax.axhline(estimate, color=ESTIMATE, lw=1.1, zorder=1.5, label="estimate")
    return [value for value in (start, estimate, *(ends or ())) if value is not None]


def _with_unit(name: str, unit: str | None) -> str:
    return f"{name}\n[{unit}]" if unit else name


def _scale(ax: Axes, spec: Mapping[str, Any], drawn: np.ndarray) -> None:
    """Draw the bounds that are near what is drawn; logarithmic where it spans a factor of 5."""
    drawn = drawn[np.isfinite(drawn)]
    low, high = (drawn.min(), drawn.max()) if drawn.size else (spec["low"], spec["high"])
    logarithmic = spec.get("scale") == "log" and low > 0 and high > 5 * low
    if logarithmic:
        ax.set_yscale("log")
    at = np.log if logarithmic else np.asarray
    margin = 0.25 * (at(high) - at(low))
    for bound in (spec["low"], spec["high"]):
        if at(low) - margin <= at(bound) <= at(high) + margin:
            ax.axhline(bound, color=OBSERVED, lw=0.9, ls=(0, (1, 1)), label="bound")
    if logarithmic:
        few_ticks(ax.yaxis, *ax.get_ylim())


def _is_lattice(observed: np.ndarray, simulated: np.ndarray) -> bool:
    pooled = _on_grid(np.concatenate([observed, simulated]), observed.std())
    return len(np.unique(pooled)) <= MAX_LATTICE


def _on_grid(values: np.ndarray, sd: float) -> np.ndarray:
    """Round to 1e-4 sd, which keeps continuous values apart and undoes rounding errors of prices."""
    return np.rint(values / (1e-4 * (sd or 1.0)))


def _masses(ax: Axes, observed: np.ndarray, simulated: np.ndarray) -> None:
    sd = observed.std()
    for values, style in ((simulated, _SIMULATED_DOTS), (observed, _OBSERVED_DOTS)):
        _, first, counts = np.unique(_on_grid(values, sd), return_index=True, return_counts=True)
        ax.plot(values[first], counts / counts.sum(), **style)
    ax.set_ylabel("share of steps")


_OBSERVED_DOTS: dict[str, Any] = {"color": OBSERVED, "ls": "", "marker": "o", "ms": 4, "mfc": "white",
                                  "label": "observed"}
_SIMULATED_DOTS: dict[str, Any] = {"color": SIMULATED, "lw": 1.4, "label": "simulated"}


def _densities(ax: Axes, observed: np.ndarray, simulated: np.ndarray) -> None:
    edges = _bins(observed, simulated)
    centres = (edges[:-1] + edges[1:]) / 2
    lowest, highest = np.inf, 0.0
    for values, style in ((simulated, _SIMULATED_DOTS), (observed, _OBSERVED_DOTS)):
        at, density = _lattice_density(values, observed.std()) or _density(values, edges)
        lowest, highest = min(lowest, np.nanmin(density)), max(highest, np.nanmax(density))
        ax.plot(at, density, **style)
    z = (centres - observed.mean()) / observed.std()
    ax.plot(centres, np.exp(-z * z / 2) / (observed.std() * np.sqrt(2 * np.pi)), color=MUTED, ls=":",
            lw=1.4, label="normal law of the observed sd")
    ax.set_ylim(lowest / 2, 2 * highest)
    ax.set_ylabel("density")


def _density(values: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the bins and the density there, NaN where a bin is empty."""
    counts, _ = np.histogram(values, edges)
    density = counts / (len(values) * np.diff(edges))
    return (edges[:-1] + edges[1:]) / 2, np.where(counts > 0, density, np.nan)


def _lattice_density(values: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Distinct values and the density of each over its own cell, or None if there are too many.

    A few agents leave few returns: bins of any other width would be full and empty by turns.
    """
    _, first, counts = np.unique(_on_grid(values, sd), return_index=True, return_counts=True)
    if not 3 <= len(counts) <= MAX_LATTICE:
        return None
    return values[first], counts / (len(values) * np.gradient(values[first].astype(np.float64)))


def _bins(observed: np.ndarray, simulated: np.ndarray) -> np.ndarray:
    """Return edges, sinh of an even grid [sd]: wide in the tails, where one step would look like many."""
    inner = np.quantile(simulated, [0.0005, 0.9995])  # one wild simulated step must not set the axis
    ends = np.array([min(observed.min(), inner[0]), max(observed.max(), inner[1])])
    middle, sd = observed.mean(), observed.std()
    low, high = np.arcsinh((ends - middle) / sd)
    edges = middle + sd * np.sinh(np.linspace(low, high, 42))
    edges[[0, -1]] = ends  # rounding must not lose the extremes
    return edges


def _quantiles(ax: Axes, observed: np.ndarray, simulated: np.ndarray, label: str) -> None:
    tail = np.geomspace(1 / len(observed), 0.05, 25)
    levels = np.unique(np.concatenate([tail, np.linspace(0.05, 0.95, 37), 1 - tail]))
    sd = observed.std()
    of_observed, of_simulated = _mid_quantiles(observed, levels, sd), _mid_quantiles(simulated, levels, sd)
    ends = [min(of_observed[0], of_simulated[0]), max(of_observed[-1], of_simulated[-1])]
    ax.plot(ends, ends, color=MUTED, ls=":", lw=1.4, label="equal")
    ax.plot(of_observed, of_simulated, ls="", marker="o", ms=3.5, color=SIMULATED, label="quantiles")
    ax.set(xlabel=f"quantile of observed {f'{label}s' if label == 'log return' else label}",
           ylabel="quantile of simulated")
    ax.legend(frameon=False, fontsize=9)


def _mid_quantiles(values: np.ndarray, levels: np.ndarray, sd: float) -> np.ndarray:
    """Return quantiles of the mid-distribution F(x) - p(x)/2, which do not jump on a lattice.

    Ma, Genton and Parzen, Annals of the Institute of Statistical Mathematics 63 (2011) 227-243.
    """
    _, first, counts = np.unique(_on_grid(values, sd), return_index=True, return_counts=True)
    return np.interp(levels, (np.cumsum(counts) - counts / 2) / len(values), values[first])


def _autocorrelation(ax: Axes, lags: np.ndarray, series_obs: np.ndarray, series_sim: np.ndarray) -> None:
    observed, simulated = _defined(series_obs, lags), _defined(series_sim, lags)
    range_of = series_range if len(observed) == 1 else mean_range
    ax.axhline(0.0, color=MUTED, lw=0.8)
    if len(simulated) >= 2:
        middle, low, high = range_of(observed, simulated)
        ax.fill_between(lags, low, high, color=SIMULATED, alpha=0.2, lw=0, label="90% range")
        ax.plot(lags, middle, color=SIMULATED, lw=1.4, label="simulated")
    if len(observed):
        marker = "o" if len(lags) <= 30 else ""
        ax.plot(lags, observed.mean(axis=0), color=OBSERVED, lw=1.1, marker=marker, ms=3.5, label="observed")


def _defined(series: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Autocorrelations (n_paths, n_lags) of the paths that are not constant."""
    values = autocorrelation(series, lags.tolist())
    return values[np.isfinite(values).all(axis=1)]
